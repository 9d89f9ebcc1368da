"""Visible checks of problem set 5: decoding, a module equal to torch.nn's, training to a target.

They need no answers. They look at shapes, at properties that every right solution has, and, for
the module, at `torch.nn.LSTM` itself. A check that passes prints a line; one that fails says what
is wrong, where, and what to look at. The data of problem 5.3 are made here, too.

PyTorch is imported where a check needs it, so that this file also loads without.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograder.student.checking import assert_equal, assert_unchanged, real_array, shaped_array

# 5.1 decoding

DECODER = ("h0", "W_xh", "W_hh", "b_h", "W_ho", "b_o")
CHOICES = ("start", "end", "uniforms", "temperature", "top_p", "min_length")


def decoder(N: int, L: int, seed: int = 0) -> dict[str, Any]:
    """A small random network with C = 6 symbols and H = 5, and how it is to write."""
    rng = np.random.default_rng(seed)
    C, H = 6, 5
    return {
        "h0": rng.uniform(-0.9, 0.9, size=(N, H)),
        "W_xh": rng.normal(size=(C, H)),
        "W_hh": rng.normal(size=(H, H)),
        "b_h": rng.normal(size=H),
        "W_ho": rng.normal(size=(H, C)),
        "b_o": 0.3 * rng.normal(size=C),
        "start": 4,
        "end": 2,
        "uniforms": rng.random((L, N)),
        "temperature": 1.0,
        "top_p": 1.0,
        "min_length": 0,
    }


def run_decode(decode: Callable, given: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What the student's function writes, with names and shapes checked."""
    names = (*DECODER, *CHOICES)
    copies = {k: given[k].copy() if isinstance(given[k], np.ndarray) else given[k] for k in names}
    value = decode(*copies.values())
    assert_unchanged({k: given[k] for k in names}, copies)
    kind = type(value).__name__
    assert isinstance(value, Mapping), f"decode must return a dict, not a {kind}."
    L, N = given["uniforms"].shape
    shapes = {"symbols": (L, N), "lengths": (N,), "logp": (N,)}
    missing = [name for name in shapes if name not in value]
    assert not missing, f"What decode returns lacks {', '.join(missing)}."
    found = {name: shaped_array(name, value[name], shape) for name, shape in shapes.items()}
    for name in ("symbols", "lengths"):
        whole = np.array_equal(found[name], found[name].round())
        assert whole, f"{name} must hold whole numbers."
        found[name] = found[name].astype(int)
    return found


def check_decode(decode: Callable) -> None:
    """Shapes, what follows the end symbol, the dials at their ends, frequencies, samples apart.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    for N, L in ((3, 6), (1, 1)):
        run_decode(decode, decoder(N, L))
    print("Decode: names and shapes are right, also for one sample and one symbol.")

    given = decoder(N=40, L=9)
    for least in (0, 3):
        found = run_decode(decode, given | {"min_length": least})
        for n, length in enumerate(found["lengths"]):
            column = found["symbols"][:, n]
            where = np.flatnonzero(column == given["end"])
            first = where[0] if len(where) else len(column) - 1
            assert length == first + 1, (
                f"Sample {n} has lengths = {length}, but its column first holds the end symbol at "
                f"place {first}. The end symbol counts."
                if len(where)
                else f"Sample {n} has no end symbol, so its length should be {len(column)}."
            )
            after = (column[length:] == given["end"]).all()
            assert after, f"After its end, sample {n} must hold the end symbol and nothing else."
            early = len(where) and first < least
            assert not early, f"With min_length={least}, sample {n} ends at place {first}."
    print("Decode: lengths, what follows the end symbol and the minimum length fit together.")

    greedy = run_decode(decode, given | {"temperature": 0})
    others = given | {"uniforms": given["uniforms"][::-1].copy()}
    again = run_decode(decode, others | {"temperature": 0})
    message = (
        "At temperature 0 nothing is left to chance, but other uniforms change what you write."
    )
    assert np.array_equal(greedy["symbols"], again["symbols"]), message
    for words, dials in {
        "At a temperature close to 0": {"temperature": 1e-4},
        "With top_p close to 0": {"top_p": 1e-6},
    }.items():
        cold = run_decode(decode, given | dials)
        message = f"{words}, only the most probable symbol is left, as in greedy decoding."
        assert np.array_equal(cold["symbols"], greedy["symbols"]), message
        assert_equal(cold["logp"], greedy["logp"], f"{words}, logp is that of greedy decoding.")
    print("Decode: a low temperature and a small top_p both lead to greedy decoding.")

    fixed = decoder(N=4000, L=1)
    fixed |= {name: 0 * fixed[name] for name in ("h0", "W_xh", "W_hh", "b_h", "W_ho")}
    for temperature in (1.0, 0.5, 2.0):
        found = run_decode(decode, fixed | {"temperature": temperature})
        wanted = np.exp(fixed["b_o"] / temperature)
        wanted /= wanted.sum()
        shares = np.bincount(found["symbols"][0], minlength=len(wanted)) / 4000
        message = (
            f"4000 symbols drawn at temperature {temperature:g} from a network whose logits are "
            "b_o don't come as often as softmax(b_o / temperature) says."
        )
        assert np.abs(shares - wanted).max() < 0.04, message
    print("Decode: symbols are drawn as often as their probabilities say.")

    longer = fixed | {"h0": fixed["h0"][:20]}
    longer |= {"uniforms": given["uniforms"][:, :20], "temperature": 0.6, "min_length": 2}
    found = run_decode(decode, longer)
    own = longer["b_o"] - np.log(np.exp(longer["b_o"]).sum())
    wanted = [own[found["symbols"][:n, k]].sum() for k, n in enumerate(found["lengths"])]
    message = (
        "With a network whose logits are b_o, logp must be the sum of log softmax(b_o) over the "
        "symbols written, the end symbol too, whatever the temperature and what is forbidden."
    )
    assert_equal(found["logp"], np.array(wanted), message)
    print("Decode: logp is the network's own, of all that was written.")

    whole = run_decode(decode, given | {"temperature": 0.7, "top_p": 0.8, "min_length": 2})
    for n in range(4):
        alone = given | {"temperature": 0.7, "top_p": 0.8, "min_length": 2}
        alone |= {"h0": given["h0"][n : n + 1], "uniforms": given["uniforms"][:, n : n + 1]}
        found = run_decode(decode, alone)
        message = f"Sample {n} is written otherwise alone than in its batch. Samples must not mix."
        assert np.array_equal(found["symbols"][:, 0], whole["symbols"][:, n]), message
        assert_equal(found["logp"], whole["logp"][n : n + 1], message)
    print("Decode: each sample is written alone as it is in a batch.")

    logits = given | {"W_ho": 200 * given["W_ho"], "min_length": 2}
    run_decode(decode, logits)
    print("Decode: large logits give finite numbers.")


# 5.2 a module

SIZES = {"input_size": 3, "hidden_size": 5, "proj_size": 2}


def torchs_own(device: str) -> Any:
    """torch.nn.LSTM with a projection, in float64, with weights that don't change."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        D, H, P = SIZES.values()
        return torch.nn.LSTM(D, H, proj_size=P).double().to(device)


def tensors(device: str, T: int = 6, N: int = 4) -> dict[str, Any]:
    """Random inputs, a first state, where to start anew, and gradients of the three outputs."""
    import torch

    rng = np.random.default_rng(1)
    D, H, P = SIZES.values()
    shapes = {"x": (T, N, D), "h0": (1, N, P), "c0": (1, N, H)}
    shapes |= {"dh": (T, N, P), "dh_T": (1, N, P), "dc_T": (1, N, H)}
    made = {k: torch.tensor(rng.normal(size=s), device=device) for k, s in shapes.items()}
    return made | {"resets": torch.tensor(rng.random((T, N)) < 0.3, device=device)}


def outputs_of(module: Any, *arguments: Any) -> tuple[Any, Any, Any]:
    """Call a module; the three tensors it gives, with their form checked."""
    import torch

    value = module(*arguments)
    form = "the pair (h, (h_T, c_T)), as torch.nn.LSTM does"
    pair = isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], tuple)
    assert pair and len(value[1]) == 2, f"forward must return {form}."
    h, (h_T, c_T) = value
    T, N, _ = arguments[0].shape
    _, H, P = SIZES.values()
    for name, got, shape in (
        ("h", h, (T, N, P)),
        ("h_T", h_T, (1, N, P)),
        ("c_T", c_T, (1, N, H)),
    ):
        assert isinstance(got, torch.Tensor), f"{name} is a {type(got).__name__}, not a tensor."
        assert tuple(got.shape) == shape, f"{name} has shape {tuple(got.shape)}, not {shape}."
        kind = (got.dtype, got.device.type)
        wanted = (arguments[0].dtype, arguments[0].device.type)
        assert kind == wanted, f"{name} is {kind}, but the inputs and the parameters are {wanted}."
    return h, h_T, c_T


def results_of(module: Any, given: Mapping[str, Any], *more: Any) -> dict[str, np.ndarray]:
    """Outputs and gradients of a module, its parameters' too, as arrays."""
    import torch

    leaves = {name: given[name].clone().requires_grad_() for name in ("x", "h0", "c0")}
    module.zero_grad(set_to_none=True)
    found = outputs_of(module, leaves["x"], (leaves["h0"], leaves["c0"]), *more)
    outs = dict(zip(("h", "h_T", "c_T"), found, strict=True))
    loss = sum((given[f"d{name}"] * out).sum() for name, out in outs.items())
    assert loss.requires_grad, "No gradient flows back from the outputs: was something detached?"
    loss.backward()
    pieces = leaves | dict(module.named_parameters())
    grads = {
        f"d{name}": torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        for name, leaf in pieces.items()
    }
    return {name: t.detach().cpu().numpy() for name, t in (outs | grads).items()}


def check_module(made: Callable, device: str = "cpu") -> None:
    """Names, equality with torch.nn.LSTM, resets, type and device.

    Args:
        made: the student's class.
        device: where to run.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    import torch

    ours, theirs = made(*SIZES.values(), device=device), torchs_own(device)
    assert isinstance(ours, torch.nn.Module), "ProjectedLSTM must be a torch.nn.Module."
    forbidden = (torch.nn.RNNBase, torch.nn.RNNCellBase)
    used = any(isinstance(part, forbidden) for part in ours.modules())
    assert not used, "Write the layer yourself: torch's own recurrent layers may not be inside."
    names = {k: tuple(v.shape) for k, v in ours.state_dict().items()}
    wanted = {k: tuple(v.shape) for k, v in theirs.state_dict().items()}
    assert names == wanted, f"The state_dict should hold {wanted}, but it holds {names}."
    theirs.load_state_dict(ours.state_dict())
    bound = 1 / math.sqrt(SIZES["hidden_size"])
    for name, value in ours.state_dict().items():
        low, high = value.min().item(), value.max().item()
        message = f"{name} should be drawn between −1/√H and 1/√H; it reaches from {low} to {high}."
        both = value.numel() < 20 or low < 0 < high  # few may well be on one side
        assert -bound <= low and high <= bound and both, message
    theirs = torchs_own(device)
    ours = ours.double()
    ours.load_state_dict(theirs.state_dict())
    print("Module: state_dicts go both ways.")

    given = tensors(device)
    for T, N in ((1, 1), (6, 4)):
        part = tensors(device, T, N)
        found, right = results_of(ours, part), results_of(theirs, part)
        for name, want in right.items():
            of = "gradient" if name.startswith("d") else "output"
            message = f"The {of} {name} is not that of torch.nn.LSTM, with T={T} and N={N}."
            assert_equal(found[name], want, message, 1e-9)
    first = zip(outputs_of(ours, given["x"]), outputs_of(theirs, given["x"]), strict=True)
    for got, want in first:
        message = "Without a start, the state and the cell are zero at first."
        assert_equal(got.detach().cpu().numpy(), want.detach().cpu().numpy(), message, 1e-9)
    print("Module: outputs and gradients are those of torch.nn.LSTM.")

    check_resets(ours, given)

    kept = outputs_of(ours.float(), given["x"].float(), None, given["resets"])
    assert all(torch.isfinite(t).all() for t in kept)
    on_meta = made(*SIZES.values(), device="meta")
    try:
        outputs_of(on_meta, torch.empty(2, 2, 3, device="meta"))
    except (RuntimeError, NotImplementedError) as error:
        raise AssertionError(
            "A tensor is made on the CPU, whatever the inputs' device is. Make it like the input, "
            f"as in x.new_zeros(...). PyTorch says: {str(error).splitlines()[0]}"
        ) from None
    print(f"Module: it keeps type and device, and ran on {device}.")


def check_resets(ours: Any, given: Mapping[str, Any]) -> None:
    """A stream that starts anew is as good as two streams.

    Raises:
        AssertionError: says what is not as it should be.
    """
    import torch

    x, start = given["x"], (given["h0"], given["c0"])
    never = torch.zeros_like(given["resets"])
    message = "With no reset set, the result must be that of the call without resets."
    for got, want in zip(
        outputs_of(ours, x, start, never), outputs_of(ours, x, start), strict=True
    ):
        assert_equal(got.detach().cpu().numpy(), want.detach().cpu().numpy(), message)
    for t in (0, 2, 5):
        resets = never.clone()
        resets[t, 1] = True
        h, h_T, c_T = outputs_of(ours, x, start, resets)
        rest, (rest_h, rest_c) = ours(x[t:])
        message = (
            f"A reset of sample 1 at step {t} must give, from that step on, what a new sequence "
            "gives: state and cell are zero before the step."
        )
        pairs = ((h[t:, 1], rest[:, 1]), (h_T[:, 1], rest_h[:, 1]), (c_T[:, 1], rest_c[:, 1]))
        for got, want in pairs:
            assert_equal(got.detach().cpu().numpy(), want.detach().cpu().numpy(), message)
        message = f"A reset of sample 1 at step {t} must leave the other samples alone."
        others, _ = ours(x, start)
        got, want = h[:, [0, 2, 3]], others[:, [0, 2, 3]]
        assert_equal(got.detach().cpu().numpy(), want.detach().cpu().numpy(), message)
    print("Module: a reset starts one sample anew and leaves the others alone.")


# 5.3 training: the data, then the checks

VALUES, FEATURES, STEPS, FLAGGED = 4, 5, 12, 0.2  # C, D, T and the share of flags
HIDDEN, BUDGET, TARGET = 24, 80, 0.95
Part = tuple[np.ndarray, np.ndarray, np.ndarray]


def batch(rng: "np.random.Generator", N: int, steps: int = STEPS, flagged: float = FLAGGED) -> Part:
    """Sequences of problem 5.3: x (T, N, D), y (T, N) and the mask of what counts (T, N).

    At every step a value, one-hot, and a flag. The target is the value that came with the last
    flag; step 0 always has one. Sequences end after half of the steps or later; what follows is
    rubbish.

    Args:
        rng: decides everything random.
        N: sequences.
        steps: T.
        flagged: how often there is a flag.
    """
    value = rng.integers(VALUES, size=(steps, N))
    flag = rng.random((steps, N)) < flagged
    flag[0] = True
    places = np.arange(steps)[:, None]
    last = np.maximum.accumulate(np.where(flag, places, 0), axis=0)
    y = np.take_along_axis(value, last, axis=0)
    x = np.concatenate([np.eye(VALUES)[value], flag[..., None]], axis=-1)
    mask = places < rng.integers(steps // 2, steps + 1, size=N)
    x[~mask] = 5 * rng.normal(size=(int((~mask).sum()), FEATURES))
    y[~mask] = rng.integers(VALUES, size=int((~mask).sum()))
    return x.astype(np.float32), y, mask


class Source:
    """Hands out one draw a call, and no more than there are.

    Args:
        make: gives the parts of a draw, by its number.
        draws: how many there are.
    """

    def __init__(self, make: Callable[[int], list[Part]], draws: int):
        self.make, self.draws, self.made = make, draws, 0

    def __call__(self) -> list[Part]:
        """Return the next draw's parts.

        Raises:
            RuntimeError: there are no more.
        """
        if self.made == self.draws:
            raise RuntimeError(f"the budget of {self.draws} draws is used up")
        self.made += 1
        return self.make(self.made - 1)


def stream(seed: int, draws: int = BUDGET, steps: int = STEPS, flagged: float = FLAGGED) -> Source:
    """The draws of problem 5.3; `steps` and `flagged` are as in `batch`.

    Every fourth comes in two parts, and three hold a broken reading, a number that is not finite.
    """
    rng = np.random.default_rng(seed)
    broken = dict(zip(rng.permutation(draws)[:3].tolist(), (np.nan, np.inf, -np.inf), strict=False))

    def make(number: int) -> list[Part]:
        sizes = (32,) if number % 4 else (20, 12)
        parts = [batch(rng, N, steps, flagged) for N in sizes]
        if number in broken:
            parts[0][0][1, 0, 0] = broken[number]
        return parts

    return Source(make, draws)


def handed_out(draws: list[list[Part]]) -> Source:
    """These draws, each as a copy."""
    return Source(
        lambda number: [tuple(array.copy() for array in part) for part in draws[number]],
        len(draws),
    )


def first_weights(
    seed: int, D: int = FEATURES, H: int = HIDDEN, C: int = VALUES, dtype: type = np.float32
) -> dict[str, np.ndarray]:
    """Weights that a Reader starts from, by name."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.uniform(-1, 1, size=shape) / math.sqrt(H)).astype(dtype)
        for name, shape in weight_shapes(D, H, C).items()
    }


def weight_shapes(D: int, H: int, C: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a Reader's weights."""
    return {
        "layer.weight_ih_l0": (3 * H, D),
        "layer.weight_hh_l0": (3 * H, H),
        "layer.bias_ih_l0": (3 * H,),
        "layer.bias_hh_l0": (3 * H,),
        "readout.weight": (C, H),
        "readout.bias": (C,),
    }


def share_right(logits: np.ndarray, y: np.ndarray, mask: np.ndarray) -> float:
    """The share of counted positions whose most probable class is the target."""
    return float((np.argmax(logits, axis=-1) == y)[mask].mean())


def small_parts(seed: int, sizes: tuple[int, ...], scale: float = 1.0) -> list[Part]:
    """Parts of a batch in float64, 4 steps, 2 features and 3 classes."""
    rng = np.random.default_rng(seed)
    parts = []
    for n in sizes:
        mask = np.arange(4)[:, None] < rng.integers(1, 5, size=n)
        parts.append((scale * rng.normal(size=(4, n, 2)), rng.integers(3, size=(4, n)), mask))
    return parts


def run_train(
    train: Callable,
    draws: list[list[Part]],
    device: str,
    lr: float = 0.1,
    max_norm: float = 1e9,
) -> tuple[dict[str, np.ndarray], list[float]]:
    """Weights after training on these draws, and the losses, with their form checked."""
    import torch

    weights = first_weights(0, D=2, H=3, C=3, dtype=np.float64)
    before = {name: array.copy() for name, array in weights.items()}
    source = handed_out(draws)
    value = train(weights, source, len(draws), lr, max_norm, device)
    assert source.made == len(draws), (
        f"With updates={len(draws)}, draw() was called {source.made} times."
    )
    assert_unchanged(before, weights)
    pair = isinstance(value, tuple | list) and len(value) == 2
    assert pair, "train must return a pair: the model, then the list of losses."
    model, losses = value
    assert isinstance(model, torch.nn.Module), "The first thing that train returns is no module."
    found = {k: v.detach().cpu().numpy() for k, v in model.state_dict().items()}
    assert found.keys() == before.keys(), f"The model's weights should be {', '.join(before)}."
    kinds = {str(array.dtype) for array in found.values()}
    assert kinds == {"float64"}, f"The weights given are float64; the model's are {kinds}."
    return found, real_array(losses).tolist()


def check_train(train: Callable, device: str = "cpu") -> None:
    """One batch in parts, padding, a threshold, broken readings.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    draws = [small_parts(seed, (3, 1, 2)) for seed in range(3)]
    weights, losses = run_train(train, draws, device)
    assert len(losses) == 3, f"3 updates were made, but there are {len(losses)} losses."
    start = first_weights(0, D=2, H=3, C=3, dtype=np.float64)
    moved = all(np.abs(weights[k] - start[k]).max() > 1e-3 for k in start)
    assert moved, "After three updates with lr = 0.1 some weights are where they were."
    once, _ = run_train(train, draws[:1], device)
    largest = max(float(np.abs(once[k] - start[k]).max()) for k in start)
    assert abs(largest - 0.1) < 1e-3, (
        "Adam's first step changes the weights by lr, or by less where the gradient is tiny. With "
        f"lr = 0.1 your largest change is {largest:.2g}."
    )
    print("Train: it makes the updates asked for, and keeps type and arguments.")

    def compare(others: list, message: str, **settings: float) -> None:
        found, found_losses = run_train(train, others, device, **settings)
        reference, wanted = run_train(train, draws, device, **settings)
        for name, want in reference.items():
            assert_equal(found[name], want, f"{message} {name} differs.", 1e-6)
        assert_equal(np.array(found_losses), np.array(wanted), f"{message} The losses differ.")

    joined = [
        [tuple(np.concatenate(arrays, axis=1) for arrays in zip(*d, strict=True))] for d in draws
    ]
    for max_norm in (1e9, 0.02):
        message = (
            f"A batch in three parts must give the same as in one, with max_norm={max_norm:g}."
        )
        compare(joined, message, max_norm=max_norm)
    print("Train: a batch in parts gives what it gives in one piece.")

    changed = []
    for parts in draws:
        changed.append(
            [(np.where(m[..., None], x, 7.0), np.where(m, y, 0), m) for x, y, m in parts]
        )
    compare(changed, "What stands at positions that don't count must not matter.")
    print("Train: padding does not count.")

    broken = small_parts(9, (2, 2))
    broken[1][0][0, 0, 0] = np.nan
    found, found_losses = run_train(train, [draws[0], broken, *draws[1:]], device)
    message = "A draw whose gradient is not finite must leave the model, Adam and the losses alone."
    assert len(found_losses) == 3, message
    for name, want in weights.items():
        assert_equal(shaped_array(name, found[name], want.shape), want, message)
    print(f"Train: broken readings are left out. It ran on {device}.")


def check_fit(fit: Callable, device: str = "cpu") -> None:
    """One start, on data of its own: the share that is right on held-out sequences.

    Raises:
        AssertionError: says how far it is from the target.
    """
    import torch

    model = fit(first_weights(0), stream(0), BUDGET, device)
    assert isinstance(model, torch.nn.Module), "fit must return a module."
    x, y, mask = batch(np.random.default_rng(1), 200)
    with torch.no_grad():
        logits = model.eval()(torch.as_tensor(x, device=device))
    shape = (STEPS, 200, VALUES)
    share = share_right(shaped_array("What the module gives", logits.cpu().numpy(), shape), y, mask)
    assert share >= TARGET, (
        f"{share:.1%} of the held-out positions are right; the target is {TARGET:.0%}. "
        "Look at the losses that train returns: do they still fall at the end?"
    )
    print(f"Fit: {share:.1%} of the held-out positions are right, and {TARGET:.0%} are asked for.")
