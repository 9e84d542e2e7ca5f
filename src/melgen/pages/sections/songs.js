// The songs of each model: one in the open, next to its nearest training tune, and all in a table.
const SONGS_PER_PAGE = 12;

addSection("songs", ({ choices }) => {
  const sets = pageData.song_sets.filter((set) => set.pack !== undefined);
  const place = section("songs", "Songs", "Choose one: it plays, next to the training tune that it has most in common with. The passage that both share is marked, in whatever key.");
  let set = sets.find((each) => each === pageData.song_sets[pageData.opening_set]) || sets[0];
  let content = null, current = 0, playing = null;
  let asked = 0; // raised by each choice: the last one is shown, whichever is unfolded first
  const detail = h("article", { class: "card song-detail", "aria-live": "off" });
  const list = h("div", { class: "song-list" });
  const models = sets.length > 1 ? choice("Model", sets.map((each) => [each.pack, each.title, each.dataset]), set.pack, (pack) => open(pack)) : null;
  const quick = h("div", { class: "chips", role: "group", "aria-label": "Songs worth hearing" });
  place.append(...(models ? [models] : []), quick, detail, list);

  async function open(pack, number = null, sounding = false) {
    const mine = asked += 1;
    if (models) models.choose(pack, true);
    let found;
    try { found = await unfold(`songs-${pack}`); } catch (error) { if (mine === asked) failed(detail)(error); return; }
    if (mine !== asked) return;
    set = sets.find((each) => each.pack === pack);
    content = found;
    const worth = [...Object.entries(content.chosen).map(([key, i]) => [inCapitals(choices[key]), i]), ["Most in common with a training tune", content.most_shared]];
    quick.replaceChildren(...worth.filter(([, i]) => i !== null).map(([text, i]) => h("button", { type: "button", class: "chip", "data-song": i, onclick: () => choose(i) }, text)));
    const isShown = await showSong(number ?? Object.values(content.chosen)[0] ?? 0);
    if (content !== found) return;
    drawList();
    if (isShown && sounding) hear();
  }
  const inCapitals = (text) => text[0].toUpperCase() + text.slice(1);
  const hear = () => { bringIntoView($(".card-head", detail)); playing.load(); };
  // Whoever chooses a song wants to hear it.
  async function choose(number) {
    if (await showSong(number)) hear();
  }
  requests.openSong = open;

  // All songs use the same buttons, so that a button keeps the focus after it is pressed.
  const steps = [[-1, "Previous song", "←"], [1, "Next song", "→"]].map(([by, label, sign]) => h("button", { type: "button", class: "quiet", "aria-label": label,
    onclick: () => choose((current + by + content.songs.length) % content.songs.length) }, sign));

  // Returns whether the song is shown: not if another one was chosen meanwhile.
  async function showSong(number) {
    const mine = asked += 1;
    current = number;
    if (models) models.choose(set.pack, true); // a model that was still being unfolded gives way
    const scores = await unfold(`scores-${set.pack}`);
    if (mine !== asked) return false;
    const song = content.songs[number];
    const track = trackOf(`${set.title}, ${song.name}`, song);
    playing = { load: () => { player.load(track); player.play(); } };
    const badges = Object.entries(content.chosen).filter(([, i]) => i === number).map(([key]) => h("span", { class: "badge" }, choices[key]));
    const focused = steps.find((button) => button === document.activeElement);
    const message = h("p", { class: "play-message wrong", role: "status", hidden: true });
    const say = (text) => { message.textContent = text; message.hidden = false; };
    const files = filesOfSong(() => songOfNotes(track.title, song), { say, name: song.name });
    const passage = song.shared?.notes > 1 ? song.shared : null;
    detail.replaceChildren(
      h("div", { class: "card-head" }, playButton(track, "Play"), h("h3", {}, song.name, sets.length > 1 ? h("span", { class: "of" }, ` of ${set.title}`) : null), badges, h("span", { class: "steps" }, files, steps)),
      message,
      h("div", { class: "side-by-side" },
        h("div", {}, h("h4", {}, "The song"), melodyView(track, scores.songs[number], passage && { first: passage.in_song, notes: passage.notes })),
        neighbour(song, scores.tunes[number], track, passage)),
      metricsOf(song));
    focused?.focus({ preventScroll: true });
    detail.dataset.song = number;
    [...quick.children].forEach((button) => button.setAttribute("aria-pressed", String(Number(button.dataset.song) === number)));
    list.querySelectorAll("tr[data-song]").forEach((row) => row.classList.toggle("current", Number(row.dataset.song) === number));
    return true;
  }

  function neighbour(song, svg, track, passage) {
    if (song.tune === undefined) {
      return h("div", { class: "absent" }, h("h4", {}, "Nearest training tune"), h("p", {}, song.nearest_tune ? `${song.nearest_tune}; its notes are not at hand.` : "Not known."));
    }
    const tune = content.tunes[song.tune];
    const other = trackOf(tune.name, tune);
    const shared = passage && { first: passage.in_tune, notes: passage.notes };
    const both = passage && h("button", { type: "button", class: "quiet both", onclick: () => playBoth(track, other, passage) }, `Hear the ${passage.notes} shared notes: here, then there`);
    const { first, notes } = song.excerpt;
    const part = svg && notes < tune.pitches.length ? h("p", { class: "label" }, `Score: notes ${first + 1} to ${first + notes} of ${tune.pitches.length}; below it the whole tune.`) : null;
    return h("div", { class: "tune" }, h("h4", {}, playButton(other), " ", h("span", {}, "Nearest training tune ", h("cite", {}, tune.name))), melodyView(other, svg, shared, first), part, both);
  }

  async function playBoth(track, other, { in_song, in_tune, notes }) {
    for (const [each, start] of [[track, in_song], [other, in_tune]]) {
      const last = start + notes - 1;
      player.load(each, each.onsets[start]);
      if (!(await player.play(each.onsets[last] + each.durations[last]))) return;
      const { attempt } = player;
      await new Promise((resolve) => setTimeout(resolve, 350));
      if (player.attempt !== attempt) return; // something else was started, or this was stopped
    }
  }

  function metricsOf(song) {
    if (!song.values) return h("p", { class: "readout" }, song.left_out ? `Not measured: ${song.left_out}` : "Not measured.");
    const entries = content.metrics.map((key, i) => [metricsOfSongs.get(key), song.values[i], set.summaries[key]]).filter(([metric]) => metric);
    const entry = ([metric, value, summary]) => h("div", { title: metric.meaning }, h("dt", {}, metric.label), h("dd", {}, show(value, metric.decimals), h("span", {}, ` ${metric.unit}`)),
      summary ? h("dd", { class: "mean" }, `mean ${show(summary.mean, metric.mean_decimals)}`) : null);
    const first = entries.filter(([metric]) => metric.leads);
    const rest = entries.filter((each) => !first.includes(each));
    return h("div", {}, h("dl", { class: "metrics" }, first.map(entry)), rest.length ? h("details", {}, h("summary", {}, "All metrics"), h("dl", { class: "metrics" }, rest.map(entry))) : null);
  }

  function drawList() {
    const wanted = content.metrics.filter((key) => metricsOfSongs.get(key)?.is_listed);
    const columns = [{ key: "name", label: "Song", text: true }, { key: "notes", label: "Notes", decimals: 0 }, ...wanted.map((key) => metricsOfSongs.get(key)), { key: "near", label: "Nearest training tune", text: true }];
    const rows = content.songs.map((song, i) => ({ i, cells: [song.name, song.pitches.length, ...wanted.map((key) => song.values?.[content.metrics.indexOf(key)] ?? null), song.nearest_tune || ""] }));
    const shown = columns.slice(0, rows.some((row) => row.cells.at(-1)) ? columns.length : -1); // the nearest tune is the last
    list.replaceChildren(sortableTable({
      label: `Songs of ${set.title}`, columns: shown, rows: rows.map((row) => row.cells.slice(0, shown.length)), perPage: SONGS_PER_PAGE,
      decorate: (row, index) => { row.dataset.song = index; row.classList.toggle("current", index === current); },
      first: (index, text) => h("button", { type: "button", class: "link", onclick: () => choose(index) }, text),
    }));
  }
  whenNear(place, () => { if (!asked) open(set.pack); });
});
