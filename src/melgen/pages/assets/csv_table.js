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
    column.decimals = column.text ? 0 : decimalsOf(cells, column.width > 1);
  }
  const rows = lines.map((line) => columns.map((column) => {
    const cells = line.slice(column.from, column.from + column.width);
    if (column.width > 1) { const [mean, deviation, low, high] = cells.map(number); return { mean, deviation, low, high }; }
    if (!column.text) return number(cells[0]);
    return FLAGS.get(cells[0]) ?? cells[0];
  }));
  return { columns, rows };
}
const FLAGS = new Map([["true", "yes"], ["false", ""]]);

// The decimals of a column. Numbers that somebody chose, such as learning rates, have few digits and keep them all; of
// those that were measured, the largest has at least three digits that are not leading zeros.
const DIGITS_OF_CHOSEN = 4, MOST_DECIMALS = 8;
function decimalsOf(cells, isMeasured) {
  const sizes = cells.map(Number).map(Math.abs), largest = Math.max(0, ...sizes);
  if (!isMeasured && sizes.every(Number.isInteger)) return 0;
  const parts = cells.map((cell) => cell.match(/^[-+]?(\d*)\.?(\d*)(?:e([-+]?\d+))?$/i));
  if (!isMeasured && parts.every((found) => found && (found[1] + found[2]).replace(/^0+/, "").length <= DIGITS_OF_CHOSEN)) {
    return Math.min(MOST_DECIMALS, Math.max(0, ...parts.map(([, , fraction, power]) => fraction.length - Number(power ?? 0))));
  }
  if (largest >= 10) return largest >= 100 ? 1 : 2;
  return largest > 0 ? Math.min(MOST_DECIMALS, Math.max(3, 2 - Math.floor(Math.log10(largest)))) : 3;
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
