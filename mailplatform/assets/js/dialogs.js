// <button data-dialog-open="id"> opens <dialog id="id">; anything with data-dialog-close inside closes it.
// <input data-unlocks="button-id"> enables that button when ticked, or when its text equals data-unlock-text.
function unlocked(input) {
  if (input.type === "checkbox") return input.checked;
  return input.value.replace(/[\s.,'\u202f\u00a0]/g, "").toLowerCase() === input.dataset.unlockText.replace(/[\s.,'\u202f\u00a0]/g, "").toLowerCase();
}

function lockAll(scope) {
  for (const input of scope.querySelectorAll("[data-unlocks]")) {
    document.getElementById(input.dataset.unlocks)?.toggleAttribute("disabled", !unlocked(input));
  }
}

export function startDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog-open]");
    if (opener) {
      event.preventDefault();
      document.getElementById(opener.dataset.dialogOpen)?.showModal();
      return;
    }
    if (event.target.closest("[data-dialog-close]")) {
      event.preventDefault();
      event.target.closest("dialog")?.close();
    } else if (event.target.matches?.("dialog.mp-dialog")) {
      event.target.close();
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-unlocks]")) lockAll(document);
  });
  document.addEventListener("htmx:afterSwap", () => lockAll(document));
  lockAll(document);
}
