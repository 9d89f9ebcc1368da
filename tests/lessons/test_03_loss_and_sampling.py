"""Chapter 3's statements, by another way than the lesson's: autograd, fractions, brute force."""

import re
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from unrolled import sampling
from unrolled.data.cities import cities

LESSON = Path(__file__).parents[2] / "lessons" / "03-loss-and-sampling.md"


def random_logits(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(*shape, generator=generator, dtype=torch.float64)


# E14: the Hamming distance


def hamming(o, y):
    return int((o.argmax(dim=-1) != y).sum())


def test_e14_hamming_moves_at_no_small_step_while_cross_entropy_does():
    o, y = random_logits(50, 6), torch.arange(50) % 6
    directions = random_logits(200, 50, 6, seed=1)
    assert {hamming(o + step * d, y) for d in directions for step in (1e-9, -1e-9)} == {
        hamming(o, y)
    }
    o.requires_grad_()
    (gradient,) = torch.autograd.grad(functional.cross_entropy(o, y), o)
    assert ((directions * gradient).sum(dim=(1, 2)).abs() > 1e-6).all()


def test_e14_hamming_along_a_line_is_a_step_function():
    """Between any two neighbouring points it changes only where two logits cross."""
    o, d, y = random_logits(20, 4), random_logits(20, 4, seed=1), torch.arange(20) % 4
    s = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    values = torch.tensor([hamming(o + step * d, y) for step in s])
    jumps = int((values.diff() != 0).sum())
    crossings = 20 * 4 * 3 // 2  # at most one for each pair of classes at each position
    assert 0 < jumps <= crossings
    assert (values.diff() == 0).double().mean() > 0.95


def test_e14_autograd_has_no_derivative_of_hamming():
    o = random_logits(5, 3).requires_grad_()
    assert not (o.argmax(dim=-1) != 0).double().sum().requires_grad


def slope(loss, s):
    s = torch.tensor(float(s), dtype=torch.float64, requires_grad=True)
    p = torch.softmax(torch.stack([s, torch.zeros_like(s)]), dim=0)
    return torch.autograd.grad(loss(p), s)[0].item()


def test_only_cross_entropy_still_pushes_when_the_model_is_sure_and_wrong():
    onehot = torch.tensor([1.0, 0.0], dtype=torch.float64)
    losses = {
        "cross-entropy": lambda p: -p[0].log(),
        "squared": lambda p: ((p - onehot) ** 2).sum() / 2,
        "expected Hamming": lambda p: 1 - p[0],
    }
    slopes = {name: [slope(loss, s) for s in (-6, -12)] for name, loss in losses.items()}
    assert slopes["cross-entropy"] == pytest.approx([-1, -1], abs=3e-3)
    assert max(map(abs, slopes["squared"] + slopes["expected Hamming"])) < 0.006
    assert abs(slopes["squared"][1]) < 1e-4 and abs(slopes["expected Hamming"][1]) < 1e-4


def test_euclidean_distance_has_a_unit_gradient_and_none_at_the_target():
    z = torch.tensor([1.0, -2.0], dtype=torch.float64)
    for distance in (1e-6, 1.0, 1e6):
        y = (z + distance * torch.tensor([0.6, 0.8])).requires_grad_()
        (gradient,) = torch.autograd.grad(torch.linalg.vector_norm(y - z), y)
        assert gradient.norm().item() == pytest.approx(1, abs=1e-6)
    ahead, behind = (torch.linalg.vector_norm(z + step - z) / step for step in (1e-6, -1e-6))
    assert ahead.item() == pytest.approx(2**0.5) and behind.item() == pytest.approx(-(2**0.5))


def test_squared_distance_is_the_loss_of_a_normal_distribution():
    y, z = random_logits(2, 3, 5)
    loss = -torch.distributions.Normal(y, 1.0).log_prob(z).sum(dim=-1)
    constant = loss - ((y - z) ** 2).sum(dim=-1) / 2
    torch.testing.assert_close(constant, torch.full_like(constant, 2.5 * np.log(2 * np.pi)))


# E18: a cost is not a Jacobian


def test_e18_cost_gradient_and_jacobian_are_three_objects():
    o, k = random_logits(5), torch.tensor(2)
    jacobian = torch.autograd.functional.jacobian(lambda o: torch.softmax(o, dim=-1), o)
    p = torch.softmax(o, dim=-1)
    torch.testing.assert_close(jacobian, torch.diag(p) - torch.outer(p, p))
    cost = functional.cross_entropy(o, k)
    by_p = torch.zeros(5, dtype=torch.float64)
    by_p[k] = -1 / p[k]
    gradient = by_p @ jacobian
    assert (cost.shape, gradient.shape, jacobian.shape) == ((), (5,), (5, 5))
    torch.testing.assert_close(gradient, p - functional.one_hot(k, 5))
    leaf = o.clone().requires_grad_()
    functional.cross_entropy(leaf, k).backward()
    torch.testing.assert_close(gradient, leaf.grad)


def test_sum_and_mean_of_the_decks_cost_differ_by_a_factor_in_the_gradient():
    o, y = random_logits(7, 4).requires_grad_(), torch.arange(7) % 4
    of_sum, of_mean = (
        torch.autograd.grad(functional.cross_entropy(o, y, reduction=kind), o)[0]
        for kind in ("sum", "mean")
    )
    torch.testing.assert_close(of_sum, 7 * of_mean)


# The worked numbers

P = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4))


def test_perplexity_of_three_classes():
    for sequence, expected in (((0, 1, 0, 2), 64), ((0, 0, 0, 0), 16), ((2, 1, 2, 1), 256)):
        assert np.prod([1 / P[k] for k in sequence]) == expected  # the perplexity to the power of 4
    assert 64**0.25 == pytest.approx(2.828, abs=5e-4) and 256**0.25 == 4 > 3
    entropy = -sum(float(q) * np.log2(float(q)) for q in P)
    assert entropy == 1.5 == np.log2(64) / 4


def test_no_constant_prediction_beats_the_frequencies():
    grid = np.arange(1, 60) / 60
    bits = [
        -(2 * np.log2(a) + np.log2(b) + np.log2(1 - a - b)) / 4
        for a, b in product(grid, grid)
        if a + b < 1 - 1e-9
    ]
    assert min(bits) == pytest.approx(1.5, abs=1e-12)


def test_three_means_of_one_mask():
    bits = [[1, 2, 1], [2]]
    every = [b for name in bits for b in name]
    assert Fraction(sum(every), len(every)) == Fraction(3, 2)
    assert sum(Fraction(sum(name), len(name)) for name in bits) / 2 == Fraction(5, 3)
    assert Fraction(sum(every), 2 * 3) == 1


def test_temperature_in_fractions():
    squares = [q**2 for q in P]
    assert [q / sum(squares) for q in squares] == [Fraction(2, 3), Fraction(1, 6), Fraction(1, 6)]
    roots = np.sqrt([0.5, 0.25, 0.25])
    np.testing.assert_allclose(roots / roots.sum(), [0.4142, 0.2929, 0.2929], atol=5e-5)


def test_entropy_rises_with_the_temperature_at_the_rate_derived():
    o = random_logits(6)

    def entropy(beta):
        return torch.distributions.Categorical(logits=beta * o).entropy()

    betas = torch.linspace(0.1, 5, 50, dtype=torch.float64, requires_grad=True)
    values = torch.stack([entropy(beta) for beta in betas])
    assert (values.diff() < 0).all()
    (derivative,) = torch.autograd.grad(values.sum(), betas)
    p = torch.softmax(betas[:, None] * o, dim=-1)
    variance = (p * o**2).sum(dim=-1) - (p * o).sum(dim=-1) ** 2
    torch.testing.assert_close(derivative, -betas * variance)


FIRST = {"a": Fraction(6, 10), "b": Fraction(4, 10)}
AFTER = {
    "a": dict.fromkeys("cde", Fraction(1, 3)),
    "b": {"c": Fraction(90, 100), "d": Fraction(5, 100), "e": Fraction(5, 100)},
}
WORDS = {i + j: FIRST[i] * AFTER[i][j] for i, j in product("ab", "cde")}


def test_greedy_is_not_the_most_probable_sequence():
    assert sum(WORDS.values()) == 1
    start = max(FIRST, key=FIRST.get)
    greedy = start + max(AFTER[start], key=AFTER[start].get)
    assert (greedy, WORDS[greedy]) == ("ac", Fraction(1, 5))
    assert max(WORDS.items(), key=lambda pair: pair[1]) == ("bc", Fraction(36, 100))


def test_a_temperature_for_letters_is_none_for_words():
    def squared(p):
        total = sum(q**2 for q in p.values())
        return {name: q**2 / total for name, q in p.items()}

    assert float(squared(FIRST)["b"] * squared(AFTER["b"])["c"]) == pytest.approx(0.306, abs=5e-4)
    assert float(squared(WORDS)["bc"]) == pytest.approx(0.518, abs=5e-4)


# Exercises


def test_gumbel_noise_and_argmax_draw_from_the_softmax():
    o = random_logits(4)
    noise = torch.distributions.Gumbel(0.0, 1.0)
    torch.manual_seed(0)
    share = torch.bincount((o + noise.sample((200_000, 4))).argmax(dim=1), minlength=4) / 200_000
    torch.testing.assert_close(share.double(), torch.softmax(o, dim=0), rtol=0, atol=5e-3)


def test_expected_hamming_has_cross_entropys_gradient_times_p():
    o = random_logits(4).requires_grad_()
    p = torch.softmax(o, dim=0)
    (of_expected,) = torch.autograd.grad(1 - p[1], o, retain_graph=True)
    (of_cross_entropy,) = torch.autograd.grad(-p[1].log(), o)
    torch.testing.assert_close(of_expected, p[1].detach() * of_cross_entropy)


def test_solution_of_nucleus_keeps_the_smallest_set_that_is_enough():
    (source,) = re.findall(r"```python\n(def nucleus.*?)```", LESSON.read_text(), re.DOTALL)
    names = {"np": np, "sampling": sampling}
    exec(source, names)
    logits = random_logits(100, 6).numpy()
    for q in (0.3, 0.6, 0.9):
        for row, kept in zip(logits, names["nucleus"](logits, q), strict=True):
            p = np.exp(row) / np.exp(row).sum()
            ranked = sorted(range(6), key=lambda j: -p[j])
            enough = next(n for n in range(1, 7) if p[ranked[:n]].sum() >= q)
            assert set(np.flatnonzero(np.isfinite(kept))) == set(ranked[:enough])


# The experiment, in PyTorch and with plain counting


def test_a_network_beats_letter_pairs_and_greedy_writes_one_name():
    names = [name.lower() + "." for name in cities()]
    symbols = sorted(set("".join(names)))
    generator = torch.Generator().manual_seed(7)
    shuffled = [names[i] for i in torch.randperm(len(names), generator=generator)]
    test, train = shuffled[:60], shuffled[60:]

    def coded(words):
        y = torch.full((max(map(len, words)), len(words)), -100)
        for n, word in enumerate(words):
            y[: len(word), n] = torch.tensor([symbols.index(letter) for letter in word])
        end = torch.full((1, len(words)), symbols.index("."))
        return torch.cat([end, y[:-1].clamp(min=0)]), y

    torch.manual_seed(7)
    embed = torch.nn.Embedding(len(symbols), len(symbols))
    rnn, linear = torch.nn.RNN(len(symbols), 64), torch.nn.Linear(64, len(symbols))
    modules = torch.nn.ModuleList([embed, rnn, linear])
    adam = torch.optim.Adam(modules.parameters(), lr=3e-3)

    def bits(words):
        x, y = coded(words)
        o = linear(rnn(embed(x))[0])
        return functional.cross_entropy(o.flatten(0, 1), y.flatten()) / np.log(2)

    for _ in range(150):
        some = torch.randint(len(train), (32,), generator=generator)
        adam.zero_grad()
        bits([train[i] for i in some]).backward()
        adam.step()

    def pairs_bits(weight):
        followed = {c: {} for c in symbols}
        single = dict.fromkeys(symbols, 1)
        for name in train:
            for before, after in zip("." + name, name, strict=False):
                followed[before][after] = followed[before].get(after, 0) + 1
                single[after] += 1
        total = sum(single.values())
        surprise = [
            -np.log2(
                (followed[a].get(b, 0) + weight * single[b] / total)
                / (sum(followed[a].values()) + weight)
            )
            for name in test
            for a, b in zip("." + name, name, strict=False)
        ]
        return np.mean(surprise)

    with torch.no_grad():
        assert bits(test).item() < min(map(pairs_bits, (2, 5, 10, 20, 50)))

        def step(read, h):
            states, h = rnn(embed(torch.tensor(read))[None], h)
            return linear(states[0]).numpy(), h

        start = np.full(50, symbols.index("."))
        written = sampling.generate(step, torch.zeros(1, 50, 64), start, sampling.greedy, T=30)
        assert len({tuple(column) for column in written.T}) == 1
