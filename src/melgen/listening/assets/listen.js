// A blind listening test. The data are described in melgen/listening/page.py. One step shows at a time: consent, sound,
// the comparisons, the end.
const test = JSON.parse($("#test").textContent);
const HEARD = 0.8; // of a tune, before an answer is possible
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", CODE_LENGTH = 8;
const MOST_SECONDS = 3600; // more means that the listener was away
const STORE = `melgen-listening-${test.test}`;
const ANSWERS = [["first", "A"], ["same", "No difference"], ["second", "B"]];
const CHECK_ANSWERS = [["first", "A"], ["same", "Neither"], ["second", "B"]];
const TRAINING = [["none", "None"], ["some", "Some years of lessons, or self-taught"], ["professional", "I am or was a musician by profession, or studied music"], ["", "I prefer not to say"]];
const SCALE = [60, 62, 64, 65, 67, 69, 71, 72];

const drawCode = () => [...crypto.getRandomValues(new Uint8Array(CODE_LENGTH))].map((byte) => LETTERS[byte % LETTERS.length]).join("");
// As `sheet_of` in melgen/listening/key.py.
const sheetOf = (code) => [...code].reduce((number, letter) => (number * LETTERS.length + LETTERS.indexOf(letter)) % test.sheets.length, 0);

const state = { code: drawCode(), training: null, answers: [], isSaved: true };
player.tempo = test.tempo;

// Browsers may refuse a page from the file system a store: the answers are then lost by a reload, and nothing else.
function store() { try { localStorage.setItem(STORE, JSON.stringify(state)); } catch {} }
function forget() { try { localStorage.removeItem(STORE); } catch {} }
function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE));
    if (!kept || typeof kept.code !== "string" || !Array.isArray(kept.answers) || !kept.answers.length) return false;
    Object.assign(state, { code: kept.code, training: kept.training, answers: kept.answers, isSaved: kept.isSaved === true });
    return true;
  } catch { return false; }
}

// The answers of this listener go; those that no file holds only after a question.
function startAgain() {
  if (!state.isSaved && !confirm("Your answers so far are not saved as a file. Delete them?")) return;
  state.isSaved = true;
  forget();
  location.reload();
}

const sheet = () => test.sheets[sheetOf(state.code)];

function show(step, ...parts) {
  player.pause();
  const card = h("section", { class: `card ${step}`, "data-step": step }, parts);
  $("#content").replaceChildren(card);
  scrollTo(0, 0);
  const heading = $("h2", card);
  heading.tabIndex = -1; // a screen reader goes on from the new question
  heading.focus({ preventScroll: true });
}

const primary = (text, onclick, disabled = false) => h("button", { type: "button", class: "primary", onclick, disabled }, text);

function showConsent() {
  const text = h("div", { class: "consent-text" }, $("#consent").content.cloneNode(true));
  show("consent", h("h2", {}, "Before you begin"), text,
    h("p", {}, `${test.sheets[0].length} comparisons, about ${test.minutes} minutes.`),
    h("div", { class: "buttons" }, primary("I agree and take part", () => showTraining())),
    h("p", { class: "hint" }, "If you do not agree, close this page."));
}

function choices(name, legend, options, onchoose, kind = "") {
  const inputs = options.map(([value]) => h("input", { type: "radio", name, value, onchange: () => onchoose(value) }));
  const field = h("fieldset", {}, h("legend", {}, legend),
    h("div", { class: `answers ${kind}` }, options.map(([, text], i) => h("label", {}, inputs[i], h("span", {}, text)))));
  return { field, inputs };
}

function showTraining() {
  const { field } = choices("training", "Which describes you best?", TRAINING, (value) => { state.training = value || null; });
  show("training", h("h2", {}, "Your musical training"), field,
    h("div", { class: "buttons" }, primary("Next", () => showSound())),
    h("p", { class: "hint" }, "You may leave this question out."));
}

function showSound() {
  const scale = trackOf("test sound", { pitches: SCALE, onsets: SCALE.map((_, i) => i * STEPS_PER_QUARTER), durations: SCALE.map(() => STEPS_PER_QUARTER) });
  const volume = h("input", { type: "range", min: 0.1, max: 1.5, step: 0.05, value: player.volume, "aria-label": "Volume", oninput: () => player.setVolume(Number(volume.value)) });
  const next = primary("I hear it well", () => showComparison(), true);
  const trouble = h("p", { class: "notice strong", role: "alert", hidden: true }, "This browser makes no sound. Please open the page in another one.");
  const play = primary("Play the test sound", () => {
    player.load(scale);
    player.play();
  });
  // The answers of who hears nothing are worth nothing.
  whileShown(next, "note", () => {
    if (!player.playing || player.track !== scale) return;
    trouble.hidden = !player.silent;
    next.disabled = player.silent;
  });
  const kept = state.answers.length
    ? [h("p", {}, `Your ${counted(state.answers.length, "answer")} so far are still here. `,
        h("button", { type: "button", class: "link", onclick: startAgain }, "Start again as another listener"))]
    : [];
  show("sound", h("h2", {}, "Set the volume"), ...kept,
    h("p", {}, "Use headphones if you have any. Play the test sound, set a comfortable volume, and leave it as it is."),
    h("div", { class: "buttons" }, play), h("label", { class: "picker" }, h("span", {}, "Volume"), volume), trouble,
    h("div", { class: "buttons" }, next));
}

// One of the two tunes: its button, how much of it was heard, and how often it was begun.
function side(letter, number, onheard) {
  const [pitches, onsets, durations] = test.songs[number];
  const track = trackOf(`tune ${letter}`, { pitches, onsets, durations });
  const one = { plays: 0, heard: 0 };
  const fill = h("div", {});
  const text = h("p", {}, "not heard yet");
  const button = h("button", { type: "button", class: "play", "data-side": letter });
  one.element = h("div", { class: "side" }, h("div", {}, button, h("strong", {}, letter)), h("div", { class: "bar", "aria-hidden": "true" }, fill), text);
  const isMine = () => player.track === track;
  const draw = () => {
    const sounds = isMine() && player.playing;
    button.replaceChildren(playSign(sounds));
    button.setAttribute("aria-label", `${sounds ? "Pause" : "Play"} tune ${letter}`);
    one.element.classList.toggle("playing", sounds);
    text.textContent = sounds ? "playing" : one.heard >= HEARD ? "heard" : one.heard > 0 ? "not heard to the end" : "not heard yet";
  };
  const hear = (share) => {
    const was = one.heard;
    one.heard = Math.max(one.heard, share);
    if (was < HEARD && one.heard >= HEARD) onheard();
  };
  one.toggle = async () => {
    if (isMine() && player.playing) { player.pause(); return; }
    if (!isMine()) player.load(track);
    if (player.position === 0) one.plays += 1;
    one.onplay();
    if (await player.play(test.steps)) { hear(1); draw(); }
  };
  button.addEventListener("click", one.toggle);
  whileShown(one.element, "state", draw);
  whileShown(one.element, "time", () => {
    if (isMine() && player.playing) hear(player.position / test.steps);
    const share = isMine() && player.position > 0 ? player.position / test.steps : one.heard;
    fill.style.width = `${Math.min(100, 100 * share)}%`;
  });
  draw();
  return one;
}

function showComparison() {
  const number = state.answers.length, trials = sheet();
  if (number >= trials.length) { showEnd(); return; }
  const [first, second, isCheck] = trials[number];
  let chosen = null, began = null;
  const onheard = () => {
    if (sides.some((each) => each.heard < HEARD)) return;
    inputs.forEach((input) => { input.disabled = false; });
    hint.textContent = "You may play both again.";
    announce("You can answer now");
  };
  const sides = [side("A", first, onheard), side("B", second, onheard)];
  sides.forEach((each) => { each.onplay = () => { began ??= performance.now(); }; });
  const next = primary(number + 1 < trials.length ? "Next" : "Finish", () => {
    const seconds = Math.min(MOST_SECONDS, Math.round((performance.now() - began) / 100) / 10);
    state.answers.push({ trial: number, first, second, answer: chosen, seconds, plays: sides.map((each) => each.plays), known: known.checked });
    state.isSaved = false;
    store();
    showComparison();
  }, true);
  const question = isCheck ? test.check_question : test.question;
  const { field, inputs } = choices("answer", "Your answer", isCheck ? CHECK_ANSWERS : ANSWERS, (value) => { chosen = value; next.disabled = false; }, "three");
  inputs.forEach((input) => { input.disabled = true; });
  const known = h("input", { type: "checkbox" });
  const hint = h("p", { class: "hint" }, `You can answer once you have heard both tunes.${coarse.matches ? "" : " The keys A and B play and pause."}`);
  const done = h("div", {});
  done.style.width = `${(100 * number) / trials.length}%`;
  show(isCheck ? "comparison check-item" : "comparison",
    h("div", { class: "progress" }, h("p", {}, `${number + 1} of ${trials.length}`), h("div", { class: "bar", "aria-hidden": "true" }, done)),
    h("h2", {}, question), h("div", { class: "sides" }, sides.map((each) => each.element)), field, hint,
    isCheck ? null : h("label", { class: "check" }, known, "I knew one of these tunes before this test"),
    h("div", { class: "buttons" }, next, h("button", { type: "button", class: "link", onclick: () => showEnd() }, "Stop here")));
}

function showEnd() {
  const left = sheet().length - state.answers.length;
  const { format, version, test: id } = test;
  const content = JSON.stringify({ format, version, test: id, code: state.code, sheet: sheetOf(state.code), training: state.training, answers: state.answers }, null, 1);
  const name = `answers-${state.code}.json`;
  const sent = h("p", {}, `Please send the file ${name} to ${test.return_to}.`);
  const save = primary("Save my answers", () => {
    saveFile(name, content, "application/json");
    state.isSaved = true;
    store();
    announce(`${name} saved`);
    save.textContent = "Save again";
    another.hidden = Boolean(left);
  });
  const another = h("button", { type: "button", class: "link", hidden: true, onclick: startAgain }, "Start again for another listener");
  show("end", h("h2", {}, left ? "Stop here?" : "Thank you!"),
    h("p", {}, left ? `${state.answers.length} of ${counted(sheet().length, "comparison")} are answered.` : "You have answered everything. One step is left: save your answers as a file, and send it back."),
    h("div", { class: "buttons" }, ...(state.answers.length ? [save, copyButton("Copy them as text", content, "Answers")] : []), left ? h("button", { type: "button", class: "link", onclick: () => showComparison() }, "Go on with the test") : null),
    state.answers.length ? sent : null, h("p", {}, "Your code: ", h("span", { class: "code" }, state.code)), another);
}

// A letter key plays a tune, unless it is typed with Ctrl or Alt.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const letter = event.key.toUpperCase();
  if (letter === "A" || letter === "B") $(`[data-side="${letter}"]`)?.click();
});
addEventListener("beforeunload", (event) => { if (!state.isSaved) event.preventDefault(); });

showTheme();
if (restore()) showSound(); else showConsent();
// For tests, and for the curious at the console.
window.melgen = { player };
