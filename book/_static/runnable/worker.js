/* Python for the cells of one page, in a module worker: a loop without an end can then be ended,
   and the page never waits. runnable.js starts it and shows what it sends. */
let python; /* Pyodide */
let page; /* cell_runner.Page */
let wheel; /* the address of our library, until it is loaded */

const send = (kind, text) => postMessage({ kind, text });

const get = async (address) => {
  const answer = await fetch(address, { cache: "no-cache" });
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer;
};

/* Load Pyodide and our runner. */
const load = async (site) => {
  send("progress", "Loading Python: 6 MB, once …");
  const { loadPyodide } = await import(`${site.pyodide}pyodide.mjs`);
  python = await loadPyodide({
    indexURL: site.pyodide,
    packageBaseUrl: site.pyodide,
    env: { MPLBACKEND: "module://cell_figures" },
  });
  for (const name of ["cell_runner.py", "cell_figures.py"]) {
    python.FS.writeFile(name, await (await get(new URL(name, import.meta.url))).text());
  }
  page = python.pyimport("cell_runner").Page(send);
  wheel = site.wheel;
};

/* Load what the code imports: packages from where Pyodide came from, our library from the site. */
const loadPackages = async (code) => {
  const ours = /\bunrolled\b/.test(code);
  const beneath = ours ? "\nimport numpy" : "";
  const drawing = /\bunrolled\.figures\b/.test(code) ? "\nimport matplotlib" : "";
  const problems = [];
  await python.loadPackagesFromImports(code + beneath + drawing, {
    messageCallback: (text) => text.startsWith("Loading ") && send("progress", `${text}, once …`),
    errorCallback: (text) => problems.push(text),
  });
  if (problems.length) throw new Error(problems.join(" "));
  if (ours && wheel) {
    python.unpackArchive(await (await get(wheel)).arrayBuffer(), "whl");
    wheel = null;
  }
};

/* One message is one cell to run. The answer ends with "done", "raised" or, where the fault is not
   the cell's: "unloaded", no Python; "missing", no package; "broken", Python itself failed. */
onmessage = async ({ data: { site, title, source, imports, aside } }) => {
  let problem = "unloaded";
  try {
    if (!python) await load(site);
    problem = "missing";
    await loadPackages(`${imports}\n${source}`);
    problem = "broken";
    send("progress", "Running …");
    send(page.run(title, source, imports, aside) ? "done" : "raised");
  } catch (error) {
    console.info(error);
    send(problem);
  }
};
