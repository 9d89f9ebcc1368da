/* Remembers which quizzes the reader has solved, in this browser and nowhere else, and says so on
   the quiz, beside the chapter in the table of contents, and below the last quiz of a page.
   The list of quizzes, by page and id, is written by progress.py, which says what a key is. */
(() => {
  "use strict";

  const STORE = "unrolled-solved";
  const pages = Object.entries(JSON.parse(document.getElementById("quizzes").textContent))
    .map(([path, keys]) => ({ path: new URL(path, location.href).pathname, keys }));
  const here = pages.find(({ path }) => path === location.pathname)?.keys ?? {};

  /* Storage may be blocked or full, or hold what another program wrote: nothing is solved then. */
  const load = () => {
    try {
      return new Set(JSON.parse(localStorage.getItem(STORE)));
    } catch {
      return new Set();
    }
  };

  /* Whether the browser will remember. */
  const save = (solved) => {
    const text = JSON.stringify([...solved]);
    try {
      localStorage.setItem(STORE, text);
      return localStorage.getItem(STORE) === text;
    } catch {
      return false;
    }
  };

  let solved = load();
  let kept = save(solved);

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  /* A mark in the quiz's legend, which is also what a screen reader says on entering the quiz. */
  const markQuizzes = (word) => {
    for (const [id, key] of Object.entries(here)) {
      const legend = document.querySelector(`#${CSS.escape(id)} legend`);
      const mark = legend.querySelector(".quiz-solved");
      if (!solved.has(key)) mark?.remove();
      else if (!mark) legend.append(make("span", { className: "quiz-solved" }, ` \u2713 ${word}`));
    }
  };

  const count = (keys) => {
    const all = Object.values(keys);
    return [all.filter((key) => solved.has(key)).length, all.length];
  };

  const markChapters = () => {
    const links = [...document.querySelectorAll(".bd-docs-nav a")];
    for (const { path, keys } of pages) {
      const link = links.find((a) => new URL(a.href).pathname === path);
      if (!link) continue;
      link.querySelector(".chapter-progress")?.remove();
      const [done, all] = count(keys);
      link.append(make("span", { className: "chapter-progress" },
        make("span", { ariaHidden: "true" }, done === all ? `\u2713 ${done}/${all}` : `${done}/${all}`),
        make("span", { className: "visually-hidden" }, `${done} of ${all} questions solved`)));
    }
  };

  const counted = make("span", {});
  const clear = make("button", { type: "button" }, "Clear my progress");
  const cleared = make("span", { role: "status" });

  const update = (word) => {
    const [done, all] = count(here);
    counted.textContent = kept
      ? `${done} of ${all} questions on this page solved; only this browser remembers it.`
      : "Your browser keeps no data for this site, so it won't remember what you have solved.";
    clear.hidden = !kept || !solved.size;
    markQuizzes(word);
    if (kept) markChapters();
  };

  clear.addEventListener("click", () => {
    if (!confirm("Forget every question that you have solved, in all chapters?")) return;
    solved = new Set();
    save(solved);
    update("");
    cleared.textContent = "Your progress is cleared.";
  });

  document.addEventListener("quiz:answered", ({ detail: { id, right } }) => {
    if (!right || !here[id]) return;
    solved = new Set([...load(), ...solved, here[id]]);
    kept = save(solved);
    cleared.textContent = "";
    update("Solved");
  });

  [...document.querySelectorAll(".quiz")].at(-1)?.after(
    make("p", { className: "progress-kept" }, counted, " ", clear, " ", cleared));
  update("Solved before");
})();
