"""Problem set 2: what students get wrong, as mutants of the model solution with a sentence each."""

from autograder.problems.diagnoses import Catalogue, Misconception, Place
from autograder.problems.ps2.reference import MODEL

CELL, BPTT, TRUNCATED = (
    "02-the-recurrent-cell",
    "04-backpropagation-through-time",
    "07-truncated-bptt",
)
RECURRENCE = Place(CELL, "cell-recurrence", 4)
ACTIVATIONS = Place(CELL, "cell-activations")
PADDING = Place("01-sequences-and-tasks", "seq-build-padding")
RECURSION = Place(BPTT, "bptt-recursion", 12)
ADJOINT = Place(BPTT, "bptt-adjoint", 11)
WEIGHTS = Place(BPTT, "bptt-weights", 13)
INPUTS = Place(BPTT, "bptt-inputs", 14)
MISTAKES = Place(BPTT, "bptt-mistakes")
START, WINDOWS = Place(TRUNCATED, "tbptt-start", 2), Place(TRUNCATED, "tbptt-windows", 3)
EXACT = Place(TRUNCATED, "tbptt-exact")

FORWARD = [
    Misconception(
        "padding is not held",
        "forward",
        (("state = np.where(real, np.tanh(a), state)", "state = np.tanh(a)"),),
        "Padded steps update the state. At a step t ≥ lengths[n] the state of sample n stays what "
        "it was.",
        PADDING,
    ),
    Misconception(
        "padding is set to zero",
        "forward",
        (("np.tanh(a), state)", "np.tanh(a), 0.0)"),),
        "At padded steps your state is zero. It should hold the last real state.",
        PADDING,
    ),
    Misconception(
        "one real step too many",
        "forward",
        (("(t < lengths)", "(t <= lengths)"),),
        "One padded step too many counts as real. Steps count from 0, so the last real one of "
        "sample n is lengths[n] − 1.",
        PADDING,
    ),
    Misconception(
        "one real step too few",
        "forward",
        (("(t < lengths)", "(t + 1 < lengths)"),),
        "The last real step of each sample is taken for padding. Steps count from 0, so it is "
        "lengths[n] − 1.",
        PADDING,
    ),
    Misconception(
        "h0 is ignored",
        "forward",
        (("state = h0", "state = np.zeros(h0.shape)"),),
        "The first step starts from a zero state and not from h0.",
        RECURRENCE,
    ),
    Misconception(
        "W_hh transposed in the forward pass",
        "forward",
        (("state @ W_hh", "state @ W_hh.T"),),
        "The state is multiplied by the transpose of W_hh. States are rows here: h W_hh.",
        RECURRENCE,
    ),
    Misconception(
        "no tanh",
        "forward",
        (("np.tanh(a)", "a"),),
        "The activation is missing: h = tanh(a).",
        ACTIVATIONS,
    ),
    Misconception(
        "sigmoid in place of tanh",
        "forward",
        (("np.tanh(a)", "1 / (1 + np.exp(-a))"),),
        "You used the sigmoid where the statement asks for tanh.",
        ACTIVATIONS,
    ),
    Misconception(
        "no bias",
        "forward",
        ((" + b_h", ""),),
        "The bias b_h is missing in the pre-activation.",
        RECURRENCE,
    ),
    Misconception(
        "one input for all steps",
        "forward",
        (("x[t] @", "x[0] @"),),
        "Every step reads the input of step 0.",
        RECURRENCE,
    ),
]

BACKWARD = [
    Misconception(
        "no sum over time",
        "backward",
        (
            ("dW_xh += x[t].T @ da", "dW_xh = x[t].T @ da"),
            ("dW_hh += before.T @ da", "dW_hh = before.T @ da"),
            ("db_h += da.sum(axis=0)", "db_h = da.sum(axis=0)"),
        ),
        "Each step's term overwrites the one before. The weights are used at every step, so their "
        "gradient is the sum of all steps' terms.",
        WEIGHTS,
    ),
    Misconception(
        "only the last step",
        "backward",
        (
            ("dW_xh += x[t].T @ da", "dW_xh += (t == len(x) - 1) * (x[t].T @ da)"),
            ("dW_hh += before.T @ da", "dW_hh += (t == len(x) - 1) * (before.T @ da)"),
            ("db_h += da.sum(axis=0)", "db_h += (t == len(x) - 1) * da.sum(axis=0)"),
        ),
        "Only the last step's use of the weights is counted. Every step adds a term.",
        WEIGHTS,
    ),
    Misconception(
        "W instead of its transpose",
        "backward",
        (("da @ W_hh.T", "da @ W_hh"),),
        "On the way back the gradient is multiplied by W_hh itself. What sends it to h_{t−1} is "
        "the transpose.",
        RECURSION,
    ),
    Misconception(
        "derivative taken at h instead of a",
        "backward",
        (("(1 - h[t] ** 2)", "(1 - np.tanh(h[t]) ** 2)"),),
        "The slope of tanh is taken at h and not at a. With h = tanh(a) in hand, the slope at a is "
        "1 − h².",
        RECURSION,
    ),
    Misconception(
        "no slope",
        "backward",
        (("total * (1 - h[t] ** 2)", "total"),),
        "The slope of tanh is missing between the gradient of h_t and that of a_t.",
        RECURSION,
    ),
    Misconception(
        "slope of the sigmoid",
        "backward",
        (("(1 - h[t] ** 2)", "h[t] * (1 - h[t])"),),
        "You used the sigmoid's slope h (1 − h). That of tanh is 1 − h².",
        RECURSION,
    ),
    Misconception(
        "slope without the square",
        "backward",
        (("(1 - h[t] ** 2)", "(1 - h[t])"),),
        "The slope of tanh is 1 − h², with the square.",
        RECURSION,
    ),
    Misconception(
        "slope of the step before",
        "backward",
        (("(1 - h[t] ** 2)", "(1 - before ** 2)"),),
        "The slope is taken at h_{t−1}. The pre-activation a_t belongs to h_t.",
        RECURSION,
    ),
    Misconception(
        "carried gradient not added",
        "backward",
        (("dh[t] + carried", "dh[t]"),),
        "What reaches h_t from later steps is left out. The gradient of h_t is dh[t] plus what "
        "step t + 1 sends back.",
        ADJOINT,
    ),
    Misconception(
        "dh overwritten by the carried gradient",
        "backward",
        (("total = dh[t] + carried", "total = carried if t < len(x) - 1 else dh[t]"),),
        "Except at the last step, dh[t] is lost: what comes from step t + 1 takes its place. The "
        "two have to be added.",
        ADJOINT,
    ),
    Misconception(
        "only what was carried one step",
        "backward",
        (
            ("total = dh[t] + carried", "total = dh[t] + carried\n        direct = dh[t]"),
            (
                "carried = da @ W_hh.T + np.where(real, 0.0, total)",
                "direct = np.where(real, direct * (1 - h[t] ** 2), 0.0) @ W_hh.T"
                " + np.where(real, 0.0, direct)\n        carried = direct",
            ),
        ),
        "Step t sends back only its own dh[t], so a gradient travels one step and ends there. It "
        "has to pass on what came from later steps, too.",
        ADJOINT,
    ),
    Misconception(
        "padded steps counted",
        "backward",
        (
            ("np.where(real, total * (1 - h[t] ** 2), 0.0)", "total * (1 - h[t] ** 2)"),
            ("da @ W_hh.T + np.where(real, 0.0, total)", "da @ W_hh.T"),
        ),
        "Padded steps are treated as real ones. There h_t is a copy of h_{t−1}: weights and x_t "
        "get nothing.",
        PADDING,
    ),
    Misconception(
        "padding passes no gradient on",
        "backward",
        (("da @ W_hh.T + np.where(real, 0.0, total)", "da @ W_hh.T"),),
        "At a padded step the gradient is lost. There h_t is a copy of h_{t−1}, so the whole "
        "gradient goes on to h_{t−1}, as it is.",
        PADDING,
    ),
    Misconception(
        "real steps also pass on what padding does",
        "backward",
        (("np.where(real, 0.0, total)", "total"),),
        "Real steps pass the gradient on twice: through the weights, and unchanged as a padded "
        "step does.",
        PADDING,
    ),
    Misconception(
        "bias counted once a batch",
        "backward",
        (("da.sum(axis=0)", "da.mean(axis=0)"),),
        "db_h is averaged over the samples. The loss is not, so the samples' terms are added.",
        WEIGHTS,
    ),
    Misconception(
        "gradients averaged over the batch",
        "backward",
        (
            ("dW_xh += x[t].T @ da", "dW_xh += x[t].T @ da / len(h0)"),
            ("dW_hh += before.T @ da", "dW_hh += before.T @ da / len(h0)"),
            ("db_h += da.sum(axis=0)", "db_h += da.sum(axis=0) / len(h0)"),
        ),
        "The parameters' gradients are averaged over the samples. They are sums.",
        WEIGHTS,
    ),
    Misconception(
        "wrong sign",
        "backward",
        (("(1 - h[t] ** 2)", "(h[t] ** 2 - 1)"),),
        "The slope of tanh has the wrong sign: it is 1 − h².",
        RECURSION,
    ),
    Misconception(
        "state of the same step in dW_hh",
        "backward",
        (("h[t - 1] if t > 0 else h0", "h[t]"),),
        "dW_hh is built with h_t. What W_hh multiplies at step t is h_{t−1}.",
        WEIGHTS,
    ),
    Misconception(
        "zeros in place of h0",
        "backward",
        (("h[t - 1] if t > 0 else h0", "h[t - 1] if t > 0 else 0 * h0"),),
        "At the first step dW_hh is built with a zero state. What W_hh multiplies there is h0.",
        WEIGHTS,
    ),
    Misconception(
        "dW_xh transposed",
        "backward",
        (('"dW_xh": dW_xh', '"dW_xh": dW_xh.T'),),
        "dW_xh is transposed. It has the shape of W_xh: inputs by rows.",
        WEIGHTS,
    ),
    Misconception(
        "dW_hh transposed",
        "backward",
        (("before.T @ da", "da.T @ before"),),
        "dW_hh is transposed. Row i, column j belongs to the weight from h_i to a_j.",
        WEIGHTS,
    ),
    Misconception(
        "dx from the whole gradient",
        "backward",
        (("dx[t] = da @ W_xh.T", "dx[t] = total @ W_xh.T"),),
        "dx is made of the gradient of h_t. It comes from that of a_t, which has the slope in it "
        "and is zero at padded steps.",
        INPUTS,
    ),
    Misconception(
        "dh0 without the first step",
        "backward",
        (('"dh0": carried', '"dh0": total'),),
        "dh0 is the gradient of h after step 0. One more step back leads to h0.",
        RECURSION,
    ),
]

BOUNDARY = "carried from window to window"
CUT = [
    Misconception(
        "state reset in each window",
        "truncated",
        (("left, state, W_xh", "left, h0, W_xh"), ("left, state, h,", "left, h0, h,")),
        f"Each window starts from h0 again. The state is {BOUNDARY}; only the gradient is cut.",
        START,
    ),
    Misconception(
        "state set to zero in each window",
        "truncated",
        (
            ("        state = h[-1]\n", "        state = 0 * h[-1]\n        last = h[-1]\n"),
            ("return grads, state", "return grads, last"),
        ),
        f"Later windows start from a zero state. The state is {BOUNDARY}.",
        START,
    ),
    Misconception(
        "gradient not cut",
        "truncated",
        (("range(0, T, tau)", "range(0, T, T)"), ("min(start + tau, T)", "T")),
        "The gradient is not cut: it flows through the whole sequence. A window's first state "
        "counts as a constant.",
        WINDOWS,
    ),
    Misconception(
        "only the last window",
        "truncated",
        (("grads[name] + window[name]", "window[name]"),),
        "Only the last window's gradient is returned. The windows' gradients are added.",
        WINDOWS,
    ),
    Misconception(
        "only the first window",
        "truncated",
        (
            (
                "grads[name] = grads[name] + window[name]",
                "grads[name] = window[name] if start == 0 else grads[name]",
            ),
        ),
        "Only the first window's gradient is returned. The windows' gradients are added.",
        WINDOWS,
    ),
    Misconception(
        "mean over the windows",
        "truncated",
        (("return grads, state", "return {k: g / -(-T // tau) for k, g in grads.items()}, state"),),
        "The windows' gradients are averaged. They are added.",
        WINDOWS,
    ),
    Misconception(
        "last short window dropped",
        "truncated",
        (("range(0, T, tau)", "range(0, T - T % tau if T > tau else T, tau)"),),
        "The last window is left out where it is shorter than tau.",
        WINDOWS,
    ),
    Misconception(
        "lengths not shifted",
        "truncated",
        (("lengths - start, 0", "lengths, 0"),),
        "Each window counts real steps from its own start with the lengths of the whole sequence. "
        "A window that starts at step s has lengths − s of them left.",
        PADDING,
    ),
    Misconception(
        "windows one step too long",
        "truncated",
        (("stop = min(start + tau, T)", "stop = min(start + tau + 1, T)"),),
        "Windows overlap: each has one step more than tau.",
        WINDOWS,
    ),
    Misconception(
        "windows counted from the end",
        "truncated",
        (
            ("range(0, T, tau)", "[0, *range(T % tau or tau, T, tau)]"),
            ("min(start + tau, T)", "start + tau if start else (T % tau or tau)"),
        ),
        "The short window comes first. Windows are counted from step 0, so that the last one may "
        "be shorter.",
        WINDOWS,
    ),
    Misconception(
        "only the loss at a window's end",
        "truncated",
        (
            (
                "dh[start:stop], x[start:stop], left, state",
                "dh[start:stop] * (np.arange(start, stop) == stop - 1)[:, None, None], "
                "x[start:stop], left, state",
            ),
        ),
        "In each window only dh of its last step is used. Every step's dh counts.",
        WINDOWS,
    ),
    Misconception(
        "a window of tau steps for every step",
        "truncated",
        (
            (
                "for start in range(0, T, tau):",
                "for end in range(T):\n        start = max(0, end + 1 - tau)",
            ),
            ("stop = min(start + tau, T)", "stop = end + 1"),
            (
                "dh[start:stop], x[start:stop], left, state",
                "dh[start:stop] * (np.arange(start, stop) == end)[:, None, None], "
                "x[start:stop], left, state",
            ),
            (
                "        state = h[-1]\n",
                "        state = h[0] if end + 1 >= tau else h0\n        last = h[-1]\n",
            ),
            ("return grads, state", "return grads, last"),
        ),
        "Each step's loss goes back tau steps of its own. Here the sequence is cut into windows "
        "side by side, and the gradient stops at each window's start.",
        EXACT,
    ),
    Misconception(
        "final state before the last window",
        "truncated",
        (
            ("        state = h[-1]\n", "        before, state = state, h[-1]\n"),
            ("return grads, state", "return grads, before"),
        ),
        "h_T is the state before the last window. The last window ends in it.",
        START,
    ),
]

CATALOGUE = Catalogue(MODEL, [*FORWARD, *BACKWARD, *CUT])
