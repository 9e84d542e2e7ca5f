// What tests/engine/test_writing.py calls. A network in these tests is a table of random scores.
const cases = new Map();

class TableNetwork {
  constructor({ scores, durations }) { Object.assign(this, { scores, durations }); }
  start() { return 0; }
  step(token, state) {
    const [first, second] = Array.isArray(token) ? token : [token, -1];
    const next = (31 * state + first + 1 + 17 * (second + 1)) % this.scores.length;
    return { state: next, output: next, logits: Float32Array.from(this.scores[next]) };
  }
  durationLogits(output, symbol) {
    return Float32Array.from(this.durations[(7 * output + symbol) % this.durations.length]);
  }
}

const withoutPosition = ({ position, ...note }) => note;
const calls = {
  add(name, data, network) { cases.set(name, { writer: new Writer(data), network: new TableNetwork(network) }); },
  encode: (name, notes) => cases.get(name).writer.encode(notes),
  decode: (name, tokens, first) => cases.get(name).writer.decode(tokens, first),
  opening: (name, header) => cases.get(name).writer.opening(header),
  completeHeader: (name, header) => cases.get(name).writer.completeHeader(header),
  bars: (name, header, end) => cases.get(name).writer.bars(header, end),
  masks(name, tokens, first) {
    const { writer } = cases.get(name);
    const masks = [];
    let reading = writer.begin(first);
    for (const token of tokens) {
      masks.push(writer.possible(reading));
      reading = writer.read(reading, token);
    }
    return masks;
  },
  // After some tokens: the pitches that can come, those of a distribution, and which tokens keep to pitch classes.
  next(name, tokens, first, probabilities, classes) {
    const { writer } = cases.get(name);
    const reading = tokens.reduce((before, token) => writer.read(before, token), writer.begin(first));
    return { possible: writer.possiblePitches(reading), inside: writer.inPitchClasses(reading, classes),
             ...writer.pitchProbabilities(reading, probabilities) };
  },
  openPitches(name) {
    const { writer } = cases.get(name);
    return writer.possiblePitches(writer.begin());
  },
  compose(name, options, choices) {
    const { writer, network } = cases.get(name);
    const song = new Composition(network, writer, options);
    const notes = [...song.notes], places = [];
    if (!choices) return { notes: notes.map(withoutPosition), end: song.bitsOfEnd(song.position) };
    const writing = song.continue(choices);
    let step = writing.next();
    for (; !step.done; step = writing.next()) {
      notes[step.value.index] = step.value;
      places.push(step.value.position);
    }
    const ends = places.map((position) => writer.decode(position.tokens, position.firstPitch).pitches.length);
    const silences = places.map(({ tokens }) => writer.kinds[writer.symbolOf(tokens[tokens.length - 1])] === "rest");
    // To go on from a note in the middle gives the same notes again.
    const middle = places[Math.floor(places.length / 2)];
    const again = middle ? [...song.continue(choices, middle)].map(withoutPosition) : [];
    return { notes: notes.map(withoutPosition), again, ends, silences, ended: step.value.ended };
  },
  // How many tokens are read by a song that begins as another one does; its notes, and those of a song by itself.
  extend(name, first, second) {
    const { writer, network } = cases.get(name);
    const before = new Composition(network, writer, { primer: first });
    let steps = 0;
    const counting = { start: () => network.start(), durationLogits: (...given) => network.durationLogits(...given),
                       step: (...given) => { steps += 1; return network.step(...given); } };
    const notes = new Composition(counting, writer, { primer: second, before }).notes;
    const alone = new Composition(network, writer, { primer: second }).notes;
    return { steps, notes, alone };
  },
  select: (logits, mask, options, draw) => selectToken(logits, mask, options, draw),
  draws: (seed, stream, count) => Array.from({ length: count }, (_, place) => uniformDraw(seed, place, stream)),
};
