"""Generated classes: a source notebook and any number of different submissions to it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.demo import notebooks
from autograder.problems.ps2.variants import RIGHT, SOLUTION, WRONG

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Class:
    """An assignment and its students' answers: each maps solution cells to their code."""

    name: str
    source: NotebookNode
    answers: Callable[[], Iterator[dict[str, str]]]

    def submissions(self, count: int, released: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
        """Name and notebook of `count` students, no two with the same text."""
        for number, cells in enumerate(islice(self.answers(), count)):
            notebook = deepcopy(released)
            for cell, code in cells.items():
                notebooks.replace(notebook, cell, f"{code}\n# student {number}\n")
            yield f"student-{number:04}", notebook


def endlessly(variants: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    """The variants one after the other, again and again."""
    while True:
        yield from variants


def numpy_class() -> Class:
    """Problem set 2, backpropagation through time: five test cells, NumPy only.

    Half of the students are right, in many styles; the others make one mistake each. None writes
    to stderr, runs without end, or needs minutes.
    """
    right = [{**SOLUTION, **RIGHT[name]} for name in RIGHT if name != "with warnings"]
    wrong = [{**SOLUTION, **cells} for cells in WRONG.values()]
    mixed = [variant for pair in zip(right * len(wrong), wrong, strict=False) for variant in pair]
    source = notebooks.read(ROOT / "solutions" / "ps2" / "ps2.ipynb")
    return Class("ps2", source, lambda: endlessly(mixed))


SETUP = "import numpy as np\nimport torch\nfrom torch import nn"
TORCH = {
    "cell": """\
class Cell(nn.Module):
    def __init__(self, D, H):
        super().__init__()
        self.W_xh = nn.Parameter(0.1 * torch.ones(D, H, dtype=torch.float64))
        self.W_hh = nn.Parameter(0.1 * torch.ones(H, H, dtype=torch.float64))

    def forward(self, x, h):
        return torch.tanh(x @ self.W_xh + h @ self.W_hh)


def states(x, W_xh, W_hh):
    cell = Cell(*W_xh.shape)
    with torch.no_grad():
        cell.W_xh.copy_(torch.as_tensor(W_xh))
        cell.W_hh.copy_(torch.as_tensor(W_hh))
        h, found = torch.zeros(x.shape[1], len(W_hh), dtype=torch.float64), []
        for step in torch.as_tensor(x):
            h = cell(step, h)
            found.append(h)
    return torch.stack(found).numpy()""",
    "gradients": """\
def gradients(x, W_xh, W_hh, dh):
    W_xh = torch.tensor(W_xh, requires_grad=True)
    W_hh = torch.tensor(W_hh, requires_grad=True)
    h, loss = torch.zeros(x.shape[1], len(W_hh), dtype=torch.float64), 0.0
    for step, weight in zip(torch.as_tensor(x), torch.as_tensor(dh), strict=True):
        h = torch.tanh(step @ W_xh + h @ W_hh)
        loss = loss + (weight * h).sum()
    loss.backward()
    return {"dW_xh": W_xh.grad.numpy(), "dW_hh": W_hh.grad.numpy()}""",
    "norm": """\
def clipped(gradients, most):
    norm = sum(float((g ** 2).sum()) for g in gradients.values()) ** 0.5
    scale = min(1.0, most / norm) if norm else 1.0
    return {name: scale * g for name, g in gradients.items()}""",
}
TORCH_TESTS = {
    "cell": ["shape", "values"],
    "gradients": ["shape", "values"],
    "norm": ["values"],
}
TORCH_HIDDEN = {
    ("cell", "shape"): "assert states(x, W_xh, W_hh).shape == (5, 3, 4)",
    ("cell", "values"): "np.testing.assert_allclose(states(x, W_xh, W_hh), reference()[0])",
    ("gradients", "shape"): "found = gradients(x, W_xh, W_hh, dh)\n"
    "assert {k: v.shape for k, v in found.items()} == {'dW_xh': (2, 4), 'dW_hh': (4, 4)}",
    ("gradients", "values"): "for name, value in gradients(x, W_xh, W_hh, dh).items():\n"
    "    np.testing.assert_allclose(value, reference()[1][name])",
    ("norm", "values"): "points = 0.0\nfor most, size in [(1.0, 1.0), (100.0, 5.0)]:\n"
    "    found = clipped({'a': np.array([3.0]), 'b': np.array([4.0])}, most)\n"
    "    points += 0.5 * bool(np.isclose(np.hypot(found['a'][0], found['b'][0]), size))\n"
    "points",
}
REFERENCE = """\
rng = np.random.default_rng(0)
x, dh = rng.normal(size=(5, 3, 2)), rng.normal(size=(5, 3, 4))
W_xh, W_hh = rng.normal(size=(2, 4)), rng.normal(size=(4, 4))


def reference():
    h, states = np.zeros((3, 4)), []
    for t in range(5):
        h = np.tanh(x[t] @ W_xh + h @ W_hh)
        states.append(h)
    carried, grads = np.zeros((3, 4)), {"dW_xh": 0.0, "dW_hh": 0.0}
    for t in reversed(range(5)):
        da = (dh[t] + carried) * (1 - states[t] ** 2)
        grads["dW_xh"] = grads["dW_xh"] + x[t].T @ da
        grads["dW_hh"] = grads["dW_hh"] + (states[t - 1] if t else np.zeros((3, 4))).T @ da
        carried = da @ W_hh.T
    return np.stack(states), grads"""
TORCH_MISTAKES = {
    "cell": ("torch.tanh(x", "torch.sigmoid(x"),
    "gradients": ("weight * h", "h"),
    "norm": ("** 0.5", "** 1.0"),
}


def torch_class() -> Class:
    """A recurrent cell, its gradients by autograd, and clipping: five test cells, with PyTorch."""

    def role(name: str, **more) -> dict:
        plain = {"grade": False, "solution": False, "locked": False, "task": False}
        return {"nbgrader": {**plain, "grade_id": name, "schema_version": 3, **more}}

    cells = [
        new_markdown_cell("# Recurrent networks in PyTorch"),
        new_code_cell(SETUP, metadata=role("setup", locked=True)),
    ]
    for name, code in TORCH.items():
        text = f"### BEGIN SOLUTION\n{code}\n### END SOLUTION"
        cells.append(new_code_cell(text, metadata=role(name, solution=True)))
        for test in TORCH_TESTS[name]:
            hidden = f"{REFERENCE}\n\n{TORCH_HIDDEN[name, test]}"
            text = f"# {name}\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
            metadata = role(f"{name}-{test}", grade=True, locked=True, points=1)
            cells.append(new_code_cell(text, metadata=metadata))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "autograder": {"packages": ["numpy", "torch"]}}
    source = nbformat.from_dict(new_notebook(cells=cells, metadata=metadata))

    wrong = {name: code.replace(*TORCH_MISTAKES[name]) for name, code in TORCH.items()}
    variants = [
        {name: (TORCH if right else wrong)[name] for name, right in zip(TORCH, choice, strict=True)}
        for choice in product((True, False), repeat=len(TORCH))
    ]
    return Class("recurrent", source, lambda: endlessly(variants))
