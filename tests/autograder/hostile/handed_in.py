"""Attacks in the notebook file: forged outputs, points, roles, policy and kernels."""

from copy import deepcopy

from hostile.attack import Attack, Off


def role(cell: dict) -> dict:
    """The nbgrader metadata of a cell."""
    return cell["metadata"].get("nbgrader", {})


def graded(notebook: dict) -> list[dict]:
    """The test cells."""
    return [cell for cell in notebook["cells"] if role(cell).get("grade")]


def outputs_with_full_marks(notebook: dict) -> None:
    for cell in graded(notebook):
        result = {"output_type": "execute_result", "execution_count": 1, "metadata": {}}
        points = float(role(cell)["points"])
        cell["outputs"] = [{**result, "data": {"text/plain": str(points)}}]
        cell["execution_count"] = 1


def tests_replaced(notebook: dict) -> None:
    for cell in graded(notebook):
        cell["source"] = "pass"


def tests_that_show_full_marks(notebook: dict) -> None:
    for cell in graded(notebook):
        cell["source"] = str(float(role(cell)["points"]))


def a_hundred_points(notebook: dict) -> None:
    for cell in graded(notebook):
        role(cell)["points"] = 100
        cell["source"] = "pass"


def tests_made_solutions(notebook: dict) -> None:
    for cell in graded(notebook):
        role(cell).update(solution=True, locked=False)
        cell["source"] = str(float(role(cell)["points"]))


def tests_unlocked_and_not_graded(notebook: dict) -> None:
    tests_replaced(notebook)
    for cell in graded(notebook):
        role(cell).update(locked=False, grade=False)


def compatibility_mode(notebook: dict) -> None:
    policy = {"mode": "compatibility", "packages": None, "memory_mb": 1 << 20, "cpu_s": 10**6}
    notebook["metadata"]["autograder"] = policy
    for cell in notebook["cells"]:
        cell["metadata"]["autograder"] = policy
    patch_first(notebook)


def patch_first(notebook: dict) -> None:
    """Put a cell in front that would blind the tests if they ran in this process."""
    cell = {
        "cell_type": "code", "id": "first", "metadata": {}, "outputs": [], "execution_count": None,
        "source": "import builtins, unittest, numpy as np\n"
        "np.testing.assert_allclose = lambda *a, **k: None\nbuiltins.abs = lambda x: 0\n",
    }  # fmt: skip
    notebook["cells"].insert(1, cell)


def a_kernel_of_its_own(notebook: dict) -> None:
    notebook["metadata"]["kernelspec"] = {
        "name": "evil", "display_name": "evil", "language": "bash", "argv": ["sh", "-c", "true"]
    }  # fmt: skip
    notebook["metadata"]["language_info"] = {"name": "bash"}
    tests_replaced(notebook)


def every_cell_twice(notebook: dict) -> None:
    tests_replaced(notebook)
    copies = deepcopy(notebook["cells"])
    for cell in copies:
        cell["id"] += "-copy"
    notebook["cells"] += copies


def answers_named_like_tests(notebook: dict) -> None:
    tests = {role(cell)["grade_id"]: cell for cell in graded(notebook)}
    for cell in notebook["cells"]:
        if role(cell).get("solution"):
            answer, test = role(cell), role(tests[role(cell)["grade_id"] + "-test"])
            answer["grade_id"], test["grade_id"] = test["grade_id"], answer["grade_id"]
            answer["points"] = test["points"]


def setup_changed(notebook: dict) -> None:
    for cell in notebook["cells"]:
        if role(cell).get("grade_id") == "setup":
            cell["source"] += "\n\n\ndef close(a, b):\n    return True\n\n\nTOLERANCE = 1e9"
    tests_replaced(notebook)


def hidden_tests_of_its_own(notebook: dict) -> None:
    for cell in graded(notebook):
        cell["source"] = "### BEGIN HIDDEN TESTS\npass\n### END HIDDEN TESTS"


def a_checksum_that_fits(notebook: dict) -> None:
    tests_replaced(notebook)
    for cell in graded(notebook):
        role(cell)["checksum"] = "0" * 32
        cell["metadata"]["editable"] = True


def metadata_of_strange_types(notebook: dict) -> None:
    tests_replaced(notebook)
    for cell in graded(notebook):
        role(cell).update(points="1e999", grade=1, schema_version=10**6)


def tests_before_answers(notebook: dict) -> None:
    notebook["cells"].reverse()
    tests_replaced(notebook)


EDITS = {
    "outputs filled in with full marks": outputs_with_full_marks,
    "tests replaced by pass": tests_replaced,
    "tests that show full marks": tests_that_show_full_marks,
    "a hundred points for each test": a_hundred_points,
    "tests declared to be answers": tests_made_solutions,
    "tests declared ungraded and unlocked": tests_unlocked_and_not_graded,
    "compatibility mode and limits asked for in the metadata": compatibility_mode,
    "a kernel of its own": a_kernel_of_its_own,
    "every cell twice, tests blank": every_cell_twice,
    "answers under the names of tests": answers_named_like_tests,
    "the instructor's setup cell changed": setup_changed,
    "hidden tests of its own": hidden_tests_of_its_own,
    "forged checksums": a_checksum_that_fits,
    "points of strange types": metadata_of_strange_types,
    "cells in reverse order": tests_before_answers,
}

ATTACKS = [
    Attack(
        name,
        "forged notebooks",
        Off.SOURCE,
        edit=edit,
    )
    for name, edit in EDITS.items()
]
