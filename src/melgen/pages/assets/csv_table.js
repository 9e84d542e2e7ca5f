// Tables of a study from their files, and a table that unfolds below a drawing.
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

// The rows of a file that contain a text, as a table.
function csvTable(label, csv, wanted = "") {
  const { columns, rows } = readTable(csv), sought = wanted.toLowerCase();
  return sortableTable({ label, columns, perPage: 60,
    rows: rows.filter((row) => !sought || row.some((cell) => textOf(cell).toLowerCase().includes(sought))) });
}

// A table of the pack `tables` with its caption, read when a reader opens it.
function foldedTable(name, title, caption) {
  const frame = h("div", {}), details = h("details", { class: "folded-table", "data-table": name, ontoggle: draw }, h("summary", {}, `${title}: the table`), h("p", { class: "caption" }, caption), frame);
  async function draw() {
    if (!details.open || frame.children.length) return;
    try { frame.replaceChildren(csvTable(title, (await unfold("tables"))[name].csv)); } catch (error) { failed(frame)(error); }
  }
  return details;
}
