// Every metric of every set over the band of what songs are compared with; each dot is a song to be heard.
addSection("tonality", ({ openings, confidence }) => {
  // The songs after other primers have a section of their own.
  const shown = pageData.song_sets.filter((set) => Object.keys(set.summaries).length && !set.is_after_other_primer);
  const metrics = pageData.song_metrics;
  const groups = [...new Set(metrics.map((metric) => metric.group))];
  let group = groups[0];
  const references = shown.filter((set) => set.role === "reference" || set.role === "corpus");
  let reference = references.find((set) => set.role === "reference") || references[0];
  const withSongs = shown.filter((set) => set.pack !== undefined);
  const hasInterval = ({ low, high }) => low !== null && high !== null;
  const withInterval = shown.some((set) => Object.values(set.summaries).some(hasInterval));
  const lead = `Ringed dots are means, ${withInterval ? `thick bars their ${confidence} intervals, ` : ""}thin lines one deviation, pale dots single songs: choose one to hear it. Arrow heads point beyond the axis.`;
  const place = section("tonality", "Tonality", lead);
  const bandText = h("p", { class: "lead" });
  const controls = h("div", { class: "controls" });
  if (groups.length > 1) controls.append(picker("Metrics", groups.map((each) => [each, each]), (value) => { group = value; draw(); }));
  if (references.length > 1) {
    controls.append(picker("Compared with", references.map((set) => [set.name, bandName(set)]),
      (name) => { reference = references.find((set) => set.name === name); draw(); }, reference.name));
  }
  const panels = h("div", { class: "strips" });
  place.append(...(reference ? [bandText] : []), controls, panels);
  const valuesOfSets = new Map(); // by the number of a pack and the key of a metric: a value of each song
  function draw() {
    if (reference) bandText.textContent = `The band: ${bandName(reference)}, mean ± one deviation.`;
    panels.replaceChildren(...metrics.filter((metric) => metric.group === group).map((metric) => panel(metric)));
  }
  function bandName(set) {
    if (set.role === "reference") return openings ? `${set.name} (${openings})` : set.name;
    return set.name.startsWith("corpus-") ? `${set.name} (whole tunes)` : set.name;
  }

  const linesOf = (set) => labelLines(set.label);
  const left = nameWidth(shown.flatMap(linesOf));
  const heightOf = (set) => STRIP.row + STRIP.line * (linesOf(set).length - 1);
  const songValues = (set, metric) => valuesOfSets.get(set.pack)?.get(metric.key) || [];

  function panel(metric) {
    const rows = shown.filter((set) => set.summaries[metric.key]);
    const values = [];
    rows.filter((set) => set.role !== "baseline").forEach((set) => {
      const { mean, deviation } = set.summaries[metric.key];
      values.push(mean - 1.4 * (deviation || 0), mean + 1.4 * (deviation || 0));
      const found = songValues(set, metric);
      if (found.length) values.push(quantile(found, 0.02), quantile(found, 0.98));
    });
    const axis = stripAxis(values, left);
    const tall = rows.reduce((sum, set) => sum + heightOf(set), 0);
    const parts = stripGround(axis, tall, reference?.summaries[metric.key], metric.unit);
    let above = STRIP.top;
    rows.forEach((set) => {
      parts.push(rowOf(set, metric, axis, above + heightOf(set) / 2));
      above += heightOf(set);
    });
    const list = rows.map((set) => `${set.title} ${show(set.summaries[metric.key].mean, metric.mean_decimals)}`).join(", ");
    const card = stripCard(metric, tall, `${metric.label}, means: ${list}`, parts);
    card.addEventListener("click", (event) => {
      const dot = event.target.closest(".song");
      if (dot) requests.openSong(Number(dot.dataset.set), Number(dot.dataset.song), true);
    });
    return card;
  }

  function rowOf(set, metric, axis, y) {
    const summary = set.summaries[metric.key], { mean, deviation, low, high } = summary;
    const number = (value) => show(value, metric.mean_decimals);
    const row = s("g", { class: `strip ${set.role}`, "data-kind": set.dataset,
      style: hasVariants(pageData.song_sets) && set.variant !== undefined ? `--kind: var(--${variantHue(set.variant)})` : null });
    row.append(...stripName(axis, linesOf(set), y));
    songValues(set, metric).forEach((value, song) => {
      if (value === null || value < axis.low || value > axis.high) return;
      row.append(s("circle", { class: "song", cx: axis.x(value), cy: y + (((song * 7919) % 13) - 6) * 0.9, r: 2.3, "data-set": set.pack, "data-song": song }));
    });
    if (mean >= axis.low && mean <= axis.high) {
      const [from, to] = deviationsOn(axis, summary);
      row.append(s("line", { class: "spread", x1: from, x2: to, y1: y, y2: y }));
      if (hasInterval(summary)) row.append(s("line", { class: "interval", x1: Math.max(axis.left, axis.x(low)), x2: Math.min(axis.right, axis.x(high)), y1: y, y2: y }));
      row.append(...cutMarks(axis, Math.min(mean - (deviation || 0), low ?? mean), Math.max(mean + (deviation || 0), high ?? mean), y));
      row.append(s("circle", { class: "mean", cx: axis.x(mean), cy: y, r: 3 }));
    } else {
      const isAbove = mean > axis.high;
      row.append(s("text", { class: "outside", x: isAbove ? axis.right : axis.left + 2, y: y + 4, "text-anchor": isAbove ? "end" : "start" },
        isAbove ? `${number(mean)} →` : `← ${number(mean)}`));
    }
    const interval = hasInterval(summary) ? `, ${confidence} interval of the mean ${number(low)} to ${number(high)}` : "";
    row.append(s("title", {}, `${set.title}: ${number(mean)} ± ${number(deviation)}${interval}`));
    return row;
  }

  draw();
  // The values of single songs are in the packs; the means are there at once.
  whenNear(place, async () => {
    for (const set of withSongs) {
      const content = await unfold(`songs-${set.pack}`).catch(() => null);
      if (content) valuesOfSets.set(set.pack, new Map(content.metrics.map((key, i) => [key, content.songs.map((song) => song.values?.[i] ?? null)])));
    }
    draw();
  });
});

function quantile(values, share) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.round(share * (sorted.length - 1))] : 0;
}
