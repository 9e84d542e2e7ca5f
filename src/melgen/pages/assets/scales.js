// Scales to which a network can keep, as pitch classes from 0 (C) to 11.
const SCALES = {
  any: null, major: [0, 2, 4, 5, 7, 9, 11], minor: [0, 2, 3, 5, 7, 8, 10], dorian: [0, 2, 3, 5, 7, 9, 10], mixolydian: [0, 2, 4, 5, 7, 9, 10],
  pentatonic: [0, 2, 4, 7, 9], blues: [0, 3, 5, 6, 7, 10],
};

// The pitch classes of a scale on a root; null for any note.
const pitchClassesOf = (name, root) => SCALES[name] && SCALES[name].map((step) => (step + root) % 12);
const isInScale = (pitch, pitchClasses) => !pitchClasses || pitchClasses.includes(pitch % 12);
const notesOutside = (notes, pitchClasses) => notes.filter(({ pitch }) => !isInScale(pitch, pitchClasses)).length;

// Of the probabilities of pitches those in the scale, which add up to 1 again. All of them if none is in it.
function sharesInScale(shares, pitchClasses) {
  const inside = [...shares].filter(([pitch]) => isInScale(pitch, pitchClasses));
  const total = inside.reduce((sum, [, share]) => sum + share, 0);
  return total > 0 ? new Map(inside.map(([pitch, share]) => [pitch, share / total])) : shares;
}
