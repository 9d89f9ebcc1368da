"""`unrolled measure`: what it counts, the file it writes, and parts that fail."""

import copy
import json
import os
import stat
from pathlib import Path

import pytest
import torch

from unrolled.cli import main
from unrolled.data.recorded import FOLDER
from unrolled.measure import RecordError, count, kept_bytes, load, measure, problems, record
from unrolled.measure import run as running
from unrolled.measure.parts import LIMITS, PARTS
from unrolled.measure.paths import MODULES, CannotRunError, build, difference, tolerance
from unrolled.modules import LSTM

no_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize("T, N, D, H", [(1, 1, 1, 1), (3, 5, 2, 4)])
def test_flops_are_those_of_the_products(T, N, D, H):
    layer, x = LSTM(D, H), torch.randn(T, N, D, requires_grad=True)
    forward = 2 * T * N * 4 * H * (D + H)
    assert count(lambda: layer(x)).flops == forward
    leaves = [x, *layer.parameters()]

    def both():
        torch.autograd.grad(layer(x)[0].sum(), leaves)

    # Backward, each product becomes two: for its input, and for its weights. Step 1 starts from
    # zeros, whose gradient nobody asked for.
    assert count(both).flops == 3 * forward - 2 * N * 4 * H * H


def test_views_and_empty_tensors_are_no_launches_and_bytes_are_counted():
    a = torch.zeros(4, 6)
    counts = count(lambda: a.t().view(6, 4)[2:].unsqueeze(0))
    assert (counts.launches, counts.bytes) == (0, 0)
    counts = count(lambda: (torch.empty(4, 6), a + 1, a.t() @ a))
    assert counts.operators == {"add": 1, "mm": 1} and counts.launches == 2
    assert counts.bytes == 4 * (24 + 24) + 4 * (24 + 24 + 36) and counts.flops == 2 * 6 * 4 * 6


def test_launches_of_a_step():
    T = 10
    more = {
        path: count(build(path, (2 * T, 2, 3, 4), "cpu")).launches
        - count(build(path, (T, 2, 3, 4), "cpu")).launches
        for path in ("loop", "fused gates")
    }
    assert 2 * more["fused gates"] < more["loop"]  # of T steps, without what is done once
    layer, x = LSTM(3, 4), torch.zeros(T, 2, 3)
    forward = count(lambda: layer(x))
    assert forward.operators["addmm"] == T + 1 and forward.operators["sigmoid"] == 3 * T


@pytest.mark.parametrize("T", [1, 4, 9])
def test_the_loop_keeps_seven_numbers_a_unit_and_step(T):
    N, D, H = 3, 2, 5
    layer, x = LSTM(D, H), torch.randn(T, N, D)
    kept = kept_bytes(lambda: layer(x), [x, *layer.parameters()])
    # Gates, candidate, tanh(c), c and h; of the last step c and h are not read again, and of the
    # start they are.
    assert kept == 4 * 7 * T * N * H


@pytest.mark.parametrize("path", ["loop", "fused gates"])
def test_paths_are_right_in_float64(path):
    assert 0 < difference(path, "cpu", torch.float64) < tolerance(torch.float64)


@pytest.mark.full
def test_the_compiled_path_is_right_in_float64():
    assert difference("compiled", "cpu", torch.float64) < tolerance(torch.float64)


@pytest.mark.gpu
@no_cuda
@pytest.mark.parametrize("path", [*MODULES, "CUDA graph", "compiled, CUDA graph"])
def test_paths_are_right_on_cuda(path):
    dtype = torch.float32 if path == "our kernel" else torch.float64
    assert difference(path, "cuda", dtype) < tolerance(dtype)


def test_a_wrong_path_is_not_timed(monkeypatch):
    from unrolled.measure.parts import _compared

    class Wrong(torch.nn.LSTM):
        def forward(self, x):
            return (1.001 * super().forward(x)[0],)

    monkeypatch.setitem(MODULES, "loop", Wrong)
    rows = list(
        _compared("ladder", ("loop",), (2, 2, 3, 4), "cpu", torch.float32, 0.0, checked=True)
    )
    assert [(row["path"], row["ms"]) for row in rows] == [("loop", None)]
    assert rows[0]["why"].startswith("wrong: differs from float64 by")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize(
    "path, reason", [("CUDA graph", "need a CUDA device"), ("our kernel", "triton|inputs are on")]
)
def test_paths_that_need_more_than_a_cpu_say_so(path, reason):
    with pytest.raises(CannotRunError, match=reason):
        build(path, (2, 2, 3, 4), "cpu")


QUICK = ("machine", "steps", "sizes", "precision", "memory", "scan")


@pytest.mark.parametrize("name", QUICK)
def test_every_part_gives_rows_that_fit_the_schema(name):
    rows = list(PARTS[name]("cpu", True))
    part = {"status": "done", "why": None, "seconds": 1.0, "rows": json.loads(json.dumps(rows))}
    made = record.begin("cpu", "unrolled measure", True)
    assert rows and problems({**made, "parts": {name: part}}) == []


def test_the_parts_have_a_limit_and_all_fit_into_the_promised_time():
    assert set(PARTS) == set(LIMITS) == set(record.ROWS)
    cpu, cuda = (sum(limit[i] for limit in LIMITS.values()) for i in (0, 1))
    assert cpu <= 300 and cuda <= 480


@pytest.mark.parametrize("path", sorted(FOLDER.glob("14_*.json")), ids=lambda path: path.stem)
def test_recorded_files_are_whole_and_of_the_device_that_they_name(path):
    held = load(path)
    assert f"14_{held['device']['kind']}" == path.stem
    assert not held["quick"] and set(held["parts"]) == set(PARTS)
    assert {"steps", "machine", "ladder"} <= {
        name for name, part in held["parts"].items() if part["status"] == "done"
    }
    for row in held["parts"]["ladder"]["rows"]:
        exact = torch.float64 if row["path"] != "our kernel" else getattr(torch, row["dtype"])
        if row["ms"] is not None:
            assert row["difference"] <= tolerance(exact)
    assert "/" not in held["command"]  # no path of somebody's machine


GOOD = {
    "format": "unrolled measure",
    "version": 1,
    "command": "unrolled measure --out x.json",
    "date": "2026-01-01",
    "commit": None,
    "quick": False,
    "device": {"kind": "cpu", "name": "A processor"},
    "versions": {"torch": "2"},
    "parts": {
        "machine": {
            "status": "done",
            "why": None,
            "seconds": 1.0,
            "rows": [{"quantity": "copy", "value": 1.5, "unit": "byte/s", "why": None}],
        }
    },
}


def changed(*path_and_value):
    *path, value = path_and_value
    made = copy.deepcopy(GOOD)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return made


ROW = ("parts", "machine", "rows", 0)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ([], "format: expected 'unrolled measure'"),
        (changed("format", "else"), "format: expected 'unrolled measure'"),
        (changed("version", 2), "version: expected 1, got 2"),
        ({k: v for k, v in GOOD.items() if k != "date"}, "date: missing"),
        (changed("quick", "no"), "quick: expected bool, got 'no'"),
        (changed("device", {"kind": "tpu", "name": "x"}), "device: expected its kind, cpu or cuda"),
        (changed("device", {"kind": "cpu", "name": ""}), "device: expected its name"),
        (changed("parts", "engine", {}), "parts.engine: expected one of machine, steps"),
        (changed("parts", "machine", {}), "parts.machine: expected status, why, seconds, rows"),
        (changed("parts", "machine", "status", "ok"), "parts.machine.status: expected one of"),
        (changed("parts", "machine", "why", "x"), "parts.machine.why: expected a reason where"),
        (changed("parts", "machine", "status", "cut"), "parts.machine.why: expected a reason"),
        (changed(*ROW, {"value": 1}), "parts.machine.rows[0]: these fields are missing or too"),
        (changed(*ROW, "value", "fast"), "parts.machine.rows[0].value: got 'fast'"),
        (changed(*ROW, "value", float("nan")), "parts.machine.rows[0].value: got nan"),
        (changed(*ROW, "quantity", None), "parts.machine.rows[0].quantity: got None"),
    ],
)
def test_a_wrong_record_is_named(wrong, said):
    assert problems(wrong)[0].startswith(said)


def test_a_record_comes_back_as_it_was_written(tmp_path):
    assert problems(GOOD) == [] and problems(changed(*ROW, "value", None)) == []
    record.write(tmp_path / "a.json", GOOD)
    assert load(tmp_path / "a.json") == GOOD and os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"format": "x"}'])
def test_what_is_no_record_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"a\.json: not a file of unrolled measure"):
        load(path)
    with pytest.raises(RecordError, match="not a file of unrolled measure"):
        measure(path, "cpu", "x")
    assert path.read_text() == text


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Let a shell script be the process of each part."""

    def become(script):
        path = tmp_path / "part"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(running.sys, "executable", str(path))

    return become


A_ROW = json.dumps(GOOD["parts"]["machine"]["rows"][0])


def test_a_part_that_dies_keeps_its_rows_and_the_rest_goes_on(tmp_path, stand_in):
    stand_in(
        f"[ $3 = machine ] || exit 0\necho '{A_ROW}'\n"
        "echo 'Traceback' >&2; echo 'RuntimeError: CUDA error' >&2; exit 1"
    )
    measure(tmp_path / "a.json", "cpu", "x", parts=("machine", "steps"))
    parts = load(tmp_path / "a.json")["parts"]
    assert parts["machine"]["status"] == "failed" and len(parts["machine"]["rows"]) == 1
    assert parts["machine"]["why"] == "RuntimeError: CUDA error (exit status 1, after 1 rows)"
    assert parts["steps"]["status"] == "done"


def test_a_part_that_never_ends_is_cut(tmp_path, stand_in, monkeypatch):
    stand_in(f"echo '{A_ROW}'\nexec sleep 60")
    monkeypatch.setitem(LIMITS, "machine", (0.5, 0.5))
    part = running.one_part("machine", "cpu", False)
    assert (part["status"], len(part["rows"])) == ("cut", 1) and part["seconds"] < 10
    assert part["why"] == "stopped after 0.5 s with 1 rows"


def test_an_interrupted_run_is_taken_up_and_a_finished_one_is_not_written_over(
    tmp_path, stand_in, monkeypatch
):
    path = tmp_path / "a.json"
    stand_in(f"[ $3 = machine ] && echo '{A_ROW}'\nexit 0")

    def interrupted(name, *_):
        if name == "steps":
            raise KeyboardInterrupt
        return one_part(name, *_)

    one_part = running.one_part
    with monkeypatch.context() as patch:
        patch.setattr(running, "one_part", interrupted)
        with pytest.raises(KeyboardInterrupt):
            measure(path, "cpu", "x")
    assert list(load(path)["parts"]) == ["machine"]
    asked = []
    monkeypatch.setattr(running, "one_part", lambda *a: asked.append(a[0]) or one_part(*a))
    measure(path, "cpu", "x")
    assert asked == list(PARTS)[1:] and len(load(path)["parts"]["machine"]["rows"]) == 1
    with pytest.raises(RecordError, match=r"a\.json: is there already; name another file"):
        measure(path, "cpu", "x")


def test_the_command_runs_a_part_in_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setitem(LIMITS, "steps", (300, 300))  # for a busy machine
    made = measure(tmp_path / "a.json", "cpu", "x", quick=True, parts=("steps",))
    assert made["parts"]["steps"]["status"] == "done", made["parts"]["steps"]["why"]
    assert [row["path"] for row in made["parts"]["steps"]["rows"]][:2] == ["loop", "fused gates"]


def test_a_folder_that_is_not_there_is_named_before_anything_is_measured(tmp_path, capsys):
    assert main(["measure", "--out", str(tmp_path / "no" / "a.json"), "--device", "cpu"]) == 2
    assert "a.json: can't be written (No such file or directory)" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_no_cuda_is_one_clear_line(tmp_path, capsys):
    assert main(["measure", "--out", str(tmp_path / "a.json"), "--device", "cuda"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("unrolled measure: no CUDA device here") and error.count("\n") == 1
    assert not Path(tmp_path / "a.json").exists()
