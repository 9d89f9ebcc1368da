"""What the tests of the problem sets share."""

from collections.abc import Callable
from typing import Any

import pytest

from autograder.problems.ps2.variants import SOLUTION


@pytest.fixture
def run_cells() -> Callable[[dict[str, str]], dict[str, Any]]:
    """Run a variant's solution cells as a notebook would; give back the names they define."""

    def run(variant: dict[str, str]) -> dict[str, Any]:
        names: dict[str, Any] = {"__name__": "__main__"}
        exec("import numpy as np", names)
        for cell, source in {**SOLUTION, **variant}.items():
            exec(compile(source, f"<{cell}>", "exec"), names)
        return names

    return run
