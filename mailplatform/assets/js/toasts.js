// Short messages in the corner, spoken by a live region. Never the only message: the page itself changes too.
// From the server: HX-Trigger: {"toast": {"level": "success", "message": "Saved."}}
const icons = { success: "circle-check", error: "alert-circle", warning: "alert-triangle", info: "info-circle" };

function iconNode(name) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(ns, "use");
  use.setAttribute("href", `${document.body.dataset.sprite}#${name}`);
  svg.append(use);
  return svg;
}

export function announce(text) {
  const region = document.getElementById("mp-live");
  if (!region || !text) return;
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 100);
}

export function toast(level, message) {
  const box = document.getElementById("mp-toasts");
  if (!box) return;
  const known = level in icons ? level : "info";
  const node = document.createElement("div");
  node.className = `mp-toast ${known}`;
  const text = document.createElement("p");
  text.textContent = message;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "mp-close";
  close.setAttribute("aria-label", "Dismiss");
  close.textContent = "×";
  close.addEventListener("click", () => node.remove());
  node.append(iconNode(icons[known]), text, close);
  box.append(node);
  announce(message);
  if (known !== "error") setTimeout(() => node.remove(), 7000);
}

export function startToasts() {
  document.addEventListener("toast", (event) => toast(event.detail.level, event.detail.message));
}
