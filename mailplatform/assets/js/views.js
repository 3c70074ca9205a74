// Small view switches: copy to clipboard, show one of two views (chart or table), open the menu on a phone.
import { toast } from "./toasts.js";

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = source ? (source.value ?? source.textContent) : button.dataset.copyText;
  try {
    await navigator.clipboard.writeText(text.trim());
    toast("success", "Copied.");
  } catch {
    toast("warning", "The browser did not allow copying. Select the text and copy it by hand.");
  }
}

function switchView(button) {
  for (const peer of button.parentElement.querySelectorAll("[data-view]")) {
    const active = peer === button;
    peer.setAttribute("aria-pressed", String(active));
    peer.classList.toggle("active", active);
    document.getElementById(peer.dataset.view)?.toggleAttribute("hidden", !active);
  }
}

function toggle(button) {
  const target = document.getElementById(button.getAttribute("aria-controls"));
  const open = target.classList.toggle("show");
  button.setAttribute("aria-expanded", String(open));
}

export function startViews() {
  // Tabs that do not fit are scrolled: the one that is open must be seen.
  const open = document.querySelector(".mp-tabs [aria-current]");
  if (open) open.parentElement.scrollLeft = open.offsetLeft - open.parentElement.offsetLeft - 24;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-text], [data-view], [data-menu]");
    if (!button) return;
    if (button.dataset.view) switchView(button);
    else if ("menu" in button.dataset) toggle(button);
    else copy(button);
  });
}
