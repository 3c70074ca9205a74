// Preview frames, inserting variables, lengths of subjects: for the template editor and the campaign's steps.
// Everything here is comfort; each page works as plain forms without it.

let turn = 0;

function frames() {
  return document.querySelectorAll("iframe[data-frame]");
}

function refresh({ live = false } = {}) {
  const person = document.querySelector("[data-person]")?.value.trim() ?? "";
  const pressed = (name) => document.querySelector(`[data-${name}]`)?.getAttribute("aria-pressed") === "true";
  turn += 1;
  for (const frame of frames()) {
    const url = new URL(frame.src, location.href);
    if (live) url.searchParams.set("live", "1");
    if (person) url.searchParams.set("person", person);
    else url.searchParams.delete("person");
    for (const name of ["images", "dark"]) {
      if (pressed(name)) url.searchParams.set(name, "1");
      else url.searchParams.delete(name);
    }
    url.searchParams.set("turn", String(turn));
    frame.src = url.href;
  }
}

function press(button) {
  const pressed = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(pressed));
  return pressed;
}

// A form whose check answers with findings: the editor page.
const editorForm = document.getElementById("editor-form");

function announce(id) {
  const data = document.getElementById(id);
  if (data) document.dispatchEvent(new CustomEvent("mp:findings", { detail: JSON.parse(data.textContent) }));
}

function insert(text) {
  const target = document.activeElement?.matches("input[name=subject], input[name=preheader], textarea[name=text]")
    ? document.activeElement
    : lastField;
  if (target) {
    target.setRangeText(text, target.selectionStart ?? 0, target.selectionEnd ?? 0, "end");
    target.dispatchEvent(new Event("input", { bubbles: true }));
    target.focus();
    return;
  }
  if (document.dispatchEvent(new CustomEvent("mp:insert", { detail: text, cancelable: true }))) {
    const area = document.querySelector("textarea[name=html]");
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

let lastField = null;

document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("input[name=subject], input[name=preheader], textarea[name=text]")) lastField = event.target;
  else if (event.target.closest?.(".mp-editor, textarea[name=html]")) lastField = null;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-narrow], [data-images], [data-dark], [data-insert], [data-insert-from], [data-goto-line]");
  if (!button) return;
  if ("narrow" in button.dataset) {
    const phone = press(button);
    for (const frame of frames()) frame.classList.toggle("mp-phone", phone);
  } else if ("images" in button.dataset || "dark" in button.dataset) {
    press(button);
    refresh();
  } else if (button.dataset.insert) {
    insert(button.dataset.insert);
  } else if (button.dataset.insertFrom) {
    insert(document.getElementById(button.dataset.insertFrom).value);
  } else {
    document.dispatchEvent(new CustomEvent("mp:goto", { detail: Number(button.dataset.gotoLine) }));
  }
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-person]")) return;
  for (const copy of document.querySelectorAll("[data-person-copy]")) copy.value = event.target.value;
  if (editorForm) editorForm.dispatchEvent(new Event("mp:check"));
  else refresh();
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "step-side") refresh();
  if (event.detail.target.id !== "check") return;
  announce("findings-data");
  refresh({ live: true });
});

// Lengths, counted as people count: an emoji is one.
const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function count(input) {
  const limit = Number(input.dataset.count);
  let note = input.parentElement.querySelector(".mp-count");
  if (!note) {
    note = document.createElement("span");
    note.className = "mp-count";
    note.setAttribute("aria-live", "polite");
    input.after(note);
  }
  const length = [...letters.segment(input.value)].length;
  note.textContent = length > limit ? `${length}: longer than most inboxes show (${limit})` : `${length} of ${limit}`;
  note.classList.toggle("over", length > limit);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-count]")) count(event.target);
});
for (const input of document.querySelectorAll("[data-count]")) count(input);
announce("findings-start");
