"""The measurements at tiny sizes: what they give, what is written, and what a failure leaves."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench import book, gpu, memory, nets, record, run
from bench.__main__ import main
from bench.parts import PARTS, NothingToMeasureError


@pytest.mark.parametrize("cell", nets.CELLS)
@pytest.mark.parametrize("dtype", nets.DTYPES)
def test_compares_a_layer(cell, dtype):
    row = nets.compare((5, 2, 3, 4), dtype, cell, repeats=3, peak=nets.peak(dtype, 16))
    assert [row[key] for key in ("T", "N", "D", "H", "cell")] == [5, 2, 3, 4, cell]
    ratios = [row[key] for key in ("over_torch", "over_products", "products_of_peak")]
    assert all(0 < ratio < np.inf for ratio in ratios)


def test_a_ratio_is_the_median_of_the_rounds(monkeypatch):
    """Ours takes 3, then 8 and 1 seconds, torch 1, 2 and 10, the products 1 always."""
    times = iter([3, 1, 1, 8, 2, 1, 1, 10, 1])
    monkeypatch.setattr(nets, "seconds", lambda run: next(times))
    row = nets.compare((5, 2, 3, 4), np.float32, "RNN", repeats=3, peak=100)
    assert row["over_torch"] == 3 and row["over_products"] == 3
    assert row["products_of_peak"] == 6 * 5 * 2 * (3 * 4 + 4 * 4) / 100


@pytest.mark.parametrize("cell", nets.CELLS)
def test_a_layers_memory_is_what_issue_and_design_promise(cell):
    kept, new = (memory.used(cell, keep, memory.SIZES) for keep in (True, False))
    assert kept["next_call_MB"] <= 8 and new["first_call_MB"] <= 80
    T, N, _, H = memory.SIZES
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[cell]
    assert kept["held_MB"] > 4 * T * N * H * gates / 1e6  # it can see the arrays


def test_without_a_gpu_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NothingToMeasureError, match="no CUDA device"):
        list(gpu.rows(quick=True))


# Pages of the book ----------------------------------------------------------------------------


def test_a_page_weighs_what_it_names(tmp_path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "lessons").mkdir()
    (tmp_path / "_static" / "a.css").write_text("b {}\n" * 10_000)
    (tmp_path / "_static" / "a.png").write_bytes(os.urandom(5000))
    text = '<link rel="stylesheet" href="../_static/a.css?v=1"><img src="../_static/a.png">'
    text += '<img src="../_static/a.png"><img src="https://example.org/b.png">'
    (tmp_path / "lessons" / "light.html").write_text("<p>nothing</p>")
    (tmp_path / "lessons" / "heavy.html").write_text(text)
    row = book.heaviest(tmp_path)
    assert row["page"] == "heavy" and row["pictures_kB"] == 5.0
    assert 0 < row["style_and_scripts_kB"] < 0.5  # compressed, and the picture counted once


def test_a_lessons_code_is_changed_and_nothing_else(tmp_path):
    lesson = tmp_path / "one.md"
    cells = "```{{code-cell}} ipython3\n:tags: [a]\n\nx = 1\n{}```\n\n```{{code-cell}}\ny\n```\n"
    lesson.write_text(cells.format(""))
    book.change_code(lesson)
    assert lesson.read_text() == cells.format("pass\n")


def test_a_build_that_fails_says_why(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "build.py").write_text("import sys; sys.exit('this chapter fails')")
    with pytest.raises(book.BuildError, match="this chapter fails"):
        book.build(tmp_path)
    (tmp_path / "book" / "build.py").write_text("sum(range(3_000_000))")
    seconds, cpu = book.build(tmp_path)
    assert seconds > 0 and cpu > 0


@pytest.mark.full
def test_a_small_book_is_built_four_times():
    *builds, page = book.rows(quick=True)
    assert builds[0]["changed"] == "from clean" and builds[0]["of_clean"] == 1
    assert builds[0]["CPU_of_clean"] == 1 and builds[1]["CPU_of_clean"] < 1
    assert page["page_kB"] > 1


# The whole run --------------------------------------------------------------------------------

FAKES = {
    "good": '''"""What good tells."""

def rows(quick):
    print("a library's own words")
    yield {"cell": "RNN", "over_torch": 0.5}
    yield {"cell": "LSTM", "over_torch": None}
    yield {"quick": quick}
''',
    "broken": '''"""What broken tells."""

def rows(quick):
    yield {"cell": "RNN", "over_torch": 0.25}
    raise ValueError("two\\nlines")
''',
    "none": '''"""What none tells."""
from bench.parts import NothingToMeasureError

def rows(quick):
    raise NothingToMeasureError("no such device")
    yield
''',
    "died": '''"""What died tells."""
import os, sys

def rows(quick):
    yield {"cell": "RNN", "over_torch": 1.5}
    os.write(1, b'{"half')
    os._exit(3)
''',
}
REGISTER = """
from bench.parts import PARTS, Part

PARTS.clear()
for name in {names}:
    PARTS[name] = Part(f"The {{name}} part", f"fake_{{name}}")
"""


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Four parts in place of the real ones, in this process and in those that it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    for name, source in FAKES.items():
        (folder / f"fake_{name}.py").write_text(source)
    register = REGISTER.format(names=list(FAKES))
    (folder / "sitecustomize.py").write_text(register)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(run.ROOT)]))
    monkeypatch.syspath_prepend(folder)
    real = dict(PARTS)
    exec(register, {})
    yield tmp_path / "out"
    PARTS.clear()
    PARTS.update(real)


def test_a_broken_part_is_named_and_the_rest_goes_on(fakes, capfd):
    assert main(["--out", str(fakes), "--quick"]) == 1
    result = json.loads((fakes / "bench.json").read_text())
    ends = {name: (part["status"], part["why"]) for name, part in result["parts"].items()}
    assert ends == {
        "good": ("done", None),
        "broken": ("failed", "ValueError: two lines"),
        "none": ("none", "no such device"),
        "died": ("failed", "its process ended with 3"),
    }
    assert result["parts"]["broken"]["rows"] == [{"cell": "RNN", "over_torch": 0.25}]
    assert result["parts"]["died"]["rows"] == [{"cell": "RNN", "over_torch": 1.5}]
    assert result["parts"]["good"]["rows"][2] == {"quick": True}
    assert result["device"]["name"] and result["versions"]["torch"] and len(result["date"]) == 10
    page = (fakes / "bench.md").read_text()
    assert "## The good part\n\nWhat good tells.\n\n| cell | over torch |\n| --- | ---: |\n" in page
    assert "| RNN | 0.500 |\n| LSTM | – |\n\n| quick |" in page
    assert "failed: ValueError: two lines" in page and "none: no such device" in page
    out, err = capfd.readouterr()
    assert page in out and "broken: failed: ValueError: two lines" in err


def test_parts_of_the_same_state_stay_beside_new_ones(fakes, monkeypatch):
    done = {"status": "done", "why": None, "seconds": 1.0, "rows": []}
    monkeypatch.setattr(run, "measured", lambda name, quick, rows: done)
    main(["--out", str(fakes), "none"])
    main(["--out", str(fakes), "good"])
    assert set(json.loads((fakes / "bench.json").read_text())["parts"]) == {"none", "good"}
    main(["--out", str(fakes), "--quick", "good"])  # another kind of run: not to be mixed
    assert set(json.loads((fakes / "bench.json").read_text())["parts"]) == {"good"}
    (fakes / "bench.json").write_text("[1")
    main(["--out", str(fakes), "none"])
    assert set(json.loads((fakes / "bench.json").read_text())["parts"]) == {"none"}


def test_a_stopped_run_keeps_what_it_has(fakes, monkeypatch, capsys):
    def stopped(name, quick, rows):
        rows.append({"cell": "RNN"})
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "measured", stopped)
    assert main(["--out", str(fakes), "good"]) == 130
    part = json.loads((fakes / "bench.json").read_text())["parts"]["good"]
    assert part["rows"] == [{"cell": "RNN"}] and part["status"] == "stopped"
    assert str(fakes) in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file" / "out"), "gpu"]) == 1
    assert "can't be written" in capsys.readouterr().err


def test_unknown_part_is_named(capsys):
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "unknown: nothing; there are nets, nets-2, memory" in capsys.readouterr().err


def test_processes_have_the_threads_of_their_part(monkeypatch, tmp_path):
    """NumPy must find the number in its environment when it is loaded."""
    seen = []

    def popen(command, **options):
        seen.append((command[3], options["env"]["OMP_NUM_THREADS"]))
        return SimpleNamespace(stdout=[], wait=lambda: 0, terminate=lambda: None)

    monkeypatch.setattr(run.subprocess, "Popen", popen)
    for name in ("nets", "nets-2"):
        assert run.measured(name, False, [])["status"] == "done"
    assert seen == [("nets", "1"), ("nets-2", "2")]


def test_numbers_are_shown_with_three_digits():
    values = (None, 0.123456, 1234.5678, 12, "a|b", 999.4, 1.0)
    shown = ["–", "0.123", "1235", "12", r"a\|b", "999", "1.00"]
    assert [record.shown(v) for v in values] == shown
