/* Gives the cells tagged `runnable` their buttons, and shows what worker.js sends. Nothing is
   loaded before a reader presses one. runnable.py says what #runnable-site holds. */
(() => {
  "use strict";

  const beside = (path) => new URL(path, script).href;
  const script = document.currentScript.src;
  const site = JSON.parse(document.getElementById("runnable-site").textContent);
  for (const name of ["pyodide", "wheel"]) site[name] = new URL(site[name], document.baseURI).href;

  let worker = null;
  let asked = null; /* the cell whose Run was pressed, while it runs */
  let receive = null; /* what to do with the worker's next message */

  const make = (tag, className, properties = {}) =>
    Object.assign(document.createElement(tag), { className, ...properties });

  const say = (cell, text, bad = false) => {
    cell.status.textContent = text;
    cell.status.classList.toggle("runnable-bad", bad);
  };

  const end = () => {
    worker?.terminate();
    worker = null;
    for (const cell of cells) cell.ran = null;
  };

  /* The reason why code can't run here, if there is one. */
  const start = () => {
    if (location.protocol === "file:") {
      return "Code runs only on a page that a web server sends; this one was opened as a file.";
    }
    let modules = false;
    const options = { get type() { modules = true; return "module"; } };
    const old = "This browser can't run Python: it lacks WebAssembly or module workers. "
      + "A current Firefox, Chrome, Edge or Safari can.";
    if (typeof WebAssembly !== "object" || typeof Worker !== "function") return old;
    try {
      worker = new Worker(beside("worker.js"), options);
    } catch {
      return old;
    }
    if (!modules) {
      end();
      return old;
    }
    worker.onmessage = ({ data }) => receive(data);
    worker.onerror = () => receive({ kind: "unloaded" });
    return "";
  };

  const clear = (cell) => {
    cell.output?.remove();
    cell.output = null;
    cell.built.forEach((element) => { element.hidden = false; });
  };

  const show = (cell, kind, text) => {
    if (!cell.output) {
      cell.output = make("div", "runnable-output", { tabIndex: 0 });
      cell.output.setAttribute("role", "group");
      cell.output.setAttribute("aria-label", `Output of ${cell.title}`);
      cell.bar.after(cell.output);
      cell.built.forEach((element) => { element.hidden = true; });
    }
    if (kind === "figure") {
      cell.output.append(make("img", "", { src: text, alt: `Figure drawn by ${cell.title}` }));
      return;
    }
    let last = cell.output.lastElementChild;
    if (last?.dataset.kind !== kind) {
      last = make("pre", `runnable-${kind}`);
      last.dataset.kind = kind;
      cell.output.append(last);
    }
    last.append(text);
  };

  const lost = (what) => `Could not load ${what} from ${new URL(site.pyodide).host}. You may be `
    + "offline, or your network blocks that address. The rest of the page works without it; "
    + "Run tries again.";

  /* How a run can go wrong otherwise than by an error in the cell. */
  const FAULTS = {
    stopped: "Stopped. Python starts anew with the next Run, which runs earlier cells again.",
    unloaded: lost("Python"),
    missing: lost("a package that the code imports"),
    broken: "Python broke down. Run starts it anew.",
  };

  /* Run one cell; the promise is kept with "done", "raised" or one of the faults. */
  const execute = (cell) => new Promise((resolve) => {
    const source = cell.text();
    clear(cell);
    cell.ran = null;
    receive = ({ kind, text }) => {
      if (kind === "progress") {
        say(asked, text === "Running …" && cell !== asked ? `Running ${cell.title} first …` : text);
      } else if (kind === "done" || kind === "raised" || kind in FAULTS) {
        if (kind === "done") cell.ran = source;
        resolve(kind);
      } else {
        show(cell, kind, text);
      }
    };
    const { title, imports, aside } = cell;
    worker.postMessage({ site, title, source, imports, aside });
  });

  const run = async (cell) => {
    if (asked) {
      say(cell, asked === cell ? "Still running." : `Wait for ${asked.title}, or stop it.`);
      return;
    }
    edit(cell);
    const problem = worker ? "" : start();
    if (problem) {
      say(cell, problem, true);
      return;
    }
    asked = cell;
    cell.stop.hidden = false;
    say(cell, "Starting …");
    const stale = (other) => !other.aside && other.ran !== other.text();
    const first = cells.slice(0, cells.indexOf(cell)).filter(stale);
    let kind, now;
    for (now of [...first, cell]) {
      kind = await execute(now);
      if (kind !== "done") break;
    }
    asked = null;
    if (document.activeElement === cell.stop) cell.run.focus();
    cell.stop.hidden = true;
    if (kind === "done") {
      say(cell, "Done.");
    } else if (kind === "raised") {
      say(cell, now === cell ? "The cell raised an error."
        : `Not run: ${now.title}, which comes first, raised an error.`, true);
    } else {
      if (kind !== "missing") end();
      say(cell, FAULTS[kind], true);
    }
  };

  const edit = async (cell) => {
    if (cell.editing) return cell.editing;
    cell.editButton.hidden = true;
    cell.reset.hidden = false;
    cell.editing = import(beside("../codemirror/editor.js")).then(({ createEditor }) => {
      const place = make("div", "runnable-editor");
      cell.code.after(place);
      cell.editor = createEditor(place, cell.original, {
        label: `Code of ${cell.title}. Shift+Enter runs; Escape, then Tab, leaves.`,
        onRun: () => run(cell),
        onChange: () => say(cell, ""),
      });
      cell.code.hidden = true;
    }, () => {
      cell.editing = null;
      cell.editButton.hidden = false;
      cell.reset.hidden = true;
      say(cell, "The editor could not be loaded. The cell runs as it stands.", true);
    });
    return cell.editing;
  };

  const setUp = (box, index) => {
    const input = box.querySelector(".cell_input");
    const code = input.firstElementChild;
    const cell = {
      ...site.cells[index],
      title: `cell ${index + 1}`,
      aside: box.classList.contains("tag_aside"),
      code,
      original: code.textContent.trimEnd(),
      built: [...box.querySelectorAll(".cell_output")],
      bar: make("div", "runnable-bar"),
      status: make("p", "runnable-status"),
      text: () => cell.editor?.getText() ?? cell.original,
    };
    cell.bar.append(make("span", "runnable-title", { textContent: `Cell ${index + 1}` }));
    const button = (text, onclick, hidden) => {
      const made = make("button", "", { type: "button", textContent: text, onclick, hidden });
      made.setAttribute("aria-label", `${text} ${cell.title}`);
      cell.bar.append(made);
      return made;
    };
    cell.run = button("Run", () => run(cell), false);
    cell.stop = button("Stop", () => receive({ kind: "stopped" }), true);
    cell.editButton = button("Edit", async () => {
      await edit(cell);
      if (!cell.editor) return;
      cell.editor.focus();
      say(cell, "Shift+Enter runs. Esc, then Tab, leaves the editor.");
    }, false);
    cell.reset = button("Reset", () => {
      if (asked) return say(cell, `Wait for ${asked.title}, or stop it.`);
      cell.editor?.setText(cell.original);
      clear(cell);
      say(cell, "As it was.");
    }, true);
    cell.status.setAttribute("role", "status");
    cell.bar.append(cell.status);
    input.after(cell.bar);
    return cell;
  };

  const cells = [...document.querySelectorAll(".cell.tag_runnable")].map(setUp);
})();
