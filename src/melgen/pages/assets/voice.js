// One network of the page that one can play with: it judges what is there, and goes on from it.
const MOST_REMEMBERED = 4000; // steps of a network, about 10 MB for a large one

// A network that remembers what it has read: reading the same beginning again costs nothing.
class RememberingNetwork {
  constructor(network) {
    this.network = network;
    this.forget();
  }
  forget() { Object.assign(this, { first: this.network.start(), after: new WeakMap(), count: 0 }); }
  start() {
    if (this.count > MOST_REMEMBERED) this.forget();
    return this.first;
  }
  step(token, state) {
    if (!this.after.has(state)) this.after.set(state, new Map());
    const known = this.after.get(state), key = String(token);
    if (!known.has(key)) {
      known.set(key, this.network.step(token, state));
      this.count += 1;
    }
    return known.get(key);
  }
  durationLogits(output, token) { return this.network.durationLogits(output, token); }
}

class Voice {
  constructor({ network, writing }) {
    this.network = new RememberingNetwork(new Network(network));
    this.writer = new Writer(writing);
    this.data = writing;
  }
  get hasRhythm() { return this.data.header !== null; }
  get metres() { return this.data.header && this.data.header.has_header ? this.data.header.metres.map(([metre]) => metre) : []; }
  get fewestNotes() { return this.data.fewest_notes; }
  headerOf(header) { return this.writer.completeHeader(header); }

  // Whether some note can have this length in steps.
  canWriteLength(steps) {
    const { spelling, second_stream: second, durations } = this.data;
    if (spelling === "steps") return steps % this.writer.unit === 0;
    return (spelling === "two_streams" ? second : durations).includes(steps);
  }
  canWriteRest(steps) { return this.writer.durationsOf("rest").includes(steps); }
  get canEnd() { return this.writer.end >= 0; }

  compose(notes, header, more = {}) {
    return new Composition(this.network, this.writer, { primer: notes, header, ...more });
  }

  // Of a tune: the surprise of each note in bits, the share of each pitch in the next note, which pitches the network
  // knows there, and what is wrong, in words.
  judge(notes, header) {
    const nothing = { bits: [], shares: new Map(), possible: null, problem: null };
    if (notes.length < this.fewestNotes) return { ...nothing, possible: this.knownPitches(notes) };
    try {
      const composition = this.compose(notes, header), { position } = composition;
      return {
        bits: composition.notes.map((note) => note.bits ?? undefined),
        shares: position.logits ? composition.expected(position).pitches : new Map(),
        possible: this.writer.possiblePitches(position.reading), problem: null,
      };
    } catch (error) {
      if (!(error instanceof WritingError)) throw error;
      const { pitches, durations } = error.possible;
      const instead = durations && durations.length ? `: possible are ${durations.slice(0, 8).join(", ")} steps of 1/24 quarter` : "";
      return { ...nothing, possible: pitches || null, problem: `${error.message}${instead}` };
    }
  }

  knownPitches(notes) {
    let reading = this.writer.begin(notes.length ? notes[0].pitch : undefined);
    if (notes.length) reading = { ...reading, running: notes.at(-1).pitch, heard: true };
    return this.writer.possiblePitches(reading);
  }

  // Goes on after notes: {notes, ended} with all notes, those given first.
  continue(notes, header, options) {
    const composition = this.compose(notes, header, { pitchClasses: options.pitchClasses });
    const run = composition.continue(options);
    const all = notes.map((note) => ({ ...note }));
    // A network without rhythm counts in quarters; the notes that it is given may have other lengths and rests.
    const later = this.hasRhythm || !notes.length ? 0 : notes.at(-1).onset + notes.at(-1).duration - notes.length * this.data.quarter;
    let step = run.next();
    for (; !step.done; step = run.next()) {
      const { index, pitch, onset, duration, bits } = step.value;
      all[index] = { ...all[index], pitch, onset: onset + later, duration, bits: bits ?? undefined };
    }
    return { notes: all, ended: step.value.ended };
  }
}
