// Bits per note of networks and baselines: a drawing, with the table below.
addSection("likelihood", ({ name, caption, kinds, row_charts }) => {
  const rows = row_charts.flatMap((chart) => chart.rows), marks = rows.flatMap((row) => row.marks);
  const hasBaselines = rows.some((row) => row.is_baseline);
  const sentences = [`Bits per note of each ${hasSelection() ? "selected network" : "network"}${hasBaselines ? " and each baseline" : ""}, the best first; to the left is better.`];
  if (marks.some((mark) => mark.interval)) sentences.push("Bars are 95% intervals over seeds.");
  if (hasBaselines) sentences.push("Baselines are in italics; they count what followed in the training tunes or so far in the tune, and have no seeds.");
  if (rows.some((row) => !row.has_room)) sentences.push("A number with an arrow is beyond the axis.");
  const shownKinds = kinds.filter((_, kind) => marks.some((mark) => mark.kind === kind));
  const place = section("likelihood", "Likelihood", sentences.join(" "),
    markKey(shownKinds), h("div", { class: "strips lines" }, row_charts.map((chart) => rowCard(chart, kinds))));
  if (name) place.append(foldedTable(name, "Likelihood", caption));
});
