// A code editor over every <textarea data-editor>. The textarea stays the form field and works without JavaScript.
// CodeMirror lives in a shadow root: there it uses constructed style sheets, which `style-src 'self'` allows.
import { autocompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { html } from "@codemirror/lang-html";
import { bracketMatching, defaultHighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "#23263b", backgroundColor: "#ffffff" },
  ".cm-scroller": { fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" },
  ".cm-gutters": { backgroundColor: "#f6f6f9", color: "#5b5f77", border: "0" },
});

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
        lineNumbers(), history(), bracketMatching(), search({ top: true }), html(), autocompletion(), look,
        syntaxHighlighting(defaultHighlightStyle), EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label }),
        keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap]),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          textarea.value = update.state.doc.toString();
          textarea.dispatchEvent(new Event("input", { bubbles: true }));
        }),
      ],
    }),
  });
  textarea.hidden = true;
  return view;
}

for (const textarea of document.querySelectorAll("textarea[data-editor]")) mount(textarea);
