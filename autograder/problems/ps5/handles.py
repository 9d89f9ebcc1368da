"""What students' cells of problem set 5 define, as functions of arrays.

A class and a module are used in the same way whether they are in this process, as under stock
nbgrader, or in the student's, where the judge has a handle on them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograder.problems.answers import UnusableError, describe_error
from autograder.student import ps5 as given

WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0")
OUTPUTS = ("h", "h_T", "c_T")
INITIAL = "initial values"
CHANGE = "change of the weights"


def as_array(value: Any) -> Any:
    """Tensors as arrays, within lists too; anything else as it is."""
    if type(value) in (list, tuple):
        return [as_array(item) for item in value]
    detach = getattr(value, "detach", None)
    return detach().cpu().numpy() if detach is not None else value


def state_of(module: Any) -> dict[str, np.ndarray]:
    """A module's state as arrays.

    Raises:
        UnusableError: it is no module.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise UnusableError(f"it is of type {type(module).__name__}, not a torch.nn.Module")
    state = module.state_dict()
    return {str(name): as_array(value) for name, value in dict(state).items()}


def expect_shapes(state: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Compare names and shapes of a state with those it should have.

    Raises:
        UnusableError: says which is missing, too many, or of another shape.
    """
    missing = [name for name in shapes if name not in state]
    more = [name for name in state if name not in shapes]
    if missing or more:
        words = [f"it has no {', '.join(missing)}"] if missing else []
        words += [f"{', '.join(more)} should not be there"] if more else []
        raise UnusableError(f"look at the module's state_dict: {'; '.join(words)}")
    for name, shape in shapes.items():
        if tuple(np.shape(state[name])) != shape:
            got = tuple(np.shape(state[name]))
            raise UnusableError(f"the module's {name} has shape {got} instead of {shape}")


def module_shapes(D: int, H: int, P: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the five parameters of problem 5.2."""
    shapes = ((4 * H, D), (4 * H, P), (4 * H,), (4 * H,), (P, H))
    return dict(zip(WEIGHTS, shapes, strict=True))


def made(cls: Any, D: int, H: int, P: int) -> Any:
    """An instance of the student's class, in float64.

    Raises:
        UnusableError: it is no module, one of torch's recurrent layers is inside, or its state is
            not named as it should be.
    """
    import torch

    module = cls(D, H, P)
    expect_shapes(state_of(module), module_shapes(D, H, P))
    if any(isinstance(m, torch.nn.RNNBase | torch.nn.RNNCellBase) for m in module.modules()):
        raise UnusableError("torch's own recurrent layer is inside; write the layer yourself")
    return module.double()


def initial_values(cls: Any) -> np.ndarray:
    """What U(−1/√H, 1/√H) does, of each parameter of a new module: 1 for yes, 0 for no, (5, 3).

    No value beyond 1/√H; values close to it; values on both sides of zero.
    """
    D, H, P = 10, 40, 20
    found = []
    for values in state_of(made(cls, D, H, P)).values():
        largest = np.abs(values).max() * np.sqrt(H)
        below = (values < 0).mean()
        found.append([largest < 1 + 1e-6, largest > 0.9, 0.2 < below < 0.8])
    return np.array(found, float)


def outputs_of(value: Any) -> dict[str, Any]:
    """The outputs of a forward pass by name; where one is not there, the error that says so.

    Raises:
        UnusableError: none is there.
    """
    why = UnusableError("forward should return the pair (h, (h_T, c_T))")
    pair = isinstance(value, tuple | list) and len(value) == 2
    if value is None or (isinstance(value, tuple | list) and not pair):
        raise why
    h, last = value if pair else (value, None)
    if not (isinstance(last, tuple | list) and len(last) == 2):
        last = why, why
    return dict(zip(OUTPUTS, map(as_array, (h, *last)), strict=True))


def fitting(douts: Mapping[str, np.ndarray], outputs: Mapping[str, Any]) -> tuple:
    """The gradients of the outputs in the shapes that these have, if only their axes differ.

    Raises:
        UnusableError: an output is missing, or of another size.
    """
    fitted = []
    for name, dout in douts.items():
        if isinstance(outputs[name], UnusableError):
            raise outputs[name]
        if not isinstance(outputs[name], np.ndarray):
            kind = type(outputs[name]).__name__
            raise UnusableError(f"no gradient can be asked of {name}, which is a {kind}, no tensor")
        if outputs[name].size != dout.size:
            shape = outputs[name].shape
            raise UnusableError(f"no gradient can be asked of {name}, whose shape is {shape}")
        fitted.append(dout.reshape(outputs[name].shape))
    return fitted[0], tuple(fitted[1:])


def no_gradient(raised: Exception) -> UnusableError:
    """Why there are no gradients, in words."""
    if isinstance(raised, UnusableError):
        return raised
    if "does not require grad" in str(raised):
        return UnusableError(
            "no gradient flows back from the outputs, as if they were detached or made without "
            "autograd"
        )
    return UnusableError(f"in the backward pass {describe_error(raised)}")


def forward_and_grads(module: Any, inputs: tuple, douts: tuple) -> dict[str, Any]:
    """Run a module forward and backward, wherever it is: what the judge's handle offers."""
    if hasattr(module, "forward_and_grads"):
        return module.forward_and_grads(inputs, douts)
    import torch

    def leaf(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(leaf, value))
        if value is None:
            return None
        tensor = torch.as_tensor(value.copy())
        return tensor.requires_grad_() if tensor.is_floating_point() else tensor

    def gradient(value: Any) -> Any:
        return tuple(map(gradient, value)) if isinstance(value, tuple) else as_array(value.grad)

    leaves = leaf(inputs)
    module.zero_grad(set_to_none=True)
    h, (h_T, c_T) = module(*leaves)
    torch.autograd.backward([h, h_T, c_T], [torch.as_tensor(d) for d in (douts[0], *douts[1])])
    return {
        "inputs": [None if value is None else gradient(value) for value in leaves],
        "parameters": {name: as_array(p.grad) for name, p in module.named_parameters()},
    }


def module_as_function(cls: Any) -> Callable:
    """Problem 5.2's class as a function of inputs, weights and gradients of the outputs."""

    def run(
        x: np.ndarray,
        h0: np.ndarray,
        c0: np.ndarray,
        resets: np.ndarray,
        dh: np.ndarray,
        dh_T: np.ndarray,
        dc_T: np.ndarray,
        *weights: np.ndarray,
    ) -> Any:
        # Zeros and no resets are what these arguments stand for when they are left out.
        start = (h0, c0) if h0.any() or c0.any() else None
        inputs = (x, start, resets if resets.any() else None)
        try:
            module = made(cls, x.shape[2], c0.shape[2], h0.shape[2])
            module.load_state_dict(tensors_of(dict(zip(WEIGHTS, weights, strict=True))))
            found = outputs_of(module(*map(tensors_of, inputs)))
            found[INITIAL] = initial_values(cls)
        except UnusableError as why:
            return why
        names = ("dx", "dh0", "dc0", *(f"d{name}" for name in WEIGHTS))
        try:
            douts = fitting({"h": dh, "h_T": dh_T, "c_T": dc_T}, found)
            grads = forward_and_grads(module, inputs, douts)
        except Exception as raised:
            return found | dict.fromkeys(names, no_gradient(raised))
        of_start = grads["inputs"][1] or (None, None)
        pieces = (grads["inputs"][0], *of_start, *(grads["parameters"].get(w) for w in WEIGHTS))
        for name, piece, like in zip(names, pieces, (x, h0, c0, *weights), strict=True):
            found[name] = np.zeros(like.shape) if piece is None else piece
        return found

    return run


def tensors_of(value: Any) -> Any:
    """Arrays as tensors, within tuples and dicts too."""
    import torch

    if isinstance(value, tuple):
        return tuple(map(tensors_of, value))
    if isinstance(value, dict):
        return {name: tensors_of(array) for name, array in value.items()}
    return None if value is None else torch.as_tensor(value.copy())


def reader_weights(flat: np.ndarray, D: int, H: int, C: int) -> dict[str, np.ndarray]:
    """Split a vector into the weights of a Reader, by name."""
    weights, place = {}, 0
    for name, shape in given.weight_shapes(D, H, C).items():
        size = int(np.prod(shape))
        weights[name] = flat[place : place + size].reshape(shape).copy()
        place += size
    return weights


def flat(weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """All weights one after the other, in the order of their names."""
    return np.concatenate([np.asarray(weights[name]).ravel() for name in sorted(weights)])


def train_as_function(train: Callable) -> Callable:
    """Problem 5.3's `train` as a function of arrays: parts side by side, and how large each is."""

    def run(
        x: np.ndarray,
        y: np.ndarray,
        mask: np.ndarray,
        sizes: np.ndarray,
        weights: np.ndarray,
        H: int,
        C: int,
        lr: float,
        max_norm: float,
    ) -> Any:
        draws = [
            [(x[u, k, :, :n], y[u, k, :, :n], mask[u, k, :, :n]) for k, n in enumerate(row) if n]
            for u, row in enumerate(sizes)
        ]
        before = reader_weights(weights, x.shape[-1], H, C)
        copies = {name: array.copy() for name, array in before.items()}
        value = train(copies, given.handed_out(draws), len(draws), lr, max_norm)
        pair = isinstance(value, tuple | list) and len(value) == 2
        try:
            after = state_of(value[0] if pair else value)
            expect_shapes(after, given.weight_shapes(x.shape[-1], H, C))
        except UnusableError as why:
            changed: Any = UnusableError(f"of the model that you returned, {why}")
        else:
            changed = flat(after) - flat(before)
        return {CHANGE: changed} | ({"losses": as_array(value[1])} if pair else {})

    return run


def fit_as_function(fit: Callable) -> Callable:
    """Problem 5.3's `fit` as a function of a start and held-out data: whether the target is met."""

    def run(
        weights: np.ndarray, x: np.ndarray, y: np.ndarray, mask: np.ndarray, seed: int, updates: int
    ) -> Any:
        start = reader_weights(weights, given.FEATURES, given.HIDDEN, given.VALUES)
        model = fit(start, given.stream(seed, updates), updates)
        try:
            state_of(model)
        except UnusableError as why:
            return UnusableError(f"of what fit returned, {why}")
        model.eval()
        logits = np.asarray(as_array(model(tensors_of(x))))
        shape = (*y.shape, given.VALUES)
        if logits.shape != shape:
            return UnusableError(f"the module gives logits of shape {logits.shape}, not {shape}")
        if not np.isfinite(logits).all():
            return UnusableError("the trained module gives NaN or infinite logits")
        share = given.share_right(logits, y, mask)
        if share < given.TARGET:
            return UnusableError(
                f"{share:.0%} of the held-out positions are right; the target is {given.TARGET:.0%}"
            )
        return {"target": 1.0}

    return run
