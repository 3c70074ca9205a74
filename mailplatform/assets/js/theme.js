// Light, dark or as the system says. static/mailplatform/theme.js has already applied the choice before paint.
const key = "mailplatform-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  const value = localStorage.getItem(key);
  return value === "light" || value === "dark" ? value : "auto";
}

function apply() {
  const choice = chosen();
  document.documentElement.dataset.bsTheme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
  document.dispatchEvent(new CustomEvent("mp:theme"));
}

export function startTheme() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    if (button.dataset.themeChoice === "auto") localStorage.removeItem(key);
    else localStorage.setItem(key, button.dataset.themeChoice);
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}
