// The bar at the foot of the page.
function playerBar() {
  const bar = $("#player");
  const button = h("button", { type: "button", class: "play", onclick: () => player.toggle() });
  const title = h("span", { class: "player-title" });
  const note = h("span", { class: "player-note", "aria-hidden": "true" });
  const time = h("input", { type: "range", min: 0, step: 1, "aria-label": "Position in the song",
                            oninput: () => player.seek(Number(time.value)) });
  const tempo = h("select", { "aria-label": "Tempo", onchange: () => player.setTempo(Number(tempo.value)) },
    [60, 90, 120, 150, 180].map((beats) => h("option", { value: beats, selected: beats === 120 }, `♩ = ${beats}`)));
  bar.append(h("div", { class: "width" }, button, h("div", { class: "player-middle" }, h("div", {}, title, note), time), tempo, soundOptions()));

  player.addEventListener("track", () => {
    bar.hidden = !player.track;
    document.body.classList.toggle("has-player", !bar.hidden);
    document.documentElement.style.scrollPaddingBottom = `${bar.offsetHeight + 8}px`;
    title.textContent = player.track?.title ?? "";
    time.max = player.length;
    time.value = 0;
  });
  player.addEventListener("state", () => {
    button.replaceChildren(playSign(player.playing));
    button.setAttribute("aria-label", player.playing ? "Pause" : "Play");
  });
  player.addEventListener("note", () => { note.textContent = player.note < 0 ? "" : pitchName(player.track.pitches[player.note]); });
  player.addEventListener("time", () => {
    time.value = Math.round(player.position);
    time.setAttribute("aria-valuetext", `beat ${Math.floor(player.position / STEPS_PER_QUARTER) + 1}`);
  });
  player.emit("state");

  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || !player.track || event.target.closest("button, input, select, textarea, summary, a, [tabindex]")) return;
    event.preventDefault();
    player.toggle();
  });
}

// Volume, transposition and loop, folded behind a button.
function soundOptions() {
  const volume = h("input", { type: "range", min: 0, max: 1.5, step: 0.05, value: player.volume, "aria-label": "Volume", oninput: () => player.setVolume(Number(volume.value)) });
  const shifts = Array.from({ length: 25 }, (_, i) => 12 - i);
  const transposition = h("select", { "aria-label": "Transposition in semitones", onchange: () => player.setTransposition(Number(transposition.value)) },
    shifts.map((shift) => h("option", { value: shift, selected: shift === 0 }, shift ? `${shift > 0 ? "+" : "−"}${Math.abs(shift)}` : "as written")));
  const loop = h("input", { type: "checkbox", onchange: () => { player.isLooping = loop.checked; } });
  return h("details", { class: "player-more" }, h("summary", { "aria-label": "Volume, transposition and loop" }, "⋯"),
    h("div", { class: "card" }, h("label", { class: "picker" }, h("span", {}, "Volume"), volume),
      h("label", { class: "picker" }, h("span", {}, "Transpose, in semitones"), transposition),
      h("label", { class: "check" }, loop, "Loop")));
}

function playSign(playing) {
  return s("svg", { viewBox: "0 0 20 20", width: 18, height: 18, "aria-hidden": "true" },
    s("path", { fill: "currentColor", d: playing ? "M4 3h4v14H4zM12 3h4v14h-4z" : "M5 2.5v15l12.5-7.5z" }));
}

// One of two texts, as wide as the longer of them: its neighbours do not move when the text changes.
function eitherText(first, one, other) {
  const part = (text, shown) => h("span", shown ? {} : { class: "unseen", "aria-hidden": "true" }, text);
  return h("span", { class: "either-text" }, part(one, first), part(other, !first));
}

// A button that plays and pauses one track; `title` completes what it is called.
function playButton(track, text = null) {
  const label = text || "Play";
  const button = h("button", { type: "button", class: text ? "primary" : "play", "data-track": track.title });
  const draw = () => {
    const mine = player.track === track && player.playing;
    button.replaceChildren(playSign(mine), text ? eitherText(mine, "Pause", text) : "");
    button.setAttribute("aria-label", `${mine ? "Pause" : label}: ${track.title}`);
  };
  button.addEventListener("click", () => {
    if (player.track !== track) player.load(track);
    player.toggle();
  });
  whileShown(button, "state", draw);
  draw();
  return button;
}

// Reacts to the player as long as an element is on the page. The code that makes the element also draws it first.
function whileShown(element, kind, react) {
  let wasShown = false;
  const listener = () => {
    if (element.isConnected) { wasShown = true; react(); }
    else if (wasShown) player.removeEventListener(kind, listener);
  };
  player.addEventListener(kind, listener);
  queueMicrotask(() => { wasShown ||= element.isConnected; }); // it may be replaced before the first event
}
