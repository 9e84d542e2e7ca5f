// Play with a network that is in the page: a primer on the piano, its continuation, another one, a second network beside it.
const LENGTHS = [[6, "1/16"], [8, "1/8 triplet"], [12, "1/8"], [18, "1/8 dotted"], [24, "1/4"], [36, "1/4 dotted"], [48, "1/2"], [96, "whole"]];
const SCALES = {
  any: null, major: [0, 2, 4, 5, 7, 9, 11], minor: [0, 2, 3, 5, 7, 8, 10], dorian: [0, 2, 3, 5, 7, 9, 10], mixolydian: [0, 2, 4, 5, 7, 9, 10],
  pentatonic: [0, 2, 4, 7, 9], blues: [0, 3, 5, 6, 7, 10],
};
const MOST_NOTES = 400;

addSection("play", ({ networks }) => {
  const place = section("play", "Play with it",
    "Play a few notes on the piano and let the network go on. It runs in this page: nothing is sent anywhere. The more probable a note is next, the darker its key.");
  const choices = { temperature: 1, topP: 1, notes: 16, untilEnd: false, root: 0, scale: "any", length: 24, octave: 48, metre: null };
  const panels = [];
  let seed = Math.floor(Math.random() * 2 ** 31);

  const message = h("p", { class: "play-message", role: "status" });
  const say = (text, isWrong = false) => { message.textContent = text; message.classList.toggle("wrong", isWrong); };
  const card = h("div", { class: "card", id: "play-card" });
  const frames = h("div", { class: "play-panels" });
  const piano = pianoKeys({ low: 36, high: 96, onpress: addNote });
  const lengths = h("div", { class: "lengths-place" });
  place.append(card);

  const lead = () => panels[0];
  // Tunes that one plays begin on a full bar.
  const header = () => ({ metre: choices.metre, pickup: 0 });
  const options = () => ({
    temperature: choices.temperature, topK: null, topP: choices.topP, notes: choices.untilEnd ? null : choices.notes, seed,
    pitchClasses: SCALES[choices.scale] && SCALES[choices.scale].map((step) => (step + choices.root) % 12),
  });

  // --- one network with its tune ---
  function makePanel(index) {
    const title = h("h3", {});
    const head = h("div", { class: "card-head" });
    const editor = tuneEditor({ label: "Tune", onchange: (...change) => edit(panel, ...change) });
    const score = h("div", { class: "score" });
    const element = h("div", { class: "play-panel" }, head, score, editor.element);
    const panel = { index, voice: null, notes: [], primer: 0, selected: -1, track: null, history: [], editor, element, head, title, score };
    score.addEventListener("click", (event) => {
      const note = event.target.closest("[data-note]");
      if (note) edit(panel, "select", Number(note.dataset.note));
    });
    listen(element, "time", () => editor.mark(player.track === panel.track && panel.track ? player.position : null));
    return panel;
  }

  async function use(panel, name) {
    const entry = networks.find((each) => each.name === name);
    try {
      panel.voice = new Voice(await unfold(entry.pack));
    } catch (error) {
      say(`The network of ${name} cannot be read: ${error.message}`, true);
      return;
    }
    panel.name = name;
    panel.title.textContent = networks.length > 1 ? name : "Your tune";
    if (panel === lead()) drawLengths();
    refresh(panel);
  }

  function refresh(panel) {
    const judged = panel.voice.judge(panel.notes, header());
    panel.notes.forEach((note, i) => { note.bits = judged.bits[i]; });
    panel.judged = judged;
    const end = Math.max(1, ...panel.notes.map((note) => note.onset + note.duration));
    const { metre, pickup } = headerOf(panel), bars = barStarts(metre, pickup, end);
    panel.editor.draw(panel.notes, panel.selected, bars);
    panel.track = panel.notes.length ? trackOf(`${panel.title.textContent}`, {
      pitches: panel.notes.map((note) => note.pitch), onsets: panel.notes.map((note) => note.onset), durations: panel.notes.map((note) => note.duration), bars,
    }) : null;
    const score = staffOf(songOf(panel), Math.max(280, panel.element.clientWidth - 4));
    panel.score.replaceChildren(...(score ? [score] : []));
    const { representation, rhythm } = panel.voice.data;
    const kind = h("span", { class: "of" }, rhythm === "none" ? representation : `${representation}, rhythm ${rhythm}`);
    panel.head.replaceChildren(...(panel.track ? [playButton(panel.track, "Play")] : []), panel.title, kind, filesMenu(panel));
    if (panel === lead()) {
      piano.shade(judged.shares, judged.possible);
      if (judged.problem) say(judged.problem, true);
    }
    actions.draw();
  }

  const headerOf = (panel) => panel.voice.headerOf(header());
  const keep = (panel) => { panel.history.push({ notes: panel.notes.map((note) => ({ ...note })), primer: panel.primer }); };

  // --- what a player does ---
  function addNote(pitch) {
    player.ring([pitch], 0.3);
    piano.flash(pitch);
    say("");
    for (const panel of panels) {
      if (panel.notes.length >= MOST_NOTES) { say(`A tune can have ${MOST_NOTES} notes at most.`, true); return; }
      keep(panel);
      const onset = endOf(panel.notes) + pendingRest, duration = panel.voice.hasRhythm ? choices.length : STEPS_PER_QUARTER;
      panel.notes.push({ pitch, onset: panel.voice.hasRhythm ? onset : endOf(panel.notes), duration, by: "you" });
      panel.primer = panel.notes.length;
      panel.selected = -1;
      refresh(panel);
      panel.editor.showEnd();
    }
    pendingRest = 0;
    writeLink();
  }
  let pendingRest = 0;
  function addRest() {
    pendingRest += choices.length;
    say(`A rest of ${pendingRest / STEPS_PER_QUARTER} quarters comes before the next note.`);
  }
  const endOf = (notes) => Math.max(0, ...notes.map((note) => note.onset + note.duration));

  function goOn({ again = false } = {}) {
    if (again) seed = (seed + 1) % 2 ** 31;
    let isWritten = false;
    const ended = [];
    let problem = "";
    for (const panel of panels) {
      const kept = again ? panel.notes.slice(0, panel.primer) : panel.selected >= 0 ? panel.notes.slice(0, panel.selected + 1) : panel.notes.slice();
      let written;
      try {
        const { notes, ...others } = options(), left = MOST_NOTES - kept.length;
        written = panel.voice.continue(kept, header(), { ...others, notes: notes && Math.min(notes, left), limit: left });
      } catch (error) {
        problem = networks.length > 1 ? `${panel.name}: ${error.message}` : error.message;
        continue;
      }
      keep(panel);
      panel.notes = written.notes.map((note) => ({ by: "network", ...note }));
      panel.primer = kept.length;
      panel.selected = -1;
      refresh(panel);
      isWritten ||= panel.notes.length > kept.length;
      if (written.ended) ended.push(panel.name);
    }
    if (problem) say(problem, true);
    else if (ended.length) say(networks.length > 1 ? `Ended by ${ended.join(" and ")}.` : "The network ended the tune.");
    else say("");
    if (!isWritten) return;
    const { track, primer, notes } = lead();
    player.load(track, primer < notes.length ? notes[primer].onset : 0);
    player.play();
    writeLink();
  }

  function edit(panel, kind, index, pitch) {
    if (kind === "select") panel.selected = index;
    else {
      keep(panel);
      if (kind === "move") {
        panel.notes[index] = { ...panel.notes[index], pitch };
        player.ring([pitch], 0.3);
      } else {
        panel.notes.splice(index, 1);
        if (!panel.voice.hasRhythm) panel.notes.forEach((note, i) => { note.onset = i * STEPS_PER_QUARTER; });
        panel.primer -= index < panel.primer ? 1 : 0;
        panel.selected = Math.min(index, panel.notes.length - 1);
      }
      writeLink();
    }
    refresh(panel);
  }

  function undo() {
    for (const panel of panels) {
      const before = panel.history.pop();
      if (before) Object.assign(panel, before, { selected: -1 });
      refresh(panel);
    }
    pendingRest = 0;
    writeLink();
  }
  function clear() {
    player.pause();
    for (const panel of panels) {
      if (panel.notes.length) keep(panel);
      Object.assign(panel, { notes: [], primer: 0, selected: -1 });
      refresh(panel);
    }
    pendingRest = 0;
    say("");
    writeLink();
  }

  // --- controls ---
  const actions = (() => {
    const button = (text, act, kind = "quiet") => h("button", { type: "button", class: kind, onclick: act }, text);
    const go = button("Continue", () => goOn(), "primary"), again = button("Again", () => goOn({ again: true }));
    const back = button("Undo", undo), empty = button("Clear", clear), rest = button("Rest", addRest);
    const midi = button("MIDI keyboard", async () => say(await listenToMidi(addNote)));
    const element = h("div", { class: "play-actions" }, go, again, back, empty, rest, midi);
    const draw = () => {
      if (!lead()?.voice) return;
      const { voice, notes, primer, history, selected } = lead();
      go.disabled = notes.length < voice.fewestNotes;
      go.textContent = selected >= 0 && selected < notes.length - 1 ? "Continue from here" : notes.length ? "Continue" : "Let it begin";
      go.title = go.disabled ? `This network needs ${counted(voice.fewestNotes, "note")} to begin` : "";
      again.disabled = primer >= notes.length;
      back.disabled = !history.length;
      empty.disabled = !notes.length;
      rest.hidden = !voice.hasRhythm;
    };
    return { element, draw };
  })();

  const slider = (label, key, low, high, step, said = (value) => value.toFixed(2)) => {
    const shown = h("span", { class: "option-value" }, said(choices[key]));
    const input = h("input", { type: "range", min: low, max: high, step, value: choices[key], oninput: () => { choices[key] = Number(input.value); shown.textContent = said(choices[key]); } });
    return h("label", { class: "picker", "data-option": key }, h("span", {}, label, " ", shown), input);
  };
  function drawOptions() {
    const ends = networks.some((each) => each.has_rhythm);
    const untilEnd = h("input", { type: "checkbox", checked: choices.untilEnd, onchange: () => { choices.untilEnd = untilEnd.checked; } });
    const roots = picker("Only notes of", NAMES.map((name, i) => [i, name]), (value) => { choices.root = Number(value); }, choices.root);
    const scales = picker("Scale", Object.keys(SCALES).map((name) => [name, name === "any" ? "any note" : name]), (value) => { choices.scale = value; }, choices.scale);
    return h("div", { class: "play-options" },
      slider("Temperature", "temperature", 0.2, 2, 0.05), slider("Top p", "topP", 0.1, 1, 0.05),
      slider("Notes", "notes", 1, 64, 1, String), ends ? h("label", { class: "check" }, untilEnd, "until it ends") : null, scales, roots);
  }
  function networkPickers() {
    if (networks.length < 2) return [];
    const names = networks.map((each) => [each.name, each.name]);
    return [h("div", { class: "play-options" }, picker("Network", names, (name) => use(lead(), name), networks[0].name),
      picker("Next to it", [["", "no other"], ...names], showSecond, ""))];
  }
  function drawLengths() {
    const { voice } = lead();
    const possible = LENGTHS.filter(([steps]) => voice.canWriteLength(steps));
    if (!possible.some(([steps]) => steps === choices.length)) choices.length = possible[0]?.[0] ?? STEPS_PER_QUARTER;
    lengths.replaceChildren(...(voice.hasRhythm ? [choice("Length of the next note", possible, choices.length, (steps) => { choices.length = steps; })] : []));
    lengths.hidden = !voice.hasRhythm;
    const metres = voice.metres.map(([beats, type]) => [`${beats}/${type}`, `${beats}/${type}`]);
    if (metres.length) lengths.append(picker("Metre", [["", "the commonest"], ...metres], (value) => {
      choices.metre = value ? value.split("/").map(Number) : null;
      panels.forEach(refresh);
    }, ""));
  }

  async function showSecond(name) {
    if (panels[1]) panels.pop().element.remove();
    frames.classList.toggle("two", Boolean(name));
    if (!name) return;
    const panel = makePanel(1);
    Object.assign(panel, { notes: lead().notes.slice(0, lead().primer).map((note) => ({ ...note })), primer: lead().primer });
    panels.push(panel);
    frames.append(panel.element);
    await use(panel, name);
  }

  function songOf(panel, shift = 0) {
    return { title: `${panel.name}, a tune`, tempo: player.tempo, ...headerOf(panel), notes: panel.notes.map((note) => ({ ...note, pitch: note.pitch + shift })) };
  }

  function filesMenu(panel) {
    const song = () => songOf(panel, player.transposition);
    const file = (text, ending, type, make) => h("button", { type: "button", class: "quiet", "data-file": ending,
      onclick: async () => saveFile(`tune.${ending}`, await make(song()), type) }, text);
    const menu = h("details", { class: "play-files" }, h("summary", { class: "quiet" }, "Save"), h("div", { class: "card" },
      file("MIDI", "mid", "audio/midi", toMidi), file("MusicXML", "musicxml", "application/vnd.recordare.musicxml+xml", toMusicXml),
      file("ABC", "abc", "text/vnd.abc", toAbc), file("Sound (WAV)", "wav", "audio/wav", toWav),
      copyLinkButton()));
    menu.hidden = !panel.notes.length;
    return menu;
  }

  // --- a link that holds the tune ---
  const linked = () => ({ name: lead().name, primer: lead().primer, notes: lead().notes.map(({ pitch, onset, duration, by }) => [pitch, onset, duration, by === "you" ? 1 : 0]) });
  function writeLink() {
    try { history.replaceState(null, "", lead().notes.length ? tuneLink(linked()) : location.pathname + location.search); } catch {}
  }
  function copyLinkButton() {
    return h("button", { type: "button", class: "quiet", "data-file": "link", onclick: () => copyText(location.href.replace(/#.*$/, "") + tuneLink(linked()), "Link") }, "Copy a link to the tune");
  }
  async function readLink() {
    const found = tuneOfLink(location.hash);
    if (!found) return;
    if (found.problem) { say(found.problem, true); return; }
    const { name, primer, notes } = found;
    if (networks.some((each) => each.name === name) && name !== lead().name) await use(lead(), name);
    Object.assign(lead(), { primer, notes: notes.map(([pitch, onset, duration, by]) => ({ pitch, onset, duration, by: by ? "you" : "network" })) });
    refresh(lead());
    place.scrollIntoView();
  }

  // --- the computer keyboard, while nothing else wants its letters ---
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const box = card.getBoundingClientRect();
    if (box.bottom < 0 || box.top > innerHeight || !lead()?.voice) return;
    const semitones = semitonesOfKey(event.code);
    if (semitones === null) return;
    event.preventDefault();
    addNote(choices.octave + semitones);
    piano.show(choices.octave + semitones);
  });
  const octave = picker("Keys Z and Q play", [[36, "C2 and C3"], [48, "C3 and C4"], [60, "C4 and C5"]], (value) => { choices.octave = Number(value); }, choices.octave);

  whenNear(place, async () => {
    panels.push(makePanel(0));
    frames.append(lead().element);
    card.append(...networkPickers(), piano.element, h("div", { class: "play-lengths" }, lengths, octave), actions.element, drawOptions(), message, frames,
      h("p", { class: "key-of-notes" }, h("span", {}, h("i", { class: "you" }), "you"), h("span", {}, h("i", {}), "the network"), h("span", {}, h("i", { class: "bits" }), "surprise, in bits: low where the network expected the note")));
    for (const { notice } of networks) if (notice) card.append(h("p", { class: "play-notice" }, notice));
    await use(lead(), networks[0].name);
    piano.show(67);
    await readLink();
    window.melgen.play = { panels, addNote, goOn, choices };
  });
  if (location.hash.startsWith(TUNE_LINK)) place.scrollIntoView();
});
