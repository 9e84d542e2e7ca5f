// The configuration of a run, folded.
addSection("configuration", ({ text }) => {
  section("configuration", "Configuration", null,
    h("details", {}, h("summary", {}, "config.yaml"), h("pre", { tabindex: 0 }, text)));
});
