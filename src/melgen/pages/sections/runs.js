// All runs: a small table for each representation, cells downwards, layers across.
addSection("runs", ({ metrics }) => {
  const { runs: allRuns } = pageData, selects = hasSelection();
  const groups = new Map();
  for (const run of allRuns) {
    const group = [run.dataset, run.variant].filter(Boolean).join(" ");
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(run);
  }
  const layers = [...new Set(allRuns.map((run) => run.layers))].sort((a, b) => a - b);
  const place = section("runs", "All runs",
    `Every network that was trained: cells downwards, layers across. ${selects ? "The frame marks the depth that was selected. " : ""}Several seeds are averaged.`);
  const tables = h("div", { class: "heat-maps" });
  const readout = h("p", { class: "readout", "aria-live": "polite" });
  const key = h("div", { class: "heat-key" });
  let metric = metrics[0];
  const choose = (name) => { metric = metrics.find((each) => each.key === name); draw(); };
  if (metrics.length) place.append(picker("Metric", metrics.map((each) => [each.key, each.label]), choose, metric.key));
  place.append(tables, key, readout);

  const valuesOf = (runs) => runs.map((run) => run.values[metric?.key]).filter((value) => value !== null && value !== undefined);
  const mean = (runs) => {
    const values = valuesOf(runs);
    return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
  };
  function range(runs) {
    const values = valuesOf(runs);
    return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  }
  function draw() {
    if (!metric) { readout.textContent = "No run has finished yet."; }
    const whole = metric && metric.is_comparable ? range(allRuns) : null;
    tables.replaceChildren(...[...groups].map(([name, runs]) => {
      const [low, high] = metric ? whole || range(runs) : [0, 1];
      const cells = [...new Set(runs.map((run) => run.cell))];
      const letters = Math.max("layers".length, ...cells.map((cell) => cell.length));
      return h("table", { class: "heat", style: `--letters: ${Math.min(letters, 16)}; --columns: ${layers.length}` },
        h("caption", { "data-kind": runs[0].dataset }, name),
        h("thead", {}, h("tr", {}, h("td", {}, "layers"), layers.map((count) => h("th", { scope: "col" }, count)))),
        h("tbody", {}, cells.map((cell) => h("tr", {}, h("th", { scope: "row" }, cell),
          layers.map((count) => square(runs.filter((run) => run.cell === cell && run.layers === count), low, high))))));
    }));
    if (metric) {
      const steps = [0, 0.25, 0.5, 0.75, 1].map((share) => h("i", { style: `background:${shade(share).fill}` }));
      key.replaceChildren(h("span", {}, !metric.better ? "low" : "better"), ...steps, h("span", {}, !metric.better ? "high" : "worse"),
        h("span", { class: "meaning" }, [metric.unit, metric.meaning, !metric.is_comparable ? "colours compare within a representation only" : ""].filter(Boolean).join("; ")));
    }
  }
  const shade = (share) => mixed(colour("heat-strong"), colour("heat-weak"), share);

  function square(runs, low, high) {
    if (!runs.length) return h("td", { class: "none" }, h("span", { class: "unseen" }, "not trained"));
    const value = mean(runs);
    const selected = selects && runs.some((run) => run.is_selected);
    if (value === null) {
      const why = runs.map((run) => `${run.name}: ${run.state}${run.error ? `, ${run.error}` : ""}`).join("; ");
      return h("td", { class: "failed" }, h("button", { type: "button", title: why, onclick: () => { readout.textContent = why; } }, runs[0].state === "finished" ? "–" : runs[0].state));
    }
    let share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
    if (metric.better === "higher") share = 1 - share;
    // Good values are close together and a few failures far off: more shades for the good ones.
    share = !metric.better ? 1 - share : Math.sqrt(share);
    const { fill, text } = shade(share);
    const label = `${runs[0].dataset} ${runs[0].cell}, ${counted(runs[0].layers, "layer")}${runs.length > 1 ? `, mean of ${runs.length} seeds` : ""}: ${metric.label} ${show(value, metric.decimals)}${metric.unit ? ` ${metric.unit}` : ""}${selected ? "; selected" : ""}`;
    return h("td", {}, h("button", {
      type: "button", class: selected ? "selected" : null, style: `background:${fill};color:${text}`, "aria-label": label, title: label,
      onclick: () => { readout.textContent = label; requests.showCurves(runs.map((run) => run.name)); },
    }, show(value, metric.decimals)));
  }
  onTheme.push(draw);
  draw();
});
