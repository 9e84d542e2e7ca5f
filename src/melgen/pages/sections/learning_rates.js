// The learning rates that were tried: a drawing for each setting, a line for each cell.
addSection("learning_rates", ({ name, caption, line_charts }) => {
  const lines = line_charts.flatMap((chart) => chart.lines);
  const notes = [lines.some((line) => line.beyond) ? "an arrow marks one at an end of the grid, beyond which a better one may be" : "",
    lines.some((line) => line.failed.length) ? "a cross at the top is a rate at which a training diverged" : "",
    isCut(line_charts) ? "a number with an arrow is far above the others" : ""].filter(Boolean);
  const looks = looksOf(lines.map((line) => line.cell));
  section("learning_rates", "Learning rates", `What each network reached in short trainings with each learning rate; lower is better. The large dot is the chosen rate${notes.map((note) => `; ${note}`).join("")}.`,
    lineKey(looks), h("div", { class: "strips lines" }, line_charts.map((chart) => lineCard(chart, looks))), foldedTable(name, "Learning rates", caption));
});
