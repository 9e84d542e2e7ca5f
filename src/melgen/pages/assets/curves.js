// Learning curves: drag to zoom, double-click to go back, chips to show and hide.
function toggles(label, values, onchange, kinds) {
  const hidden = new Set();
  const group = h("div", { class: "chips", role: "group", "aria-label": label }, h("span", { class: "chips-name" }, label),
    values.map((value) => {
      const button = h("button", { type: "button", class: "chip", "aria-pressed": "true", "data-kind": kinds ? value : null,
        onclick: () => {
          if (hidden.has(value)) hidden.delete(value); else hidden.add(value);
          button.setAttribute("aria-pressed", String(!hidden.has(value)));
          onchange();
        } }, String(value));
      return button;
    }));
  return { group, shows: (value) => !hidden.has(value) };
}

function curvesSection() {
  if (!core.curveMetrics.length) return;
  const many = core.runs.length > 1;
  const place = section("curves", many ? "Learning curves" : "Learning curve",
    many ? "The networks that were selected are drawn strong, colours are representations, dashes are cells." : "The loss on tunes that the network learns from, and on others.",
    h("p", { class: "lead" }, coarse.matches ? "The signs above the chart zoom." : "Drag over the chart to zoom, double-click to go back."));
  const chart = h("div", { class: "chart", role: "img", "aria-label": "Learning curves; the table of runs has their last values" });
  const losses = ["val/loss", "train/loss"];
  const choices = many ? core.curveMetrics.map((each) => [each.key, each.label])
    : [["loss", "Loss, training and validation"], ...core.curveMetrics.filter((each) => !losses.includes(each.key)).map((each) => [each.key, each.label])];
  let metric = choices[0][0];
  const controls = h("div", { class: "controls" }, picker("Curve", choices, (key) => { metric = key; draw(); }, metric));
  place.append(controls);
  const distinct = (key) => [...new Set(core.runs.map((run) => run[key]))];
  const filters = {};
  if (many) {
    for (const [key, label] of [["dataset", "Representation"], ["cell", "Cell"], ["layers", "Layers"], ["variant", "Variant"]]) {
      const values = distinct(key).sort((a, b) => (typeof a === "number" ? a - b : 0));
      if (values.length < 2) continue;
      filters[key] = toggles(label, values, draw, key === "dataset");
      controls.append(filters[key].group);
    }
    const depth = h("input", { type: "checkbox", onchange: draw });
    controls.append(h("label", { class: "check" }, depth, "selected networks only"));
    filters.selected = { shows: () => true, only: depth };
  }
  const readout = h("p", { class: "told", "aria-live": "polite" });
  place.append(chart, readout);
  let curves = null, started = false, lit = new Set();
  const dashes = ["solid", "dash", "dot", "dashdot", "longdash"];
  const cells = distinct("cell");

  function lines() {
    if (!many) {
      const own = curves[core.runs[0].name] || {};
      return (metric === "loss" ? losses : [metric]).filter((key) => own[key]).map((key) => ({
        x: own[key][0], y: own[key][1], mode: own[key][0].length < 60 ? "lines+markers" : "lines", name: key.startsWith("train") ? "training" : "validation",
        line: { color: key.startsWith("train") ? colour("soft") : colour("accent"), width: 2.4, dash: key.startsWith("train") ? "dot" : "solid" },
        marker: { size: 6 }, hovertemplate: "update %{x:,}: %{y:.4f}<extra>%{fullData.name}</extra>",
      }));
    }
    const anySelected = core.runs.some((run) => run.model);
    return core.runs.filter((run) => curves[run.name]?.[metric])
      .filter((run) => ["dataset", "cell", "layers", "variant"].every((key) => !filters[key] || filters[key].shows(run[key])))
      .filter((run) => !filters.selected.only.checked || run.model)
      .map((run) => {
        const [x, y] = curves[run.name][metric];
        const strong = lit.size ? lit.has(run.name) : run.model || !anySelected;
        return { x, y, mode: "lines", name: run.name, opacity: strong ? 1 : 0.28,
          line: { color: datasetColour(run.dataset), width: lit.has(run.name) ? 4 : strong ? 2.2 : 1, dash: dashes[cells.indexOf(run.cell) % dashes.length] },
          hovertemplate: `update %{x:,}: %{y:.4f}<extra>${run.dataset} ${run.cell} ${run.layers}, seed ${Number(run.seed)}</extra>` };
      });
  }
  async function draw() {
    if (!started) return;
    try {
      const Plotly = await plotly();
      curves ||= await unfold("curves");
      const chosen = core.curveMetrics.find((each) => each.key === metric) || core.curveMetrics.find((each) => losses.includes(each.key));
      const unit = chosen.unit ? ` (${chosen.unit})` : "";
      const data = lines();
      const label = metric === "loss" ? "Loss" : chosen.label;
      await Plotly.react(chart, data, { ...plotLook(), xaxis: axisLook("updates"), yaxis: axisLook(`${label}${unit}`),
        uirevision: metric, showlegend: !many, legend: { orientation: "h", y: -0.22, x: 0 }, dragmode: coarse.matches ? false : "zoom",
        hovermode: "closest" }, plotOptions());
      chart.dataset.lines = data.length;
      readout.textContent = data.length ? "" : "Nothing to show: no run of that choice has this curve.";
    } catch (error) { failed(chart)(error); }
  }
  spotlight = (names) => { lit = new Set(names); started = true; draw(); };
  onTheme.push(draw);
  whenNear(place, () => { started = true; draw(); });
}
