// The same networks after several primers: where the marks of a row are apart, the primer decides and not the network.
addSection("primers", ({ confidence, metrics, primers, models }) => {
  const place = section("primers", "Primers", `The same networks, asked for songs after each of these primers: mean and its ${confidence} interval. Where the marks of a network are apart, it is the primer that the metric shows.`);
  const hue = (number) => `var(--${numberedHue(number)})`;
  place.append(h("ul", { class: "primer-key" }, primers.map((primer, i) => h("li", {}, h("i", { style: `background:${hue(i)}` }), h("strong", {}, primer.name), ` ${primer.notes}`))));
  const reference = pageData.song_sets.find((set) => set.role === "reference");
  place.append(h("div", { class: "strips" }, metrics.map((key) => panel(metricsOfSongs.get(key)))));

  function panel(metric) {
    const rows = models.map((model) => ({ lines: labelLines(model.label),
      marks: model.after.map((after) => ({ primer: after.primer, summary: after.summaries[metric.key] })).filter((mark) => mark.summary) }));
    const values = rows.flatMap((row) => row.marks.flatMap(({ summary: { mean, low, high } }) => [mean, low ?? mean, high ?? mean]));
    const band = reference?.summaries[metric.key];
    if (band) values.push(band.mean);
    const axis = stripAxis(values, nameWidth(rows.flatMap((row) => row.lines)));
    const heights = rows.map((row) => Math.max(14 + 9 * primers.length, 10 + STRIP.line * row.lines.length));
    const tall = heights.reduce((a, b) => a + b, 0);
    const parts = stripGround(axis, tall, band, metric.unit);
    let above = STRIP.top;
    rows.forEach((row, r) => {
      const middle = above + heights[r] / 2;
      above += heights[r];
      parts.push(...stripName(axis, row.lines, middle));
      row.marks.forEach(({ primer, summary: { mean, low, high } }) => {
        const y = middle + 9 * (primer - (primers.length - 1) / 2);
        const mark = s("g", { class: "strip", style: `--kind: ${hue(primer)}` });
        if (low !== null && high !== null) mark.append(s("line", { class: "interval", x1: axis.x(low), x2: axis.x(high), y1: y, y2: y }));
        mark.append(s("circle", { class: "mean", cx: axis.x(mean), cy: y, r: 4 }), s("title", {}, `${row.lines.join(" ")}, ${primers[primer].name}: ${show(mean, metric.mean_decimals)}`));
        parts.push(mark);
      });
    });
    const means = rows.map((row) => `${row.lines.join(" ")}: ${row.marks.map(({ primer, summary }) => `${primers[primer].name} ${show(summary.mean, metric.mean_decimals)}`).join(", ")}`).join("; ");
    return stripCard(metric, tall, `${metric.label} after each primer. ${means}`, parts);
  }
});
