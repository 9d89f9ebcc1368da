"""How many numbers a network learns, and how wide it may be for a given number of them.

With a read-out of C outputs, D inputs and H units, and one bias a gate:

    tanh, IRNN   1 · H (D + H + 1) + C (H + 1)
    GRU          3 · H (D + H + 1) + H + C (H + 1)    reset after the product: b_hn besides
    LSTM         4 · H (D + H + 1) + C (H + 1)

`torch.nn` holds a second bias for every gate, which can do nothing that the first can't (for the
GRU's candidate it is b_hn, and counted here).
"""

import math

BLOCKS = {"tanh": 1, "IRNN": 1, "GRU": 3, "LSTM": 4}
"""Blocks of (D + H + 1) · H numbers: one for the state or the candidate, and one a gate."""


def parameter_count(cell: str, D: int, H: int, C: int = 0) -> int:
    """Return the number of parameters of a layer and its read-out.

    Args:
        cell: a key of `BLOCKS`.
        D: inputs, at least 1.
        H: hidden units, at least 1.
        C: outputs of the read-out, 0 for no read-out.

    Raises:
        ValueError: an unknown cell, or a size is too small.
    """
    _expect(cell, C, D=D, H=H)
    extra = H if cell == "GRU" else 0
    return BLOCKS[cell] * H * (D + H + 1) + extra + C * (H + 1)


def nearest_hidden_size(cell: str, parameters: int, D: int, C: int = 0) -> int:
    """Return the H whose number of parameters is nearest to the one asked for, the smaller of two.

    The count is k H² + (k (D + 1) + e + C) H + C with k blocks and e = 1 for the GRU, else 0; its
    positive root is H before rounding (chapter 13).

    Args:
        cell: a key of `BLOCKS`.
        parameters: how many there should be.
        D: inputs, at least 1.
        C: outputs of the read-out, 0 for no read-out.

    Raises:
        ValueError: an unknown cell, a size is too small, or one unit takes more than twice the
            parameters asked for.
    """
    _expect(cell, C, D=D)
    k = BLOCKS[cell]
    b = k * (D + 1) + (cell == "GRU") + C
    if parameter_count(cell, D, 1, C) > 2 * parameters:
        raise ValueError(
            f"parameters: expected enough for one unit, {parameter_count(cell, D, 1, C)}, "
            f"got {parameters}"
        )
    below = max(1, int((math.sqrt(b * b + 4 * k * max(parameters - C, 0)) - b) / (2 * k)))
    return min(below, below + 1, key=lambda H: abs(parameter_count(cell, D, H, C) - parameters))


def _expect(cell: str, C: int, **sizes: int) -> None:
    if cell not in BLOCKS:
        raise ValueError(f"cell: expected one of {', '.join(BLOCKS)}, got {cell!r}")
    for name, size, least in (*((n, s, 1) for n, s in sizes.items()), ("C", C, 0)):
        if size < least:
            raise ValueError(f"{name}: expected at least {least}, got {size}")
