// The end of the log of a run that is not finished.
addSection("log", ({ name, text }) => {
  section("log", "Log", null,
    h("details", { open: true }, h("summary", {}, `End of ${name}`), h("pre", { tabindex: 0 }, text)));
});
