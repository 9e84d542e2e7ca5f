// Sections add themselves here; main.js draws those that the page has data for.
const drawers = new Map();

// `draw` is given the data of the section, `pageData.sections[name]`.
function addSection(name, draw) { drawers.set(name, draw); }

// Requests from one section to another; nothing happens if the other is not on the page.
const requests = { showCurves: () => {}, openSong: () => {} };

function section(id, title, lead, ...children) {
  const found = h("section", { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, title), lead ? h("p", { class: "lead" }, lead) : null, children);
  $("#content").append(found);
  $("#sections").append(h("a", { href: `#${id}` }, title));
  return found;
}
