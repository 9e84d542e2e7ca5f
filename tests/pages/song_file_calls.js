const pitchName = (pitch) => String(pitch);
const calls = { toMidi, toMusicXml, toAbc, inBars };
