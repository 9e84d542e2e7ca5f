// The probes of a study: drawings of each, with the table below.
const LEADS = {
  copying: "Bits per note at the second hearing of a passage minus those at the first. Left of 0 a network copies from what it has heard; in the control there is nothing to copy. Bars are intervals over seeds.",
  states: "How well a linear probe reads this from the state of a network after each note; the line is chance. What is to the right of the untrained network and of the note alone has been learnt. Bars are intervals over seeds.",
  similarity: "Bits per note of test tunes by how much of them the nearest training tune contains. A line that falls to the right is of a network that predicts better what resembles its training tunes.",
  memorization: "How much of the songs is in a part of the training tunes, as the training goes on, and with the best weights. Dashed, the control: how much of the same songs is in as many notes of tunes that no network was trained on. Where a line is above its control, songs copy more than their style explains.",
  budget: "The lowest validation bits per note until each part of the training. Where lines cross, the order of the cells depends on the budget.",
};

addSection("probes", ({ probes }) => {
  const place = section("probes", "Probes", "What else was asked of the networks. A control is a measurement in which there is nothing to find.");
  for (const { name, title, caption, kinds, row_charts, line_charts } of probes) {
    const looks = looksOf(line_charts.flatMap((chart) => chart.lines.map((line) => line.cell)));
    place.append(h("div", { class: "probe", id: `probe-${name}` }, h("h3", {}, title), h("p", { class: "lead" }, LEADS[name], isCut(line_charts) ? " A number with an arrow is far above the others." : ""),
      kinds.length ? markKey(kinds) : lineKey(looks),
      h("div", { class: "strips lines" }, row_charts.map((chart) => rowCard(chart, kinds)), line_charts.map((chart) => lineCard(chart, looks))), foldedTable(name, title, caption)));
  }
});
