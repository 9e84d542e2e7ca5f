// Every metric of every set over the band of what songs are compared with; each dot is a song to be heard.
const STRIP = { row: 23, top: 6, foot: 36, width: 326 };

function stripsSection() {
  const shown = core.sets.filter((set) => Object.keys(set.summaries || {}).length && !set.primer); // of other primers: see primers.js
  if (!core.songMetrics.length || !shown.length) return;
  const groups = [...new Set(core.songMetrics.map((metric) => metric.group))];
  let group = groups[0];
  const references = shown.filter((set) => set.role === "reference" || set.role === "corpus");
  let reference = references.find((set) => set.role === "reference") || references[0];
  const withSongs = shown.filter((set) => set.pack !== undefined);
  const withInterval = shown.some((set) => Object.values(set.summaries).some(([, , from, to]) => from !== null && to !== null));
  const lead = `Ringed dots are means, ${withInterval ? "thick bars their 95% intervals, " : ""}thin lines one deviation, pale dots single songs: choose one to hear it.`;
  const place = section("tonality", "Tonality", lead);
  const bandTold = h("p", { class: "lead" });
  const controls = h("div", { class: "controls" });
  if (groups.length > 1) controls.append(picker("Metrics", groups.map((each) => [each, each]), (value) => { group = value; draw(); }));
  if (references.length > 1) {
    controls.append(picker("Compared with", references.map((set) => [set.name, bandName(set)]),
      (name) => { reference = references.find((set) => set.name === name); draw(); }, reference.name));
  }
  const panels = h("div", { class: "strips" });
  place.append(...(reference ? [bandTold] : []), controls, panels);
  const songs = new Map();
  async function draw() {
    if (reference) bandTold.textContent = `The band: ${bandName(reference)}, mean ± one deviation.`;
    panels.replaceChildren(...core.songMetrics.filter((metric) => metric.group === group).map((metric) => panel(metric)));
  }
  function bandName(set) {
    if (set.role === "reference") return core.openings ? `${set.name} (${core.openings})` : set.name;
    return set.name.startsWith("corpus-") ? `${set.name} (whole tunes)` : set.name;
  }

  const nameOf = (set) => (set.label || set.name).replace(/^(.{14}).{4,}(.{9})$/, "$1…$2");
  // A variant has its own lines below the name of the network.
  const linesOf = (set) => set.variant ? [`${set.dataset} ${set.cell} ${set.layers}`, ...inLines(set.variant, 21)] : [nameOf(set)];
  const label = Math.max(52, ...shown.flatMap((set) => linesOf(set).map((line) => 6.9 * line.length))) + 8;
  const heightOf = (set) => STRIP.row + 13 * (linesOf(set).length - 1);

  function panel(metric) {
    const rows = shown.filter((set) => set.summaries[metric.key]);
    const band = reference?.summaries[metric.key];
    const values = [];
    rows.filter((set) => set.role !== "writer").forEach((set) => {
      const [mean, sd] = set.summaries[metric.key];
      values.push(mean - 1.4 * (sd || 0), mean + 1.4 * (sd || 0));
      const found = songs.get(set.pack)?.get(metric.key);
      if (found?.length) values.push(quantile(found, 0.02), quantile(found, 0.98));
    });
    let low = Math.min(...values), high = Math.max(...values);
    // Equal but for rounding counts as equal: an axis needs room for its numbers.
    if (!(high - low > 1e-6 * Math.max(1, Math.abs(high)))) { low -= 0.5; high += 0.5; }
    const inner = STRIP.width - label - 16;
    const x = (value) => label + ((value - low) / (high - low)) * inner;
    const tall = rows.reduce((sum, set) => sum + heightOf(set), 0);
    const height = STRIP.top + tall + STRIP.foot;
    const parts = [];
    if (band) {
      const [mean, sd] = band;
      const left = Math.max(label, x(mean - (sd || 0))), right = Math.min(label + inner, x(mean + (sd || 0)));
      parts.push(s("rect", { class: "band", x: left, y: STRIP.top, width: Math.max(1, right - left), height: tall }),
        s("line", { class: "band-mean", x1: x(mean), x2: x(mean), y1: STRIP.top, y2: STRIP.top + tall }));
    }
    const { found, decimals } = ticks(low, high);
    found.forEach((tick) => parts.push(s("text", { class: "tick", x: x(tick), y: height - 20, "text-anchor": "middle" }, show(tick, decimals))));
    parts.push(s("text", { class: "tick", x: label + inner / 2, y: height - 4, "text-anchor": "middle" }, metric.unit || " "));
    let above = STRIP.top;
    rows.forEach((set) => {
      const y = above + heightOf(set) / 2, lines = linesOf(set);
      above += heightOf(set);
      const [mean, sd, from, to] = set.summaries[metric.key];
      const inside = mean >= low && mean <= high;
      const row = s("g", { class: `strip ${set.role}`, "data-kind": set.dataset,
        style: hasVariants(core.sets) && set.variant !== undefined ? `--kind: var(--${variantHue(set.variant)})` : null });
      row.append(...lines.map((line, i) => s("text", { class: "strip-name", x: label - 8, y: y + 4 + 13 * (i - (lines.length - 1) / 2), "text-anchor": "end" }, line)));
      const list = songs.get(set.pack)?.get(metric.key) || [];
      list.forEach((value, number) => {
        if (value === null || value < low || value > high) return;
        row.append(s("circle", { class: "song", cx: x(value), cy: y + (((number * 7919) % 13) - 6) * 0.9, r: 2.3, "data-set": set.pack, "data-song": number }));
      });
      const interval = from !== null && to !== null ? `, 95% interval of the mean ${show(from, metric.decimals || 2)} to ${show(to, metric.decimals || 2)}` : "";
      if (inside) {
        row.append(s("line", { class: "spread", x1: Math.max(label, x(mean - (sd || 0))), x2: Math.min(label + inner, x(mean + (sd || 0))), y1: y, y2: y }));
        if (from !== null && to !== null) row.append(s("line", { class: "interval", x1: Math.max(label, x(from)), x2: Math.min(label + inner, x(to)), y1: y, y2: y }));
        row.append(s("circle", { class: "mean", cx: x(mean), cy: y, r: 3 }));
      } else {
        row.append(s("text", { class: "outside", x: mean > high ? label + inner : label + 2, y: y + 4, "text-anchor": mean > high ? "end" : "start" },
          mean > high ? `${show(mean, metric.decimals || 1)} →` : `← ${show(mean, metric.decimals || 1)}`));
      }
      row.append(s("title", {}, `${set.name}: ${show(mean, metric.decimals || 2)} ± ${show(sd, metric.decimals || 2)}${interval}`));
      parts.push(row);
    });
    const list = rows.map((set) => `${set.name} ${show(set.summaries[metric.key][0], metric.decimals || 2)}`).join(", ");
    const drawing = s("svg", { viewBox: `0 0 ${STRIP.width} ${height}`, role: "img", "aria-label": `${metric.label}, means: ${list}` }, parts);
    drawing.addEventListener("click", (event) => {
      const dot = event.target.closest(".song");
      if (dot) openSong(Number(dot.dataset.set), Number(dot.dataset.song), true);
    });
    return h("figure", { class: "card" }, h("figcaption", {}, h("strong", {}, metric.label), " ", h("span", {}, metric.meaning)), drawing);
  }
  draw();
  // The single songs lie in the packs; the means are there at once.
  whenNear(place, async () => {
    for (const set of withSongs) {
      const content = await unfold(`songs-${set.pack}`).catch(() => null);
      if (content) songs.set(set.pack, new Map(content.metrics.map((key, i) => [key, content.songs.map((song) => song.m?.[i] ?? null)])));
    }
    draw();
  });
}

function quantile(values, share) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.round(share * (sorted.length - 1))] : 0;
}
