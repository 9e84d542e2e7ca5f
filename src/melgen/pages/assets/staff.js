// A tune on a staff, drawn in the page with the glyphs of its scores: for tunes that change while one looks at them.
const SPACE = 8; // between two lines of the staff, in pixels
const GLYPH_SCALE = SPACE / 250; // a staff space of the font has 250 units
const ROOM_ABOVE = 16, ROOM_BELOW = -14; // in steps above the lowest line: of a line of the score, more where notes need it
const HEADS = { 96: "E0A2", 48: "E0A3" }, RESTS = { 96: "E4E3", 48: "E4E4", 24: "E4E5", 12: "E4E6", 6: "E4E7", 3: "E4E8", 1.5: "E4E9" };
const FLAGS_UP = { 12: "E240", 6: "E242", 3: "E244", 1.5: "E246" }, FLAGS_DOWN = { 12: "E241", 6: "E243", 3: "E245", 1.5: "E247" };
const SIGN_GLYPHS = { "-1": "E260", 0: "E261", 1: "E262" };
const SHARP_PLACES = [8, 5, 9, 6, 3, 7, 4], FLAT_PLACES = [4, 7, 3, 6, 2, 5, 1]; // steps above the lowest line
const LETTERS = ["C", "D", "E", "F", "G", "A", "B"];
const LOWEST_LINE = { treble: 30, bass: 18 }; // E4 and G2, in steps above C0

const hasMusicFont = () => document.getElementById("melgen-E0A4") !== null;

// Where each symbol of a bar begins, counted so that a bar that is not full (a pickup) ends where a bar ends.
function placesInBar(symbols, length) {
  let at = Math.max(0, length - symbols.reduce((sum, { steps }) => sum + steps, 0));
  return symbols.map(({ steps }) => (at += steps) - steps);
}
const beatSteps = ([beats, type]) => (type >= 8 && beats % 3 === 0 ? 3 : type >= 8 ? 2 : 1) * STEPS_PER_WHOLE / Math.max(4, type);

// The symbols of a bar that beams join, by their numbers: eighths and shorter notes of one beat without a rest between.
function beamsOf(symbols, metre) {
  const beat = beatSteps(metre), places = placesInBar(symbols, barSteps(metre)), groups = [];
  let isOpen = false;
  symbols.forEach(({ pitch, steps, isTriplet }, i) => {
    const isShort = pitch !== null && (isTriplet ? steps * 3 / 2 : steps) < STEPS_PER_QUARTER;
    const isNext = isShort && isOpen && Math.floor(places[i] / beat) === Math.floor(places[i - 1] / beat);
    if (isNext) groups.at(-1).push(i); else if (isShort) groups.push([i]);
    isOpen = isShort;
  });
  return groups.filter((group) => group.length > 1);
}

// The triplets of a bar: neighbours in thirds of a beat, up to where a quarter begins.
function tripletsOf(symbols) {
  const groups = [];
  let at = 0, isOpen = false;
  symbols.forEach(({ steps, isTriplet }, i) => {
    if (isTriplet && isOpen && at % STEPS_PER_QUARTER) groups.at(-1).push(i); else if (isTriplet) groups.push([i]);
    isOpen = isTriplet;
    at += steps;
  });
  return groups;
}

// A drawing of a song (see song_files.js) in lines of at most `width` pixels; null without the font, or without notes.
function staffOf(song, width) {
  if (!hasMusicFont() || !song.notes.length) return null;
  const fifths = signatureOf(song.notes);
  const stepsOf = (pitch) => { const { step, octave } = spelled(pitch, fifths); return 7 * octave + LETTERS.indexOf(step); };
  const middle = song.notes.reduce((sum, note) => sum + stepsOf(note.pitch), 0) / song.notes.length;
  const clef = middle < 28 ? "bass" : "treble";
  const placeOf = (pitch) => stepsOf(pitch) - LOWEST_LINE[clef], places = song.notes.map((note) => placeOf(note.pitch));
  const top = (Math.max(ROOM_ABOVE, ...places.map((place) => place + 4)) - 8) * SPACE / 2;
  const lineHeight = top + (8 - Math.min(ROOM_BELOW, ...places.map((place) => place - 4))) * SPACE / 2;
  const bars = inBars(song);
  const widths = bars.map((symbols) => 14 + symbols.reduce((sum, symbol) => sum + spaceFor(symbol), 0));
  const head = 34 + Math.abs(fifths) * 9;
  const parts = [];
  let x = 0, line = -1, note = -1, isTied = false;
  const right = [];
  const y = (place) => line * lineHeight + top + 4 * SPACE - place * SPACE / 2;
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
    const beams = beamsOf(symbols, song.metre || COMMON_TIME);
    for (const group of beams) {
      const mean = group.reduce((sum, i) => sum + placeOf(symbols[i].pitch), 0) / group.length;
      group.isUp = mean < 4;
      group.stems = [];
    }
    const spans = []; // from where to where each symbol is, and how high it reaches
    symbols.forEach((symbol, i) => {
      const beam = beams.find((group) => group.includes(i));
      if (symbol.pitch === null) {
        isTied = false;
        parts.push(...rest(symbol));
      } else {
        if (!isTied) note += 1;
        parts.push(drawn(symbol, note, valid, beam));
        isTied = symbol.tiedOn;
      }
      spans.push({ at: x + 5, reach: symbol.pitch === null ? 8 : reachOf(symbol) });
      x += spaceFor(symbol);
    });
    for (const group of beams) parts.push(drawBeam(group));
    for (const group of tripletsOf(symbols)) parts.push(...tripletSign(group, spans, beams));
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
    return [96, 48, 24, 12, 6, 3, 1.5].includes(value) ? [value, false] : [value * 2 / 3, true];
  }
  function rest(symbol) {
    const [value, isDotted] = plainOf(symbol);
    const code = RESTS[value];
    return [glyph(code, x, value === 96 ? 6 : 4), ...(isDotted ? [dot(x + 13, 5)] : [])];
  }
  function dot(at, place) { return s("circle", { cx: at, cy: y(place), r: 1.6, stroke: "none" }); }
  function reachOf(symbol) { const place = placeOf(symbol.pitch); return place < 4 ? place + 7 : place + 1; }
  function drawn(symbol, index, valid, beam) {
    const [value, isDotted] = plainOf(symbol);
    const { step, alter, octave } = spelled(symbol.pitch, fifths), name = `${step}${octave}`;
    const place = placeOf(symbol.pitch);
    const needsSign = (valid.get(name) ?? alterInKey(step, fifths)) !== alter && !isTied;
    if (!isTied) valid.set(name, alter); // a tie from the bar before carries a sign only to its own note
    const at = x + 5, isUp = beam ? beam.isUp : place < 4, found = [];
    for (let ledger = -2; ledger >= place; ledger -= 2) found.push(s("path", { d: `M${at - 3} ${y(ledger)}h16`, "stroke-width": 1 }));
    for (let ledger = 10; ledger <= place; ledger += 2) found.push(s("path", { d: `M${at - 3} ${y(ledger)}h16`, "stroke-width": 1 }));
    if (needsSign) found.push(glyph(SIGN_GLYPHS[alter], at - 9, place));
    found.push(glyph(HEADS[value] || "E0A4", at, place));
    const stem = isUp ? at + 9.2 : at + 0.6;
    if (beam) beam.stems.push({ x: stem, place, flags: Math.log2(24 / value), by: song.notes[index]?.by });
    else if (value < 96) {
      const tip = isUp ? place + 7 : place - 7;
      found.push(s("path", { d: `M${stem} ${y(place + (isUp ? 0.3 : -0.3))}V${y(tip)}`, "stroke-width": 1.1 }));
      const flag = (isUp ? FLAGS_UP : FLAGS_DOWN)[value];
      if (flag) found.push(glyph(flag, stem, tip));
    }
    if (isDotted) found.push(dot(at + 14, place % 2 ? place : place + 1));
    if (symbol.tiedOn) {
      const from = at + 6, to = at + spaceFor(symbol) + 6, side = isUp ? place - 2 : place + 2, bend = isUp ? place - 4 : place + 4;
      found.push(s("path", { d: `M${from} ${y(side)}Q${(from + to) / 2} ${y(bend)} ${to} ${y(side)}`, fill: "none", "stroke-width": 1.3 }));
    }
    return s("g", { class: `staff-note by-${song.notes[index]?.by || "network"}`, "data-note": index }, found);
  }

  // The stems of a group of notes and the beams that join them: a line with a small slope, as near as the notes allow.
  function drawBeam(group) {
    const { isUp, stems } = group;
    const side = isUp ? 1 : -1, [first, last] = [stems[0], stems.at(-1)];
    const slope = Math.max(-2, Math.min(2, last.place - first.place)) / (last.x - first.x);
    const most = Math.max(...stems.map(({ flags }) => flags));
    const needed = stems.map(({ x: at, place }) => side * (place - slope * (at - first.x)) + 5 + 1.5 * Math.min(2, most - 1));
    const start = side * Math.max(...needed), tip = (at) => start + slope * (at - first.x);
    group.top = isUp ? Math.max(tip(first.x), tip(last.x)) : -Infinity;
    const found = stems.map(({ x: at, place, by }) => s("path", { class: `by-${by || "network"}`, d: `M${at} ${y(place + 0.3 * side)}V${y(tip(at))}`, "stroke-width": 1.1 }));
    const bar = (from, to, level) => {
      const lower = side * 1.5 * (level - 1), thick = side;
      return s("path", { class: "beam", stroke: "none", d: `M${from - 0.5} ${y(tip(from) - lower)}L${to + 0.5} ${y(tip(to) - lower)}V${y(tip(to) - lower - thick)}L${from - 0.5} ${y(tip(from) - lower - thick)}Z` });
    };
    for (let level = 1; level <= most; level++) {
      for (let i = 0; i < stems.length; i++) {
        if (stems[i].flags < level) continue;
        let end = i;
        while (stems[end + 1]?.flags >= level) end += 1;
        // A note without a neighbour of its length has a short beam towards the note before it, or the next.
        if (end > i) found.push(bar(stems[i].x, stems[end].x, level));
        else found.push(i ? bar(stems[i].x - 6, stems[i].x, level) : bar(stems[i].x, stems[i].x + 6, level));
        i = end;
      }
    }
    return s("g", {}, found);
  }
  // One "3" above a group, in a bracket unless a beam joins the same notes.
  function tripletSign(group, spans, beams) {
    const from = spans[group[0]].at, to = spans[group.at(-1)].at + 10, middle = (from + to) / 2;
    const isJoined = beams.some((beam) => group.every((i) => beam.includes(i)) && beam.length === group.length);
    const above = beams.filter((beam) => beam.some((i) => group.includes(i))).map((beam) => beam.top + 1);
    const place = Math.max(9, ...group.map((i) => spans[i].reach + 1), ...above) + 1;
    const found = [s("text", { class: "triplet-sign", x: middle, y: y(place), stroke: "none" }, "3")];
    if (!isJoined && group.length > 1) {
      found.push(s("path", { fill: "none", "stroke-width": 0.9, d: `M${from} ${y(place) + 2}V${y(place) - 4}H${middle - 6}M${middle + 6} ${y(place) - 4}H${to}V${y(place) + 2}` }));
    }
    return found;
  }

  const lines = right.flatMap((end, i) => Array.from({ length: 5 }, (_, k) => s("path", { class: "staff-line", d: `M0 ${i * lineHeight + top + k * SPACE}H${end}` })));
  const height = (line + 1) * lineHeight, whole = Math.max(...right) + 2;
  return s("svg", { class: "staff", viewBox: `0 0 ${whole} ${height}`, width: whole, height, role: "img", "aria-label": "Score", fill: "currentColor", stroke: "currentColor" }, lines, parts);
}
