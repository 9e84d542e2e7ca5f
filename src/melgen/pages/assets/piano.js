// A piano on the screen: press its keys, shade them by probability, see which are possible.
const BLACK = [1, 3, 6, 8, 10];
const isBlack = (pitch) => BLACK.includes(pitch % 12);
const whiteKeysBelow = (low, pitch) => Array.from({ length: pitch - low }, (_, i) => low + i).filter((each) => !isBlack(each)).length;

// Keys from `low` to `high`, both white. `onpress(pitch)` is called for a mouse, a finger, Enter or the space bar.
// The piano is one stop of the tab key; the arrow keys go from key to key.
function pianoKeys({ low, high, onpress }) {
  const keys = new Map();
  const whites = whiteKeysBelow(low, high + 1);
  const frame = h("div", { class: "piano-keys", role: "group", "aria-label": "Piano: arrow keys choose a key, Enter plays it" });
  frame.style.setProperty("--whites", whites);
  for (let pitch = low; pitch <= high; pitch++) {
    const label = pitch % 12 === 0 ? h("span", { class: "key-name", "aria-hidden": "true" }, pitchName(pitch)) : null;
    const share = h("span", { class: "key-share", "aria-hidden": "true" });
    const key = h("button", { type: "button", class: isBlack(pitch) ? "piano-key black" : "piano-key", tabindex: -1, "data-pitch": pitch, "aria-label": pitchName(pitch) }, share, label);
    key.style.setProperty("--at", whiteKeysBelow(low, pitch));
    keys.set(pitch, key);
  }
  frame.append(...keys.values());
  let current = Math.min(Math.max(60, low), high);
  const stop = (pitch) => {
    keys.get(current).tabIndex = -1;
    current = pitch;
    keys.get(current).tabIndex = 0;
  };
  stop(current);
  const press = (pitch) => {
    if (!keys.has(pitch)) return;
    flash(pitch);
    onpress(pitch);
  };
  const flash = (pitch) => {
    const key = keys.get(pitch);
    if (!key) return;
    key.classList.add("down");
    setTimeout(() => key.classList.remove("down"), 180);
  };
  frame.addEventListener("click", (event) => {
    const key = event.target.closest(".piano-key");
    if (!key) return;
    stop(Number(key.dataset.pitch));
    press(current);
  });
  frame.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 12, ArrowDown: -12 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const next = current + step;
    if (!keys.has(next)) return;
    stop(next);
    keys.get(next).focus();
  });

  // `all` is a Map of pitch and probability; `possible` a Set of pitches, or null for all. Keys outside the scale of
  // `pitchClasses`, or null for any note, are veiled; the probabilities are then those in the scale.
  function shade(all, possible = null, pitchClasses = null) {
    const shares = sharesInScale(all, pitchClasses);
    const most = Math.max(0, ...shares.values());
    for (const [pitch, key] of keys) {
      const share = shares.get(pitch) || 0;
      const isPossible = !possible || possible.has(pitch);
      key.style.setProperty("--share", most ? (share / most).toFixed(3) : "0");
      key.classList.toggle("impossible", !isPossible);
      key.classList.toggle("outside", !isInScale(pitch, pitchClasses));
      const outside = isInScale(pitch, pitchClasses) ? "" : ", outside the scale";
      key.title = isPossible ? `${pitchName(pitch)}: ${percent(share)}${outside}` : `${pitchName(pitch)}: not in this network's vocabulary${outside}`;
      key.firstElementChild.textContent = share >= 0.03 ? String(Math.round(share * 100)) : "";
      key.dataset.share = share.toFixed(6);
    }
  }
  function show(pitch) {
    const key = keys.get(pitch);
    if (key && outer.scrollWidth > outer.clientWidth) outer.scrollLeft = key.offsetLeft - outer.clientWidth / 2;
  }
  const outer = h("div", { class: "piano", tabindex: -1 }, frame);
  return { element: outer, shade, flash, show };
}

const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

// The rows of a computer keyboard as two octaves, by the place of a key and not by its letter.
const LOWER_ROW = ["KeyZ", "KeyS", "KeyX", "KeyD", "KeyC", "KeyV", "KeyG", "KeyB", "KeyH", "KeyN", "KeyJ", "KeyM"];
const UPPER_ROW = ["KeyQ", "Digit2", "KeyW", "Digit3", "KeyE", "KeyR", "Digit5", "KeyT", "Digit6", "KeyY", "Digit7", "KeyU", "KeyI"];
function semitonesOfKey(code) {
  const lower = LOWER_ROW.indexOf(code), upper = UPPER_ROW.indexOf(code);
  return lower >= 0 ? lower : upper >= 0 ? 12 + upper : null;
}

// Listens to MIDI keyboards: `onpress(pitch)` for each note. Resolves to a sentence on what was found.
async function listenToMidi(onpress) {
  if (!navigator.requestMIDIAccess) return "This browser gives pages no MIDI. Chrome, Edge and Firefox can.";
  let access;
  try {
    access = await navigator.requestMIDIAccess();
  } catch {
    return location.protocol === "file:" ?
      "The browser refused MIDI to this file. melgen play serves the page so that it may ask for it." :
      "The browser refused MIDI. Allow it for this page and try again.";
  }
  const react = ({ data }) => { if ((data[0] & 0xf0) === 0x90 && data[2] > 0) onpress(data[1]); };
  const connect = () => { for (const input of access.inputs.values()) input.onmidimessage = react; };
  access.onstatechange = connect;
  connect();
  const names = [...access.inputs.values()].map((input) => input.name || "a keyboard");
  return names.length ? `Listening to ${names.join(", ")}.` : "No MIDI keyboard is connected; one that is connected later will be heard.";
}
