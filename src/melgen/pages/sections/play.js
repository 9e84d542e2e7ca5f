// Play with a network that is in the page: a primer on the piano, its continuation, another one, a second network beside it.
const LENGTHS = [[6, "1/16"], [8, "1/8 triplet"], [12, "1/8"], [18, "1/8 dotted"], [24, "1/4"], [36, "1/4 dotted"], [48, "1/2"], [96, "whole"]];
const MOST_SEED = 2 ** 31;

addSection("play", ({ networks, notices }) => {
  const place = section("play", "Play with it",
    "Play a few notes on the piano and let the network go on. It runs in this page: nothing is sent anywhere. The more probable a note is next, the darker its key; hatched keys cannot.");
  const choices = { temperature: 1, topP: 1, notes: 16, untilEnd: false, root: 0, scale: "any", length: 24, octave: 60, metre: null, shaded: 0 };
  const panels = [];
  const past = []; // of each change, the panels that it changed as they were before
  let seed = Math.floor(Math.random() * MOST_SEED);

  const message = h("p", { class: "play-message", role: "status" });
  const say = (text, isWrong = false) => { message.textContent = text; message.classList.toggle("wrong", isWrong); };
  const card = h("div", { class: "card", id: "play-card" });
  const frames = h("div", { class: "play-panels" });
  const piano = pianoKeys({ low: 36, high: 96, onpress: addNote });
  const lengths = h("div", { class: "lengths-place" }), metre = h("div", {});
  const keysOf = h("div", { class: "labelled" });
  place.append(card);

  const lead = () => panels[0];
  const ready = () => panels.filter((panel) => panel.voice);
  // Tunes that one plays begin on a full bar.
  const header = ({ voice }) => ({ metre: choices.metre ?? voice.headerOf({}).metre, pickup: 0 });
  const scale = () => pitchClassesOf(choices.scale, choices.root);
  const options = () => ({ temperature: choices.temperature, topK: null, topP: choices.topP, pitchClasses: scale() });

  async function use(panel, name) {
    const entry = networks.find((each) => each.name === name);
    panel.wanted = name;
    let voice;
    try {
      voice = new Voice(await unfold(entry.pack));
    } catch (error) {
      say(`The network of ${name} cannot be read: ${error.message}`, true);
      return;
    }
    if (panel.wanted !== name) return; // another one was chosen meanwhile
    Object.assign(panel, { name, voice });
    panel.title.textContent = networks.length > 1 ? name : "Your tune";
    if (panel === lead()) drawMetres();
    drawShaded();
    refresh(panel);
  }
  // As `use`, for a choice of the listener: a reload brings this network back.
  async function choose(name) {
    await use(lead(), name);
    writeLink();
  }

  function refresh(panel) {
    const judged = panel.voice.judge(panel.notes, header(panel));
    panel.notes.forEach((note, i) => { note.bits = judged.bits[i]; });
    panel.judged = judged;
    panel.update(panel.voice.headerOf(header(panel)));
    const { representation, rhythm } = panel.voice.data;
    const kind = h("span", { class: "of" }, rhythm === "none" ? representation : `${representation}, rhythm ${rhythm}`);
    const isFocused = document.activeElement?.matches(".primary") && panel.head.contains(document.activeElement);
    panel.head.replaceChildren(...(panel.track ? [playButton(panel.track, "Play")] : []), panel.title, kind, filesMenu(panel));
    if (isFocused) $(".primary", panel.head)?.focus({ preventScroll: true });
    shadePiano();
    const wrong = ready().find((each) => each.judged?.problem);
    if (wrong) say(named(wrong, wrong.judged.problem), true);
    else if (message.classList.contains("wrong")) say("");
    actions.draw();
    drawLengths();
  }

  const shaded = () => panels.find((panel) => panel.index === choices.shaded && panel.judged) || lead();
  function shadePiano() {
    if (shaded()?.judged) piano.shade(shaded().judged.shares, shaded().judged.possible, scale());
  }

  const named = (panel, text) => (panels.length > 1 ? `${panel.name}: ${text}` : text);
  const keep = (...changed) => { past.push(changed.map((panel) => ({ panel, notes: panel.notes.map((note) => ({ ...note })), primer: panel.primer }))); };

  // --- what a player does ---
  const isFull = (panel) => panel.notes.length >= MOST_NOTES;
  const sayFull = () => say(`A tune can have ${MOST_NOTES} notes at most.`, true);
  function addNote(pitch) {
    if (!lead()?.voice) return;
    player.ring([pitch], 0.3);
    piano.flash(pitch);
    if (ready().some(isFull)) { sayFull(); return; }
    say("");
    keep(...ready());
    for (const panel of ready()) {
      const { hasRhythm } = panel.voice;
      panel.notes.push({ pitch, onset: panel.end + (hasRhythm ? pendingRest : 0), duration: hasRhythm ? choices.length : STEPS_PER_QUARTER, by: "you" });
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
    const steps = pendingRest + choices.length, quarters = inQuarters(steps);
    if (!lead().voice.canWriteRest(steps)) { say(`No tune of the training has a rest of ${quarters}.`, true); return; }
    pendingRest = steps;
    say(`A rest of ${quarters} comes before the next note.`);
    actions.draw();
  }

  function goOn({ again = false } = {}) {
    const chosen = again ? null : ready().find((panel) => panel.selected >= 0 && panel.selected < panel.notes.length - 1);
    if (again || chosen) seed = (seed + 1) % MOST_SEED; // from a chosen note, too, one expects other notes than before
    pendingRest = 0;
    const written = [], ended = [], outside = [], problems = [];
    for (const panel of ready()) {
      // All go on from the same beginning.
      const kept = again ? panel.notes.slice(0, panel.primer) : (chosen || panel).notes.slice(0, chosen ? chosen.selected + 1 : undefined).map((note) => ({ ...note }));
      const left = MOST_NOTES - kept.length;
      // The same network twice writes two continuations.
      const others = { seed: (seed + panel.index * MOST_SEED / 2) % MOST_SEED, notes: choices.untilEnd && panel.voice.canEnd ? null : Math.min(choices.notes, left), limit: left };
      try {
        const found = panel.voice.continue(kept, header(panel), { ...options(), ...others });
        if (found.notes.length > kept.length || kept.length < panel.notes.length) written.push({ panel, notes: found.notes, primer: kept.length });
        if (found.ended) ended.push(panel.name);
        const strange = notesOutside(found.notes.slice(kept.length), scale());
        if (strange) outside.push(named(panel, `${counted(strange, "note")} outside the scale, where the network knew no note in it.`));
      } catch (error) {
        problems.push(named(panel, error.message));
      }
    }
    if (written.length) keep(...written.map(({ panel }) => panel));
    for (const { panel, notes, primer } of written) {
      Object.assign(panel, { notes: notes.map((note) => ({ by: "network", ...note })), primer, selected: -1 });
      refresh(panel);
    }
    const heard = written.find(({ notes, primer }) => notes.length > primer);
    if (problems.length) say(problems.join(" "), true);
    else if (outside.length) say(outside.join(" "));
    else if (ended.length) say(panels.length > 1 ? `Ended by ${ended.join(" and ")}.` : "The network ended the tune.");
    else if (ready().some(isFull)) sayFull();
    else say(heard ? `${counted(heard.notes.length - heard.primer, "note")} written.` : "The network wrote nothing but rests.");
    if (written.length) writeLink();
    if (!heard) return;
    player.load(heard.panel.track, heard.notes[heard.primer].onset);
    player.play();
  }

  // What `kind` means, and `value`: see tune_editor.js; "length" gives a note a length in steps.
  function edit(panel, kind, index, value) {
    if (kind === "select") {
      panels.filter((each) => each !== panel).forEach((each) => each.select(-1));
      panel.select(index);
      actions.draw();
      drawLengths();
      return;
    }
    if (kind === "stretch") {
      const longer = lengthsOf(panel).filter((steps) => (value > 0 ? steps > panel.notes[index].duration : steps < panel.notes[index].duration));
      value = value > 0 ? longer[0] : longer.at(-1);
      if (!value) return;
    }
    keep(panel);
    if (kind === "stretch" || kind === "length") {
      const change = value - panel.notes[index].duration;
      Object.assign(panel.notes[index], { duration: value, by: "you" });
      panel.notes.slice(index + 1).forEach((note) => { note.onset += change; });
      player.ring([panel.notes[index].pitch], 0.3);
    } else if (kind === "move") {
      panel.notes[index] = { ...panel.notes[index], pitch: value, by: "you" };
      player.ring([value], 0.3);
    } else {
      const [gone] = panel.notes.splice(index, 1);
      panel.notes.slice(index).forEach((note) => { note.onset -= gone.duration; });
      panel.primer -= index < panel.primer ? 1 : 0;
      panel.selected = Math.min(index, panel.notes.length - 1);
    }
    refresh(panel);
    writeLink();
  }

  function undo() {
    say("");
    if (pendingRest) {
      pendingRest = 0;
      actions.draw();
      return;
    }
    for (const { panel, notes, primer } of past.pop()) {
      Object.assign(panel, { notes, primer, selected: -1 });
      refresh(panel);
    }
    writeLink();
  }
  function clear() {
    player.pause();
    keep(...ready());
    for (const panel of ready()) {
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
      const { voice, notes } = lead();
      go.disabled = notes.length < voice.fewestNotes;
      go.textContent = ready().some((panel) => panel.selected >= 0 && panel.selected < panel.notes.length - 1) ? "Continue from here" : notes.length ? "Continue" : go.disabled ? `Play ${counted(voice.fewestNotes, "note")} to begin` : "Let it begin";
      again.disabled = panels.every((panel) => panel.primer >= panel.notes.length);
      back.disabled = !past.length && !pendingRest;
      empty.disabled = panels.every((panel) => !panel.notes.length);
      rest.hidden = !voice.hasRhythm;
    };
    return { element, draw };
  })();

  let chooseNetwork = null;
  function networkPickers() {
    if (networks.length < 2) return [];
    const names = networks.map((each) => [each.name, each.name]);
    chooseNetwork = picker("Network", names, choose, networks[0].name);
    return [h("div", { class: "play-options" }, chooseNetwork,
      picker("Next to it", [["", "no other"], ...names], showSecond, ""))];
  }
  const lengthsOf = ({ voice }) => LENGTHS.map(([steps]) => steps).filter((steps) => voice.canWriteLength(steps));
  let shownLengths = "";
  // The same chips are kept, so that the one that was pressed keeps the focus.
  function drawLengths() {
    if (!lead()?.voice) return;
    const panel = panels.find((each) => each.voice && each.selected >= 0) || lead();
    if (!lengthsOf(lead()).includes(choices.length)) choices.length = lengthsOf(lead())[0] ?? STEPS_PER_QUARTER;
    const possible = LENGTHS.filter(([steps]) => panel.voice.hasRhythm && lengthsOf(panel).includes(steps));
    const index = panel.selected < panel.notes.length ? panel.selected : -1;
    const [label, now, choose] = index < 0 ? ["Length of the next note", choices.length, (steps) => { choices.length = steps; }] :
      [`Length of note ${index + 1}`, panel.notes[index].duration, (steps) => edit(panel, "length", index, steps)];
    const shown = JSON.stringify([panel.index, label, possible]);
    if (shown === shownLengths) { lengths.querySelector(".chips")?.choose(now, true); return; }
    shownLengths = shown;
    lengths.replaceChildren(...(possible.length ? [h("div", { class: "labelled" }, h("span", { class: "chips-name" }, label), choice(label, possible, now, choose))] : []));
    lengths.hidden = !possible.length;
  }
  function drawMetres() {
    const { voice } = lead();
    const metres = voice.metres.map(([beats, type]) => [`${beats}/${type}`, `${beats}/${type}`]);
    const chosen = choices.metre?.join("/");
    if (!metres.some(([metre]) => metre === chosen)) choices.metre = null;
    const usual = voice.headerOf({}).metre;
    metre.hidden = !metres.length;
    metre.replaceChildren(picker("Metre", [["", usual ? `the commonest, ${usual.join("/")}` : "the commonest"], ...metres], (value) => {
      choices.metre = value ? value.split("/").map(Number) : null;
      ready().forEach(refresh);
      writeLink();
    }, choices.metre ? chosen : ""));
  }

  async function showSecond(name) {
    if (panels[1]) {
      panels.pop().element.remove();
      past.forEach((change, i) => { past[i] = change.filter(({ panel }) => panel === lead()); });
      past.splice(0, past.length, ...past.filter((change) => change.length));
    }
    choices.shaded = 0;
    frames.classList.toggle("two", Boolean(name));
    if (name) {
      const panel = new TunePanel(1, edit);
      Object.assign(panel, { notes: lead().notes.slice(0, lead().primer).map((note) => ({ ...note })), primer: lead().primer });
      panels.push(panel);
      frames.append(panel.element);
      await use(panel, name);
      if (panels[1] !== panel) return; // another one was chosen meanwhile
    }
    drawShaded();
    refresh(lead());
  }
  // Of two networks, the one that shades the keys.
  function drawShaded() {
    const [first, second] = panels.map((panel) => panel.name);
    const names = second ? [[0, first], [1, second === first ? `${second}, the second` : second]] : [];
    keysOf.replaceChildren(...(second ? [h("span", { class: "chips-name" }, "The keys show"), choice("The keys show", names, choices.shaded, (index) => { choices.shaded = index; shadePiano(); })] : []));
  }

  function filesMenu(panel) {
    const menu = filesOfSong(() => panel.song(player.transposition), { say, more: copyLinkButton() });
    menu.hidden = !panel.notes.length;
    return menu;
  }

  // --- a link that holds the tune ---
  const isOnlyHere = () => location.protocol === "file:" || ["localhost", "127.0.0.1"].includes(location.hostname);
  const linked = () => ({ name: lead().name, metre: choices.metre, primer: lead().primer, notes: lead().notes.map(({ pitch, onset, duration, by }) => [pitch, onset, duration, by === "you" ? 1 : 0]) });
  function writeLink() {
    try { history.replaceState(null, "", lead().notes.length ? tuneLink(linked()) : location.pathname + location.search); } catch {}
  }
  function copyLinkButton() {
    return h("button", { type: "button", class: "quiet", "data-file": "link", onclick: async () => {
      if (!(await copyText(location.href.replace(/#.*$/, "") + tuneLink(linked()), "Link"))) say("The browser did not copy the link. It is in the address bar.", true);
      else say(isOnlyHere() ? "Link copied. It works on this computer; for someone else, save the tune as a file." : "Link copied.");
    } }, "Copy a link to the tune");
  }
  async function readLink() {
    const found = tuneOfLink(location.hash);
    if (!found) return;
    if (found.problem) { say(found.problem, true); return; }
    const { name, metre, primer, notes } = found, isHere = networks.some((each) => each.name === name);
    choices.metre = metre;
    if (isHere && name !== lead().name) chooseNetwork?.choose(name);
    await use(lead(), isHere ? name : lead().name);
    if (!lead().voice) return;
    if (lead().notes.length) keep(lead());
    Object.assign(lead(), { primer, selected: -1, notes: notes.map(([pitch, onset, duration, by]) => ({ pitch, onset, duration, by: by ? "you" : "network" })) });
    refresh(lead());
    if (!lead().judged.problem) say(isHere ? `The link has brought ${counted(notes.length, "note")}.` : `The tune was written with ${name}, which is not in this page.`);
    message.scrollIntoView({ block: "center" });
  }

  // --- the computer keyboard, while nothing else wants its letters; a switch turns it off, for users of speech input ---
  document.addEventListener("keydown", (event) => {
    const isTyped = event.target.closest("input:not([type='range'], [type='checkbox']), select, textarea");
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyped) return;
    const box = card.getBoundingClientRect();
    if (choices.octave === "" || box.bottom < 0 || box.top > innerHeight || !lead()?.voice) return;
    const semitones = semitonesOfKey(event.code);
    if (semitones === null) return;
    event.preventDefault();
    addNote(choices.octave + semitones);
    piano.show(choices.octave + semitones);
  });
  const octave = picker("Letters Z and Q play", [["", "nothing"], [36, "C2 and C3"], [48, "C3 and C4"], [60, "C4 and C5"]], (value) => { choices.octave = value && Number(value); }, choices.octave);

  whenNear(place, async () => {
    panels.push(new TunePanel(0, edit));
    // A key that is held down plays or writes once.
    card.addEventListener("keydown", (event) => { if (event.repeat && event.key === "Enter" && event.target.closest("button")) event.preventDefault(); });
    // After a choice by mouse, letters play notes again instead of choosing in the list.
    card.addEventListener("change", ({ target }) => { if (target.matches("select:not(:focus-visible)")) target.blur(); });
    window.addEventListener("hashchange", readLink);
    frames.append(lead().element);
    card.append(...networkPickers(), keysOf, piano.element, h("div", { class: "play-lengths" }, lengths, metre, h("div", { class: "play-letters" }, octave)), actions.element, message,
      h("details", { class: "play-choices", open: innerWidth > 600 }, h("summary", {}, "How the notes are chosen"), samplingOptions(choices, { mayEnd: networks.some((each) => each.has_rhythm), onscale: shadePiano })), frames,
      h("p", { class: "key-of-notes" }, h("span", {}, h("i", { class: "you" }), "you"), h("span", {}, h("i", {}), "the network"), h("span", {}, h("i", { class: "bits" }), "surprise, in bits: low where the network expected the note"),
        h("span", {}, "Drag a note up or down. Choose it to change its length, or to continue from there.")));
    card.append(...notices.map((text) => h("p", { class: "play-notice" }, text)));
    await use(lead(), networks[0].name);
    piano.show(67);
    await readLink();
    window.melgen.play = { panels, addNote, goOn, choices };
  });
  if (location.hash.startsWith(TUNE_LINK)) place.scrollIntoView();
});
