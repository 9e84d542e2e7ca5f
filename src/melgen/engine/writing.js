// Reads and writes tunes by the tables of melgen/engine/writing.py, where it is explained how data flow. Times are in
// steps of 1/24 quarter. A token is a number, or [symbol, duration] for a network with two streams.

// What a network cannot read. `note` is the index of the note; `possible` has what could be there in its place, where
// something could: {pitches}, or {durations} of the note or, if `ofRest`, of the silence before it.
class WritingError extends Error {
  constructor(message, note = null, possible = {}) {
    super(message);
    Object.assign(this, { name: "WritingError", note, possible });
  }
}

const NOTE_KINDS = ["note", "first"]; // a first note has a kind of its own if it has no value
const CONTINUING_KINDS = ["hold", "duration"]; // of symbols that belong to the event before them

class Writer {
  constructor(data) {
    this.data = data;
    this.kinds = data.kinds.map((kind) => data.kind_names[kind]);
    this.size = this.kinds.length;
    this.end = this.kinds.indexOf("end");
    this.isNote = this.kinds.map((kind) => NOTE_KINDS.includes(kind));
    this.continues = this.kinds.map((kind) => CONTINUING_KINDS.includes(kind));
    this.allowed = data.rules.map((rule) => Uint8Array.from(this.kinds, (kind) => (kind in rule ? 1 : 0)));
    this.rowOf = new Map(data.note_values.map((value, row) => [value, row]));
    this.tokenOf = new Map(this.kinds.map((kind, i) => [this.key(kind, data.values[i], data.durations[i]), i]));
    this.secondOf = new Map((data.second_stream || []).map((duration, i) => [duration, i]));
    this.unit = data.durations.find((duration) => duration > 0); // of a rhythm with a symbol for each step
  }

  key(kind, row, duration) { return `${kind} ${row} ${duration}`; }
  symbolOf(token) { return Array.isArray(token) ? token[0] : token; }
  withoutDuration(token) { return this.data.streams === 2 ? [token, this.data.second_stream.length] : token; }

  // The header of a song as far as it is wanted, completed by the commonest of training. A metre is [beats, beat type].
  completeHeader({ metre = null, pickup = null } = {}) {
    const tables = this.data.header;
    if (!tables) return { metre: null, pickup: null };
    const same = (one, other) => String(one) === String(other);
    const fits = (bar, length) => bar === null || length === null || length < this.barSteps(bar);
    for (const [common, length] of tables.common) {
      if (!fits(common, length) || (metre && !same(metre, common)) || (pickup !== null && pickup !== length)) continue;
      return { metre: common, pickup: length };
    }
    if (!metre && pickup !== null) {
      metre = (tables.common.find(([common]) => common && fits(common, pickup)) || [null])[0];
    }
    if (!fits(metre, pickup)) {
      throw new WritingError(`A pickup of ${pickup} steps is not shorter than a bar of ${metre.join("/")}`);
    }
    return { metre, pickup };
  }

  barSteps([beats, beatType]) { return Math.floor((beats * 4 * this.data.quarter) / beatType); }

  // Where bars begin, up to the step at which the last note ends.
  bars({ metre, pickup }, end) {
    if (!metre) return [];
    const length = this.barSteps(metre), found = [0];
    for (let step = pickup || length; step < end; step += length) found.push(step);
    return found;
  }

  // The tokens before the first symbol.
  opening({ metre = null, pickup = null } = {}) {
    const tables = this.data.header;
    if (!tables) return [];
    const metres = tables.metres.find(([each]) => String(each) === String(metre));
    const pickups = tables.pickups.find(([each]) => each === pickup);
    const read = [metres ? metres[1] : tables.unknown_metre, pickups ? pickups[1] : tables.unknown_pickup];
    return [...(tables.has_header ? read : []), tables.start].map((token) => this.withoutDuration(token));
  }

  // Nothing has been read yet: of a song that begins with a pitch, or of one whose first pitch is open.
  begin(firstPitch) {
    const pitch = firstPitch ?? this.data.first_pitch;
    const heard = firstPitch !== undefined && this.data.first_note === "unwritten";
    // `pitch` is what the grammar counts with; `running` is what sounds, moved into range by octaves.
    return { state: 0, pitch, running: pitch, heard };
  }

  read(reading, token) {
    const symbol = this.symbolOf(token);
    if (symbol >= this.size) return reading;
    const { rules, semitones, values, middle_pitch: middle } = this.data;
    const state = rules[reading.state][this.kinds[symbol]] ?? reading.state;
    const pitch = reading.pitch + (semitones ? semitones[symbol] : 0);
    if (!this.isNote[symbol]) return { ...reading, state, pitch };
    const moved = this.move(values[symbol], reading.running);
    return { state, pitch, running: moved === null ? middle : moved, heard: true };
  }

  // The pitch to which a value leads from the pitch before it; null if it is not a note.
  move(row, running) {
    const to = this.data.moves[row], pitch = typeof to === "number" ? to : to[running];
    return pitch < 0 ? null : pitch;
  }

  // The pitch that a symbol would sound; null if it is not a note.
  pitchAfter(reading, symbol) {
    return this.isNote[symbol] ? this.move(this.data.values[symbol], reading.running) : null;
  }

  // Which symbols may follow: 1 or 0 for each.
  possible(reading) {
    const { semitones, lowest_pitch: lowest, highest_pitch: highest } = this.data;
    const mask = this.allowed[reading.state].slice();
    if (!semitones) return mask;
    for (let i = 0; i < mask.length; i++) {
      const pitch = reading.pitch + semitones[i];
      if (pitch < lowest || pitch > highest) mask[i] = 0;
    }
    return mask;
  }

  // The pitches that the next note can have, whether the network writes it or someone plays it.
  possiblePitches(reading) {
    const { first_note: first, lowest_pitch: lowest, highest_pitch: highest } = this.data;
    const isOpen = first !== "value" && !reading.heard;
    const found = new Set();
    for (let pitch = lowest; pitch <= highest; pitch++) {
      const row = this.rowOf.get(this.valueOf(pitch, reading.running));
      if (isOpen || (row !== undefined && this.move(row, reading.running) === pitch)) found.add(pitch);
    }
    return found;
  }

  valueOf(pitch, before) {
    const { pitches, lowest_pitch: lowest, highest_pitch: highest } = this.data;
    return pitches.values[pitches.by_interval ? pitch - before + highest - lowest : pitch - lowest];
  }

  // The durations that a symbol of this kind and value can have, rising.
  durationsOf(kind, row = -1) {
    const { spelling, durations, values, second_stream: second, quarter, longest_event: longest } = this.data;
    if (spelling === "pitches") return [quarter];
    if (spelling === "steps") {
      const step = this.tokenOf.has(this.key(kind === "rest" ? "off" : kind, row, this.unit));
      const more = this.kinds.includes(kind === "rest" ? "off" : "hold");
      const count = !step ? 0 : more ? Math.floor(longest / this.unit) : 1;
      return Array.from({ length: count }, (_, i) => (i + 1) * this.unit);
    }
    if (spelling !== "pairs" && !this.tokenOf.has(this.key(kind, row, 0))) return [];
    if (spelling === "two_streams") return second.slice();
    const isPair = (i) => this.kinds[i] === kind && values[i] === row;
    const isOne = (i) => (spelling === "pairs" ? isPair(i) : this.kinds[i] === "duration");
    return durations.filter((_, i) => isOne(i)).sort((a, b) => a - b);
  }

  // The tokens of a primer, without its opening. Each note is {pitch, duration, onset}, or {pitch, duration, rest} with
  // the silence before it; without rhythm only pitches count.
  encode(notes) {
    const { spelling, first_note: first } = this.data;
    if (notes.length < this.data.fewest_notes) throw this.tooFew();
    const events = [];
    let end = 0, reading = this.begin();
    notes.forEach((note, i) => {
      const { pitch, duration = this.data.quarter } = note;
      this.checkPitch(pitch, i, reading);
      if (spelling !== "pitches") {
        const rest = note.onset === undefined ? note.rest || 0 : note.onset - end;
        end += rest + duration;
        this.checkTimes(rest, duration, i);
        if (rest) events.push({ kind: "rest", row: -1, duration: rest, note: i });
      }
      const isFirst = i === 0 && first !== "value";
      const row = this.rowOf.get(isFirst ? this.firstValue() : this.valueOf(pitch, reading.running));
      events.push({ kind: isFirst ? "first" : "note", row: row ?? -1, duration, note: i });
      reading = { ...reading, running: pitch, heard: true };
    });
    return this.shifted(events).flatMap((event) => this.spell(event));
  }

  tooFew() {
    const { fewest_notes: fewest } = this.data;
    return new WritingError(`The network needs ${fewest} ${fewest === 1 ? "note" : "notes"} to begin with`);
  }

  firstValue() {
    const symbol = this.kinds.indexOf("first");
    return symbol < 0 ? undefined : this.data.note_values[this.data.values[symbol]];
  }

  checkPitch(pitch, note, reading) {
    const { lowest_pitch: lowest, highest_pitch: highest } = this.data;
    const refuse = (reason) => {
      throw new WritingError(`Note ${note + 1}: ${reason}`, note, { pitches: this.possiblePitches(reading) });
    };
    if (!Number.isInteger(pitch) || pitch < lowest || pitch > highest) refuse(`${pitch} is not a MIDI pitch`);
    if (note === 0 && this.data.first_note !== "value") return;
    if (!this.rowOf.has(this.valueOf(pitch, reading.running))) {
      const interval = `the interval of ${pitch - reading.running} semitones`;
      const what = this.data.pitches.by_interval ? interval : "this pitch";
      refuse(`${what} never occurred in training`);
    }
  }

  checkTimes(rest, duration, note) {
    const longest = this.data.longest_event;
    const isWrong = (steps, least) => !Number.isInteger(steps) || steps < least || steps > longest;
    if (rest < 0) throw new WritingError(`Note ${note + 1} begins before the note before it ends`, note);
    if (isWrong(rest, 0) || isWrong(duration, 1)) {
      throw new WritingError(`Note ${note + 1}: a note has 1 to ${longest} whole steps, a rest at most as many`, note);
    }
  }

  // The events as they are written: without a first note that has no symbol; values of the notes one place earlier.
  shifted(events) {
    if (this.data.first_note !== "unwritten") return events;
    if (!this.data.value_is_of_next) return events.slice(1);
    const notes = events.filter(({ kind }) => kind !== "rest");
    const last = notes[notes.length - 1];
    if (last && !this.data.durations.includes(last.duration)) {
      this.refuseDuration(last, [...new Set(this.data.durations)].filter((steps) => steps > 0).sort((a, b) => a - b));
    }
    const rows = new Map(notes.slice(1).map(({ row }, i) => [notes[i], row]));
    return events.slice(0, events.indexOf(last)).map((event) =>
      (rows.has(event) ? { ...event, kind: "note", row: rows.get(event) } : event));
  }

  spell({ kind, row, duration, note }) {
    const { spelling } = this.data;
    const tokens = {
      pitches: () => [[kind, row, this.data.quarter]],
      pairs: () => [[kind, row, duration]],
      two_streams: () => [[kind, row, 0]],
      following: () => [[kind, row, 0], ["duration", -1, duration]],
      steps: () => Array.from({ length: Math.ceil(duration / this.unit) }, (_, i) => {
        if (kind === "rest") return ["off", -1, this.unit];
        return i ? ["hold", -1, this.unit] : [kind, row, this.unit];
      }),
    }[spelling]().map((parts) => this.tokenOf.get(this.key(...parts)));
    const second = spelling === "two_streams" ? this.secondOf.get(duration) : 0;
    const isBetween = spelling === "steps" && duration % this.unit;
    if (isBetween || second === undefined || tokens.includes(undefined)) {
      this.refuseDuration({ kind, duration, note }, this.durationsOf(kind, row));
    }
    return spelling === "two_streams" ? tokens.map((token) => [token, second]) : tokens;
  }

  refuseDuration({ kind, duration, note }, durations) {
    const ofRest = kind === "rest", what = ofRest ? "the rest before it" : "this note";
    const message = `Note ${note + 1}: ${what} never lasted ${duration} steps in training`;
    throw new WritingError(message, note, { durations, ofRest });
  }

  // The notes of any tokens up to the end; tokens of an opening are skipped.
  decode(tokens, firstPitch = this.data.first_pitch) {
    const { first_note: first, value_is_of_next: isOfNext, quarter, last_duration: lastDuration } = this.data;
    let events = this.eventsOf(tokens);
    if (isOfNext) {
      const notes = events.filter(({ row }) => row >= 0), rows = notes.map(({ row }) => row);
      if (rows.length) {
        notes.forEach((event, i) => { event.row = i ? rows[i - 1] : null; });
        events.push({ row: rows[rows.length - 1], duration: lastDuration });
      }
    } else if (first === "unwritten") events = [{ row: null, duration: quarter }, ...events];
    const found = { pitches: [], onsets: [], durations: [] };
    let now = 0, running = firstPitch;
    for (const event of events) {
      const duration = Math.max(event.duration, 1);
      if (event.row !== -1) {
        const pitch = event.row === null ? running : this.move(event.row, running);
        running = pitch ?? this.data.middle_pitch;
        if (pitch !== null) {
          found.pitches.push(pitch);
          found.onsets.push(now);
          found.durations.push(duration);
        }
      }
      now += duration;
    }
    return found;
  }

  // Notes and rests: each {row, duration}, the row of a rest being -1.
  eventsOf(tokens) {
    const { values, durations, second_stream: second } = this.data;
    const events = [];
    for (const token of tokens) {
      const symbol = this.symbolOf(token), kind = this.kinds[symbol], last = events[events.length - 1];
      if (kind === undefined) continue;
      if (kind === "end") break;
      if (kind === "duration") {
        if (last && last.duration === 0) last.duration = durations[symbol];
      } else if (kind === "hold" && last) last.duration += durations[symbol];
      else events.push({ row: values[symbol], duration: second ? second[token[1]] || 0 : durations[symbol] });
    }
    return events;
  }

  // From the probabilities of the next symbol: those of each pitch, given that a note comes, and those of what comes.
  pitchProbabilities(reading, probabilities) {
    const of = { note: 0, rest: 0, end: 0, hold: 0, duration: 0 }, pitches = new Map();
    probabilities.forEach((probability, symbol) => {
      if (!probability) return;
      const pitch = this.pitchAfter(reading, symbol), kind = this.kinds[symbol];
      // A value that is not a note is a silent beat.
      of[pitch !== null ? "note" : kind === "off" || this.isNote[symbol] ? "rest" : kind] += probability;
      if (pitch !== null) pitches.set(pitch, (pitches.get(pitch) || 0) + probability);
    });
    for (const [pitch, probability] of pitches) pitches.set(pitch, probability / of.note);
    return { ...of, pitches };
  }

  // Which symbols keep to some pitch classes (0 to 11): all but notes of other pitches. A first note without a value is
  // allowed, since its pitch is not the network's choice.
  inPitchClasses(reading, pitchClasses) {
    const allowed = new Set(pitchClasses);
    return Uint8Array.from(this.kinds, (kind, symbol) => {
      const pitch = kind === "first" ? null : this.pitchAfter(reading, symbol);
      return pitch === null || allowed.has(pitch % 12) ? 1 : 0;
    });
  }
}
