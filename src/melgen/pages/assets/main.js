// The page: its theme, its player, and the sections in the order of its data.
showTheme();
playerBar();
for (const [name, data] of Object.entries(pageData.sections)) {
  try {
    drawers.get(name)(data);
  } catch (error) { // a section must not take the others with it
    console.error(`section ${name}`, error);
    $("#content").append(h("section", {}));
    failed($("#content").lastElementChild)(error);
  }
}
if (!$("#sections").children.length) $(".sections").hidden = true;
// For tests, and for the curious at the console: whether it plays, and the audio graph's last node.
window.melgen = { player };
