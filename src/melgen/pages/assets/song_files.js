// Songs as files: MIDI, sound, ABC and MusicXML, made in the page. A song is {title, notes, metre, pickup, tempo}: notes
// with pitch, onset and duration in steps, metre as [beats, beat type] or null, pickup in steps, quarters per minute.
const TICKS_PER_STEP = 40; // 960 ticks to the quarter, as in melgen.music.midi
const SAMPLE_RATE = 44100, TAIL_SECONDS = 0.4;
const COMMON_TIME = [4, 4];
const STEPS_PER_WHOLE = 4 * STEPS_PER_QUARTER;

// A pitch that a format does not have must not become another one.
function requirePitches(notes, low, high, format) {
  const outside = notes.find(({ pitch }) => pitch < low || pitch > high);
  if (outside) throw new Error(`${format} has the notes from ${pitchName(low)} to ${pitchName(high)}, and the tune has ${pitchName(outside.pitch)}.`);
}

// The notes of a pack as such a song, as fast as the player plays and moved as far.
function songOfNotes(title, { pitches, onsets, durations, metre = null, pickup = 0 }) {
  const notes = pitches.map((pitch, i) => ({ pitch: pitch + player.transposition, onset: onsets[i], duration: durations[i] }));
  return { title, tempo: player.tempo, metre, pickup, notes };
}

// --- MIDI ---
const bytesOf = (text) => [...new TextEncoder().encode(text)];
const inBytes = (value, count) => Array.from({ length: count }, (_, i) => (value >>> (8 * (count - 1 - i))) & 0xff);
function variableLength(value) {
  const bytes = [value & 0x7f];
  while ((value >>>= 7) > 0) bytes.unshift((value & 0x7f) | 0x80);
  return bytes;
}
const chunk = (name, bytes) => [...bytesOf(name), ...inBytes(bytes.length, 4), ...bytes];
const meta = (time, kind, bytes) => [...variableLength(time), 0xff, kind, ...variableLength(bytes.length), ...bytes];

function toMidi({ title, notes, metre, pickup, tempo }) {
  requirePitches(notes, 0, 127, "MIDI");
  const signature = (time, [beats, unit]) => meta(time, 0x58, [beats, Math.log2(unit), 24, 8]);
  const conductor = meta(0, 0x51, inBytes(Math.round(60e6 / tempo), 3));
  if (metre) {
    const unit = [4, 8, 16, 32].find((each) => (pickup * each) % STEPS_PER_WHOLE === 0);
    if (pickup && unit) conductor.push(...signature(0, [pickup * unit / STEPS_PER_WHOLE, unit]));
    if (!pickup || unit) conductor.push(...signature((pickup || 0) * TICKS_PER_STEP, metre));
  }
  const track = meta(0, 0x03, bytesOf(title));
  let now = 0;
  notes.forEach(({ pitch, onset, duration }) => {
    track.push(...variableLength((onset - now) * TICKS_PER_STEP), 0x90, pitch, 100);
    track.push(...variableLength(duration * TICKS_PER_STEP), 0x80, pitch, 0);
    now = onset + duration;
  });
  const end = meta(0, 0x2f, []);
  const head = chunk("MThd", [...inBytes(1, 2), ...inBytes(2, 2), ...inBytes(STEPS_PER_QUARTER * TICKS_PER_STEP, 2)]);
  return Uint8Array.from([...head, ...chunk("MTrk", [...conductor, ...end]), ...chunk("MTrk", [...track, ...end])]);
}

// --- sound: the page's own synthesiser, played into memory ---
async function toWav({ notes, tempo }) {
  if (!window.OfflineAudioContext) throw new Error("this browser makes no sound.");
  const secondsPerStep = 60 / tempo / STEPS_PER_QUARTER;
  const seconds = Math.max(0, ...notes.map((note) => note.onset + note.duration)) * secondsPerStep + TAIL_SECONDS;
  const context = new OfflineAudioContext(1, Math.ceil(seconds * SAMPLE_RATE), SAMPLE_RATE);
  const synth = new Synth(context);
  for (const note of notes) synth.note(note.pitch, note.onset * secondsPerStep, note.duration * secondsPerStep);
  const samples = (await context.startRendering()).getChannelData(0);
  const most = samples.reduce((largest, each) => Math.max(largest, Math.abs(each)), 1);
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => bytesOf(letters).forEach((byte, i) => view.setUint8(at + i, byte));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, SAMPLE_RATE, true); view.setUint32(28, 2 * SAMPLE_RATE, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, Math.round(sample / most * 32767), true));
  return new Uint8Array(view.buffer);
}

// --- bars: notes and rests cut at bar lines, and into values that notation can write ---
const VALUES = [96, 72, 48, 36, 24, 18, 12, 9, 6, 3], TRIPLET_VALUES = [64, 32, 16, 8, 4, 2, 1];
const barSteps = (metre) => metre[0] * STEPS_PER_WHOLE / metre[1];

// Where bars begin, from a pickup on, up to a step.
function barStarts(metre, pickup, end) {
  const length = barSteps(metre || COMMON_TIME), starts = [0];
  for (let at = pickup || length; at < end; at += length) starts.push(at);
  return starts;
}

// Of each bar its symbols: {pitch or null, steps, isTriplet, tiedOn}, which fill it; the last bar is filled with rests.
function inBars({ notes, metre, pickup }) {
  const length = barSteps(metre || COMMON_TIME);
  const end = Math.max(1, ...notes.map((note) => note.onset + note.duration));
  const starts = barStarts(metre, pickup, end);
  const last = starts.at(-1) + (starts.length === 1 && pickup ? pickup : length);
  const events = [];
  let now = 0;
  for (const { pitch, onset, duration } of notes) {
    if (onset > now) events.push([null, now, onset]);
    events.push([pitch, onset, onset + duration]);
    now = onset + duration;
  }
  if (now < last) events.push([null, now, last]);
  return starts.map((start, i) => {
    const stop = starts[i + 1] ?? last;
    return events.filter(([, from, to]) => from < stop && to > start).flatMap(([pitch, from, to]) => {
      const first = Math.max(from, start), parts = written(Math.min(to, stop) - first, first - start);
      return parts.map((part, k) => ({ pitch, ...part, tiedOn: pitch !== null && (k < parts.length - 1 || to > stop) }));
    });
  });
}

// A length as written values, the fewest: plain or dotted where it begins on a sixteenth and is made of them, else in triplets.
function written(steps, at) {
  const table = steps % 3 === 0 && at % 3 === 0 ? VALUES : TRIPLET_VALUES.concat(VALUES).sort((a, b) => b - a);
  const found = [];
  let left = steps;
  while (left > 0) {
    const exact = table.includes(left) ? left : table.find((value) => value <= left);
    found.push({ steps: exact, isTriplet: !VALUES.includes(exact) });
    left -= exact;
  }
  return found;
}

// --- spelling: sharps or flats by the key that fits best ---
const SHARP_STEPS = [["C", 0], ["C", 1], ["D", 0], ["D", 1], ["E", 0], ["F", 0], ["F", 1], ["G", 0], ["G", 1], ["A", 0], ["A", 1], ["B", 0]];
const FLAT_STEPS = [["C", 0], ["D", -1], ["D", 0], ["E", -1], ["E", 0], ["F", 0], ["G", -1], ["G", 0], ["A", -1], ["A", 0], ["B", -1], ["B", 0]];
const FIFTHS_ORDER = ["F", "C", "G", "D", "A", "E", "B"];

// The signature, in fifths from C (-6 to 6), in which the most notes need no accidental; the nearest to C of equals.
function signatureOf(notes) {
  const scale = (fifths) => new Set([0, 2, 4, 5, 7, 9, 11].map((step) => (step + fifths * 7 + 84) % 12));
  let best = 0, most = -1;
  for (const fifths of [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6]) {
    const inside = notes.filter((note) => scale(fifths).has(note.pitch % 12)).reduce((sum, note) => sum + note.duration, 0);
    if (inside > most) { most = inside; best = fifths; }
  }
  return best;
}
function spelled(pitch, fifths) {
  const [step, alter] = (fifths < 0 ? FLAT_STEPS : SHARP_STEPS)[pitch % 12];
  return { step, alter, octave: Math.floor(pitch / 12) - 1 };
}
function alterInKey(step, fifths) {
  const place = FIFTHS_ORDER.indexOf(step);
  if (fifths > 0) return place < fifths ? 1 : 0;
  return 6 - place < -fifths ? -1 : 0;
}

// --- ABC ---
const ABC_SIGNS = { "-1": "_", 0: "=", 1: "^" };
const KEYS_OF_ABC = { "-6": "Gb", "-5": "Db", "-4": "Ab", "-3": "Eb", "-2": "Bb", "-1": "F", 0: "C", 1: "G", 2: "D", 3: "A", 4: "E", 5: "B", 6: "F#" };

function toAbc(song) {
  requirePitches(song.notes, 0, 127, "ABC");
  const { title, notes, metre, tempo } = song, fifths = signatureOf(notes), unit = 12;
  const length = (steps) => {
    const shared = gcd(steps, unit), above = steps / shared, below = unit / shared;
    return below === 1 ? (above === 1 ? "" : String(above)) : `${above === 1 ? "" : above}/${below}`;
  };
  const bars = inBars(song).map((symbols) => {
    // Programs differ in whether a sign counts in other octaves too, so it is repeated wherever either reading needs it.
    const valid = new Map();
    return symbols.map(({ pitch, steps, tiedOn }) => {
      if (pitch === null) return `z${length(steps)}`;
      const { step, alter, octave } = spelled(pitch, fifths), places = [`${step}${octave}`, step];
      const isValid = places.every((place) => (valid.get(place) ?? alterInKey(step, fifths)) === alter);
      const sign = isValid ? "" : ABC_SIGNS[alter];
      places.forEach((place) => valid.set(place, alter));
      const letter = octave >= 5 ? step.toLowerCase() + "'".repeat(octave - 5) : step + ",".repeat(4 - octave);
      return `${sign}${letter}${length(steps)}${tiedOn ? "-" : ""}`;
    }).join(" ");
  });
  const lines = [];
  for (let i = 0; i < bars.length; i += 4) lines.push(bars.slice(i, i + 4).join(" | "));
  const [beats, type] = metre || COMMON_TIME;
  const name = title.replace(/[\\%]/g, "\\$&").replace(/\s+/g, " ");
  return `X:1\nT:${name}\nM:${beats}/${type}\nL:1/8\nQ:1/4=${tempo}\nK:${KEYS_OF_ABC[fifths]}\n${lines.join(" |\n")} |]\n`;
}
const gcd = (a, b) => (b ? gcd(b, a % b) : a);

// --- MusicXML ---
const TYPES = { 96: "whole", 48: "half", 24: "quarter", 12: "eighth", 6: "16th", 3: "32nd" };
const inXml = (text) => text.replace(/[&<>"]/g, (letter) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;" })[letter]).replace(/[\u0000-\u001f\ufffe\uffff]/g, " ");

function toMusicXml(song) {
  requirePitches(song.notes, 12, 127, "MusicXML");
  const { title, notes, metre, pickup, tempo } = song, fifths = signatureOf(notes);
  const [beats, type] = metre || COMMON_TIME;
  let isTied = false;
  const value = ({ steps, isTriplet }) => {
    const plain = isTriplet ? steps * 3 / 2 : steps, dotted = TYPES[plain] ? plain : plain * 2 / 3;
    return `<type>${TYPES[dotted] ?? "64th"}</type>${TYPES[plain] || !TYPES[dotted] ? "" : "<dot/>"}` +
      (isTriplet ? "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>" : "");
  };
  const measures = inBars(song).map((symbols, i) => {
    const head = i ? "" : `<attributes><divisions>${STEPS_PER_QUARTER}</divisions><key><fifths>${fifths}</fifths></key>` +
      `<time><beats>${beats}</beats><beat-type>${type}</beat-type></time><clef><sign>G</sign><line>2</line></clef></attributes>` +
      `<direction placement="above"><direction-type><metronome><beat-unit>quarter</beat-unit><per-minute>${tempo}</per-minute></metronome></direction-type><sound tempo="${tempo}"/></direction>`;
    const body = symbols.map((symbol) => {
      const duration = `<duration>${symbol.steps}</duration>`;
      if (symbol.pitch === null) { isTied = false; return `<note><rest/>${duration}${value(symbol)}</note>`; }
      const { step, alter, octave } = spelled(symbol.pitch, fifths);
      const ties = [...(isTied ? ["stop"] : []), ...(symbol.tiedOn ? ["start"] : [])];
      isTied = symbol.tiedOn;
      const tied = ties.map((kind) => `<tied type="${kind}"/>`).join("");
      return `<note><pitch><step>${step}</step>${alter ? `<alter>${alter}</alter>` : ""}<octave>${octave}</octave></pitch>${duration}` +
        `${ties.map((kind) => `<tie type="${kind}"/>`).join("")}${value(symbol)}${tied ? `<notations>${tied}</notations>` : ""}</note>`;
    }).join("");
    const isPickup = i === 0 && pickup > 0;
    return `<measure number="${pickup > 0 ? i : i + 1}"${isPickup ? " implicit=\"yes\"" : ""}>${head}${body}</measure>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="4.0"><work><work-title>${inXml(title)}</work-title></work>
<identification><encoding><software>melgen</software></encoding></identification>
<part-list><score-part id="P1"><part-name print-object="no">Melody</part-name></score-part></part-list>
<part id="P1">
${measures.join("\n")}
</part></score-partwise>
`;
}
