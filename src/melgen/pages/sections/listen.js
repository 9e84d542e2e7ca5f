// The opening of the page: a song, and the result in a few lines.
addSection("listen", ({ song, findings }) => {
  const cards = findings.map((finding) => h("div", { class: "finding" },
    h("p", { class: "label" }, finding.label),
    h("p", { class: "value" }, finding.value, finding.unit ? h("span", {}, ` ${finding.unit}`) : null),
    finding.model ? h("p", { class: "model" }, finding.model) : null,
    finding.baseline ? h("p", { class: "baseline" }, finding.baseline) : null,
    finding.note ? h("p", { class: "note" }, finding.note) : null));
  const place = section("listen", song ? "Listen" : "In short", null);
  place.classList.add("opening");
  if (song) {
    const track = trackOf(`${pageData.song_sets[pageData.opening_set].name}, ${song.name}`, song);
    place.append(h("div", { class: "card" },
      h("div", { class: "card-head" }, playButton(track, "Play"), h("p", {}, song.line)), melodyView(track, song.score)));
  }
  if (cards.length) place.append(h("div", { class: "findings" }, cards));
  place.classList.toggle("with-findings", Boolean(song && cards.length));
});
