"""A judge that runs nothing: a solution says in a comment what each test is to make of it.

`# score: 2.5` is partial credit, `# wrong` an error, `# unreadable` can't be graded at all, and
`# slow` takes a while.
"""

import json
import os
import re
import time
from copy import deepcopy

from autograder.batch.errors import RefusedError


class FakeJudge:
    """Stands in for the judge process; a file in FAKE_JUDGE_LOG's folder tells each notebook."""

    def check_source(self, source, files):
        if "# fails its own tests" in source:
            raise RefusedError("cell f-tests fails: AssertionError")

    def grade(self, job):
        note(job["student"])
        try:
            submission = json.loads(job["submission"])
        except ValueError:
            return verdict("", failed="it is not a notebook: no JSON")
        by_id = {grade_id(cell): cell for cell in submission["cells"]}
        answer = text(by_id.get("f", {"source": ""}))
        if "# unreadable" in answer:
            return verdict("", failed="it says so itself")
        if "# slow" in answer:
            time.sleep(0.3)
        source = json.loads(job["source"])
        cells, flags = [], []
        for cell in source["cells"]:
            name = grade_id(cell)
            about = cell["metadata"].get("nbgrader", {})
            mine = by_id.get(name)
            if name and mine is None:
                flags.append(f"cell {name} is missing")
            cell = deepcopy(mine if mine and about.get("solution") else cell)
            if mine is None and about.get("solution"):
                cell["source"] = ""
            if cell["cell_type"] == "code":
                cell["outputs"] = outputs(answer) if about.get("grade") else []
                cell["execution_count"] = None
            cells.append(cell)
        notebook = source | {"cells": cells}
        return verdict(json.dumps(notebook), flags=flags)

    def close(self):
        pass


def note(student):
    folder = os.environ.get("FAKE_JUDGE_LOG")
    if folder:
        with open(os.path.join(folder, student), "a") as file:
            file.write(f"{os.getpid()}\n")


def verdict(notebook, failed=None, flags=()):
    return {
        "notebook": notebook,
        "scores": {},
        "max_scores": {},
        "messages": {},
        "flags": list(flags),
        "failed": failed,
        "tier": "full",
        "verified": True,
        "cpu_s": 0.25,
        "wall_s": 0.5,
        "peak_memory": 1,
    }


def grade_id(cell):
    return cell.get("metadata", {}).get("nbgrader", {}).get("grade_id")


def text(cell):
    return "".join(cell["source"])


def outputs(answer):
    """What a test cell shows for an answer."""
    many = "".join(f"line {i}\n" for i in range(1500)) if "# talks" in answer else "a message\n"
    shown = [{"output_type": "stream", "name": "stdout", "text": many}]
    if "# wrong" in answer:
        error = {"ename": "AssertionError", "evalue": "wrong", "traceback": ["wrong"]}
        shown.append({"output_type": "error", **error})
    score = re.search(r"# score: ([\d.]+)", answer)
    if score:
        result = {"data": {"text/plain": score[1]}, "metadata": {}, "execution_count": None}
        shown.append({"output_type": "execute_result", **result})
    return shown
