// Drawings of rows of marks over one axis. Lengths are in units of the drawing.
// A shape for each kind of mark.
const SHAPES = ["M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z", "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z", "M-4 -4L4 4M-4 4L4 -4", "M0 -5L5 4H-5Z"];
const MARKED_ROW = 26;

// The mark of a kind at a place; controls have the last shape, whichever the number of kinds.
function rowMark(kind, kinds, x, y) {
  const { is_control } = kinds[kind];
  return s("path", { class: "mark", "data-mark": is_control ? "control" : kind, d: is_control ? SHAPES.at(-1) : SHAPES[kind], transform: `translate(${x} ${y})` });
}

const markKey = (kinds) => h("ul", { class: "mark-key" }, kinds.map((kind, i) =>
  h("li", {}, s("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, rowMark(i, kinds, 0, 0)), kind.name)));

function rowCard({ title, unit, line, rows }, kinds) {
  const withRoom = rows.filter((row) => row.has_room);
  const values = (withRoom.length ? withRoom : rows).flatMap((row) => row.marks.map((mark) => mark.value));
  if (line !== null) values.push(line);
  const linesOf = (row) => labelLines(row.label);
  const margin = 0.06 * (Math.max(...values) - Math.min(...values));
  const axis = stripAxis([...values, Math.min(...values) - margin, Math.max(...values) + margin], nameWidth(rows.flatMap(linesOf)));
  const heights = rows.map((row) => Math.max(MARKED_ROW, 10 + STRIP.line * linesOf(row).length));
  const tall = heights.reduce((a, b) => a + b, 0), parts = stripGround(axis, tall, null, unit);
  if (line !== null) parts.push(s("line", { class: "zero", x1: axis.x(line), x2: axis.x(line), y1: STRIP.top, y2: STRIP.top + tall }));
  let above = STRIP.top;
  rows.forEach((row, r) => {
    const y = above + heights[r] / 2, drawn = s("g", { class: row.is_baseline ? "marked-row of-baseline" : "marked-row" });
    above += heights[r];
    drawn.append(...stripName(axis, linesOf(row), y));
    for (const { kind, value, interval } of [...row.marks].reverse()) {
      if (interval) {
        const [low, high] = interval;
        if (low <= axis.high && high >= axis.low) drawn.append(s("line", { class: "interval", x1: Math.max(axis.left, axis.x(low)), x2: Math.min(axis.right, axis.x(high)), y1: y, y2: y }));
        drawn.append(...cutMarks(axis, low, high, y));
      }
      if (value < axis.low || value > axis.high) { // of a row without room
        // One number has room, that of the finding.
        if (kind === 0) drawn.append(...cutNumber(axis, value, y, row.marks.filter((mark) => mark.kind !== 0).map((mark) => axis.x(mark.value))));
        continue;
      }
      const mark = rowMark(kind, kinds, axis.x(value), y);
      mark.append(s("title", {}, `${linesOf(row).join(" ")}, ${kinds[kind].name}: ${show(value, 3)}`));
      drawn.append(mark);
    }
    parts.push(drawn);
  });
  const list = rows.map((row) => `${linesOf(row).join(" ")}: ${row.marks.map(({ kind, value }) => `${kinds[kind].name} ${show(value, 3)}`).join(", ")}`).join("; ");
  return stripCard({ label: title, meaning: "" }, tall, `${title} ${list}`, parts);
}
