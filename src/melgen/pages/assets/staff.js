// A tune on a staff, drawn in the page with the glyphs of its scores: for tunes that change while one looks at them.
const SPACE = 8; // between two lines of the staff, in pixels
const GLYPH_SCALE = SPACE / 250; // a staff space of the font has 250 units
const STAFF_TOP = 4 * SPACE, LINE_HEIGHT = 15 * SPACE;
const HEADS = { 96: "E0A2", 48: "E0A3" }, RESTS = { 96: "E4E3", 48: "E4E4", 24: "E4E5", 12: "E4E6", 6: "E4E7", 3: "E4E8" };
const FLAGS_UP = { 12: "E240", 6: "E242", 3: "E244" }, FLAGS_DOWN = { 12: "E241", 6: "E243", 3: "E245" };
const SIGN_GLYPHS = { "-1": "E260", 0: "E261", 1: "E262" };
const SHARP_PLACES = [8, 5, 9, 6, 3, 7, 4], FLAT_PLACES = [4, 7, 3, 6, 2, 5, 1]; // steps above the lowest line
const LETTERS = ["C", "D", "E", "F", "G", "A", "B"];
const LOWEST_LINE = { treble: 30, bass: 18 }; // E4 and G2, in steps above C0

const hasMusicFont = () => document.getElementById("melgen-E0A4") !== null;

// A drawing of a song (see song_files.js) in lines of at most `width` pixels; null without the font, or without notes.
function staffOf(song, width) {
  if (!hasMusicFont() || !song.notes.length) return null;
  const fifths = signatureOf(song.notes);
  const stepsOf = (pitch) => { const { step, octave } = spelled(pitch, fifths); return 7 * octave + LETTERS.indexOf(step); };
  const middle = song.notes.reduce((sum, note) => sum + stepsOf(note.pitch), 0) / song.notes.length;
  const clef = middle < 28 ? "bass" : "treble";
  const bars = inBars(song);
  const widths = bars.map((symbols) => 14 + symbols.reduce((sum, symbol) => sum + spaceFor(symbol), 0));
  const head = 34 + Math.abs(fifths) * 9;
  const parts = [];
  let x = 0, line = -1, note = -1, isTied = false;
  const right = [];
  const y = (place) => line * LINE_HEIGHT + STAFF_TOP + 4 * SPACE - place * SPACE / 2;
  const glyph = (code, at, place, attributes = {}) => s("use", { href: `#melgen-${code}`, transform: `translate(${at} ${y(place)}) scale(${GLYPH_SCALE})`, ...attributes });

  bars.forEach((symbols, bar) => {
    if (line < 0 || x + widths[bar] > width) {
      if (line >= 0) right[line] = x;
      line += 1;
      x = 6;
      parts.push(glyph(clef === "bass" ? "E062" : "E050", x, clef === "bass" ? 6 : 2));
      x += 24;
      const places = (fifths > 0 ? SHARP_PLACES : FLAT_PLACES).slice(0, Math.abs(fifths));
      for (const place of places) { parts.push(glyph(SIGN_GLYPHS[Math.sign(fifths)], x, place - (clef === "bass" ? 2 : 0))); x += 8; }
      x = Math.max(x, head - 4);
      if (line === 0) {
        const [beats, type] = song.metre || COMMON_TIME;
        [[beats, 6], [type, 2]].forEach(([number, place]) => [...String(number)].forEach((digit, i) => parts.push(glyph(`E08${digit}`, x + 11 * i, place))));
        x += 14 + 8 * (String(beats).length - 1);
      }
      x += 6;
    }
    const valid = new Map();
    for (const symbol of symbols) {
      if (symbol.pitch === null) { isTied = false; parts.push(...rest(symbol)); } else {
        if (!isTied) note += 1;
        parts.push(drawn(symbol, note, valid));
        isTied = symbol.tiedOn;
      }
      x += spaceFor(symbol);
    }
    x += 6;
    const isLast = bar === bars.length - 1;
    parts.push(s("path", { d: `M${x} ${y(0)}V${y(8)}`, "stroke-width": 1 }));
    if (isLast) parts.push(s("path", { d: `M${x + 4} ${y(0)}V${y(8)}`, "stroke-width": 3 }));
    x += isLast ? 6 : 8;
  });
  right[line] = x;

  function spaceFor({ steps, pitch }) { return 17 + 5.5 * Math.log2(Math.max(1, steps / 6)) + (pitch === null ? 0 : 3); }
  function plainOf({ steps, isTriplet }) {
    const value = isTriplet ? steps * 3 / 2 : steps;
    return [96, 48, 24, 12, 6, 3].includes(value) ? [value, false] : [value * 2 / 3, true];
  }
  function rest(symbol) {
    const [value, isDotted] = plainOf(symbol);
    const code = RESTS[value] || "E4E8";
    return [glyph(code, x, value === 96 ? 6 : 4), ...(isDotted ? [dot(x + 13, 5)] : [])];
  }
  function dot(at, place) { return s("circle", { cx: at, cy: y(place), r: 1.6, stroke: "none" }); }
  function drawn(symbol, index, valid) {
    const [value, isDotted] = plainOf(symbol);
    const { step, alter, octave } = spelled(symbol.pitch, fifths), name = `${step}${octave}`;
    const place = 7 * octave + LETTERS.indexOf(step) - LOWEST_LINE[clef];
    const needsSign = (valid.get(name) ?? alterInKey(step, fifths)) !== alter && !isTied;
    valid.set(name, alter);
    const at = x + 5, isUp = place < 4, found = [];
    for (let ledger = -2; ledger >= place; ledger -= 2) found.push(s("path", { d: `M${at - 3} ${y(ledger)}h16`, "stroke-width": 1 }));
    for (let ledger = 10; ledger <= place; ledger += 2) found.push(s("path", { d: `M${at - 3} ${y(ledger)}h16`, "stroke-width": 1 }));
    if (needsSign) found.push(glyph(SIGN_GLYPHS[alter], at - 9, place));
    found.push(glyph(HEADS[value] || "E0A4", at, place));
    if (value < 96) {
      const stem = isUp ? at + 9.2 : at + 0.6, tip = isUp ? place + 7 : place - 7;
      found.push(s("path", { d: `M${stem} ${y(place + (isUp ? 0.3 : -0.3))}V${y(tip)}`, "stroke-width": 1.1 }));
      const flag = (isUp ? FLAGS_UP : FLAGS_DOWN)[value];
      if (flag) found.push(glyph(flag, stem, tip));
    }
    if (isDotted) found.push(dot(at + 14, place % 2 ? place : place + 1));
    if (symbol.isTriplet) found.push(s("text", { class: "triplet-sign", x: at + 5, y: y(isUp ? Math.min(place, 0) - 4 : Math.max(place, 8) + 3), stroke: "none" }, "3"));
    if (symbol.tiedOn) {
      const from = at + 6, to = at + spaceFor(symbol) + 6, side = isUp ? place - 2 : place + 2, bend = isUp ? place - 4 : place + 4;
      found.push(s("path", { d: `M${from} ${y(side)}Q${(from + to) / 2} ${y(bend)} ${to} ${y(side)}`, fill: "none", "stroke-width": 1.3 }));
    }
    return s("g", { class: `staff-note by-${song.notes[index]?.by || "network"}`, "data-note": index }, found);
  }

  const lines = right.flatMap((end, i) => Array.from({ length: 5 }, (_, k) => s("path", { class: "staff-line", d: `M0 ${i * LINE_HEIGHT + STAFF_TOP + k * SPACE}H${end}` })));
  const height = (line + 1) * LINE_HEIGHT, whole = Math.max(...right) + 2;
  return s("svg", { class: "staff", viewBox: `0 0 ${whole} ${height}`, width: whole, height, role: "img", "aria-label": "Score", fill: "currentColor", stroke: "currentColor" }, lines, parts);
}
