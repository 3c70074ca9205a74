// Loaded in the head, before paint: applies the chosen theme so that no page flashes in the other one.
(function () {
  let choice = null;
  try { choice = localStorage.getItem("mailplatform-theme"); } catch { /* storage refused: follow the system */ }
  const dark = choice ? choice === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
})();
