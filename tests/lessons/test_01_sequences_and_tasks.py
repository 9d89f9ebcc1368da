"""Chapter 1's statements and worked numbers, by other means than the lesson's own code."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from statsmodels.tsa.ar_model import AutoReg

from unrolled.data.series import TEST_BEGINS, co2, el_nino, sunspots
from unrolled.nets import RNN

LOADERS = {"sunspots": sunspots, "co2": co2, "el_nino": el_nino}


def bigram_likelihood(text, fitted_to, add=0, alphabet="abn."):
    """The likelihood of a text by a two-way table of transitions, rows normalised."""
    pairs = list(itertools.pairwise("^" + fitted_to))
    table = pd.DataFrame(add, index=list("^" + alphabet), columns=list(alphabet), dtype=float)
    for a, b in pairs:
        table.loc[a, b] += 1
    table = table.div(table.sum(axis=1), axis=0)
    return math.prod(table.loc[a, b] for a, b in itertools.pairwise("^" + text))


def test_the_likelihood_of_banana_is_4_27ths_from_either_end():
    assert bigram_likelihood("banana.", "banana.") == pytest.approx(4 / 27, rel=1e-12)
    assert bigram_likelihood("ananab.", "ananab.") == pytest.approx(4 / 27, rel=1e-12)


def test_reading_backwards_leaves_the_best_bigram_likelihood_as_it_is():
    rng = np.random.default_rng(0)
    for _ in range(20):
        word = "".join(rng.choice(list("abn"), size=9))
        forth, back = word + ".", word[::-1] + "."
        assert bigram_likelihood(forth, forth) == pytest.approx(bigram_likelihood(back, back))


def test_no_other_bigram_gives_banana_a_higher_likelihood():
    """Descent on the logits of all transitions ends at the counted frequencies' loss."""
    symbols = "^abn."
    start = torch.tensor([symbols.index(c) for c in "^banana"])
    target = torch.tensor([symbols.index(c) for c in "banana."])
    logits = torch.zeros(5, 5, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.LBFGS([logits], max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        descent.zero_grad()
        value = torch.nn.functional.cross_entropy(logits[start], target, reduction="sum")
        value.backward()
        return value

    descent.step(loss)
    assert loss().item() == pytest.approx(math.log(27 / 4), abs=1e-4)


def test_the_three_means_of_two_padded_words():
    banana = -math.log(bigram_likelihood("banana.", "banana.", add=1))
    nab = -math.log(bigram_likelihood("nab.", "banana.", add=1))
    assert math.exp(-nab) == pytest.approx(1 / 350)
    found = (banana + nab) / 14, (banana + nab) / 11, (banana / 7 + nab / 4) / 2
    assert np.round(found, 4).tolist() == [0.8589, 1.0931, 1.1727]


def test_abab_costs_log_4_over_5_nats_a_symbol():
    assert -math.log(bigram_likelihood("abab.", "abab.")) / 5 == pytest.approx(0.2773, abs=5e-5)


@pytest.mark.parametrize("add_front", [False, True])
def test_padding_behind_leaves_states_alone_and_in_front_does_not(add_front):
    torch.manual_seed(0)
    net = torch.nn.RNN(2, 4).double()
    x, zeros = torch.randn(3, 1, 2).double(), torch.zeros(2, 1, 2).double()
    alone = net(x)[0][-1]
    padded = net(torch.cat([zeros, x] if add_front else [x, zeros]))[0][4 if add_front else 2]
    difference = (alone - padded).abs().max().item()
    assert difference > 1e-3 if add_front else difference < 1e-15


def test_a_recurrent_network_run_for_one_step_is_an_mlp():
    """The decks' "one to one" RNN: its recurrent weights are never used, nor ever learnt."""
    rng = np.random.default_rng(0)
    net, x = RNN.initialise(5, 4, rng), rng.normal(size=(1, 7, 5))
    layer = torch.nn.Linear(5, 4).double()
    layer.weight.data, layer.bias.data = torch.tensor(net.W_xh.T), torch.tensor(net.b_h)
    expected = torch.tanh(layer(torch.tensor(x[0]))).detach().numpy()
    np.testing.assert_allclose(net.forward(x)[0], expected, atol=1e-14)
    assert not net.backward(rng.normal(size=(1, 7, 4))).dW_hh.any()


def test_an_output_sees_the_future_only_if_it_waits():
    """The decks' "cannot consider any future input" holds for answers given at once."""
    net = RNN.initialise(3, 4, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(6, 1, 3))
    changed = x.copy()
    changed[3] += 1
    difference = np.abs(net.forward(x) - net.forward(changed)).max(axis=(1, 2))
    assert not difference[:3].any() and (difference[3:] > 1e-6).all()  # step 2's answer at step 3


# The table "The numbers to beat": order, horizon, then mean, naive, seasonal, change, AR(p).
TABLE = {
    ("sunspots", 2, 11, 1): (54.13, 30.44, 34.24, 26.00, 20.46),
    ("sunspots", 2, 11, 5): (55.05, 91.04, 34.98, 54.42, 51.30),
    ("co2", 26, 12, 1): (31.38, 1.27, 1.66, 0.40, 0.37),
    ("co2", 26, 12, 12): (31.97, 1.69, 1.69, 1.10, 1.21),
    ("el_nino", 30, 12, 1): (2.30, 1.15, 1.55, 0.65, 0.50),
    ("el_nino", 30, 12, 12): (2.30, 1.58, 1.58, 2.60, 1.27),
}


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_the_numbers_to_beat(row):
    name, order, period, ahead = row
    years, values = LOADERS[name]()
    series = pd.Series(values)
    cut = int((years < TEST_BEGINS[name]).sum())
    target = series[cut + ahead - 1 :]
    same_place = series.shift(period * math.ceil(ahead / period))
    fitted = AutoReg(values[:cut], order).fit().params
    rolled = []
    for end in range(cut, len(values) - ahead + 1):
        known = list(values[:end])
        for _ in range(ahead):
            known.append(fitted[0] + fitted[1:] @ np.array(known[: -order - 1 : -1]))
        rolled.append(known[-1])
    forecasts = (
        pd.Series(values[:cut].mean(), index=target.index),
        series.shift(ahead),
        same_place,
        series.shift(ahead) + same_place - series.shift(ahead + period),
        pd.Series(rolled, index=target.index),
    )
    errors = [float(np.sqrt(((f - target)[target.index] ** 2).mean())) for f in forecasts]
    np.testing.assert_allclose(errors, TABLE[row], atol=0.0051)


@pytest.mark.parametrize(("name", "order"), [("sunspots", 2), ("co2", 26), ("el_nino", 30)])
def test_the_orders_are_chosen_on_the_training_part(name, order):
    years, values = LOADERS[name]()
    train = values[years < TEST_BEGINS[name]]
    cut = 3 * len(train) // 4
    errors = []
    for p in range(1, 31):
        fitted = AutoReg(train[:cut], p).fit()
        forecast = fitted.append(train[cut:]).predict(cut, len(train) - 1, dynamic=False)
        errors.append(np.mean((np.asarray(forecast) - train[cut:]) ** 2))
    assert 1 + int(np.argmin(errors)) == order


def test_the_mean_of_the_calendar_month_is_the_best_forecast_a_year_ahead():
    years, values = el_nino()
    table = pd.DataFrame({"month": np.round((years % 1) * 12 - 0.5).astype(int), "sea": values})
    trained = years < TEST_BEGINS["el_nino"]
    months = table[trained].groupby("month")["sea"].mean()
    target = table[np.flatnonzero(~trained)[0] + 11 :]
    error = np.sqrt(((target["month"].map(months) - target["sea"]) ** 2).mean())
    assert round(float(error), 2) == 1.19 < min(TABLE["el_nino", 30, 12, 12])
