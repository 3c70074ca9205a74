// What is added to GrapesJS's components: labels that cannot be edited, and "Show only if".
import { place } from "./visual-blocks.js";

const CONDITION = /^hb-(if|unless|each)--([\w.-]+)$/;

function walk(component, visit) {
  visit(component);
  component.components().forEach((child) => walk(child, visit));
}

// What is locked may be moved and removed, not edited; its inside cannot be chosen.
export function lockLabels(editor) {
  walk(editor.getWrapper(), (component) => {
    if (!component.getAttributes()["data-locked"]) return;
    component.set({ editable: false, stylable: [], traits: [], droppable: false, copyable: true });
    component.components().forEach((child) => walk(child, (inner) => inner.set({ selectable: false, hoverable: false, editable: false, draggable: false, droppable: false })));
  });
}

function conditionOf(component) {
  const found = (component.getAttributes()["css-class"] ?? "").split(/\s+/).map((name) => CONDITION.exec(name)).find(Boolean);
  return found ? `${found[1]}:${found[2]}` : "";
}

function setCondition(component, value) {
  const kept = (component.getAttributes()["css-class"] ?? "").split(/\s+/).filter((name) => name && !CONDITION.test(name));
  if (value) kept.push(`hb-${value.replace(":", "--")}`);
  if (kept.length) component.addAttributes({ "css-class": kept.join(" ") });
  else component.removeAttributes("css-class");
}

export function addConditions(editor, names) {
  const options = [
    { id: "", label: "Always" },
    ...names.map((name) => ({ id: `if:${name}`, label: `Only if ${name}` })),
    ...names.map((name) => ({ id: `unless:${name}`, label: `Only without ${name}` })),
    ...names.map((name) => ({ id: `each:${name}`, label: `For each of ${name}` })),
  ];
  const condition = { type: "select", name: "mp-condition", label: "Show", options, getValue: ({ component }) => conditionOf(component), setValue: ({ component, value }) => setCondition(component, value) };
  editor.on("component:selected", (component) => {
    const isOurs = /^mj-(?:section|column|text|button|image|divider|spacer|wrapper|hero)$/.test(component.get("tagName"));
    if (!isOurs || component.getAttributes()["data-locked"] || component.getTrait("mp-condition")) return;
    component.removeTrait(["id", "title"]);
    component.addTrait(condition, { at: 0 });
  });
  editor.RichTextEditor.add("mp-variable", {
    icon: `<select class="gjs-field" aria-label="Insert a variable"><option value="">Variable</option>${names.map((name) => `<option value="{{${name}}}">${name}</option>`).join("")}</select>`,
    event: "change",
    attributes: { class: "gjs-rte-action mp-rte-variable", title: "Insert a variable" },
    result: (rte, action) => {
      const select = action.btn.firstChild;
      if (select.value) rte.insertHTML(select.value);
      select.value = "";
    },
    update: () => false,
  });
}

export function openPicker() {
  document.getElementById("media-picker")?.showModal();
}

// What is chosen in the picker goes into the picture that is selected, else after what is selected, as a new one.
export function startPictures(editor) {
  document.addEventListener("mp:picked", (event) => {
    event.preventDefault();
    const { src, alt, width } = event.detail;
    const attributes = { src, alt, width: `${width}px` };
    const chosen = editor.getSelected();
    if (chosen?.get("tagName") === "mj-image") {
      chosen.set("src", src); // GrapesJS holds it apart, and writes a placeholder of its own where it is empty
      chosen.addAttributes(attributes);
      return;
    }
    const fresh = document.createElement("mj-image");
    for (const [name, value] of Object.entries(attributes)) fresh.setAttribute(name, value);
    place(editor, fresh.outerHTML);
  });
}

// The page's own buttons: width, undo, redo, the picker of pictures. data-visual names the act.
export function startToolbar(editor) {
  const acts = {
    desktop: () => editor.setDevice(editor.Devices.getAll().at(0).id),
    phone: () => editor.setDevice(editor.Devices.getAll().at(-1).id),
    picture: openPicker,
    undo: () => editor.UndoManager.undo(),
    redo: () => editor.UndoManager.redo(),
  };
  for (const button of document.querySelectorAll("[data-visual]")) {
    button.disabled = false;
    button.addEventListener("click", () => acts[button.dataset.visual]());
  }
}
