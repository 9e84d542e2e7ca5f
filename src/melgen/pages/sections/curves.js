// Learning curves: drag to zoom, double-click to go back, chips to show and hide.
// `look(value)` has the hue of a chip, the kind of its dot, or the dash of its lines.
function toggles(label, values, onchange, look = () => ({})) {
  const hidden = new Set();
  const group = h("div", { class: "chips", role: "group", "aria-label": label }, h("span", { class: "chips-name" }, label),
    values.map((value) => {
      const { kind = null, hue = null, dash = null } = look(value);
      const sign = dash === null ? null : s("svg", { class: "dash", viewBox: "0 0 26 8", "aria-hidden": "true" }, s("line", { x1: 0, x2: 26, y1: 4, y2: 4, "stroke-dasharray": dash }));
      const button = h("button", { type: "button", "aria-pressed": "true", "data-kind": kind,
        class: hue ? "chip hued" : "chip", style: hue ? `--hue: var(--${hue})` : null,
        onclick: () => {
          if (hidden.has(value)) hidden.delete(value); else hidden.add(value);
          button.setAttribute("aria-pressed", String(!hidden.has(value)));
          onchange();
        } }, sign, String(value));
      return button;
    }));
  return { group, shows: (value) => !hidden.has(value) };
}

addSection("curves", ({ metrics, validation_loss, training_loss }) => {
  const { runs } = pageData, severalVariants = hasVariants(runs), selects = hasSelection();
  const many = runs.length > 1;
  const distinct = (key) => [...new Set(runs.map((run) => run[key]))];
  const severalKinds = distinct("cell").length > 1 || distinct("dataset").length > 1;
  // With one representation, the cells have its place: colours are told apart better than dashes.
  const cellsHued = !severalVariants && distinct("dataset").length === 1 && distinct("cell").length > 1;
  const cells = distinct("cell");
  const cellHue = (cell) => numberedHue(cells.indexOf(cell));
  const huedBy = severalVariants ? "variants" : cellsHued ? "cells" : "representations";
  const dashedBy = !severalVariants ? "cells" : severalKinds ? "representations and cells" : "variants too";
  const dashOf = !severalVariants ? (run) => run.cell : severalKinds ? (run) => `${run.dataset} ${run.cell}` : (run) => run.variant;
  const dashNames = [...new Set(runs.map(dashOf))];
  // Cells that have a colour need another dash only when the colours repeat.
  const dash = (name) => DASHES[(cellsHued ? Math.floor(dashNames.indexOf(name) / VARIANT_COLOURS) : dashNames.indexOf(name)) % DASHES.length];
  const dashesOfCells = !severalVariants && cells.length > 1 && (!cellsHued || cells.length > VARIANT_COLOURS);
  // The chips of cells show their dashes; other dashes need a key.
  const dashKey = many && severalVariants && dashNames.length > 1
    ? lineKey(new Map(dashNames.map((name) => [name, { hue: "var(--soft)", dash: dash(name) }]))) : null;
  const looks = {
    dataset: (value) => (severalVariants ? {} : { kind: value }),
    variant: (value) => ({ hue: variantHue(value) }),
    cell: (value) => ({ hue: cellsHued ? cellHue(value) : null, dash: dashesOfCells ? dash(value) : null }),
  };
  const once = many && runs.some((run) => run.validations === 1);
  const place = section("curves", many ? "Learning curves" : "Learning curve",
    many ? `${selects ? "The networks that were selected are drawn strong, colours" : "Colours"} are ${huedBy}${cellsHued ? "" : `, dashes are ${dashedBy}`}.` : "The loss on tunes that the network learns from, and on others.",
    h("p", { class: "lead" }, coarse.matches ? "The signs above the chart zoom." : "Drag over the chart to zoom, double-click to go back."));
  const chart = h("div", { class: "chart", role: "img", "aria-label": "Learning curves; the table of runs has their last values" });
  const losses = [validation_loss, training_loss];
  const choices = many ? [...(once ? [["loss", "Loss, training and validation"]] : []), ...metrics.map((each) => [each.key, each.label])]
    : [["loss", "Loss, training and validation"], ...metrics.filter((each) => !losses.includes(each.key)).map((each) => [each.key, each.label])];
  // At first the curve that most runs have: networks with rhythm and without have other bits.
  const having = ([key]) => (key === "loss" ? runs.length : runs.filter((run) => (run.values[key] ?? null) !== null).length);
  let metric = choices.reduce((best, each) => (many && having(each) > having(best) ? each : best))[0];
  const controls = h("div", { class: "controls" }, picker("Curve", choices, (key) => { metric = key; draw(); }, metric));
  place.append(controls);
  const filters = {};
  if (many) {
    for (const [key, label] of [["dataset", "Representation"], ["cell", "Cell"], ["layers", "Layers"], ["variant", "Variant"]]) {
      const values = distinct(key).sort((a, b) => (typeof a === "number" ? a - b : 0));
      if (values.length < 2) continue;
      filters[key] = toggles(label, values, draw, looks[key]);
      controls.append(filters[key].group);
    }
  }
  const onlySelected = h("input", { type: "checkbox", onchange: draw });
  if (selects) controls.append(h("label", { class: "check" }, onlySelected, "selected networks only"));
  const readout = h("p", { class: "readout", "aria-live": "polite" });
  if (dashKey) place.append(dashKey);
  place.append(chart, readout);
  let curves = null, started = false, lit = new Set();
  const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("{", "(").replaceAll("}", ")");
  const look = (x, width) => x.length === 1 ? { mode: "markers", marker: { size: 9, symbol: "diamond" } } : { mode: "lines", line: { width } };

  function lines() {
    if (!many) {
      const own = curves[runs[0].name] || {};
      return (metric === "loss" ? losses : [metric]).filter((key) => own[key]).map((key) => ({
        x: own[key].updates, y: own[key].values, mode: own[key].updates.length < 60 ? "lines+markers" : "lines", name: key === training_loss ? "training" : "validation",
        line: { color: key === training_loss ? colour("soft") : colour("accent"), width: 2.4, dash: key === training_loss ? "dot" : "solid" },
        marker: own[key].updates.length === 1 ? { size: 11, symbol: "diamond" } : { size: 6 }, hovertemplate: "update %{x:,}: %{y:.4f}<extra>%{fullData.name}</extra>",
      }));
    }
    const wanted = metric === "loss" ? losses : [metric];
    return runs.filter((run) => wanted.some((key) => curves[run.name]?.[key]))
      .filter((run) => ["dataset", "cell", "layers", "variant"].every((key) => !filters[key] || filters[key].shows(run[key])))
      .filter((run) => !onlySelected.checked || run.is_selected)
      .flatMap((run) => wanted.filter((key) => curves[run.name][key]).map((key) => {
        const { updates: x, values: y } = curves[run.name][key];
        const strong = lit.size ? lit.has(run.name) : run.is_selected || !selects;
        const training = metric === "loss" && key === training_loss;
        const hue = severalVariants ? colour(variantHue(run.variant)) : cellsHued ? colour(cellHue(run.cell)) : datasetColour(run.dataset);
        const { mode, marker, line } = look(x, lit.has(run.name) ? 4 : training ? 1 : strong ? 2.2 : 1);
        return { x, y, mode, name: run.name, opacity: strong ? 1 : 0.28, marker: { color: hue, ...marker },
          line: { color: hue, dash: dash(dashOf(run)), ...line },
          hovertemplate: `update %{x:,}: %{y:.4f}<extra>${plain([networkOf(run), run.variant, `seed ${run.seed}`, training ? "training" : ""].filter(Boolean).join(", "))}</extra>` };
      }));
  }
  async function draw() {
    if (!started) return;
    try {
      const Plotly = await plotly();
      curves ||= await unfold("curves");
      const chosen = metrics.find((each) => each.key === metric) || metrics.find((each) => losses.includes(each.key));
      const unit = chosen.unit ? ` (${chosen.unit})` : "";
      const data = lines();
      const label = metric === "loss" ? "Loss" : chosen.label;
      const look = plotLook();
      if (!many) look.margin.t += 26; // a line for the legend, below Plotly's signs
      await Plotly.react(chart, data, { ...look, xaxis: axisLook("updates"), yaxis: axisLook(`${label}${unit}`),
        uirevision: metric, showlegend: !many, legend: { orientation: "h", y: 1, yanchor: "bottom", x: 0 }, dragmode: coarse.matches ? false : "zoom",
        hovermode: "closest" }, plotOptions());
      chart.dataset.lines = data.length;
      readout.textContent = data.length ? "" : "Nothing to show: no run of that choice has this curve.";
    } catch (error) { failed(chart)(error); }
  }
  requests.showCurves = (names) => { lit = new Set(names); started = true; draw(); };
  onTheme.push(draw);
  whenNear(place, () => { started = true; draw(); });
});
