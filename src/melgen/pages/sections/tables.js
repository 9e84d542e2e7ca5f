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
    frame.replaceChildren(csvTable(current.title, csv, filter.value));
  }
  whenNear(place, async () => {
    try { texts = await unfold("tables"); } catch (error) { failed(frame)(error); return; }
    draw();
  });
});
