// The same networks after several primers: where the marks of a row are apart, the primer decides and not the network.
function primersSection() {
  if (!core.primers) return;
  const { names, models } = core.primers;
  const place = section("primers", "Primers", "The same networks, asked for songs after each of these primers: mean and its 95% interval. Where the marks of a network are apart, it is the primer that the metric shows.");
  const hue = (number) => `var(--v${number % VARIANT_COLOURS})`;
  place.append(h("ul", { class: "primer-key" }, names.map((primer, i) => h("li", {}, h("i", { style: `background:${hue(i)}` }), h("strong", {}, primer.name), ` ${primer.notes}`))));
  const band = core.sets.find((set) => set.role === "reference");
  place.append(h("div", { class: "strips" }, core.songMetrics.filter((metric) => metric.group === "Tonality").map(panel)));

  function panel(metric) {
    const rows = models.map((model) => ({ lines: [`${model.dataset} ${model.cell} ${model.layers}`, ...(model.variant ? inLines(model.variant, 21) : [])],
      marks: model.after.map((after) => [names.findIndex((primer) => primer.name === after.primer), after.summaries[metric.key]]).filter(([, found]) => found) }));
    const values = rows.flatMap((row) => row.marks.flatMap(([, [mean, , low, high]]) => [mean, low ?? mean, high ?? mean]));
    const around = band?.summaries[metric.key];
    if (around) values.push(around[0]);
    let low = Math.min(...values), high = Math.max(...values);
    if (!(high - low > 1e-6 * Math.max(1, Math.abs(high)))) { low -= 0.5; high += 0.5; }
    const label = Math.max(52, ...rows.flatMap((row) => row.lines.map((line) => 6.9 * line.length))) + 8;
    const inner = STRIP.width - label - 16;
    const x = (value) => label + ((value - low) / (high - low)) * inner;
    const heights = rows.map((row) => Math.max(14 + 9 * names.length, 10 + 13 * row.lines.length));
    const tall = heights.reduce((a, b) => a + b, 0);
    const parts = [];
    if (around) {
      const left = Math.max(label, x(around[0] - (around[1] || 0))), right = Math.min(label + inner, x(around[0] + (around[1] || 0)));
      parts.push(s("rect", { class: "band", x: left, y: STRIP.top, width: Math.max(1, right - left), height: tall }),
        s("line", { class: "band-mean", x1: x(around[0]), x2: x(around[0]), y1: STRIP.top, y2: STRIP.top + tall }));
    }
    const { found, decimals } = ticks(low, high);
    found.forEach((tick) => parts.push(s("text", { class: "tick", x: x(tick), y: STRIP.top + tall + STRIP.foot - 20, "text-anchor": "middle" }, show(tick, decimals))));
    parts.push(s("text", { class: "tick", x: label + inner / 2, y: STRIP.top + tall + STRIP.foot - 4, "text-anchor": "middle" }, metric.unit || " "));
    let above = STRIP.top;
    rows.forEach((row, r) => {
      const middle = above + heights[r] / 2;
      above += heights[r];
      row.lines.forEach((line, i) => parts.push(s("text", { class: "strip-name", x: label - 8, y: middle + 4 + 13 * (i - (row.lines.length - 1) / 2), "text-anchor": "end" }, line)));
      row.marks.forEach(([number, [mean, , from, to]]) => {
        const y = middle + 9 * (number - (names.length - 1) / 2);
        const mark = s("g", { class: "strip", style: `--kind: ${hue(number)}` });
        if (from !== null && to !== null) mark.append(s("line", { class: "interval", x1: x(from), x2: x(to), y1: y, y2: y }));
        mark.append(s("circle", { class: "mean", cx: x(mean), cy: y, r: 4 }), s("title", {}, `${row.lines.join(" ")}, ${names[number].name}: ${show(mean, metric.decimals || 2)}`));
        parts.push(mark);
      });
    });
    const said = rows.map((row) => `${row.lines.join(" ")}: ${row.marks.map(([number, [mean]]) => `${names[number].name} ${show(mean, metric.decimals || 2)}`).join(", ")}`).join("; ");
    return h("figure", { class: "card" }, h("figcaption", {}, h("strong", {}, metric.label), " ", h("span", {}, metric.meaning)),
      s("svg", { viewBox: `0 0 ${STRIP.width} ${STRIP.top + tall + STRIP.foot}`, role: "img", "aria-label": `${metric.label} after each primer. ${said}` }, parts));
  }
}
