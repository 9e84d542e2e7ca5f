// Continues a tune, symbol by symbol: choices by the rules of melgen/generation/sampling.py, the loop of
// melgen/generation/tune_sampling.py. `network` is that of network.js: start(), step(token, state) and
// durationLogits(output, symbol).

const NUCLEUS_TOLERANCE = 1e-6; // as in sampling.py

// The logarithms of probabilities, base e: softmax in double precision, among what a mask of 1 and 0 leaves.
function logSoftmax(logits, mask = null) {
  const isIn = (i) => !mask || mask[i], highest = logits[mostProbable(logits, mask)];
  let sum = 0;
  for (let i = 0; i < logits.length; i++) if (isIn(i)) sum += Math.exp(logits[i] - highest);
  return Float64Array.from(logits, (logit, i) => (isIn(i) ? logit - highest - Math.log(sum) : -Infinity));
}

// The first of the tokens with the highest score.
function mostProbable(logits, mask = null) {
  let found = -1;
  for (let i = 0; i < logits.length; i++) {
    if ((!mask || mask[i]) && (found < 0 || logits[i] > logits[found])) found = i;
  }
  return found;
}

// The tokens that can be drawn, the most probable first (of equal ones the lower), with their probabilities: the `topK`
// most probable, and of those the fewest whose probabilities add up to `topP`. The probabilities need not add up to 1.
function candidates(logits, mask, { temperature = 1, topK = null, topP = null } = {}) {
  const allowed = Array.from(logits.keys()).filter((i) => !mask || mask[i]);
  const highest = logits[mostProbable(logits, mask)];
  // The largest score becomes 0 before the division, so that a tiny temperature cannot overflow it.
  const scores = new Map(allowed.map((token) => [token, (logits[token] - highest) / temperature]));
  // By the logits: two of them that differ can have the same difference to the highest after rounding.
  const tokens = allowed.sort((a, b) => logits[b] - logits[a] || a - b).slice(0, topK ?? allowed.length);
  const weights = tokens.map((token) => Math.exp(scores.get(token)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const found = [];
  let before = 0;
  for (let i = 0; i < tokens.length; i++) {
    if (i && topP !== null && topP < 1 && before >= topP * (1 - NUCLEUS_TOLERANCE)) break;
    found.push({ token: tokens[i], probability: weights[i] / total });
    before += weights[i] / total;
  }
  return found;
}

// Chooses a token; `draw` is a number from 0 up to but not including 1. A temperature of 0 takes the most probable.
function selectToken(logits, mask, options, draw) {
  if (logits.some(Number.isNaN)) throw new Error("Cannot choose a note: the network's scores are not numbers");
  if (options.temperature === 0) return mostProbable(logits, mask);
  const found = candidates(logits, mask, options).filter(({ probability }) => probability > 0);
  const drawn = draw * found.reduce((sum, { probability }) => sum + probability, 0);
  let mass = 0;
  return (found.find(({ probability }) => (mass += probability) > drawn) || found[found.length - 1]).token;
}

// A random number for one choice of a song: a hash of its seed, its place in the song and its stream (0 or 1), so the
// same seed continues the same notes in the same way. The mixing is that of MurmurHash3 (Appleby, 2011).
function uniformDraw(seed, place, stream = 0) {
  const mixed = (hash, word) => {
    let h = Math.imul(hash ^ word, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) + 0x9e3779b9 | 0;
  };
  const half = (which) => [seed / 2 ** 32, seed, place, 2 * stream + which, which].reduce(mixed, 0x2545f491) >>> 0;
  return ((half(0) >>> 5) * 2 ** 26 + (half(1) >>> 6)) / 2 ** 53;
}

// A song: a primer that is read, and what the network adds.
//
// Each note is {index, pitch, onset, duration, bits, pitchBits, expected, position}. `bits` is its surprise: -log2 of
// the probability of all its symbols, those of rests before it included, among what the grammar allows; null for a note
// that the network does not predict. `pitchBits` is the part of its pitch, given that a note comes. `expected` is what
// `Writer.pitchProbabilities` gives before the note. From `position` one can go on as if the song ended there.
class Composition {
  // `before`, if given, is a song with the same network: what both begin with is not read again.
  constructor(network, writer, { primer = [], header = {}, firstPitch, pitchClasses = null, before = null } = {}) {
    Object.assign(this, { network, writer, header: writer.completeHeader(header) });
    const tokens = primer.length || writer.data.header ? writer.encode(primer) : [];
    this.firstPitch = primer.length ? primer[0].pitch : firstPitch ?? this.openingPitch(pitchClasses);
    this.positions = this.read(tokens, before); // after so many tokens of the primer
    this.position = this.positions[tokens.length];
    const places = new Map(); // the last position of each note
    this.positions.forEach((position) => { if (position.sounded) places.set(position.count - 1, position); });
    this.notes = this.notesAt(this.position).map((note) =>
      ({ ...note, position: places.get(note.index) || this.positions[0] }));
    // The last note of this primer is as long as the network makes it; until then it is as long as it was played.
    const last = writer.data.value_is_of_next ? primer.length - 1 : -1;
    if (last >= 0) {
      const onset = this.onsetOf(primer, last), { pitch, duration } = primer[last];
      this.notes[last] = { index: last, bits: null, pitchBits: null, expected: null, position: this.position,
                           ...this.notes[last], pitch, onset, duration };
    }
  }

  read(tokens, before) {
    const key = ({ header, firstPitch }) => JSON.stringify([header, firstPitch]);
    const known = before && key(before) === key(this) ? before.positions : [];
    const positions = [known[0] || this.begin(this.firstPitch)];
    tokens.forEach((token, i) => {
      const isKnown = positions[i] === known[i] && known[i + 1] && String(known[i + 1].tokens[i]) === String(token);
      positions.push(isKnown ? known[i + 1] : this.advance(positions[i], token));
    });
    return positions;
  }

  onsetOf(primer, index) {
    let end = 0, onset = 0;
    for (const note of primer.slice(0, index + 1)) {
      onset = note.onset ?? end + (note.rest || 0);
      end = onset + (note.duration ?? this.writer.data.quarter);
    }
    return onset;
  }

  // The pitch that a song begins with where the network does not choose it: the usual one, or one near it.
  openingPitch(pitchClasses) {
    const { first_pitch: usual, highest_pitch: highest, lowest_pitch: lowest } = this.writer.data;
    for (let i = 0; pitchClasses && pitchClasses.length && i < 12; i++) {
      const near = [usual - i, usual + i].find((pitch) =>
        pitch >= lowest && pitch <= highest && pitchClasses.includes(pitch % 12));
      if (near !== undefined) return near;
    }
    return usual;
  }

  begin(firstPitch) {
    const unwritten = this.writer.data.first_note === "unwritten" ? 1 : 0;
    let position = { firstPitch, reading: this.writer.begin(firstPitch), tokens: [], facts: [], count: unwritten,
                     bits: 0, sounded: false, state: this.network.start(), output: null, logits: null };
    for (const token of this.writer.opening(this.header)) position = this.step(position, token);
    return position;
  }

  step(position, token) {
    return { ...position, ...this.network.step(token, position.state) };
  }

  // Whether the note before is complete before this token is read.
  closes(position, token) {
    const symbol = this.writer.symbolOf(token);
    // Where the note before already has its pitch, a rest comes before that note, which has yet to begin.
    const isBefore = this.writer.data.value_is_of_next && this.writer.kinds[symbol] === "rest";
    return position.sounded && !this.writer.continues[symbol] && !isBefore;
  }

  // Reads one more symbol. Positions are never changed, so that all remain usable.
  advance(position, token) {
    const { writer } = this, { reading, logits } = position;
    const symbol = writer.symbolOf(token), pitch = writer.pitchAfter(reading, symbol);
    const isNew = this.closes(position, token);
    const before = isNew ? 0 : position.bits;
    const bits = logits && before !== null ? before + this.bitsOf(position, token) : null;
    const count = position.count + (pitch === null ? 0 : 1), sounded = pitch !== null || (position.sounded && !isNew);
    const facts = position.facts.slice();
    if (pitch !== null) {
      const expected = logits ? this.expected(position) : null;
      const probability = expected && expected.pitches.get(pitch); // undefined where the grammar forbids the symbol
      facts[count - 1] = { pitchBits: probability ? -Math.log2(probability) : null, expected };
    }
    if (sounded) facts[count - 1] = { ...facts[count - 1], bits };
    return this.step({ ...position, reading: writer.read(reading, token), tokens: [...position.tokens, token], facts,
                       count, bits, sounded }, token);
  }

  // What may come next, with the pitches of a next note: for any position but the start of a network without rhythm.
  expected({ reading, logits }) {
    const logs = logSoftmax(logits, this.writer.possible(reading));
    return this.writer.pitchProbabilities(reading, logs.map(Math.exp));
  }

  // The surprise of one token, in bits.
  bitsOf({ reading, logits, output }, token) {
    const symbol = this.writer.symbolOf(token), mask = this.writer.possible(reading);
    mask[symbol] = 1; // what someone played is not impossible
    let nats = -logSoftmax(logits, mask)[symbol];
    if (Array.isArray(token) && token[1] < this.writer.data.second_stream.length) {
      nats -= logSoftmax(this.network.durationLogits(output, symbol))[token[1]];
    }
    return nats / Math.LN2;
  }

  // The surprise of the end of the song, in bits; null for a network that cannot end it.
  bitsOfEnd(position) {
    return this.writer.end < 0 ? null : this.bitsOf(position, this.writer.withoutDuration(this.writer.end));
  }

  notesAt({ tokens, firstPitch, facts }) {
    const { pitches, onsets, durations } = this.writer.decode(tokens, firstPitch);
    return pitches.map((pitch, index) => ({ index, pitch, onset: onsets[index], duration: durations[index], bits: null,
                                            pitchBits: null, expected: null, ...facts[index] }));
  }

  // What may be chosen next. The last note before the new ones is as long as it was, so it is not held.
  choices(position, { isFirst, mayEnd, pitchClasses }) {
    const { writer } = this;
    const either = (mask, fallback) => (mask.includes(1) ? mask : fallback);
    const grammar = writer.possible(position.reading);
    let mask = mayEnd ? grammar : either(grammar.map((is, symbol) => (symbol === writer.end ? 0 : is)), grammar);
    if (isFirst) mask = mask.map((is, symbol) => (writer.kinds[symbol] === "hold" ? 0 : is));
    mask = either(mask, mask.map(() => 1)); // a vocabulary without any symbol that fits
    if (!pitchClasses) return mask;
    const inside = writer.inPitchClasses(position.reading, pitchClasses);
    return either(mask.map((is, symbol) => is & inside[symbol]), mask);
  }

  // Writes notes one at a time after a position, that of the primer's end or of any note. Options: `temperature` (0 for
  // the most probable each time), `topK`, `topP`, `seed`; `pitchClasses`, to which it keeps as far as the grammar
  // allows; `notes`, how many, or null until the network ends the song, but `limit` notes at most. Returns
  // {ended, position}.
  //
  // Where a note gets its duration after its pitch, with the next note's (`value_is_of_next`), the first note that
  // comes is the last one before, with its duration.
  *continue(options = {}, from = this.position) {
    const { writer } = this, { data } = writer;
    const { notes = null, pitchClasses = null, seed = 0 } = options;
    const limit = notes ?? options.limit ?? data.most_notes;
    if (!from.logits) throw this.writer.tooFew();
    const places = new Map([[from.count - 1, from]]);
    let next = Math.max(0, this.notesAt(from).length - (data.value_is_of_next ? 1 : 0));
    let position = from, written = 0, symbols = 0, ended = false;
    const complete = (isLast) => {
      const found = this.notesAt(position);
      if (position.sounded) places.set(position.count - 1, position); // not with a rest after the last note
      const isOpen = data.value_is_of_next && !isLast;
      const finished = found.slice(next, found.length - (isOpen ? 1 : 0));
      next += finished.length;
      return finished.map((note) => ({ ...note, position: places.get(note.index) }));
    };
    while (symbols < limit * data.most_symbols_of_note) {
      const mayEnd = notes === null || written >= notes;
      const mask = this.choices(position, { isFirst: symbols === 0, mayEnd, pitchClasses });
      const place = position.tokens.length;
      const symbol = selectToken(position.logits, mask, options, uniformDraw(seed, place));
      ended = symbol === writer.end;
      if (ended || (written >= limit && !writer.continues[symbol])) break;
      let token = symbol;
      if (data.streams === 2) {
        const logits = this.network.durationLogits(position.output, symbol);
        token = [symbol, selectToken(logits, null, options, uniformDraw(seed, place, 1))];
      }
      if (this.closes(position, token)) yield* complete(false);
      if (writer.isNote[symbol]) written += 1;
      position = this.advance(position, token);
      symbols += 1;
    }
    yield* complete(true);
    return { ended, position };
  }
}
