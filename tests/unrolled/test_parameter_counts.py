import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled.parameter_counts import BLOCKS, nearest_hidden_size, parameter_count

KINDS = {"tanh": torch.nn.RNN, "IRNN": torch.nn.RNN, "GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}
cells = st.sampled_from(list(BLOCKS))
sizes = st.integers(1, 40)


@given(cells, sizes, sizes, st.integers(0, 12))
def test_counts_are_torchs_less_the_biases_that_add_nothing(cell, D, H, C):
    layer = sum(p.numel() for p in KINDS[cell](D, H).parameters())
    # Of the second bias only the GRU's candidate keeps its H numbers.
    second = BLOCKS[cell] * H - (H if cell == "GRU" else 0)
    read_out = sum(p.numel() for p in torch.nn.Linear(H, C).parameters()) if C else 0
    assert parameter_count(cell, D, H, C) == layer - second + read_out


@given(cells, st.integers(200, 30_000), sizes, st.integers(0, 40))
def test_no_other_size_is_nearer(cell, parameters, D, C):
    if parameter_count(cell, D, 1, C) > 2 * parameters:
        return
    H = nearest_hidden_size(cell, parameters, D, C)
    off = [abs(parameter_count(cell, D, size, C) - parameters) for size in range(1, 200)]
    assert H == 1 + off.index(min(off))


@pytest.mark.parametrize("cell", BLOCKS)
@pytest.mark.parametrize("H", [1, 2, 17, 400])
def test_an_exact_count_is_found_again(cell, H):
    assert nearest_hidden_size(cell, parameter_count(cell, 7, H, 3), 7, 3) == H


def test_chungs_case():
    assert [nearest_hidden_size(cell, 20_000, 100) for cell in ("LSTM", "GRU", "tanh")] == [
        36,
        45,  # theirs has no b_hn, and 46 units
        100,
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parameter_count("lstm", 1, 1), "cell: expected one of tanh"),
        (lambda: parameter_count("LSTM", 0, 1), "D: expected at least 1, got 0"),
        (lambda: parameter_count("LSTM", 1, 0), "H: expected at least 1, got 0"),
        (lambda: parameter_count("LSTM", 1, 1, -1), "C: expected at least 0, got -1"),
        (lambda: nearest_hidden_size("tanh", 100, 0), "D: expected at least 1, got 0"),
        (lambda: nearest_hidden_size("LSTM", 5, 10), "parameters: .* one unit, 48, got 5"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
