// Tables that sort; those of a study can be copied as the files they are.
function sortableTable({ label, columns, rows, perPage = Infinity, decorate = () => {}, first = null }) {
  let order = rows.map((_, i) => i), by = null, down = false, page = 0;
  const body = h("tbody");
  const heads = columns.map((column, c) => {
    const button = h("button", { type: "button", onclick: () => sort(c), title: column.meaning || null }, column.label);
    return h("th", { scope: "col", class: column.text ? "text" : null }, button);
  });
  const pages = h("div", { class: "pages" });
  function sort(c) {
    down = by === c ? !down : false;
    by = c;
    const value = (i) => { const cell = rows[i][c]; return Array.isArray(cell) ? cell[0] : cell; };
    order = rows.map((_, i) => i).sort((a, b) => {
      const [left, right] = [value(a), value(b)];
      if (left === null || left === "") return right === null || right === "" ? a - b : 1;
      if (right === null || right === "") return -1;
      const found = typeof left === "number" && typeof right === "number" ? left - right : String(left).localeCompare(String(right), "en", { numeric: true });
      return (down ? -found : found) || a - b;
    });
    heads.forEach((head, i) => { if (i === c) head.setAttribute("aria-sort", down ? "descending" : "ascending"); else head.removeAttribute("aria-sort"); });
    page = 0;
    draw();
  }
  function cellOf(value, column) {
    if (Array.isArray(value)) {
      const [mean, sd, low, high] = value;
      if (mean === null) return "–";
      return `${show(mean, column.decimals)} ± ${show(sd, column.decimals)} [${show(low, column.decimals)}, ${show(high, column.decimals)}]`;
    }
    if (typeof value === "number") return show(value, column.decimals ?? 2);
    return value === null ? "–" : value;
  }
  function draw() {
    const shown = order.slice(page * perPage, (page + 1) * perPage);
    body.replaceChildren(...shown.map((i) => {
      const row = h("tr", {}, rows[i].map((value, c) => h(c === 0 ? "th" : "td", { scope: c === 0 ? "row" : null, class: columns[c].text ? "text" : null },
        c === 0 && first ? first(i, cellOf(value, columns[c])) : cellOf(value, columns[c]))));
      decorate(row, i);
      return row;
    }));
    const count = Math.ceil(order.length / perPage);
    if (count > 1) {
      const turn = (by, text) => h("button", { type: "button", class: "quiet", disabled: page + by < 0 || page + by >= count, onclick: () => { page += by; draw(); } }, text);
      pages.replaceChildren(turn(-1, "Previous"), h("span", {}, `${page + 1} of ${count}`), turn(1, "Next"));
    } else pages.replaceChildren();
  }
  draw();
  const frame = h("div", { class: "table-frame", tabindex: 0, role: "region", "aria-label": label }, h("table", { class: "sortable" },
    h("caption", { class: "unseen" }, label), h("thead", {}, h("tr", {}, heads)), body));
  return h("div", {}, scrolling(frame, `${counted(columns.length, "column")}: scroll sideways`), pages);
}

function parseCsv(text) {
  const rows = [[]];
  let cell = "", quoted = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[i + 1] === '"') { cell += '"'; i += 1; } else quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === "," || letter === "\n") {
      rows.at(-1).push(cell);
      cell = "";
      if (letter === "\n") rows.push([]);
    } else if (letter !== "\r") cell += letter;
  }
  if (cell || rows.at(-1).length) rows.at(-1).push(cell); else rows.pop();
  return rows;
}

// A summary is four columns in CSV: mean, deviation and the ends of an interval; on the page it is one.
function readTable(csv) {
  const [names, ...lines] = parseCsv(csv);
  const columns = [];
  for (let c = 0; c < names.length; c++) {
    const stem = names[c].replace(/_mean$/, "");
    const isSummary = ["_mean", "_sd", "_low", "_high"].every((ending, k) => names[c + k] === stem + ending);
    columns.push({ key: names[c], label: words(isSummary ? stem : names[c]), from: c, width: isSummary ? 4 : 1 });
    if (isSummary) c += 3;
  }
  const number = (text) => (text === "" ? null : Number(text));
  for (const column of columns) {
    const cells = lines.map((line) => line[column.from]).filter((cell) => cell !== "");
    column.text = !cells.length || cells.some((cell) => Number.isNaN(Number(cell)));
    const sizes = cells.map(Number).map(Math.abs);
    const largest = Math.max(0, ...sizes);
    column.decimals = column.width === 1 && sizes.every(Number.isInteger) ? 0 : largest >= 100 ? 1 : largest >= 10 ? 2 : 3;
  }
  const rows = lines.map((line) => columns.map((column) => {
    const cells = line.slice(column.from, column.from + column.width);
    if (column.width > 1) return cells.map(number);
    if (!column.text) return number(cells[0]);
    return { true: "yes", false: "" }[cells[0]] ?? cells[0];
  }));
  return { columns, rows };
}
const words = (key) => key.replace(/(\d)gram/, "$1-gram").replaceAll("_", " ").replace(/^.*\//, "");

function tablesSection() {
  if (!core.tables.length) return;
  const place = section("tables", "Tables", "Sort by any column. What is copied is the file as it lies beside the study, with all its digits.");
  let current = core.tables[0], texts = null;
  const frame = h("div", { class: "table-place" });
  const caption = h("p", { class: "caption" });
  const filter = h("input", { type: "search", placeholder: "Filter rows", "aria-label": "Filter rows", oninput: draw });
  const copies = h("div", { class: "copies" });
  place.append(h("div", { class: "controls" }, picker("Table", core.tables.map((table) => [table.name, table.name.startsWith("songs/") || table.name.startsWith("paper/") ? table.name : table.title]),
    (name) => { current = core.tables.find((table) => table.name === name); filter.value = ""; draw(); }), filter, copies), caption, frame);
  function draw() {
    if (!texts) return;
    const { csv, tex } = texts[current.name];
    caption.textContent = current.caption;
    filter.hidden = !csv;
    copies.replaceChildren(...[["CSV", csv], ["LaTeX", tex]].filter(([, text]) => text).map(([kind, text]) => {
      const button = h("button", { type: "button", class: "quiet", "data-copy": kind, onclick: async () => {
        await copyText(text, kind);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = `Copy ${kind}`; }, 1500);
      } }, `Copy ${kind}`);
      return button;
    }));
    if (!csv) { frame.replaceChildren(h("pre", { tabindex: 0 }, tex)); return; }
    const { columns, rows } = readTable(csv);
    const wanted = filter.value.toLowerCase();
    frame.replaceChildren(sortableTable({ label: current.title, columns, perPage: 60,
      rows: rows.filter((row) => !wanted || row.some((cell) => String(cell).toLowerCase().includes(wanted))) }));
  }
  whenNear(place, async () => {
    try { texts = await unfold("tables"); } catch (error) { failed(frame)(error); return; }
    draw();
  });
}
