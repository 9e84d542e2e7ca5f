// What the page opens with: the study in three lines, and a song.
function hero() {
  if (!core.hero && !core.findings.length) return;
  const cards = core.findings.map((finding) => h("div", { class: "finding" },
    h("p", { class: "label" }, finding.label), h("p", { class: "value" }, finding.value, finding.unit ? h("span", {}, ` ${finding.unit}`) : null),
    finding.model ? h("p", { class: "model" }, finding.model) : null, finding.note ? h("p", { class: "note" }, finding.note) : null));
  const place = section("listen", core.hero ? "Listen" : "In short", null);
  place.classList.add("opening");
  if (core.hero) {
    const { p, o, d, b, name, line, svg } = core.hero;
    const track = { title: `${core.sets[core.hero.set].name}, ${name}`, p, o, d, b };
    place.append(h("div", { class: "card" },
      h("div", { class: "card-head" }, playButton(track, "Play"), h("p", {}, line)), melodyView(track, svg)));
  }
  if (cards.length) place.append(h("div", { class: "findings" }, cards));
  place.classList.toggle("with-findings", Boolean(core.hero && cards.length));
}
