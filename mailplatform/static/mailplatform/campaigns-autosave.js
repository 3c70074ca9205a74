// <form data-autosave="address" data-autosave-key="name">: saves what is written while it is written.
// - Somebody else was faster (409): says who, stops, and offers to compare. Nothing is overwritten.
// - No network, or signed out: the text is kept in this browser, said so, and saved when it works again.
// - Text that was kept when the page was left is offered when it is opened again.
// Without JavaScript the Save button does all of it.
const form = document.querySelector("form[data-autosave]");
const status = document.querySelector("[data-autosave-status]");
const PAUSE_MS = 1500;
const MOST_BYTES = 4_000_000;
const RETRY_MS = [3000, 6000, 15000, 30000, 60000];
const KEPT = ["name", "subject", "preheader", "source_format", "html", "text"];

let timer = 0;
let running = null;
let dirty = false;
let stopped = false;
let failures = 0;

function say(level, message, ...actions) {
  status.className = `mp-autosave ${level}`;
  const words = document.createElement("span");
  words.textContent = message;
  status.replaceChildren(words, ...actions);
}

function action(label, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm";
  button.textContent = label;
  button.addEventListener("click", act);
  return button;
}

function content() {
  return Object.fromEntries(KEPT.map((name) => [name, form.elements[name]?.value ?? ""]));
}

function keep() {
  try {
    localStorage.setItem(form.dataset.autosaveKey, JSON.stringify({ at: Date.now(), content: content() }));
    return true;
  } catch {
    return false;
  }
}

function forget() {
  try { localStorage.removeItem(form.dataset.autosaveKey); } catch { /* A browser without storage kept nothing. */ }
}

function kept() {
  try { return JSON.parse(localStorage.getItem(form.dataset.autosaveKey) ?? "null"); } catch { return null; }
}

function later(milliseconds) {
  clearTimeout(timer);
  if (!stopped) timer = setTimeout(save, milliseconds);
}

function failed(message) {
  dirty = true;
  const where = keep() ? "Your text is kept in this browser" : "Do not close this page";
  say("warning", `${message} ${where}, and will be saved when it works again.`, action("Try now", save));
  later(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
  failures += 1;
}

function conflict(message) {
  stopped = true;
  keep();
  say("error", `${message} Yours is still here, not saved.`, action("Compare both", () => form.requestSubmit()));
}

function saved(answer) {
  failures = 0;
  form.elements.revision.value = answer.revision;
  if (dirty) { later(PAUSE_MS); return; }
  forget();
  document.dispatchEvent(new CustomEvent("mp:saved"));
  const time = new Date(answer.saved_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  say("success", `Saved at ${time}.`);
}

async function post() {
  dirty = false;
  let response;
  try {
    response = await fetch(form.dataset.autosave, { method: "POST", body: new FormData(form), redirect: "manual" });
  } catch {
    failed("No connection.");
    return;
  }
  if (response.type === "opaqueredirect" || response.status === 403) {
    failed("You are signed out: sign in again in another tab.");
    return;
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) saved(answer);
  else if (response.status === 409 && answer) conflict(answer.message);
  else if (response.status === 422 && answer) { dirty = true; keep(); say("error", answer.message); }
  else failed("The server did not answer.");
}

// What a browser pastes from a word processor may be larger than the server reads, and many times what a mail may be.
function tooLarge() {
  const bytes = new Blob([form.elements.html?.value ?? "", form.elements.text?.value ?? ""]).size;
  if (bytes <= MOST_BYTES) return false;
  const size = (bytes / 1_000_000).toFixed(1);
  say("error", `This text has ${size} MB and is not saved: a mail may have half a megabyte. Shorten it, or paste it without formatting.`);
  return true;
}

async function save() {
  clearTimeout(timer);
  if (running || stopped || tooLarge()) return;
  running = post();
  await running;
  running = null;
}

function bringBack(stored) {
  for (const [name, value] of Object.entries(stored.content)) {
    const field = form.elements[name];
    if (!field || field.value === value) continue;
    field.value = value;
    field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
    if (name === "html") document.dispatchEvent(new CustomEvent("mp:replace", { detail: value }));
  }
  say("success", "Your text is back.");
}

function offer() {
  const stored = kept();
  if (!stored) return;
  // The server trims names and subjects.
  const plain = (text) => (text ?? "").replace(/\s+/g, " ").trim();
  if (Object.entries(stored.content).every(([name, value]) => plain(form.elements[name]?.value) === plain(value))) { forget(); return; }
  const when = new Date(stored.at).toLocaleString();
  const drop = () => { forget(); say("success", "The stored text is kept."); };
  say("warning", `This browser holds text of ${when} that was never saved.`,
    action("Bring it back", () => bringBack(stored)), action("Drop it", drop));
}

if (form && status) {
  form.addEventListener("input", (event) => {
    if (event.target.name === "declare") return;
    dirty = true;
    later(PAUSE_MS);
  });
  form.addEventListener("change", (event) => { if (event.target.tagName === "SELECT") { dirty = true; later(0); } });
  window.addEventListener("online", () => { if (dirty) save(); });
  // A save by button must carry the revision that a save under way brings back.
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    if (tooLarge()) { event.preventDefault(); return; }
    if (!running) { keep(); return; }
    event.preventDefault();
    const submitter = event.submitter;
    running.then(() => { clearTimeout(timer); form.requestSubmit(submitter ?? undefined); });
  });
  offer();
}
