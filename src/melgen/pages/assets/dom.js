const $ = (selector, root = document) => root.querySelector(selector);
const SVG = "http://www.w3.org/2000/svg";

// Text always goes in as text: titles of tunes and names of files come from anywhere.
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}
const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const s = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

const announce = (text) => { $("#announcement").textContent = text; };

// Several buttons of which one is pressed: `choices` are [value, label].
function choice(label, choices, chosen, onchoose) {
  const buttons = choices.map(([value, text, kind]) =>
    h("button", { type: "button", class: "chip", "aria-pressed": String(value === chosen), "data-kind": kind,
                  onclick: () => choose(value) }, text));
  function choose(value, quietly) {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(choices[i][0] === value)));
    if (!quietly) onchoose(value);
  }
  const group = h("div", { class: "chips", role: "group", "aria-label": label }, buttons);
  group.choose = choose;
  return group;
}

function picker(label, choices, onchoose, chosen) {
  const select = h("select", { onchange: () => onchoose(select.value) },
    choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
  const field = h("label", { class: "picker" }, h("span", {}, label), select);
  field.choose = (value) => { select.value = value; };
  return field;
}

// A number with its noun.
const counted = (number, noun) => `${number.toLocaleString("en")} ${number === 1 ? noun : `${noun}s`}`;

// Marks the sides on which something that scrolls sideways goes on, with a hint in words below it.
function scrolling(frame, what = "") {
  const hint = what ? h("p", { class: "scroll-hint", "aria-hidden": "true" }, `${what} →`) : null;
  const outer = h("div", { class: "scrolling" }, h("div", { class: "scroll-shadows" }, frame), hint);
  const look = () => {
    const left = frame.scrollLeft > 2, right = frame.scrollLeft + frame.clientWidth < frame.scrollWidth - 2;
    outer.classList.toggle("more-left", left);
    outer.classList.toggle("more-right", right);
    outer.classList.toggle("scrolls", frame.scrollWidth > frame.clientWidth + 2);
  };
  frame.addEventListener("scroll", look, { passive: true });
  const observer = new ResizeObserver(look);
  observer.observe(frame);
  if (frame.firstElementChild) observer.observe(frame.firstElementChild);
  return outer;
}

// Brings an element into view between the sections above and the player below, if it is not there already.
function bringIntoView(element) {
  const box = element.getBoundingClientRect(), player = $("#player");
  const foot = player.hidden ? 0 : player.offsetHeight;
  if (box.top >= 60 && box.bottom <= innerHeight - foot) return;
  element.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
}

// Draws a part of the page when it is about to be seen.
function whenNear(element, draw) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    draw();
  }, { rootMargin: "500px" });
  observer.observe(element);
}

// Offers a file to save.
function saveFile(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: address, download: name, class: "unseen" }, name);
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

// A button that copies a text and shows whether it could. `kind` is what tests find it by.
function copyButton(label, text, what, kind = what) {
  const button = h("button", { type: "button", class: "quiet", "data-copy": kind, onclick: async () => {
    button.textContent = await copyText(text, what) ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  } }, label);
  return button;
}

// Returns whether the browser has copied it.
async function copyText(text, what) {
  let isCopied = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Some browsers give a page from the file system no clipboard.
    const area = h("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    isCopied = document.execCommand("copy");
    area.remove();
  }
  announce(isCopied ? `${what} copied` : `${what} could not be copied`);
  return isCopied;
}

// A text in lines of at most so many letters, broken between words, else behind a hyphen, underscore or slash.
function inLines(text, letters) {
  const lines = [""];
  for (const word of String(text).split(/\s+/)) {
    const parts = word.length <= letters ? [word] : word.match(new RegExp(`[^-/_.]{1,${letters - 1}}[-/_.]?|[-/_.]`, "g"));
    parts.forEach((part, i) => {
      const joint = i || !lines.at(-1) ? "" : " ";
      if (lines.at(-1) && (lines.at(-1) + joint + part).length > letters) lines.push(part); else lines[lines.length - 1] += joint + part;
    });
  }
  return lines;
}
