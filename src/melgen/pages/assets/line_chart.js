// Drawings of lines over common places. Lengths are in units of the drawing.
const LINES = { width: 326, height: 176, left: 44, right: 16, top: 16, foot: 38, letter: 6.4 };

// The look of each name: colours first, then dashes.
function looksOf(names) {
  const each = [...new Set(names)];
  return new Map(each.map((name, i) => [name, { hue: `var(--${numberedHue(i)})`, dash: DASHES[Math.floor(i / VARIANT_COLOURS) % DASHES.length] }]));
}

const lineKey = (looks) => h("ul", { class: "line-key" }, [...looks].map(([name, { hue, dash }]) =>
  h("li", { style: `--kind: ${hue}` }, s("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, s("line", { class: "line", x1: 0, x2: 26, y1: 5, y2: 5, "stroke-dasharray": dash })), name)));

// Whether a value of any of these drawings is above the end of its axis.
const isCut = (charts) => charts.some(({ highest, lines }) => highest !== null && lines.some(({ values }) => values.some((value) => value > highest)));

function lineCard({ title, place_names, places, along, unit, highest, lines }, looks) {
  const values = lines.flatMap((line) => [...line.values, ...line.control]).filter((value) => value !== null);
  let low = Math.min(...values), high = highest ?? Math.max(...values);
  if (!(high - low > 1e-6 * Math.max(1, Math.abs(high)))) { low -= 0.5; high += 0.5; }
  const right = LINES.width - LINES.right, bottom = LINES.top + LINES.height, first = places[0], length = places.at(-1) - first || 1;
  const x = (place) => LINES.left + 8 + ((places[place] - first) / length) * (right - LINES.left - 8);
  const y = (value) => bottom - 6 - ((Math.min(value, high) - low) / (high - low)) * (LINES.height - 12);
  const { found, decimals } = ticks(low, high);
  const parts = found.flatMap((tick) => [s("line", { class: "grid", x1: LINES.left, x2: right, y1: y(tick), y2: y(tick) }),
    s("text", { class: "tick", x: LINES.left - 6, y: y(tick) + 4, "text-anchor": "end" }, show(tick, decimals))]);
  let end = -Infinity; // of the last name, which the next must not touch
  place_names.forEach((name, place) => {
    const half = (name.length * LINES.letter) / 2;
    if (x(place) - half < end) return;
    end = x(place) + half + 4;
    parts.push(s("text", { class: "tick", x: x(place), y: bottom + 16, "text-anchor": "middle" }, name));
  });
  parts.push(s("text", { class: "tick", x: (LINES.left + right) / 2, y: bottom + 33, "text-anchor": "middle" }, along));
  const placed = (values) => values.map((value, place) => ({ value, place })).filter(({ value }) => value !== null);
  const at = (line) => placed(line.values);
  // A place without a value interrupts the line.
  const pathOf = (values) => placed(values).map(({ value, place }) => `${(values[place - 1] ?? null) === null ? "M" : "L"}${x(place)} ${y(value)}`).join("");
  const crosses = new Map(); // of each place, how many are drawn already
  for (const line of lines) {
    const { hue, dash } = looks.get(line.cell), row = s("g", { class: "of-cell", style: `--kind: ${hue}` });
    if (line.control.length) row.append(s("path", { class: "line control", d: pathOf(line.control) }, s("title", {}, `${line.cell}, control`)),
      ...placed(line.control).map(({ value, place }) => s("circle", { class: "control-point", cx: x(place), cy: y(value), r: 2 }, s("title", {}, `${line.cell}, control, ${place_names[place]}: ${show(value, 3)}`))));
    row.append(s("path", { class: "line", d: pathOf(line.values), "stroke-dasharray": dash }, s("title", {}, line.cell)));
    at(line).forEach(({ value, place }) => row.append(value > high ? s("text", { class: "tick", x: x(place) + 2, y: LINES.top, "text-anchor": "end" }, `${show(value, 1)} ↑`) : s("circle", { class: place === line.chosen ? "point chosen" : "point", cx: x(place), cy: y(value), r: place === line.chosen ? 5 : 3 },
      s("title", {}, `${line.cell}, ${place_names[place]}: ${show(value, 3)}`))));
    line.failed.forEach((place) => {
      const number = crosses.get(place) ?? 0, all = lines.filter(({ failed }) => failed.includes(place)).length;
      const step = Math.min(11, (right - LINES.left) / places.length / all);
      const begin = Math.min(x(place) - ((all - 1) / 2) * step, LINES.width - 6 - (all - 1) * step);
      const left = begin - 4 + number * step;
      crosses.set(place, number + 1);
      row.append(s("path", { class: "failed-mark", d: `M${left} ${LINES.top - 10}l8 8m0 -8l-8 8` }, s("title", {}, `${line.cell}, ${place_names[place]}: diverged`)));
    });
    if (line.beyond && line.chosen !== null) {
      const tip = x(line.chosen) + 14 * line.beyond, middle = y(line.values[line.chosen]);
      row.append(s("path", { class: "beyond", d: `M${tip} ${middle}l${-6 * line.beyond} -4v8Z` }));
    }
    parts.push(row);
  }
  const list = lines.map((line) => `${line.cell} ${at(line).map(({ value, place }) => `${show(value, 3)} at ${place_names[place]}`).join(", ")}`).join("; ");
  return h("figure", { class: "card" }, h("figcaption", {}, title ? h("strong", {}, title) : null, " ", h("span", {}, unit)),
    s("svg", { viewBox: `0 0 ${LINES.width} ${bottom + LINES.foot}`, role: "img", "aria-label": `${title}, ${unit}: ${list}` }, parts));
}
