// The probes of a study: drawings of each, with the table below.
addSection("probes", ({ probes }) => {
  const place = section("probes", "Probes", "What else was asked of the networks. A control is a measurement in which there is nothing to find.");
  for (const { name, title, lead, caption, kinds, row_charts, line_charts } of probes) {
    const looks = looksOf(line_charts.flatMap((chart) => chart.lines.map((line) => line.cell)));
    place.append(h("div", { class: "probe", id: `probe-${name}` }, h("h3", {}, title), h("p", { class: "lead" }, lead, isCut(line_charts) ? " A number with an arrow is far above the others." : ""),
      kinds.length ? markKey(kinds) : lineKey(looks),
      h("div", { class: "strips lines" }, row_charts.map((chart) => rowCard(chart, kinds)), line_charts.map((chart) => lineCard(chart, looks))), foldedTable(name, title, caption)));
  }
});
