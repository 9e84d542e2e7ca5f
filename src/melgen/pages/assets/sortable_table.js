// A table that sorts by any column; pages of `perPage` rows. A cell is a text, a number or a summary.
const LONG_HEAD = 16; // letters of a heading that may take several lines
const isSummary = (cell) => cell !== null && typeof cell === "object";

function sortableTable({ label, columns, rows, perPage = Infinity, decorate = () => {}, first = null }) {
  let order = rows.map((_, i) => i), sortedBy = null, down = false, page = 0;
  const body = h("tbody");
  const heads = columns.map((column, c) => {
    const button = h("button", { type: "button", onclick: () => sort(c), title: column.meaning || null }, column.label);
    return h("th", { scope: "col", class: [column.text ? "text" : "", column.label.length > LONG_HEAD ? "long" : ""].filter(Boolean).join(" ") || null }, button);
  });
  const place = h("span", {});
  const turns = [[-1, "Previous"], [1, "Next"]].map(([by, text]) => h("button", { type: "button", class: "quiet", onclick: () => { page += by; draw(); } }, text));
  const pages = h("div", { class: "pages" }, turns[0], place, turns[1]);
  function sort(c) {
    down = sortedBy === c ? !down : false;
    sortedBy = c;
    const value = (i) => { const cell = rows[i][c]; return isSummary(cell) ? cell.mean : cell; };
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
    if (isSummary(value)) {
      const { mean, deviation, low, high } = value;
      if (mean === null) return "–";
      return `${show(mean, column.decimals)} ± ${show(deviation, column.decimals)} [${show(low, column.decimals)}, ${show(high, column.decimals)}]`;
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
    pages.hidden = count < 2;
    place.textContent = `${page + 1} of ${count}`;
    const focused = turns.indexOf(document.activeElement);
    turns[0].disabled = page === 0;
    turns[1].disabled = page + 1 >= count;
    if (focused >= 0 && turns[focused].disabled) turns[1 - focused].focus(); // a disabled button cannot keep the focus
  }
  draw();
  const frame = h("div", { class: "table-frame", tabindex: 0, role: "region", "aria-label": label }, h("table", { class: "sortable" },
    h("caption", { class: "unseen" }, label), h("thead", {}, h("tr", {}, heads)), body));
  return h("div", {}, scrolling(frame, `${counted(columns.length, "column")}: scroll sideways`), pages);
}
