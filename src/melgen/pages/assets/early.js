// Before the first paint, so that a page in the dark does not flash.
try {
  const theme = localStorage.getItem("melgen-theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {}
