const themeButton = $("#theme");
const darkPreferred = matchMedia("(prefers-color-scheme: dark)");
const coarse = matchMedia("(pointer: coarse)");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const isDark = () => (document.documentElement.dataset.theme || (darkPreferred.matches ? "dark" : "light")) === "dark";
const onTheme = [];

function showTheme() {
  themeButton.textContent = isDark() ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
  onTheme.forEach((draw) => draw());
}
themeButton.addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("melgen-theme", theme); } catch {}
  showTheme();
});
darkPreferred.addEventListener("change", showTheme);

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const DATASETS = ["control", "interval", "db12"];
const datasetColour = (dataset) => colour(DATASETS.includes(dataset) ? dataset : "other");
