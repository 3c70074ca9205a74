// A code editor over every <textarea data-editor>. The textarea stays the form field and works without JavaScript.
// CodeMirror lives in a shadow root: there it uses constructed style sheets, which `style-src 'self'` allows.
// Events on document: `mp:findings` (marks lines), `mp:insert` (text at the cursor), `mp:replace`, `mp:goto` (a line).
// Names for completion come from <script type="application/json" id="completions-data">.
import { autocompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { html } from "@codemirror/lang-html";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { Decoration, EditorView, keymap, lineNumbers, MatchDecorator, ViewPlugin } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "light-dark(#1d2033, #e6e7f2)", backgroundColor: "light-dark(#ffffff, #12141f)" },
  ".cm-scroller": { fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace", lineHeight: "1.55" },
  ".cm-content": { caretColor: "light-dark(#1d2033, #ffffff)" },
  "&.cm-focused .cm-cursor": { borderLeftColor: "light-dark(#1d2033, #ffffff)" },
  ".cm-gutters": { backgroundColor: "light-dark(#f4f5f9, #191c2b)", color: "light-dark(#585d75, #a4a9c4)", border: "0" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, ::selection": { backgroundColor: "light-dark(#cfe0ff, #2b3f77) !important" },
  ".cm-variable": { backgroundColor: "light-dark(#efe9ff, #33275c)", color: "light-dark(#4a2b9c, #d6c8ff)", borderRadius: "3px" },
  ".cm-panels, .cm-tooltip": { backgroundColor: "light-dark(#ffffff, #1d2133)", color: "light-dark(#1d2033, #e6e7f2)", borderColor: "light-dark(#c9cde0, #3a4060)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "light-dark(#2f5fd0, #4a6fe0)", color: "#ffffff" },
});

const colours = HighlightStyle.define([
  { tag: tags.tagName, color: "light-dark(#0b5a8a, #7cc4f5)" },
  { tag: tags.attributeName, color: "light-dark(#7a4a00, #e5b567)" },
  { tag: [tags.attributeValue, tags.string], color: "light-dark(#1f6b2c, #8fd19e)" },
  { tag: tags.comment, color: "light-dark(#5d6278, #9aa0bd)", fontStyle: "italic" },
  { tag: [tags.angleBracket, tags.documentMeta, tags.processingInstruction], color: "light-dark(#5d6278, #9aa0bd)" },
  { tag: [tags.propertyName, tags.keyword], color: "light-dark(#0b5a8a, #7cc4f5)" },
  { tag: [tags.number, tags.unit, tags.color], color: "light-dark(#8a2f5c, #f0a4c8)" },
]);

const marker = new MatchDecorator({ regexp: /\{\{[^{}]*\}\}/g, decoration: Decoration.mark({ class: "cm-variable" }) });
const variables = ViewPlugin.fromClass(
  class {
    constructor(view) { this.marks = marker.createDeco(view); }
    update(update) { this.marks = marker.updateDeco(update, this.marks); }
  },
  { decorations: (plugin) => plugin.marks },
);

function names() {
  const data = document.getElementById("completions-data");
  return data ? JSON.parse(data.textContent) : [];
}

function complete(context) {
  const word = context.matchBefore(/\{\{[#/]?\w*/);
  if (!word) return null;
  const after = context.state.sliceDoc(context.pos, context.pos + 2) === "}}" ? "" : "}}";
  const options = names().map((name) => ({ label: `{{${name}}}`, apply: `{{${name}${after}`, type: "variable" }));
  const blocks = [
    { label: "{{#if …}}", apply: "{{#if name}}\n\n{{/if}}", type: "keyword" },
    { label: "{{#each …}}", apply: "{{#each list}}\n{{this}}\n{{/each}}", type: "keyword" },
  ];
  return { from: word.from, options: [...options, ...blocks], filter: true };
}

function mark(view, findings) {
  const { doc } = view.state;
  const levels = { blocking: "error", warning: "warning", advice: "info" };
  const marks = findings
    .filter((finding) => finding.part === "html" && finding.line >= 1)
    .map((finding) => {
      const line = doc.line(Math.min(finding.line, doc.lines));
      return { from: line.from, to: line.to, severity: levels[finding.level], message: finding.message };
    });
  view.dispatch(setDiagnostics(view.state, marks));
}

function goto(view, number) {
  const line = view.state.doc.line(Math.min(Math.max(1, number), view.state.doc.lines));
  view.dispatch({ selection: { anchor: line.from, head: line.to }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
  view.focus();
}

function insert(view, text) {
  view.dispatch(view.state.replaceSelection(text));
  view.focus();
}

function mount(textarea) {
  const host = document.createElement("div");
  host.className = "mp-editor";
  const root = host.attachShadow({ mode: "open" });
  textarea.after(host);
  const label = document.querySelector(`label[for="${textarea.id}"]`)?.textContent.trim() ?? "Source";
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: textarea.value,
      extensions: [
        lineNumbers(), lintGutter(), history(), bracketMatching(), search({ top: true }), html(textarea.dataset.editor === "mjml" ? { selfClosingTags: true, matchClosingTags: true } : {}), look, variables,
        autocompletion({ override: [complete], icons: false }), syntaxHighlighting(colours), EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label }),
        // Tab is left alone: it must lead out of the editor.
        keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap]),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          textarea.value = update.state.doc.toString();
          textarea.dispatchEvent(new Event("input", { bubbles: true }));
        }),
      ],
    }),
  });
  // Reachable by keyboard, so that long source can be scrolled without editing it.
  view.scrollDOM.tabIndex = 0;
  textarea.hidden = true;
  document.addEventListener("mp:findings", (event) => mark(view, event.detail));
  document.addEventListener("mp:goto", (event) => goto(view, event.detail));
  document.addEventListener("mp:replace", (event) => {
    if (event.detail !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: event.detail } });
  });
  document.addEventListener("mp:insert", (event) => { event.preventDefault(); insert(view, event.detail); });
  const start = document.getElementById("findings-start");
  if (start) mark(view, JSON.parse(start.textContent));
}

for (const textarea of document.querySelectorAll("textarea[data-editor]")) mount(textarea);
