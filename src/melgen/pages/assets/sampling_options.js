// How the next notes are chosen: sliders and lists that change `choices` (temperature, topP, notes, untilEnd, scale, root).
// `onscale()` is called for another scale. `mayEnd` tells whether some network can end a tune.
function samplingOptions(choices, { mayEnd, onscale }) {
  const slider = (label, key, low, high, step, said = (value) => value.toFixed(2)) => {
    const shown = h("span", { class: "option-value" }, said(choices[key]));
    const input = h("input", { type: "range", min: low, max: high, step, value: choices[key], oninput: () => { choices[key] = Number(input.value); shown.textContent = said(choices[key]); } });
    return h("label", { class: "picker", "data-option": key }, h("span", {}, label, " ", shown), input);
  };
  const untilEnd = h("input", { type: "checkbox", checked: choices.untilEnd, onchange: () => { choices.untilEnd = untilEnd.checked; } });
  const roots = picker("Scale begins on", NAMES.map((name, i) => [i, name]), (value) => { choices.root = Number(value); onscale(); }, choices.root);
  const scales = picker("Only notes of a scale", Object.keys(SCALES).map((name) => [name, name === "any" ? "any note" : name]), (value) => {
    choices.scale = value;
    roots.hidden = value === "any";
    onscale();
  }, choices.scale);
  roots.hidden = choices.scale === "any";
  return h("div", { class: "play-options" },
    slider("Temperature", "temperature", 0.2, 2, 0.05),
    slider("Top p", "topP", 0.1, 1, 0.05),
    slider("Notes", "notes", 1, 64, 1, String),
    mayEnd ? h("label", { class: "check" }, untilEnd, "until it ends") : null, scales, roots,
    h("p", { class: "option-hint" }, "Temperature: lower is safer, higher is bolder. Top p: 1 allows all notes, less only the most probable ones."));
}
