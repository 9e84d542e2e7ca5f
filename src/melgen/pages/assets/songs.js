// The songs of each model: one in the open, beside its nearest training tune, and all in a table.
const SONGS_PER_PAGE = 12;
let openSong = () => {};

function songsSection() {
  const sets = core.sets.filter((set) => set.pack !== undefined);
  if (!sets.length) return;
  const place = section("songs", "Songs", "Choose one: it plays, beside the training tune that it has most in common with. What both share is marked, in whatever key.");
  let set = sets[core.hero ? sets.findIndex((each) => each.pack === core.hero.set) : 0] || sets[0];
  let content = null, current = 0, playing = null;
  const detail = h("article", { class: "card song-detail", "aria-live": "off" });
  const list = h("div", { class: "song-list" });
  const models = sets.length > 1 ? choice("Model", sets.map((each) => [each.pack, titleOf(each), each.dataset]), set.pack, (pack) => open(pack)) : null;
  const quick = h("div", { class: "chips", role: "group", "aria-label": "Songs worth hearing" });
  place.append(...(models ? [models] : []), quick, detail, list);

  async function open(pack, number = null, sounding = false) {
    set = sets.find((each) => each.pack === pack);
    if (models) models.choose(pack, true);
    try { content = await unfold(`songs-${pack}`); } catch (error) { failed(detail)(error); return; }
    const at = content.metrics.indexOf("longest_shared_intervals");
    const longest = at < 0 ? null : content.songs.reduce((best, song, i) => ((song.m?.[at] ?? -1) > (content.songs[best].m?.[at] ?? -1) ? i : best), 0);
    const worth = [...Object.entries(content.chosen).map(([key, i]) => [inCapitals(core.choices[key]), i]), ["Most in common with a training tune", longest]];
    quick.replaceChildren(...worth.filter(([, i]) => i !== null).map(([text, i]) => h("button", { type: "button", class: "chip", "data-song": i, onclick: () => choose(i) }, text)));
    await showSong(number ?? Object.values(content.chosen)[0] ?? 0);
    drawList();
    if (sounding) hear();
  }
  const inCapitals = (text) => text[0].toUpperCase() + text.slice(1);
  const hear = () => { bringIntoView($(".card-head", detail)); playing.load(); };
  // Whoever chooses a song wants to hear it.
  async function choose(number) {
    await showSong(number);
    if (current === number) hear();
  }
  openSong = open;

  async function showSong(number) {
    current = number;
    const mine = content, scores = await unfold(`scores-${set.pack}`);
    if (current !== number || mine !== content) return;
    const song = content.songs[number];
    const track = { title: `${set.name}, ${song.name}`, p: song.p, o: song.o, d: song.d, b: song.b };
    playing = { load: () => { player.load(track); player.play(); } };
    const badges = Object.entries(content.chosen).filter(([, i]) => i === number).map(([key]) => h("span", { class: "badge" }, core.choices[key]));
    const step = (by) => h("button", { type: "button", class: "quiet", "aria-label": by < 0 ? "Previous song" : "Next song",
      onclick: () => choose((number + by + content.songs.length) % content.songs.length) }, by < 0 ? "←" : "→");
    const passage = song.shared && song.shared[2] > 1 ? song.shared : null;
    detail.replaceChildren(
      h("div", { class: "card-head" }, playButton(track, "Play"), h("h3", {}, song.name, sets.length > 1 ? h("span", { class: "of" }, ` of ${titleOf(set)}`) : null), badges, h("span", { class: "steps" }, step(-1), step(1))),
      h("div", { class: "beside" },
        h("div", {}, h("h4", {}, "The song"), melodyView(track, scores.songs[number], passage && [passage[0], passage[2]])),
        neighbour(song, scores.tunes[number], track, passage)),
      metricsOf(song));
    detail.dataset.song = number;
    [...quick.children].forEach((button) => button.setAttribute("aria-pressed", String(Number(button.dataset.song) === number)));
    list.querySelectorAll("tr[data-song]").forEach((row) => row.classList.toggle("current", Number(row.dataset.song) === number));
  }

  function neighbour(song, svg, track, passage) {
    if (song.tune === undefined) {
      return h("div", { class: "absent" }, h("h4", {}, "Nearest training tune"), h("p", {}, song.near ? `${song.near}; its notes are not at hand.` : "Not known."));
    }
    const tune = content.tunes[song.tune];
    const other = { title: tune.name, p: tune.p, o: tune.o, d: tune.d, b: tune.b };
    const shared = passage && [passage[1], passage[2]];
    const both = passage && h("button", { type: "button", class: "quiet both", onclick: () => playBoth(track, other, passage) }, `Hear the ${passage[2]} shared notes: here, then there`);
    const [first, notes] = song.from || [0, tune.p.length];
    const part = svg && notes < tune.p.length ? h("p", { class: "label" }, `Score: notes ${first + 1} to ${first + notes} of ${tune.p.length}; below it the whole tune.`) : null;
    return h("div", { class: "tune" }, h("h4", {}, playButton(other), " ", h("span", {}, "Nearest training tune ", h("cite", {}, tune.name))), melodyView(other, svg, shared, first), part, both);
  }

  async function playBoth(track, other, [inSong, inTune, notes]) {
    for (const [each, start] of [[track, inSong], [other, inTune]]) {
      const last = start + notes - 1;
      player.load(each, each.o[start]);
      if (!(await player.play(each.o[last] + each.d[last]))) return;
      await new Promise((resolve) => setTimeout(resolve, 350));
    }
  }

  function metricsOf(song) {
    if (!song.m) return h("p", { class: "told" }, song.why ? `Not measured: ${song.why}` : "Not measured.");
    const entries = content.metrics.map((key, i) => [metricsOfSongs.get(key), song.m[i], set.summaries[key]]).filter(([metric]) => metric);
    const entry = ([metric, value, summary]) => h("div", { title: metric.meaning }, h("dt", {}, metric.label), h("dd", {}, show(value, metric.decimals), h("span", {}, ` ${metric.unit}`)),
      summary ? h("dd", { class: "mean" }, `mean ${show(summary[0], metric.decimals || 1)}`) : null);
    const first = entries.filter(([metric]) => ["Tonality", "Originality"].includes(metric.group));
    const rest = entries.filter((each) => !first.includes(each));
    return h("div", {}, h("dl", { class: "metrics" }, first.map(entry)), rest.length ? h("details", {}, h("summary", {}, "All metrics"), h("dl", { class: "metrics" }, rest.map(entry))) : null);
  }

  function drawList() {
    const wanted = content.metrics.filter((key) => metricsOfSongs.get(key)?.listed);
    const columns = [{ key: "name", label: "Song", text: true }, { key: "notes", label: "Notes", decimals: 0 }, ...wanted.map((key) => metricsOfSongs.get(key)), { key: "near", label: "Nearest training tune", text: true }];
    const rows = content.songs.map((song, i) => ({ i, cells: [song.name, song.p.length, ...wanted.map((key) => song.m?.[content.metrics.indexOf(key)] ?? null), song.near || ""] }));
    list.replaceChildren(sortableTable({
      label: `Songs of ${set.name}`, columns: columns.filter((column) => column.key !== "near" || rows.some((row) => row.cells.at(-1))),
      rows: rows.map((row) => row.cells), perPage: SONGS_PER_PAGE,
      decorate: (row, index) => { row.dataset.song = index; row.classList.toggle("current", index === current); },
      first: (index, text) => h("button", { type: "button", class: "link", onclick: () => choose(index) }, text),
    }));
  }
  whenNear(place, () => { if (!content) open(set.pack); });
}
