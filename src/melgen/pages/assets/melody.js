// One melody to look at and to play: its score, if it has one, and its piano roll.
const ROW = 5;
const SHORTEST = STEPS_PER_QUARTER / 8, GAP = STEPS_PER_QUARTER / 10; // of a note as it is drawn

// `passage` is {first, notes}: notes to mark. `first` is the index of the score's first note: it may show a part of what
// the roll shows.
function melodyView(track, svg, passage = null, first = 0) {
  const isShared = (i) => passage && i >= passage.first && i < passage.first + passage.notes;
  const roll = pianoRoll(track, isShared);
  const score = svg ? engravedScore(track, svg, isShared, first) : null;
  const view = h("div", { class: "melody" }, score, roll.element);
  let lit = [];
  const light = () => {
    lit.forEach((each) => each.classList.remove("sounding"));
    const note = player.track === track ? player.note : -1;
    lit = note < 0 ? [] : [...view.querySelectorAll(`[data-note="${note}"]`)];
    lit.forEach((each) => { each.classList.add("sounding"); keepInSight(each); });
  };
  whileShown(view, "note", light);
  whileShown(view, "time", () => roll.moveTo(player.track === track ? player.position : null));
  view.addEventListener("click", (event) => {
    const note = event.target.closest("[data-note]");
    if (!note) return;
    if (player.track !== track) player.load(track);
    player.pause();
    player.position = track.onsets[Number(note.dataset.note)];
    player.play();
  });
  return view;
}

function engravedScore(track, text, isShared, first) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  const picture = document.importNode(parsed, true);
  picture.removeAttribute("id");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `Score of ${track.title}`);
  picture.querySelectorAll("[data-note]").forEach((note) => {
    note.dataset.note = Number(note.dataset.note) + first;
    note.classList.toggle("shared", Boolean(isShared(Number(note.dataset.note))));
  });
  return h("div", { class: "score", tabindex: 0, role: "group", "aria-label": "Score" }, picture);
}

function pianoRoll(track, isShared) {
  const length = Math.max(1, ...track.onsets.map((onset, i) => onset + track.durations[i]));
  const low = Math.min(...track.pitches) - 1, high = Math.max(...track.pitches) + 1;
  const height = Math.max(12, high - low + 1) * ROW;
  const y = (pitch) => (high - pitch) * ROW;
  const lines = [];
  for (let pitch = Math.ceil(low / 12) * 12; pitch <= high; pitch += 12) {
    lines.push(s("rect", { class: "octave", x: 0, y: y(pitch), width: length, height: ROW }));
  }
  for (const step of barLines(track, length)) {
    lines.push(s("line", { class: "bar", x1: step, x2: step, y1: 0, y2: height }));
  }
  const notes = track.pitches.map((pitch, i) => s("rect", {
    class: isShared(i) ? "note shared" : "note", "data-note": i, x: track.onsets[i], y: y(pitch) + 0.5,
    width: Math.max(SHORTEST, track.durations[i] - Math.min(GAP, track.durations[i] / 8)), height: ROW - 1,
  }, s("title", {}, pitchName(pitch))));
  const head = s("line", { class: "playhead", x1: 0, x2: 0, y1: 0, y2: height });
  head.style.display = "none";
  const picture = s("svg", { viewBox: `0 0 ${length} ${height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": `Piano roll of ${track.title}: ${counted(track.pitches.length, "note")} from ${pitchName(Math.min(...track.pitches))} to ${pitchName(Math.max(...track.pitches))}` },
    lines, notes, head);
  picture.style.minWidth = `${Math.min(track.pitches.length * 7, 4000)}px`;
  const sight = h("div", { class: "roll", tabindex: 0, role: "group", "aria-label": "Piano roll" }, picture);
  const element = h("div", { class: "roll-frame" }, sight,
    h("span", { class: "roll-high", "aria-hidden": "true" }, pitchName(high - 1)),
    h("span", { class: "roll-low", "aria-hidden": "true" }, pitchName(low + 1)));
  const shown = sight.querySelector(".shared");
  if (shown) {
    requestAnimationFrame(() => {
      const ahead = shown.getBoundingClientRect().left - sight.getBoundingClientRect().left;
      sight.scrollLeft += ahead - sight.clientWidth / 4;
    });
  }
  const moveTo = (position) => {
    head.style.display = position === null ? "none" : "";
    if (position !== null) head.setAttribute("transform", `translate(${position} 0)`);
  };
  return { element, moveTo };
}

// The steps at which bars begin: those of the tune itself, else in 4/4.
function barLines(track, length) {
  if (track.bars) return track.bars;
  const bar = STEPS_PER_QUARTER * 4;
  return Array.from({ length: Math.floor(length / bar) + 1 }, (_, i) => i * bar);
}

// Scrolls a wide or long score, or a roll, but never the page.
function keepInSight(note) {
  const frame = note.closest(".score, .roll");
  if (!frame) return;
  const box = note.getBoundingClientRect(), sight = frame.getBoundingClientRect(), by = {};
  const isWide = frame.scrollWidth > frame.clientWidth + 1, isLong = frame.scrollHeight > frame.clientHeight + 1;
  if (isWide && (box.left < sight.left + 20 || box.right > sight.right - 40)) by.left = box.left - sight.left - 60;
  if (isLong && (box.top < sight.top + 10 || box.bottom > sight.bottom - 30)) by.top = box.top - sight.top - 60;
  if (by.left || by.top) frame.scrollBy({ ...by, behavior: calm.matches ? "auto" : "smooth" });
}
