function pasteable(line) {
  const button = h("button", { type: "button", class: "quiet", "data-copy": "command", onclick: async () => {
    await copyText(line, "Command");
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } }, "Copy");
  return h("dd", { class: "command" }, h("code", {}, line), button);
}

function provenanceSection() {
  if (core.log) {
    section("log", "What it said", null, h("details", { open: true }, h("summary", {}, `End of ${core.log.name}`), h("pre", { tabindex: 0 }, core.log.text)));
  }
  if (core.config) {
    section("configuration", "Configuration", null, h("details", {}, h("summary", {}, "config.yaml"), h("pre", { tabindex: 0 }, core.config)));
  }
  if (core.provenance?.length) {
    section("provenance", "Where it comes from", null, h("dl", { class: "provenance" }, core.provenance.map(([name, value]) => h("div", {}, h("dt", {}, name), name === "Command" ? pasteable(value) : h("dd", {}, value)))));
  }
}

showTheme();
hero();
playerBar();
heatMap();
curvesSection();
stagesSection();
stripsSection();
primersSection();
songsSection();
embeddingSection();
tablesSection();
provenanceSection();
if (!$("#sections").children.length) $(".sections").hidden = true;
// For tests, and for the curious at the console: whether it plays, and the audio graph's last node.
window.melgen = { player };
