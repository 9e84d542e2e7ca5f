// The probes of a study: drawings of each, with the table below.
const LEADS = {
  copying: "Bits per note at the second hearing of a passage minus those at the first. Left of 0 a network copies from what it has heard; in the control there is nothing to copy. Bars are intervals over seeds.",
  states: "How well a linear probe reads this from the state of a network after each note; the line is chance. What is to the right of the untrained network and of the note alone has been learnt. Bars are intervals over seeds.",
  similarity: "Bits per note of test tunes by how much of them the nearest training tune contains. A line that falls to the right is of a network that predicts better what resembles its training tunes.",
  memorization: "How much of the songs is in a part of the training tunes, as the training goes on, and with the best weights. Dashed, the control: how much of the same songs is in as many notes of tunes that no network was trained on. Where a line is above its control, songs copy more than their style explains.",
  budget: "The lowest validation bits per note until each part of the training. Where lines cross, the order of the cells depends on the budget.",
};
// A shape for each kind of mark.
const SHAPES = ["M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z", "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z", "M-4 -4L4 4M-4 4L4 -4", "M0 -5L5 4H-5Z"];
const ROW = 26;

addSection("probes", ({ probes }) => {
  const place = section("probes", "Probes", "What else was asked of the networks. A control is a measurement in which there is nothing to find.");
  for (const { name, title, caption, kinds, row_charts, line_charts } of probes) {
    const looks = looksOf(line_charts.flatMap((chart) => chart.lines.map((line) => line.cell)));
    place.append(h("div", { class: "probe", id: `probe-${name}` }, h("h3", {}, title), h("p", { class: "lead" }, LEADS[name], isCut(line_charts) ? " A number with an arrow is far above the others." : ""),
      kinds.length ? h("ul", { class: "mark-key" }, kinds.map((kind, i) => h("li", {}, s("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, shape(i, kinds, 0, 0)), kind))) : lineKey(looks),
      h("div", { class: "strips lines" }, row_charts.map((chart) => rowCard(chart, kinds)), line_charts.map((chart) => lineCard(chart, looks))), foldedTable(name, title, caption)));
  }
});

// Controls have the last shape, whichever the number of kinds.
const shape = (kind, kinds, x, y) => {
  const last = kind > 0 && kind === kinds.length - 1;
  return s("path", { class: "mark", "data-mark": last ? "control" : kind, d: last ? SHAPES.at(-1) : SHAPES[kind], transform: `translate(${x} ${y})` });
};

function rowCard({ title, unit, line, rows }, kinds) {
  const networks = rows.filter((row) => !row.is_baseline);
  const values = (networks.length ? networks : rows).flatMap((row) => row.marks.map((mark) => mark.value));
  if (line !== null) values.push(line);
  const linesOf = (row) => [...inLines(row.name, LETTERS_OF_LINE), ...(row.variant ? inLines(row.variant, LETTERS_OF_LINE) : [])];
  const margin = 0.06 * (Math.max(...values) - Math.min(...values));
  const axis = stripAxis([...values, Math.min(...values) - margin, Math.max(...values) + margin], nameWidth(rows.flatMap(linesOf)));
  const heights = rows.map((row) => Math.max(ROW, 10 + STRIP.line * linesOf(row).length));
  const tall = heights.reduce((a, b) => a + b, 0), parts = stripGround(axis, tall, null, unit);
  if (line !== null) parts.push(s("line", { class: "zero", x1: axis.x(line), x2: axis.x(line), y1: STRIP.top, y2: STRIP.top + tall }));
  let above = STRIP.top;
  rows.forEach((row, r) => {
    const y = above + heights[r] / 2, drawn = s("g", { class: "marked-row" });
    above += heights[r];
    drawn.append(...stripName(axis, linesOf(row), y));
    for (const { kind, value, interval } of [...row.marks].reverse()) {
      if (interval) {
        const [low, high] = interval;
        drawn.append(s("line", { class: "interval", x1: Math.max(axis.left, axis.x(low)), x2: Math.min(axis.right, axis.x(high)), y1: y, y2: y }), ...cutMarks(axis, low, high, y));
      }
      if (value < axis.low || value > axis.high) { // of a baseline
        // One number has room, that of the finding.
        if (kind === 0) drawn.append(...cutNumber(axis, value, y));
        continue;
      }
      const mark = shape(kind, kinds, axis.x(value), y);
      mark.append(s("title", {}, `${linesOf(row).join(" ")}, ${kinds[kind]}: ${show(value, 3)}`));
      drawn.append(mark);
    }
    parts.push(drawn);
  });
  const list = rows.map((row) => `${linesOf(row).join(" ")}: ${row.marks.map(({ kind, value }) => `${kinds[kind]} ${show(value, 3)}`).join(", ")}`).join("; ");
  return stripCard({ label: title, meaning: "" }, tall, `${title} ${list}`, parts);
}
