// Drawings of rows over one axis, with a band for what the rows are compared with. Lengths are in units of the drawing.
const STRIP = { row: 23, line: 13, top: 6, foot: 36, width: 326 };
const LETTER_WIDTH = 6.9, MARK_WIDTH = 8;

// Room for the names of the rows, given all their lines.
const nameWidth = (lines) => Math.max(52, ...lines.map((line) => LETTER_WIDTH * line.length)) + 8;

// The axis that shows all of `values` to the right of the names.
function stripAxis(values, left) {
  let low = Math.min(...values), high = Math.max(...values);
  // Equal but for rounding counts as equal: an axis needs room for its numbers.
  if (!(high - low > 1e-6 * Math.max(1, Math.abs(high)))) { low -= 0.5; high += 0.5; }
  const inner = STRIP.width - left - 16;
  return { low, high, left, right: left + inner, middle: left + inner / 2, x: (value) => left + ((value - low) / (high - low)) * inner };
}

// The mean plus and minus one deviation, from x to x, cut at the ends of the axis.
function deviationsOn(axis, { mean, deviation }) {
  return [Math.max(axis.left, axis.x(mean - (deviation || 0))), Math.min(axis.right, axis.x(mean + (deviation || 0)))];
}

// Arrow heads in row `y` at the ends of the axis that the values from `low` to `high` go beyond.
function cutMarks(axis, low, high, y) {
  const arrow = (x, way) => s("path", { class: "cut", d: `M${x + 6 * way} ${y}L${x - way} ${y - 5}V${y + 5}Z` });
  return [...(low < axis.low ? [arrow(axis.left, -1)] : []), ...(high > axis.high ? [arrow(axis.right, 1)] : [])];
}

// The number of a value beyond an end of the axis, with an arrow head, in row `y`, clear of marks at the places `taken`.
function cutNumber(axis, value, y, taken = []) {
  const isLow = value < axis.low, way = isLow ? 1 : -1, text = show(value, 2), width = LETTER_WIDTH * text.length;
  let x = isLow ? axis.left + 9 : axis.right - 9;
  for (const place of [...taken].sort((a, b) => way * (a - b))) {
    const ahead = way * (place - x); // from the start of the text towards the middle of the axis
    if (ahead > -MARK_WIDTH && ahead < width + MARK_WIDTH) x = place + way * MARK_WIDTH;
  }
  return [...cutMarks(axis, value, value, y), s("text", { class: "cut-value", x, y: y + 4, "text-anchor": isLow ? "start" : "end" }, text)];
}

// The background of the rows, which are `tall` together: the band of a summary, if there is one, the axis and its unit.
function stripGround(axis, tall, band, unit) {
  const parts = [];
  const bottom = STRIP.top + tall;
  if (band) {
    const [from, to] = deviationsOn(axis, band), mean = axis.x(band.mean);
    parts.push(s("rect", { class: "band", x: from, y: STRIP.top, width: Math.max(1, to - from), height: tall }),
      s("line", { class: "band-mean", x1: mean, x2: mean, y1: STRIP.top, y2: bottom }));
  }
  const { found, decimals } = ticks(axis.low, axis.high);
  found.forEach((tick) => parts.push(s("text", { class: "tick", x: axis.x(tick), y: bottom + STRIP.foot - 20, "text-anchor": "middle" }, show(tick, decimals))));
  parts.push(s("text", { class: "tick", x: axis.middle, y: bottom + STRIP.foot - 4, "text-anchor": "middle" }, unit || " "));
  return parts;
}

// The lines of a row's name, around the middle of the row.
const stripName = (axis, lines, y) => lines.map((line, i) =>
  s("text", { class: "strip-name", x: axis.left - 8, y: y + 4 + STRIP.line * (i - (lines.length - 1) / 2), "text-anchor": "end" }, line));

const stripCard = (metric, tall, label, parts) =>
  h("figure", { class: "card" }, h("figcaption", {}, h("strong", {}, metric.label), " ", h("span", {}, metric.meaning)),
    s("svg", { viewBox: `0 0 ${STRIP.width} ${STRIP.top + tall + STRIP.foot}`, role: "img", "aria-label": label }, parts));
