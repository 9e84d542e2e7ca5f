// A tune that can be changed: a piano roll of notes that one selects, drags and deletes, with the surprise of each below.
const PIXELS_PER_QUARTER = 44, EDITOR_ROW = 9, LANE = 46;
const MOST_BITS = 8; // of the lane; a larger surprise fills it

const inQuarters = (steps) => {
  const quarters = (steps / STEPS_PER_QUARTER).toLocaleString("en", { maximumFractionDigits: 2 });
  return `${quarters} ${quarters === "1" ? "quarter" : "quarters"}`;
};

// `onchange(kind, index, value)` hears of "select", "move" (with the new pitch), "stretch" (1 for longer, -1 for shorter)
// and "delete".
function tuneEditor({ label, onchange }) {
  const picture = s("svg", { role: "group", "aria-label": label });
  const frame = h("div", { class: "editor", tabindex: 0, role: "group", "aria-label": `${label}: left and right choose a note, up and down move it, plus and minus change its length, Delete removes it` }, picture);
  let notes = [], bars = [], selected = -1, drag = null, rows = { low: 60, high: 72 };
  const x = (step) => step * PIXELS_PER_QUARTER / STEPS_PER_QUARTER;
  const y = (pitch) => (rows.high - pitch) * EDITOR_ROW;

  // Of what is left out nothing has changed.
  function draw(shown = notes, chosen = selected, barLines = bars) {
    notes = shown;
    bars = barLines;
    selected = chosen;
    if (!drag) {
      const pitches = notes.map((note) => note.pitch);
      rows = pitches.length ? { low: Math.min(...pitches) - 4, high: Math.max(...pitches) + 4 } : { low: 56, high: 76 };
    }
    const end = Math.max(4 * STEPS_PER_QUARTER, ...notes.map((note) => note.onset + note.duration)) + STEPS_PER_QUARTER;
    const height = (rows.high - rows.low + 1) * EDITOR_ROW, width = Math.max(x(end), frame.clientWidth - 2);
    const all = height + LANE;
    picture.setAttribute("viewBox", `0 0 ${width} ${all}`);
    picture.setAttribute("width", width);
    picture.setAttribute("height", all);
    const lines = [];
    for (let pitch = rows.low; pitch <= rows.high; pitch++) {
      if (isBlack(pitch)) lines.push(s("rect", { class: "black-row", x: 0, y: y(pitch), width, height: EDITOR_ROW }));
      if (pitch % 12 === 0) lines.push(s("text", { class: "octave-name", x: 3, y: y(pitch) + EDITOR_ROW - 1 }, pitchName(pitch)));
    }
    for (const bar of bars) if (bar && bar <= end) lines.push(s("line", { class: "bar", x1: x(bar), x2: x(bar), y1: 0, y2: height }));
    const drawn = notes.map((note, i) => drawNote(note, i, height));
    picture.replaceChildren(...lines, s("line", { class: "lane", x1: 0, x2: width, y1: height + 0.5, y2: height + 0.5 }), ...drawn,
      s("line", { class: "playhead", x1: 0, x2: 0, y1: 0, y2: all, visibility: "hidden" }));
  }

  function drawNote(note, i, height) {
    const width = Math.max(4, x(note.duration) - 2);
    const said = note.bits === undefined ? "" : `, ${note.bits.toFixed(1)} bits`;
    const bits = Math.min(note.bits ?? 0, MOST_BITS) * (LANE - 16) / MOST_BITS;
    const parts = [s("rect", { class: "body", x: x(note.onset) + 1, y: y(note.pitch) + 0.5, width, height: EDITOR_ROW - 1, rx: 2 })];
    if (note.bits !== undefined) {
      parts.push(s("rect", { class: "surprise", x: x(note.onset) + 1, y: height + 2, width, height: Math.max(1, bits) }));
      if (width > 15) parts.push(s("text", { class: "bits", x: x(note.onset) + 1 + width / 2, y: height + LANE - 4 }, note.bits.toFixed(1)));
    }
    return s("g", { class: `a-note by-${note.by}${i === selected ? " selected" : ""}`, "data-index": i },
      s("title", {}, `${pitchName(note.pitch)}${said}`), ...parts);
  }

  // Without drawing the notes again: a finger that drags one must not lose it.
  function select(chosen) {
    selected = chosen;
    picture.querySelectorAll(".a-note").forEach((note, i) => note.classList.toggle("selected", i === chosen));
  }

  const words = (i) => {
    const { pitch, duration, bits, by } = notes[i];
    return `Note ${i + 1} of ${notes.length}: ${pitchName(pitch)}, ${inQuarters(duration)}, by ${by === "you" ? "you" : "the network"}${bits === undefined ? "" : `, ${bits.toFixed(1)} bits`}`;
  };

  function keepInView({ onset, duration }) {
    if (x(onset) < frame.scrollLeft) frame.scrollLeft = x(onset) - 20;
    else if (x(onset + duration) > frame.scrollLeft + frame.clientWidth) frame.scrollLeft = x(onset + duration) + 20 - frame.clientWidth;
  }

  function mark(position) {
    const head = picture.lastElementChild;
    if (!head) return;
    head.setAttribute("visibility", position === null ? "hidden" : "visible");
    if (position === null) return;
    head.setAttribute("transform", `translate(${x(position)} 0)`);
    if (drag) return; // a note that is dragged stays under the pointer
    const at = x(position);
    if (at < frame.scrollLeft + 10 || at > frame.scrollLeft + frame.clientWidth - 40) frame.scrollLeft = at - 60;
  }

  picture.addEventListener("pointerdown", (event) => {
    const group = event.target.closest(".a-note");
    if (drag || event.button) return;
    if (!group) { onchange("select", -1); return; }
    const index = Number(group.dataset.index);
    drag = { index, pointer: event.pointerId, from: event.clientY, pitch: notes[index].pitch, to: notes[index].pitch };
    picture.setPointerCapture(event.pointerId);
    onchange("select", index);
  });
  // A finger on a note drags it; one beside the notes scrolls the page.
  picture.addEventListener("touchstart", (event) => { if (event.target.closest(".a-note")) event.preventDefault(); }, { passive: false });
  picture.addEventListener("pointermove", (event) => {
    if (!drag || drag.pointer !== event.pointerId) return;
    const to = Math.min(127, Math.max(0, drag.pitch + Math.round((drag.from - event.clientY) / EDITOR_ROW)));
    if (to === drag.to) return;
    drag.to = to;
    const body = picture.querySelector(`[data-index="${drag.index}"] .body`);
    if (body) body.setAttribute("y", y(to) + 0.5);
  });
  const drop = () => {
    const { index, pitch, to } = drag || {};
    drag = null;
    if (index !== undefined && to !== pitch) onchange("move", index, to);
  };
  picture.addEventListener("pointerup", drop);
  picture.addEventListener("pointercancel", () => { drag = null; draw(); });
  frame.addEventListener("keydown", (event) => {
    const key = event.key;
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "+", "-", "Delete", "Backspace", "Escape"].includes(key)) return;
    if (!notes.length || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (key === "Escape") onchange("select", -1);
    else if (key === "ArrowLeft") onchange("select", selected < 0 ? notes.length - 1 : Math.max(0, selected - 1));
    else if (key === "ArrowRight") onchange("select", Math.min(notes.length - 1, selected + 1));
    else if (key === "Home" || key === "End") onchange("select", key === "Home" ? 0 : notes.length - 1);
    else if (selected < 0) return;
    else if (key === "ArrowUp") onchange("move", selected, Math.min(127, notes[selected].pitch + 1));
    else if (key === "ArrowDown") onchange("move", selected, Math.max(0, notes[selected].pitch - 1));
    else if (key === "+" || key === "-") onchange("stretch", selected, key === "+" ? 1 : -1);
    else onchange("delete", selected);
    announce(selected < 0 ? "No note is chosen" : words(selected));
    if (selected >= 0) keepInView(notes[selected]);
  });
  const showEnd = () => { frame.scrollLeft = frame.scrollWidth; };
  return { element: frame, draw, select, mark, showEnd };
}
