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
  bar.append(h("div", { class: "width" }, button, h("div", { class: "player-middle" }, h("div", {}, title, note), time), tempo));

  player.addEventListener("track", () => {
    bar.hidden = false;
    document.body.classList.add("has-player");
    document.documentElement.style.scrollPaddingBottom = `${bar.offsetHeight + 8}px`;
    title.textContent = player.track.title;
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
  listen(button, "state", draw);
  draw();
  return button;
}

// As long as an element is on the page; what was replaced stops listening at the next event.
function listen(element, kind, react) {
  let seen = false;
  const listener = () => {
    if (element.isConnected) seen = true;
    else if (seen) { player.removeEventListener(kind, listener); return; }
    react();
  };
  player.addEventListener(kind, listener);
}
