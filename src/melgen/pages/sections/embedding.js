// The map of a network's values: choose one, hear it, see and hear its nearest neighbours.
addSection("embedding", ({ names }) => {
  const place = section("embedding", "Embedding", "Every value that the network knows, where training has put it: the directions in which the values differ most. Choose one to hear it and to see its nearest neighbours, which are measured in the whole space.");
  let number = Math.max(0, names.indexOf(pageData.song_sets[pageData.opening_set]?.name)), dimensions = 2, metric = "euclidean", chosen = null, data = null, started = false;
  const chart = h("div", { class: "chart map", role: "group", "aria-label": "Map of the embedding; the buttons below it hold the same values" });
  const keys = h("div", { class: "keys", role: "group", "aria-label": "Values" });
  const near = h("div", { class: "card near", "aria-live": "polite" }, h("p", {}, "Choose a value, on the map or below it."));
  const controls = h("div", { class: "controls" },
    names.length > 1 ? picker("Model", names.map((name, i) => [String(i), name]), (value) => { number = Number(value); load(); }, String(number)) : null,
    choice("Dimensions", [[2, "2-D"], [3, "3-D"]], 2, (value) => { dimensions = value; draw(); }),
    choice("Distance", [["euclidean", "Euclidean"], ["cosine", "Cosine"]], metric, (value) => { metric = value; light(); draw(); }));
  place.append(controls, h("div", { class: "map-frame" }, h("div", {}, chart, keys), near));

  // An interval is heard from middle C.
  const sound = (i) => (data.values[i] === null ? [] : data.is_intervals ? [60, 60 + data.values[i]] : [data.values[i]]);
  const hue = (i) => (data.values[i] === null ? colour("soft") : pitchHue(data.values[i]));
  const neighbours = () => (chosen === null ? [] : data.neighbours[metric]?.[chosen] || []);

  async function load() {
    const mine = number;
    let found;
    try { found = await unfold(`embedding-${mine}`); } catch (error) { if (mine === number) failed(chart)(error); return; }
    if (mine !== number) return; // another model was chosen meanwhile
    [data, chosen] = [found, null];
    const order = data.values.map((_, i) => i).sort((a, b) => data.values[a] - data.values[b]);
    keys.replaceChildren(...order.map((i) => h("button", { type: "button", class: "key", "data-value": i, style: `--hue:${hue(i)}`, onclick: () => choose(i) }, data.names[i])));
    near.replaceChildren(h("p", {}, "Choose a value, on the map or below it."));
    await draw();
  }
  function choose(i) {
    chosen = i;
    player.ring(sound(i));
    light();
    draw();
  }
  function light() {
    const found = neighbours(), set = new Set(found.map((each) => each.index));
    [...keys.children].forEach((key) => {
      const i = Number(key.dataset.value);
      key.setAttribute("aria-pressed", String(i === chosen));
      key.classList.toggle("neighbour", set.has(i));
    });
    if (chosen === null) return;
    const hearAll = h("button", { type: "button", class: "quiet", onclick: () => player.ring([chosen, ...found.map((each) => each.index)].flatMap(sound), 0.35) }, "Hear it and its neighbours");
    near.replaceChildren(h("h3", {}, data.names[chosen]),
      found.length ? h("p", { class: "label" }, `Nearest by ${metric === "cosine" ? "cosine" : "Euclidean"} distance`) : h("p", {}, "It has no neighbours."),
      h("ol", {}, found.map(({ index: i, distance }) => h("li", {}, h("button", { type: "button", class: "link", onclick: () => player.ring([...sound(chosen), ...sound(i)]) }, data.names[i]), h("span", {}, show(distance, 3))))), hearAll);
  }
  async function draw() {
    if (!started || !data) return;
    const mine = data;
    try {
      const Plotly = await plotly();
      if (mine !== data) return;
      const flat = dimensions === 2;
      const set = new Set(neighbours().map((each) => each.index));
      const at = (axis) => data.points.map((point) => point[axis]);
      const type = flat ? "scatter" : "scatter3d";
      const sizes = data.names.map((_, i) => (i === chosen ? (flat ? 22 : 14) : set.has(i) ? (flat ? 17 : 11) : flat ? (chart.clientWidth < 500 ? 9 : 11) : 6));
      const faint = (i) => chosen !== null && i !== chosen && !set.has(i);
      const traces = [];
      if (chosen !== null) {
        const line = (axis) => [...set].flatMap((i) => [data.points[chosen][axis], data.points[i][axis], null]);
        traces.push({ type, mode: "lines", x: line(0), y: line(1), ...(flat ? {} : { z: line(2) }), hoverinfo: "skip", line: { color: colour("warm"), width: flat ? 1.5 : 3 } });
      }
      const colours = data.names.map((_, i) => hue(i));
      traces.push({ type, mode: "markers+text", x: at(0), y: at(1), ...(flat ? {} : { z: at(2) }), text: data.names, customdata: data.names.map((_, i) => i),
        textposition: "top center", textfont: { size: chart.clientWidth < 500 ? 10 : 12, color: data.names.map((_, i) => (faint(i) ? colour("soft") : colour("ink"))) },
        marker: { size: sizes, color: colours, opacity: 0.95, line: { width: data.names.map((_, i) => (i === chosen || set.has(i) ? 2.5 : 0.5)), color: data.names.map((_, i) => (i === chosen || set.has(i) ? colour("warm") : colour("card"))) } },
        hovertemplate: "%{text}<extra></extra>" });
      const share = (axis) => `component ${axis + 1} (${show(100 * data.explained[axis], 0)}%)`;
      const scene = { xaxis: { ...axisLook(share(0)), automargin: undefined }, yaxis: { ...axisLook(share(1)), automargin: undefined }, zaxis: { ...axisLook(share(2)), automargin: undefined }, uirevision: `${number}` };
      for (const axis of [scene.xaxis, scene.yaxis, scene.zaxis]) delete axis.automargin;
      const layout = flat ? { ...plotLook(), xaxis: axisLook(share(0)), yaxis: axisLook(share(1)), uirevision: `${number}`, dragmode: coarse.matches ? false : "pan", hovermode: "closest" }
        : { ...plotLook(), scene, margin: { l: 0, r: 0, t: 0, b: 0 } };
      if (chart.dataset.dimensions && chart.dataset.dimensions !== String(dimensions)) Plotly.purge(chart);
      await Plotly.react(chart, traces, layout, plotOptions(flat));
      if (chart.dataset.dimensions !== String(dimensions)) {
        chart.on("plotly_click", (event) => { const i = event.points[0]?.customdata; if (i !== undefined && i !== null) choose(i); });
      }
      chart.dataset.dimensions = dimensions;
      chart.dataset.lit = [...set].join(" ");
    } catch (error) { failed(chart)(error); }
  }
  onTheme.push(() => { if (data) { [...keys.children].forEach((key) => key.style.setProperty("--hue", hue(Number(key.dataset.value)))); draw(); } });
  whenNear(place, () => { started = true; load(); });
});
