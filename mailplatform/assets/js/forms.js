// <form data-once>: submitted once, however often the button is pressed.
// <select data-autosubmit>: submits its form when changed.
// <form data-warn-unsaved>: leaving with unsaved changes asks first.
let unsaved = false;

function once(form, submitter) {
  if (form.dataset.submitted) return false;
  form.dataset.submitted = "yes";
  form.setAttribute("aria-busy", "true");
  if (submitter?.dataset.busyText) submitter.textContent = submitter.dataset.busyText;
  return true;
}

export function startForms() {
  document.addEventListener("submit", (event) => {
    unsaved = false;
    const form = event.target;
    if (form.matches("[data-once]") && !once(form, event.submitter)) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-autosubmit]")) event.target.form.requestSubmit();
  });
  document.addEventListener("input", (event) => {
    if (event.target.closest?.("[data-warn-unsaved]")) unsaved = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
  // A page restored by the back button must be usable again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-submitted]")) {
      delete form.dataset.submitted;
      form.removeAttribute("aria-busy");
    }
  });
  document.addEventListener("mp:saved", () => { unsaved = false; });
}
