// Bits per note of networks and baselines: a drawing, with the table below.
addSection("likelihood", ({ name, caption, kinds, row_charts }) => {
  const isCut = row_charts.some(({ rows }) => rows.some((row) => !row.has_room));
  const place = section("likelihood", "Likelihood", `Bits per note of each ${hasSelection() ? "selected network" : "network"} and each baseline, the best first; to the left is better. Bars are 95% intervals over seeds. Baselines are in italics; they count what followed in the training tunes or so far in the tune, and have no seeds.${isCut ? " A number with an arrow is beyond the axis." : ""}`,
    markKey(kinds), h("div", { class: "strips lines" }, row_charts.map((chart) => rowCard(chart, kinds))));
  if (name) place.append(foldedTable(name, "Likelihood", caption));
});
