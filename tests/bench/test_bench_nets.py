"""The comparison of our layers with torch.nn runs for every layer and both types."""

import numpy as np
import pytest

from bench import nets
from bench.__main__ import main


@pytest.mark.parametrize("cell", nets.GATES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compares_a_layer(cell, dtype):
    over_torch, over_products, allocated = nets.compare((5, 2, 3, 4), dtype, cell, repeats=3)
    assert 0 < over_torch < np.inf and 0 < over_products < np.inf
    assert allocated < 1e6


def test_unknown_section_is_named(capsys):
    assert main(["nothing"]) == 2
    assert "grading, nets" in capsys.readouterr().err
