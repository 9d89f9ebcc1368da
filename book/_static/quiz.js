/* Marks the quizzes of a page. Every answer and reason is in the HTML already: this compares,
   hides and shows. The HTML is written by quiz.py, which describes it. */
(() => {
  "use strict";

  const POWER_OF_TEN = "10\\s*(?:\\^|\\*\\*)\\s*\\{?([+-]?\\d+)\\}?$";
  const TIMES_POWER = new RegExp("\\s*[·⋅×*]\\s*" + POWER_OF_TEN);
  const POWER = new RegExp("^([+-]?)" + POWER_OF_TEN);

  /* The same forms as parse_number in quiz.py; NaN for anything else. */
  const parseNumber = (text) => {
    const plain = text.trim().toLowerCase().replaceAll("\u2212", "-").replace(",", ".")
      .replace(TIMES_POWER, "e$1").replace(POWER, "$11e$2");
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(plain) ? Number(plain) : NaN;
  };

  /* The same as normalise_spelling in quiz.py. */
  const normaliseSpelling = (text) => text.normalize("NFKC").replaceAll("\u2019", "'")
    .trim().replace(/\s+/g, " ").toLowerCase().replace(/^(?:the|an?) /, "");

  const isRight = (reason) => reason.classList.contains("quiz-right");

  const setUp = (quiz) => {
    const { kind } = quiz.dataset;
    const form = quiz.querySelector("form");
    const inputs = [...quiz.querySelectorAll(".quiz-answers input")];
    const reasons = [...quiz.querySelectorAll(".quiz-reason")];
    const verdict = quiz.querySelector(".quiz-verdict");
    const buttons = quiz.querySelector(".quiz-buttons");
    const showAll = buttons.querySelector("[aria-pressed]");
    const multiple = inputs[0].type === "checkbox";
    let picked = [];
    let all = false;

    /* Bring the page in line with `picked` and `all`. */
    const update = (message) => {
      verdict.textContent = message;
      verdict.hidden = !message;
      for (const [i, reason] of reasons.entries()) {
        const isPicked = picked.includes(reason);
        reason.hidden = !all && !isPicked;
        /* The theme gave code its tab stop, or none, while the reason was hidden. */
        for (const pre of reason.querySelectorAll("pre")) {
          pre.tabIndex = pre.scrollWidth > pre.clientWidth ? 0 : -1;
        }
        if (kind === "choice") {
          const row = inputs[i].parentElement.classList;
          row.toggle("quiz-right", isPicked && isRight(reason));
          row.toggle("quiz-wrong", isPicked && !isRight(reason));
        }
      }
      showAll.setAttribute("aria-pressed", all);
      quiz.classList.toggle("quiz-bare", !multiple && !all);
    };

    /* The reasons that belong to the reader's answer, or what keeps it from being one. */
    const read = () => {
      if (kind === "choice") {
        const chosen = reasons.filter((_, i) => inputs[i].checked);
        return chosen.length ? chosen : "Choose an answer first.";
      }
      const text = inputs[0].value;
      if (kind === "numeric") {
        const number = parseNumber(text);
        if (!text.trim()) return "Type a number first, such as 0.25 or 1e-3.";
        if (Number.isNaN(number)) return "This is not a number. Type one such as 0.25 or 1e-3.";
        return [reasons.find(({ dataset: { low, high } }) =>
          low === undefined || (Number(low) <= number && number <= Number(high)))];
      }
      if (!text.trim()) return "Type an answer first.";
      const spelling = normaliseSpelling(text);
      return [reasons.find(({ dataset: { spellings } }) =>
        spellings === undefined || spellings.split("|").includes(spelling))];
    };

    const check = (event) => {
      event.preventDefault();
      const answer = read();
      if (typeof answer === "string") {
        picked = [];
        update(answer);
        return;
      }
      picked = answer;
      const wrong = picked.filter((reason) => !isRight(reason)).length;
      const missing = multiple && reasons.some((r) => isRight(r) && !picked.includes(r));
      const right = !wrong && !missing;
      const parts = [right ? "Right." : "Not yet."];
      if (multiple && wrong) {
        parts.push(wrong === 1 ? "One of your choices is wrong."
          : `${wrong} of your choices are wrong.`);
      }
      if (missing) parts.push("At least one right answer is missing.");
      showAll.hidden = false;
      update(parts.join(" "));
      quiz.dispatchEvent(new CustomEvent("quiz:answered", {
        bubbles: true, detail: { id: quiz.id, right },
      }));
    };

    form.addEventListener("submit", check);
    /* A verdict on an answer that has changed since would mislead. */
    form.addEventListener("input", () => {
      picked = [];
      update("");
    });
    showAll.addEventListener("click", () => {
      all = !all;
      update(verdict.textContent);
    });
    buttons.hidden = false;
    update("");
  };

  document.querySelectorAll(".quiz").forEach(setUp);
})();
