// The visual editor of MJML templates: GrapesJS over the same source as the code editor.
// The source stays in <textarea name="html">; it is changed only where something was changed here, see mjml-source.js.
// Before anything may be edited it is proved that what was opened would be written back byte for byte.
import grapesjs from "grapesjs";
import mjml from "grapesjs-mjml";
import { blocks } from "./js/visual-blocks.js";
import { markup, NotVisual, read, write } from "./js/mjml-source.js";
import { addConditions, lockLabels, openPicker, startPictures, startToolbar } from "./js/visual-parts.js";

const form = document.getElementById("visual-form");
const area = form.elements.html;
const host = document.getElementById("visual");

const TEXTS = new Set(["mj-text", "mj-button"]);

// What is being typed stands only in the canvas until it is left; GrapesJS's own marks are taken off a copy.
function typed(component) {
  const copy = component.getView().getChildrenContainer().cloneNode(true);
  for (const element of copy.querySelectorAll("*")) {
    for (const name of element.getAttributeNames()) {
      if (/^data-gjs-|^(?:draggable|contenteditable|id)$/.test(name)) element.removeAttribute(name);
    }
    element.classList.remove(...[...element.classList].filter((name) => name.startsWith("gjs-")));
    if (!element.classList.length) element.removeAttribute("class");
  }
  return copy.innerHTML;
}

// A component of the canvas as plain data; `typing` is the one that is being written in.
function describe(component, typing = null) {
  const name = component.get("tagName");
  const { "data-n": number, "data-locked": locked, ...attributes } = component.getAttrToHTML();
  delete attributes.style;
  delete attributes.id;
  for (const key of Object.keys(attributes)) {
    if (attributes[key] === undefined || attributes[key] === "" || key.startsWith("data-gjs")) delete attributes[key];
    else attributes[key] = String(attributes[key]);
  }
  const n = number === undefined ? null : Number(number);
  if (locked) return { n, name, attributes: {}, content: null, children: [] };
  if (TEXTS.has(name)) {
    const stored = () => (component.get("content") ?? "") + component.components().map((child) => child.toHTML()).join("");
    return { n, name, attributes, content: component === typing ? typed(component) : stored(), children: [] };
  }
  const children = component.components().filter((child) => child.get("tagName")?.startsWith("mj-")).map((child) => describe(child, typing));
  return { n, name, attributes, content: null, children };
}

function body(editor) {
  const find = (component) => (component.get("tagName") === "mj-body" ? component : component.components().map(find).find(Boolean));
  return find(editor.getWrapper());
}

function stop(words) {
  host.hidden = true;
  const notice = document.getElementById("visual-refused");
  notice.hidden = false;
  notice.querySelector("[data-words]").textContent = words;
}

function start(source) {
  const document_ = read(source);
  const editor = grapesjs.init({
    container: host,
    height: "max(30rem, calc(100vh - 15rem))",
    width: "auto",
    components: `<mjml>${markup(document_)}</mjml>`,
    storageManager: false,
    telemetry: false,
    noticeOnUnload: false,
    cssIcons: "",
    panels: { defaults: [] },
    blockManager: { appendTo: "#visual-blocks" },
    traitManager: { appendTo: "#visual-traits" },
    styleManager: { appendTo: "#visual-styles" },
    canvas: { frameStyle: "body { background: #ffffff; } ::-webkit-scrollbar { width: 10px } ::-webkit-scrollbar-thumb { background: #c3c6db; }" },
    assetManager: { upload: false, embedAsBase64: false, custom: { open: openPicker, close() {} } },
    plugins: [(made) => (mjml.default ?? mjml)(made, { blocks: [], imagePlaceholderSrc: "", overwriteExport: false, fonts: {}, useCustomTheme: false })],
  });
  editor.on("load", () => ready(editor, document_, source));
  return editor;
}

function ready(editor, document_, source) {
  editor.Canvas.getFrameEl().title = "The mail, to be edited";
  lockLabels(editor);
  const opened = describe(body(editor));
  if (write(document_, opened, opened) !== source) {
    stop("Something in this source would not come through the visual editor unchanged.");
    return;
  }
  blocks(editor);
  addConditions(editor, JSON.parse(document.getElementById("completions-data").textContent));
  const untouched = JSON.stringify(opened);
  let last = source;
  editor.UndoManager.clear();
  startToolbar(editor);
  startPictures(editor);
  let typing = null;
  let timer = 0;
  const follow = () => {
    const now = describe(body(editor), typing);
    const next = JSON.stringify(now) === untouched ? source : write(document_, opened, now);
    if (next === last) return;
    last = next;
    area.value = next;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };
  editor.on("update", follow);
  editor.on("component:input", () => { typing = editor.getEditing(); clearTimeout(timer); timer = setTimeout(follow, 300); });
  editor.on("rte:disable", () => { typing = null; });
  host.dataset.ready = "yes";
}

if (form && host) {
  try {
    start(area.value);
  } catch (error) {
    if (!(error instanceof NotVisual)) throw error;
    stop(error.message);
  }
}
