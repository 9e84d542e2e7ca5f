// The tables of a study, which can be copied as the files they are.
addSection("tables", ({ tables }) => {
  const place = section("tables", "Tables", "Sort by any column. Copying gives the file of the study as it is, with all its digits.");
  let current = tables[0], texts = null;
  const frame = h("div", { class: "table-place" });
  const caption = h("p", { class: "caption" });
  const filter = h("input", { type: "search", placeholder: "Filter rows", "aria-label": "Filter rows", oninput: draw });
  const copies = h("div", { class: "copies" });
  place.append(h("div", { class: "controls" }, picker("Table", tables.map((table) => [table.name, table.name.startsWith("songs/") || table.name.startsWith("paper/") ? table.name : table.title]),
    (name) => { current = tables.find((table) => table.name === name); filter.value = ""; draw(); }), filter, copies), caption, frame);
  function draw() {
    if (!texts) return;
    const { csv, tex } = texts[current.name];
    caption.textContent = current.caption;
    filter.hidden = !csv;
    copies.replaceChildren(...[["CSV", csv], ["LaTeX", tex]].filter(([, text]) => text).map(([kind, text]) => copyButton(`Copy ${kind}`, text, kind)));
    if (!csv) { frame.replaceChildren(h("pre", { tabindex: 0 }, tex)); return; }
    const { columns, rows } = readTable(csv);
    const wanted = filter.value.toLowerCase();
    frame.replaceChildren(sortableTable({ label: current.title, columns, perPage: 60,
      rows: rows.filter((row) => !wanted || row.some((cell) => textOf(cell).toLowerCase().includes(wanted))) }));
  }
  whenNear(place, async () => {
    try { texts = await unfold("tables"); } catch (error) { failed(frame)(error); return; }
    draw();
  });
});

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

// A summary is four columns of a file: mean, deviation and the ends of an interval; on the page it is one.
function readTable(csv) {
  const [names, ...lines] = parseCsv(csv);
  const columns = [];
  for (let c = 0; c < names.length; c++) {
    const stem = names[c].replace(/_mean$/, "");
    const isFourColumns = ["_mean", "_sd", "_low", "_high"].every((ending, k) => names[c + k] === stem + ending);
    columns.push({ key: names[c], label: words(isFourColumns ? stem : names[c]), from: c, width: isFourColumns ? 4 : 1 });
    if (isFourColumns) c += 3;
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
    if (column.width > 1) { const [mean, deviation, low, high] = cells.map(number); return { mean, deviation, low, high }; }
    if (!column.text) return number(cells[0]);
    return { true: "yes", false: "" }[cells[0]] ?? cells[0];
  }));
  return { columns, rows };
}
const textOf = (cell) => (isSummary(cell) ? Object.values(cell).join(" ") : String(cell));
const words = (key) => key.replace(/(\d)gram/, "$1-gram").replaceAll("_", " ").replace(/^.*\//, "");
