"""The student's own check: what passes, what fails and why, what is missing."""

import os
import subprocess
import sys

import pytest

from autograder import cli
from autograder.demo import notebooks
from autograder.problems.ps2.variants import SOLUTION
from autograder.student.validate import main


@pytest.fixture
def notebook(tmp_path):
    """The released ps2 with the right solution, as a function that writes it after an edit."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions, ComputeChecksums

    from autograder.batch.dropin import NameCells

    source = notebooks.read(notebooks.Path(__file__).parents[3] / "solutions/ps2/ps2.ipynb")
    for step in (ClearSolutions, ClearHiddenTests, ComputeChecksums, NameCells):
        source, _ = step().preprocess(source, {})

    def write(edit=lambda notebook: None, solve=True):
        for name, text in SOLUTION.items() if solve else ():
            notebooks.replace(source, name, text)
        edit(source)
        path = tmp_path / "ps2.ipynb"
        notebooks.write(source, path)
        return str(path)

    return write


def test_a_right_notebook_passes(notebook, capsys):
    assert cli.main(["validate", notebook()]) == 0
    out = capsys.readouterr().out
    assert "3 of 3 checks pass." in out
    assert "\033" not in out, "colours are for terminals"


def test_an_untouched_notebook_is_not_written_yet(notebook, capsys):
    assert main([notebook(solve=False)]) == 1
    out = capsys.readouterr().out
    for name in SOLUTION:
        assert f"not written yet {name}\n" in out
    assert "FAILED          forward-check: something it calls is not written yet." in out


def test_a_mistake_is_told_in_the_words_of_the_check(notebook, capsys):
    def edit(found):
        text = SOLUTION["forward"].replace("np.tanh(a)", "a")
        assert text != SOLUTION["forward"]
        notebooks.replace(found, "forward", text)

    assert main([notebook(edit)]) == 1
    assert "FAILED          forward-check: With all weights zero" in capsys.readouterr().out


def test_an_error_names_the_line(notebook, capsys):
    def edit(found):
        notebooks.replace(found, "forward", "%matplotlib inline\nrate = 1 / 0")

    assert main([notebook(edit)]) == 1
    out = capsys.readouterr().out
    assert (
        "forward: ZeroDivisionError: division by zero, in line 2 of this cell: rate = 1 / 0" in out
    )


def test_deleted_duplicated_and_changed_cells_are_named(notebook, capsys):
    def edit(found):
        notebooks.delete(found, "backward-tests")
        notebooks.duplicate(found, "forward")
        notebooks.replace(found, "forward-check", "pass")

    assert main([notebook(edit)]) == 1
    out = capsys.readouterr().out
    assert "backward-tests: the cell is missing" in out
    assert "forward: the cell is there 2 times" in out
    assert "forward-check: you changed this cell" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("[]", "not a notebook"),
        ('{"cells": []}', "right notebook"),
        (None, "No such"),
    ],
)
def test_what_is_no_notebook_is_a_clear_line(tmp_path, capsys, text, words):
    path = tmp_path / "ps2.ipynb"
    if text is not None:
        path.write_text(text)
    assert main([str(path)]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_it_runs_without_nbgrader_and_without_a_kernel(notebook):
    path = notebook()
    code = (
        "import sys; from autograder.student.validate import main; status = main([sys.argv[1]]); "
        "print(sorted({name.partition('.')[0] for name in sys.modules})); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("nbgrader", "nbformat", "IPython", "jupyter_client"):
        assert f"'{name}'" not in done.stdout


def test_it_leaves_the_process_as_it_was(notebook):
    before = dict(os.environ), list(sys.path), os.getcwd()
    main([notebook()])
    assert (dict(os.environ), list(sys.path), os.getcwd()) == before
