// The origin of the page's content: the command to paste, seeds and versions.
addSection("provenance", ({ rows }) => {
  const valueOf = (row) => (row.is_command
    ? h("dd", { class: "command" }, h("code", {}, row.value), copyButton("Copy", row.value, "Command", "command"))
    : h("dd", {}, row.value));
  section("provenance", "Where it comes from", null,
    h("dl", { class: "provenance" }, rows.map((row) => h("div", {}, h("dt", {}, row.name), valueOf(row)))));
});
