// The data are described in melgen/pages/schema.py and in the Python file of each section.
const pageData = JSON.parse($("#page-data").textContent);
const unfolded = new Map();
const parsed = new Promise((resolve) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve);
  else resolve();
});

async function unfoldText(name) {
  await parsed;
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This browser is too old to unfold the page's data; any of 2023 or later can.");
  }
  const element = $(`#pack-${CSS.escape(name)}`);
  const bytes = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function unfold(name) {
  if (!unfolded.has(name)) unfolded.set(name, unfoldText(name).then(JSON.parse));
  return unfolded.get(name);
}
