// Compares cells with the reference cell: each setting has a drawing, each cell a row, and each finding a sentence.
addSection("cells", ({ reference, region, confidence, has_tunes, drawn_range, settings, remarks }) => {
  const over = has_tunes ? "seeds and tunes" : "seeds";
  const place = section("cells", `Cells against ${reference}`,
    `Bits per note of the test tunes minus those of ${reference}, networks with the same seed paired; to the left of 0 is better. Thick bars are ${confidence} intervals over ${over}, small ticks single seeds${has_tunes ? ", the thin lines below intervals over seeds alone (solid) and over tunes alone (dashed)" : ""}. Within the band, ±\u00a0${region} bits, two cells are equal in practice.${settings.some((setting) => setting.differences.some(({ mean }) => mean < drawn_range[0] || mean > drawn_range[1])) ? " A number with an arrow is that of a cell far from the others." : ""}`);
  const marks = { ahead: ["ahead", "M-6 0L4 -5V5Z"], behind: ["behind", "M6 0L-4 -5V5Z"], equal: ["equal in practice", "M0 -5.5L5.5 0L0 5.5L-5.5 0Z"], undecided: ["not shown to differ", "M-4.5 -4.5H4.5V4.5H-4.5Z"] };
  const shown = new Set(settings.flatMap((setting) => setting.differences.map((each) => each.verdict)));
  const sign = (verdict) => s("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, s("path", { class: "verdict", d: marks[verdict][1] }));
  place.append(h("ul", { class: "verdicts" }, Object.keys(marks).filter((verdict) => shown.has(verdict)).map((verdict) =>
    h("li", { "data-verdict": verdict }, sign(verdict), marks[verdict][0]))));
  const rowHeight = 38, linesOf = (each) => [each.cell, each.layers === each.reference_layers ? `${counted(each.layers, "layer")}` : `${each.layers} against ${each.reference_layers} layers`];
  const axis = stripAxis(drawn_range, nameWidth(settings.flatMap((setting) => setting.differences.flatMap(linesOf))));
  place.append(h("div", { class: "strips cells" }, settings.map(card)));
  place.append(...settings.flatMap((setting) => [settings.length > 1 ? h("h3", {}, setting.name) : null,
    h("ul", { class: "findings-list" }, setting.differences.map((each) =>
      h("li", { "data-verdict": each.verdict }, sign(each.verdict), h("span", {}, each.finding, " ", h("span", { class: "finer" }, each.finer)))))].filter(Boolean)));
  place.append(...remarks.map((text) => h("p", { class: "lead" }, text)));

  function card({ name, differences }) {
    const tall = rowHeight * differences.length, bottom = STRIP.top + tall;
    const parts = [s("rect", { class: "band", x: axis.x(-region), y: STRIP.top, width: axis.x(region) - axis.x(-region), height: tall }),
      s("line", { class: "zero", x1: axis.x(0), x2: axis.x(0), y1: STRIP.top, y2: bottom }), ...stripGround(axis, tall, null, "bits per note")];
    differences.forEach((each, i) => parts.push(rowOf(each, STRIP.top + rowHeight * (i + 0.5))));
    const list = differences.map((each) => `${each.cell} ${show(each.mean, 3)}, ${marks[each.verdict][0]}`).join("; ");
    return stripCard({ label: name, meaning: "" }, tall, `${name}: ${list}`, parts);
  }

  function rowOf(each, y) {
    const row = s("g", { class: "strip", "data-verdict": each.verdict });
    const isDrawn = (value) => value >= axis.low && value <= axis.high;
    const line = (kind, [low, high], at) => (low === null || high === null || low > axis.high || high < axis.low ? [] : [s("line", { class: kind, x1: Math.max(axis.left, axis.x(low)), x2: Math.min(axis.right, axis.x(high)), y1: at, y2: at })]);
    row.append(...stripName(axis, linesOf(each), y), ...line("interval", each.interval, y));
    if (has_tunes) row.append(...line("spread", each.over_seeds, y + 9), ...line("spread dashed", each.over_tunes, y + 13));
    each.seeds.filter(isDrawn).forEach((value) => row.append(s("line", { class: "seed", x1: axis.x(value), x2: axis.x(value), y1: y - 14, y2: y - 8 })));
    row.append(...(isDrawn(each.mean) ? [s("path", { class: "verdict", d: marks[each.verdict][1], transform: `translate(${axis.x(each.mean)} ${y})` })] : cutNumber(axis, each.mean, y)), s("title", {}, each.finding));
    return row;
  }
});
