const pitchName = (pitch) => String(pitch);
// What a bar of notes and rests (without pitch) joins: with beams, and as triplets.
const calls = {
  beams: (song) => inBars(song).map((symbols) => beamsOf(symbols, song.metre)),
  triplets: (song) => inBars(song).map(tripletsOf),
};
