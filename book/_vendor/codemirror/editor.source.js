/* The editor of the runnable cells, as small as it can be: Python's syntax, history, indentation.
   README.md says how editor.js is made from this. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { pythonLanguage } from "@codemirror/lang-python";
import { EditorView, keymap } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

/* An editor inside `parent`; `onRun` is called for Shift+Enter and Ctrl+Enter, `onChange` for
   every edit. Returns functions that read and set its text, and one that puts the cursor there. */
export function createEditor(parent, text, { label, onRun, onChange }) {
  const run = () => (onRun(), true);
  const view = new EditorView({
    parent,
    doc: text,
    extensions: [
      keymap.of([{ key: "Shift-Enter", run }, { key: "Mod-Enter", run }]),
      history(),
      keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
      pythonLanguage,
      indentUnit.of("    "),
      indentOnInput(),
      bracketMatching(),
      syntaxHighlighting(classHighlighter),
      EditorView.contentAttributes.of({ "aria-label": label }),
      EditorView.updateListener.of((update) => update.docChanged && onChange()),
    ],
  });
  return {
    getText: () => view.state.doc.toString(),
    setText: (insert) =>
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert } }),
    focus: () => view.focus(),
  };
}
