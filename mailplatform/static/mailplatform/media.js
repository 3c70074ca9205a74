// The media library: files dropped on a form are sent with it; a picture that is chosen in the picker goes into the editor.
// Without JavaScript the form's own control does, and the address can be copied from the file's page.
for (const form of document.querySelectorAll("form[data-drop]")) {
  const input = form.querySelector("input[type=file]");
  const mark = (on) => form.classList.toggle("over", on);
  form.addEventListener("dragover", (event) => { event.preventDefault(); mark(true); });
  form.addEventListener("dragleave", (event) => { if (!form.contains(event.relatedTarget)) mark(false); });
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

function snippet({ into, src, alt, width }) {
  if (into === "mjml") return `<mj-image src="${escaped(src)}" alt="${escaped(alt)}" width="${width}px" />`;
  return `<img src="${escaped(src)}" alt="${escaped(alt)}" width="${width}" style="display:block;max-width:100%;height:auto;border:0">`;
}

// The visual editor takes `mp:picked` for itself; else the text goes to the cursor of the code editor.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-media-pick]");
  if (!button) return;
  const picked = { ...button.dataset };
  button.closest("dialog")?.close();
  if (!document.dispatchEvent(new CustomEvent("mp:picked", { detail: picked, cancelable: true }))) return;
  document.dispatchEvent(new CustomEvent("mp:insert", { detail: snippet(picked), cancelable: true }));
});
