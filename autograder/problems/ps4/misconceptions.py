"""Problem set 4: what students get wrong, as mutants of the model solution with a sentence each."""

from autograder.problems.diagnoses import Catalogue, Misconception, Place
from autograder.problems.ps4.reference import MODEL

GATED, CELLS, BOTH = "09-gru", "10-lstm", "11-peepholes-directions-depth"
CELL, BPTT = "02-the-recurrent-cell", "04-backpropagation-through-time"
RECURRENCE = Place(CELL, "cell-recurrence", 4)
ACTIVATIONS = Place(CELL, "cell-activations")
PADDING = Place("01-sequences-and-tasks", "seq-build-padding")
RECURSION, ADJOINT = Place(BPTT, "bptt-recursion", 12), Place(BPTT, "bptt-adjoint", 11)
SUMS = Place(BPTT, "bptt-weights", 13)

GRU_MIX, GRU_GATES = Place(GATED, "gru-new-value"), Place(GATED, "gru-forward", 5)
GRU_BEFORE, RESET = Place(GATED, "gru-before", 6), Place(GATED, "gru-reset-gate")
GRU_SLOPES, GRU_PATHS = Place(GATED, "gru-da", 8), Place(GATED, "gru-dh", 9)
GRU_WEIGHTS, GRU_RESET = Place(GATED, "gru-weights"), Place(GATED, "gru-before-backward", 13)

LSTM_STEP, LSTM_BACK = Place(CELLS, "lstm-forward", 2), Place(CELLS, "lstm-backward", 9)
LSTM_STATES, LSTM_WEIGHTS = Place(CELLS, "lstm-two-states"), Place(CELLS, "lstm-weights", 10)
COUPLED = Place(GATED, "gru-two-gates")
PEEPHOLES = Place(BOTH, "peephole-forward", 1)
PEEPHOLES_BACK = Place(BOTH, "peephole-gradient")

DIRECTIONS = Place(BOTH, "directions-output")
DIRECTIONS_BACK = Place(BOTH, "directions-gradient")
REVERSAL = Place(BOTH, "directions-lengths")

LAST_ONLY = "(t == len(x) - 1) * "

GRU_FORWARD = [
    Misconception(
        "GRU: padding is not held",
        "gru-forward",
        (("np.where(real, (1 - u) * state + u * n, state)", "(1 - u) * state + u * n"),),
        "Padded steps update the GRU's state. At a step t ≥ lengths[n] the state of sample n stays "
        "what it was.",
        PADDING,
    ),
    Misconception(
        "GRU: padding is set to zero",
        "gru-forward",
        (("u * n, state)", "u * n, 0.0)"),),
        "At padded steps the GRU's state is zero. It should hold the last real state.",
        PADDING,
    ),
    Misconception(
        "GRU: one real step too many",
        "gru-forward",
        (("(t < lengths)", "(t <= lengths)"),),
        "In the GRU one padded step too many counts as real. Steps count from 0, so the last real "
        "one of sample n is lengths[n] − 1.",
        PADDING,
    ),
    Misconception(
        "GRU: one real step too few",
        "gru-forward",
        (("(t < lengths)", "(t + 1 < lengths)"),),
        "The GRU takes the last real step of each sample for padding. Steps count from 0, so it is "
        "lengths[n] − 1.",
        PADDING,
    ),
    Misconception(
        "GRU: h0 is ignored",
        "gru-forward",
        (("state = h0", "state = 0 * h0"),),
        "The GRU's first step starts from a zero state and not from h0.",
        RECURRENCE,
    ),
    Misconception(
        "GRU: update gate the other way round",
        "gru-forward",
        (("(1 - u) * state + u * n", "u * state + (1 - u) * n"),),
        "Your update gate weights the old value. In this problem u weights the new one: where u is "
        "1, the state becomes the candidate.",
        GRU_MIX,
    ),
    Misconception(
        "GRU: reset after the product",
        "gru-forward",
        (("(r * state) @ W_h[2]", "r * (state @ W_h[2])"),),
        "Your reset gate scales the product of state and weights, as PyTorch does. Here it acts "
        "before the product: it scales the state.",
        GRU_BEFORE,
    ),
    Misconception(
        "GRU: reset gate on the whole candidate",
        "gru-forward",
        (
            (
                "np.tanh(x[t] @ W_x[2] + (r * state) @ W_h[2] + b[2])",
                "np.tanh(r * (x[t] @ W_x[2] + state @ W_h[2] + b[2]))",
            ),
        ),
        "Your reset gate multiplies all that enters the candidate, input and bias too. It "
        "multiplies the old state alone.",
        RESET,
    ),
    Misconception(
        "GRU: no reset gate",
        "gru-forward",
        (("(r * state) @ W_h[2]", "state @ W_h[2]"),),
        "The reset gate has no effect: the candidate sees the whole old state.",
        RESET,
    ),
    Misconception(
        "GRU: reset gate on what is kept",
        "gru-forward",
        (("(1 - u) * state +", "(1 - u) * r * state +"),),
        "The reset gate also multiplies the old value that is kept. It acts on what the candidate "
        "sees, and on nothing else.",
        RESET,
    ),
    Misconception(
        "GRU: the two gates exchanged",
        "gru-forward",
        (
            ("u = sigmoid(x[t] @ W_x[0]", "r = sigmoid(x[t] @ W_x[0]"),
            ("r = sigmoid(x[t] @ W_x[1]", "u = sigmoid(x[t] @ W_x[1]"),
        ),
        "The blocks of the two gates are exchanged. Index 0 holds the update gate u, index 1 the "
        "reset gate r.",
        GRU_GATES,
    ),
    Misconception(
        "GRU: sigmoid for the candidate",
        "gru-forward",
        (("n = np.tanh(", "n = sigmoid("),),
        "The candidate n is not a gate: it takes tanh and not the sigmoid.",
        GRU_GATES,
    ),
    Misconception(
        "GRU: no bias in the candidate",
        "gru-forward",
        ((" + b[2])", ")"),),
        "The bias of the candidate is missing.",
        GRU_GATES,
    ),
    Misconception(
        "GRU: W_h transposed in the forward pass",
        "gru-forward",
        (
            ("state @ W_h[0]", "state @ W_h[0].T"),
            ("state @ W_h[1]", "state @ W_h[1].T"),
            ("(r * state) @ W_h[2]", "(r * state) @ W_h[2].T"),
        ),
        "The GRU's states are multiplied by the transposes of W_h. States are rows here: h W_h.",
        RECURRENCE,
    ),
    Misconception(
        "GRU: gates do not see the state",
        "gru-forward",
        ((" + state @ W_h[0]", ""), (" + state @ W_h[1]", "")),
        "Your gates are computed from the input alone. They see the old state, too.",
        GRU_GATES,
    ),
    Misconception(
        "GRU: one input for all steps",
        "gru-forward",
        (
            ("x[t] @ W_x[0]", "x[0] @ W_x[0]"),
            ("x[t] @ W_x[1]", "x[0] @ W_x[1]"),
            ("x[t] @ W_x[2]", "x[0] @ W_x[2]"),
        ),
        "Every step of your GRU reads the input of step 0.",
        RECURRENCE,
    ),
]

GRU_BACKWARD = [
    Misconception(
        "GRU: no sum over time",
        "gru-backward",
        (
            ('grads["dW_x"][k] +=', 'grads["dW_x"][k] ='),
            ('grads["dW_h"][k] +=', 'grads["dW_h"][k] ='),
            ('grads["db"][k] +=', 'grads["db"][k] ='),
        ),
        "In the GRU each step's term overwrites the one before. The weights are used at every "
        "step, so their gradient is the sum of all steps' terms.",
        SUMS,
    ),
    Misconception(
        "GRU: only the last step",
        "gru-backward",
        (
            ("+= x[t].T @ da", f"+= {LAST_ONLY}(x[t].T @ da)"),
            ("+= source.T @ da", f"+= {LAST_ONLY}(source.T @ da)"),
            ("+= da.sum(axis=0)", f"+= {LAST_ONLY}da.sum(axis=0)"),
        ),
        "Only the last step's use of the GRU's weights is counted. Every step adds a term.",
        SUMS,
    ),
    Misconception(
        "GRU: W instead of its transpose",
        "gru-backward",
        (
            ("da_n @ W_h[2].T", "da_n @ W_h[2]"),
            ("da_u @ W_h[0].T", "da_u @ W_h[0]"),
            ("da_r @ W_h[1].T", "da_r @ W_h[1]"),
        ),
        "On the way back through the GRU gradients are multiplied by W_h itself. What sends them "
        "to the old state is the transpose of each of its three matrices.",
        GRU_PATHS,
    ),
    Misconception(
        "GRU: update gate the other way round, backward",
        "gru-backward",
        (
            ("dnew * (n - before)", "dnew * (before - n)"),
            ("da_n = dnew * u *", "da_n = dnew * (1 - u) *"),
            ("total * (1 - u), total)", "total * u, total)"),
        ),
        "Your backward pass belongs to an update gate that weights the old value. Here u weights "
        "the candidate and 1 − u the old value.",
        GRU_MIX,
    ),
    Misconception(
        "GRU: sign of the update gate's gradient",
        "gru-backward",
        (("dnew * (n - before)", "dnew * (before - n)"),),
        "The gradient of the update gate has the wrong sign: more of u gives more of n and less "
        "of the old value.",
        GRU_SLOPES,
    ),
    Misconception(
        "GRU: update gate moves the candidate only",
        "gru-backward",
        (("dnew * (n - before)", "dnew * n"),),
        "In the gradient of u the old value is missing. The gate appears twice in the new state: "
        "as u beside n, and in 1 − u beside the old value.",
        GRU_SLOPES,
    ),
    Misconception(
        "GRU: reset after the product, backward",
        "gru-backward",
        (
            ("dseen = da_n @ W_h[2].T", "dseen = (da_n * r) @ W_h[2].T"),
            ("da_r = dseen * before * r", "da_r = da_n * (before @ W_h[2]) * r"),
            ("(da_n, seen)", "(da_n, before)"),
            ("+ dseen * r +", "+ dseen +"),
        ),
        "Your backward pass belongs to a reset gate after the product. Here it scales the state "
        "before W_h[2]; three lines change.",
        GRU_RESET,
    ),
    Misconception(
        "GRU: candidate's weights met the unscaled state",
        "gru-backward",
        (("(da_n, seen)", "(da_n, before)"),),
        "dW_h[2] is built with the old state. What W_h[2] multiplies is the old state scaled by "
        "the reset gate.",
        GRU_RESET,
    ),
    Misconception(
        "GRU: reset gate missing on the candidate's path",
        "gru-backward",
        (("+ dseen * r +", "+ dseen +"),),
        "The gradient that reaches the old state through the candidate is not scaled by the reset "
        "gate. The candidate saw r times the old state.",
        GRU_RESET,
    ),
    Misconception(
        "GRU: reset gate's gradient without W",
        "gru-backward",
        (("da_r = dseen *", "da_r = da_n *"),),
        "In the gradient of the reset gate the product with the transpose of W_h[2] is missing: "
        "the gate acts before that matrix.",
        GRU_RESET,
    ),
    Misconception(
        "GRU: no path through the candidate",
        "gru-backward",
        ((" + dseen * r +", " +"),),
        "One path to the old state is missing: the one through the candidate.",
        GRU_PATHS,
    ),
    Misconception(
        "GRU: no path through the update gate",
        "gru-backward",
        (("da_u @ W_h[0].T + da_r", "da_r"),),
        "One path to the old state is missing: the one through the update gate.",
        GRU_PATHS,
    ),
    Misconception(
        "GRU: no path through the reset gate",
        "gru-backward",
        ((" + da_r @ W_h[1].T", ""),),
        "One path to the old state is missing: the one through the reset gate.",
        GRU_PATHS,
    ),
    Misconception(
        "GRU: no path through either gate",
        "gru-backward",
        ((" + through_gates", ""),),
        "Two paths to the old state are missing: those through the two gates, which see it too.",
        GRU_PATHS,
    ),
    Misconception(
        "GRU: no path for the value that is kept",
        "gru-backward",
        (("np.where(real, total * (1 - u), total)", "np.where(real, 0.0, total)"),),
        "The shortest path to the old state is missing: 1 − u of its value is kept, and so much "
        "of the gradient goes back with it.",
        GRU_PATHS,
    ),
    Misconception(
        "GRU: kept path not weighted by the gate",
        "gru-backward",
        (("np.where(real, total * (1 - u), total)", "total"),),
        "The whole gradient goes back to the old state as it is. At a real step only the share "
        "1 − u of the old value is kept.",
        GRU_PATHS,
    ),
    Misconception(
        "GRU: no slope in the update gate",
        "gru-backward",
        ((" * u * (1 - u)\n", "\n"),),
        "The slope of the sigmoid is missing in the gradient of the update gate's pre-activation.",
        GRU_SLOPES,
    ),
    Misconception(
        "GRU: no slope in the reset gate",
        "gru-backward",
        ((" * r * (1 - r)", ""),),
        "The slope of the sigmoid is missing in the gradient of the reset gate's pre-activation.",
        GRU_SLOPES,
    ),
    Misconception(
        "GRU: no slope in the candidate",
        "gru-backward",
        ((" * (1 - n**2)", ""),),
        "The slope of tanh is missing in the gradient of the candidate's pre-activation.",
        GRU_SLOPES,
    ),
    Misconception(
        "GRU: slope of the sigmoid in the candidate",
        "gru-backward",
        (("(1 - n**2)", "n * (1 - n)"),),
        "In the candidate you used the sigmoid's slope n (1 − n). That of tanh is 1 − n².",
        GRU_SLOPES,
    ),
    Misconception(
        "GRU: candidate not weighted by the gate",
        "gru-backward",
        (("da_n = dnew * u *", "da_n = dnew *"),),
        "The candidate's gradient lacks the factor u, the weight with which it enters the state.",
        GRU_SLOPES,
    ),
    Misconception(
        "GRU: carried gradient not added",
        "gru-backward",
        (("dh[t] + carried", "dh[t]"),),
        "What reaches the GRU's h_t from later steps is left out. The gradient of h_t is dh[t] "
        "plus what step t + 1 sends back.",
        ADJOINT,
    ),
    Misconception(
        "GRU: dh overwritten by the carried gradient",
        "gru-backward",
        (("total = dh[t] + carried", "total = carried if t < len(x) - 1 else dh[t]"),),
        "Except at the last step, the GRU's dh[t] is lost: what comes from step t + 1 takes its "
        "place. The two have to be added.",
        ADJOINT,
    ),
    Misconception(
        "GRU: padded steps counted",
        "gru-backward",
        (
            ("np.where(real, total, 0.0)", "total"),
            ("np.where(real, total * (1 - u), total)", "total * (1 - u)"),
        ),
        "The GRU's padded steps are treated as real ones. There h_t is a copy of h_{t−1}: weights "
        "and x_t get nothing.",
        PADDING,
    ),
    Misconception(
        "GRU: padding passes no gradient on",
        "gru-backward",
        (("total * (1 - u), total)", "total * (1 - u), 0.0)"),),
        "At the GRU's padded steps the gradient is lost. There h_t is a copy of h_{t−1}, so the "
        "whole gradient goes on to h_{t−1}, as it is.",
        PADDING,
    ),
    Misconception(
        "GRU: bias averaged over the batch",
        "gru-backward",
        (("da.sum(axis=0)", "da.mean(axis=0)"),),
        "The GRU's db is averaged over the samples. The loss is not, so the samples' terms are "
        "added.",
        SUMS,
    ),
    Misconception(
        "GRU: gradients averaged over the batch",
        "gru-backward",
        (
            ("+= x[t].T @ da", "+= x[t].T @ da / len(h0)"),
            ("+= source.T @ da", "+= source.T @ da / len(h0)"),
            ("+= da.sum(axis=0)", "+= da.sum(axis=0) / len(h0)"),
        ),
        "The gradients of the GRU's parameters are averaged over the samples. They are sums.",
        SUMS,
    ),
    Misconception(
        "GRU: state of the same step",
        "gru-backward",
        (("before = h[t - 1] if t > 0 else h0", "before = h[t]"),),
        "Step t is worked out from h_t. What the GRU's step t reads is h_{t−1}.",
        GRU_WEIGHTS,
    ),
    Misconception(
        "GRU: zeros in place of h0",
        "gru-backward",
        (("h[t - 1] if t > 0 else h0", "h[t - 1] if t > 0 else 0 * h0"),),
        "The GRU's first step is worked out from a zero state. What it reads is h0.",
        GRU_WEIGHTS,
    ),
    Misconception(
        "GRU: dx from the candidate only",
        "gru-backward",
        (('grads["dx"][t] +=', 'grads["dx"][t] ='),),
        "dx holds the part through the candidate only. The input enters both gates, too, and the "
        "three parts are added.",
        GRU_WEIGHTS,
    ),
    Misconception(
        "GRU: dh0 without the first step",
        "gru-backward",
        (('{"dh0": carried}', '{"dh0": total}'),),
        "dh0 is the gradient of h after step 0. One more step of the GRU leads back to h0.",
        RECURSION,
    ),
]

LSTM_FORWARD = [
    Misconception(
        "LSTM: padding is not held",
        "lstm-forward",
        (
            ("np.where(real, o * np.tanh(new), state)", "o * np.tanh(new)"),
            ("np.where(real, new, cell)", "new"),
        ),
        "Padded steps update the LSTM. At a step t ≥ lengths[n] state and cell of sample n stay "
        "what they were.",
        PADDING,
    ),
    Misconception(
        "LSTM: cell not held",
        "lstm-forward",
        (("np.where(real, new, cell)", "new"),),
        "Padded steps hold the state, but the cell goes on. Both have to be held.",
        PADDING,
    ),
    Misconception(
        "LSTM: state not held",
        "lstm-forward",
        (("np.where(real, o * np.tanh(new), state)", "o * np.tanh(new)"),),
        "Padded steps hold the cell, but the state goes on. Both have to be held.",
        PADDING,
    ),
    Misconception(
        "LSTM: padding is set to zero",
        "lstm-forward",
        (("np.tanh(new), state)", "np.tanh(new), 0.0)"), ("new, cell)", "new, 0.0)")),
        "At padded steps the LSTM's state and cell are zero. They should hold the last real ones.",
        PADDING,
    ),
    Misconception(
        "LSTM: one real step too many",
        "lstm-forward",
        (("(t < lengths)", "(t <= lengths)"),),
        "In the LSTM one padded step too many counts as real. Steps count from 0, so the last real "
        "one of sample n is lengths[n] − 1.",
        PADDING,
    ),
    Misconception(
        "LSTM: h0 is ignored",
        "lstm-forward",
        (("state, cell = h0, c0", "state, cell = 0 * h0, c0"),),
        "The LSTM's first step starts from a zero state and not from h0.",
        RECURRENCE,
    ),
    Misconception(
        "LSTM: c0 is ignored",
        "lstm-forward",
        (("state, cell = h0, c0", "state, cell = h0, 0 * c0"),),
        "The LSTM's first step starts from a zero cell and not from c0.",
        LSTM_STATES,
    ),
    Misconception(
        "LSTM: keeping and writing exchanged",
        "lstm-forward",
        (("f * cell + (1 - f) * g", "(1 - f) * cell + f * g"),),
        "Your f weights the candidate and 1 − f the old cell. It is the other way round: f says "
        "how much of the old cell is kept.",
        LSTM_STEP,
    ),
    Misconception(
        "LSTM: input gate equal to the forget gate",
        "lstm-forward",
        (("(1 - f) * g", "f * g"),),
        "Your input gate equals f. Here it is 1 − f: as much is written as is forgotten.",
        COUPLED,
    ),
    Misconception(
        "LSTM: no input gate",
        "lstm-forward",
        (("(1 - f) * g", "g"),),
        "The candidate is added in full. It is weighted by the input gate, here 1 − f.",
        COUPLED,
    ),
    Misconception(
        "LSTM: forget gate's peephole looks at the state",
        "lstm-forward",
        (("p[0] * cell", "p[0] * state"),),
        "The forget gate's peephole looks at the state h_{t−1}. A peephole looks at the cell: "
        "c_{t−1}.",
        PEEPHOLES,
    ),
    Misconception(
        "LSTM: output gate looks at the old cell",
        "lstm-forward",
        (("p[1] * new", "p[1] * cell"),),
        "The output gate's peephole looks at c_{t−1}. It decides about showing c_t and sees c_t.",
        PEEPHOLES,
    ),
    Misconception(
        "LSTM: no peepholes",
        "lstm-forward",
        ((" + p[0] * cell", ""), (" + p[1] * new", "")),
        "The peepholes are missing: f and o look at the cell, each with a weight a unit.",
        PEEPHOLES,
    ),
    Misconception(
        "LSTM: peepholes exchanged",
        "lstm-forward",
        (("p[0] * cell", "p[1] * cell"), ("p[1] * new", "p[0] * new")),
        "The two peepholes are exchanged. p[0] belongs to the forget gate, p[1] to the output "
        "gate.",
        PEEPHOLES,
    ),
    Misconception(
        "LSTM: no tanh on the cell",
        "lstm-forward",
        (("o * np.tanh(new)", "o * new"),),
        "The state is o times the cell itself. It is o times tanh of the cell.",
        LSTM_STEP,
    ),
    Misconception(
        "LSTM: sigmoid for the candidate",
        "lstm-forward",
        (("g = np.tanh(", "g = sigmoid("),),
        "The candidate g is not a gate: it takes tanh and not the sigmoid.",
        LSTM_STEP,
    ),
    Misconception(
        "LSTM: candidate sees the cell",
        "lstm-forward",
        (("state @ W_h[1]", "cell @ W_h[1]"),),
        "The candidate is computed from c_{t−1}. Its recurrent product takes the state h_{t−1}.",
        LSTM_STATES,
    ),
    Misconception(
        "LSTM: blocks of f and o exchanged",
        "lstm-forward",
        (
            ("x[t] @ W_x[0] + state @ W_h[0]", "x[t] @ W_x[9] + state @ W_h[9]"),
            ("x[t] @ W_x[2] + state @ W_h[2]", "x[t] @ W_x[0] + state @ W_h[0]"),
            ("x[t] @ W_x[9] + state @ W_h[9]", "x[t] @ W_x[2] + state @ W_h[2]"),
            ("cell + b[0]", "cell + b[9]"),
            ("new + b[2]", "new + b[0]"),
            ("b[9]", "b[2]"),
        ),
        "The blocks of forget and output gate are exchanged. Index 0 holds f, 1 the candidate g, "
        "2 the output gate o.",
        LSTM_STEP,
    ),
    Misconception(
        "LSTM: one input for all steps",
        "lstm-forward",
        (
            ("x[t] @ W_x[0]", "x[0] @ W_x[0]"),
            ("x[t] @ W_x[1]", "x[0] @ W_x[1]"),
            ("x[t] @ W_x[2]", "x[0] @ W_x[2]"),
        ),
        "Every step of your LSTM reads the input of step 0.",
        RECURRENCE,
    ),
    Misconception(
        "LSTM: state and cell returned in the other order",
        "lstm-forward",
        (("return h, c", "return c, h"),),
        "The two arrays are returned in the other order. The states h come first, then the cells.",
        LSTM_STATES,
    ),
]

LSTM_BACKWARD = [
    Misconception(
        "LSTM: no sum over time",
        "lstm-backward",
        (
            ('grads["dW_x"][k] +=', 'grads["dW_x"][k] ='),
            ('grads["dW_h"][k] +=', 'grads["dW_h"][k] ='),
            ('grads["db"][k] +=', 'grads["db"][k] ='),
            ('grads["dp"][0] +=', 'grads["dp"][0] ='),
            ('grads["dp"][1] +=', 'grads["dp"][1] ='),
        ),
        "In the LSTM each step's term overwrites the one before. The weights are used at every "
        "step, so their gradient is the sum of all steps' terms.",
        LSTM_WEIGHTS,
    ),
    Misconception(
        "LSTM: only the last step",
        "lstm-backward",
        (
            ("+= x[t].T @ da", f"+= {LAST_ONLY}(x[t].T @ da)"),
            ("+= state.T @ da", f"+= {LAST_ONLY}(state.T @ da)"),
            ("+= da.sum(axis=0)", f"+= {LAST_ONLY}da.sum(axis=0)"),
            ("+= (da_f * cell)", f"+= {LAST_ONLY}(da_f * cell)"),
            ("+= (da_o * c[t])", f"+= {LAST_ONLY}(da_o * c[t])"),
        ),
        "Only the last step's use of the LSTM's weights is counted. Every step adds a term.",
        LSTM_WEIGHTS,
    ),
    Misconception(
        "LSTM: W instead of its transpose",
        "lstm-backward",
        (("da @ W_h[k].T", "da @ W_h[k]"),),
        "On the way back through the LSTM gradients are multiplied by W_h itself. What sends them "
        "to h_{t−1} is the transpose of each of its three matrices.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: input gate held constant",
        "lstm-backward",
        (("dnew * (cell - g)", "dnew * cell"),),
        "In the gradient of f the candidate is missing. The forget gate appears twice in the new "
        "cell: as f beside the old cell, and in 1 − f beside g.",
        COUPLED,
    ),
    Misconception(
        "LSTM: sign of the coupled gate's gradient",
        "lstm-backward",
        (("dnew * (cell - g)", "dnew * (g - cell)"),),
        "The gradient of f has the wrong sign: more of f gives more of the old cell and less of g.",
        COUPLED,
    ),
    Misconception(
        "LSTM: coupled gates added",
        "lstm-backward",
        (("dnew * (cell - g)", "dnew * (cell + g)"),),
        "In the gradient of f the candidate has the wrong sign: 1 − f falls where f grows.",
        COUPLED,
    ),
    Misconception(
        "LSTM: f in place of the input gate",
        "lstm-backward",
        (("da_g = dnew * (1 - f)", "da_g = dnew * f"),),
        "The candidate's gradient has the factor f. What multiplies g is the input gate 1 − f.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: direct path with the input gate",
        "lstm-backward",
        (("dnew * f + da_f", "dnew * (1 - f) + da_f"),),
        "The direct path from c_t to c_{t−1} has the factor 1 − f. What multiplies the old cell "
        "is f.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: no direct path between cells",
        "lstm-backward",
        (("dnew * f + da_f", "da_f"),),
        "The direct path from c_t to c_{t−1}, with the factor f, is missing.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: gradient does not reach the cell from the state",
        "lstm-backward",
        (("dnew = dnew + dstate * o * (1 - shown**2) + da_o * p[1]", "dnew = dnew + da_o * p[1]"),),
        "The gradient of h_t does not go on to c_t. The state is o tanh(c_t), so c_t gets its "
        "share of it.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: no slope of tanh on the cell",
        "lstm-backward",
        (("dstate * o * (1 - shown**2)", "dstate * o"),),
        "On the way from h_t to c_t the slope of tanh is missing: 1 − tanh² at c_t.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: slope of tanh at the state",
        "lstm-backward",
        (("(1 - shown**2)", "(1 - h[t] ** 2)"),),
        "On the way from h_t to c_t you used 1 − h_t². The state is o tanh(c_t), and the slope is "
        "1 − tanh² at c_t.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: output gate's gradient with the bare cell",
        "lstm-backward",
        (("da_o = dstate * shown", "da_o = dstate * c[t]"),),
        "The output gate's gradient has the factor c_t. What it multiplies is tanh of c_t.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: output gate's peephole sends nothing back",
        "lstm-backward",
        ((" + da_o * p[1]", ""),),
        "What the output gate's peephole sends to c_t is missing: p[1] times the gradient of that "
        "gate's pre-activation.",
        PEEPHOLES_BACK,
    ),
    Misconception(
        "LSTM: forget gate's peephole sends nothing back",
        "lstm-backward",
        ((" + da_f * p[0]", ""),),
        "What the forget gate's peephole sends to c_{t−1} is missing: p[0] times the gradient of "
        "that gate's pre-activation.",
        PEEPHOLES_BACK,
    ),
    Misconception(
        "LSTM: peepholes send nothing back",
        "lstm-backward",
        ((" + da_o * p[1]", ""), (" + da_f * p[0]", "")),
        "Neither peephole sends a gradient back. The output gate's adds to that of c_t, the forget "
        "gate's to that of c_{t−1}.",
        PEEPHOLES_BACK,
    ),
    Misconception(
        "LSTM: output gate's peephole sends to the old cell",
        "lstm-backward",
        (
            (" + da_o * p[1]", ""),
            ("dnew * f + da_f * p[0]", "dnew * f + da_f * p[0] + da_o * p[1]"),
        ),
        "What the output gate's peephole sends back goes to c_{t−1}. That gate sees c_t, so it "
        "goes to c_t, before the other gates' gradients are computed.",
        PEEPHOLES_BACK,
    ),
    Misconception(
        "LSTM: forget gate's peephole met the new cell",
        "lstm-backward",
        (("(da_f * cell)", "(da_f * c[t])"),),
        "dp[0] is built with c_t. What p[0] multiplies is c_{t−1}.",
        PEEPHOLES_BACK,
    ),
    Misconception(
        "LSTM: output gate's peephole met the old cell",
        "lstm-backward",
        (("(da_o * c[t])", "(da_o * cell)"),),
        "dp[1] is built with c_{t−1}. What p[1] multiplies is c_t.",
        PEEPHOLES_BACK,
    ),
    Misconception(
        "LSTM: old cell recomputed in the output gate",
        "lstm-backward",
        (("p[1] * c[t] + b[2]", "p[1] * cell + b[2]"),),
        "You compute the output gate again with c_{t−1} in its peephole. It sees c_t.",
        PEEPHOLES,
    ),
    Misconception(
        "LSTM: dc ignored",
        "lstm-backward",
        (("dc[t] + carried_c", "carried_c"),),
        "dc is left out. The loss reads the cells, too: dc[t] adds to the gradient of c_t.",
        ADJOINT,
    ),
    Misconception(
        "LSTM: only the last dc",
        "lstm-backward",
        (("dc[t] + carried_c", f"{LAST_ONLY}dc[t] + carried_c"),),
        "Only the last step's dc is used. The loss reads the cells of all steps.",
        ADJOINT,
    ),
    Misconception(
        "LSTM: dh ignored",
        "lstm-backward",
        (("dh[t] + carried_h", "carried_h"),),
        "dh is left out. The loss reads the states: dh[t] adds to the gradient of h_t.",
        ADJOINT,
    ),
    Misconception(
        "LSTM: carried cell gradient not added",
        "lstm-backward",
        (("dc[t] + carried_c", "dc[t]"),),
        "What reaches c_t from later steps is left out. The gradient of c_t is dc[t] plus what "
        "step t + 1 and h_t send.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: carried state gradient not added",
        "lstm-backward",
        (("dh[t] + carried_h", "dh[t]"),),
        "What reaches h_t from later steps is left out, as in the LSTM of 1997. The gradient of "
        "h_t is dh[t] plus what the gates of step t + 1 send back.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: no slope in the forget gate",
        "lstm-backward",
        ((" * f * (1 - f)\n", "\n"),),
        "The slope of the sigmoid is missing in the gradient of the forget gate's pre-activation.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: no slope in the output gate",
        "lstm-backward",
        ((" * o * (1 - o)", ""),),
        "The slope of the sigmoid is missing in the gradient of the output gate's pre-activation.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: no slope in the candidate",
        "lstm-backward",
        ((" * (1 - g**2)", ""),),
        "The slope of tanh is missing in the gradient of the LSTM's candidate's pre-activation.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: padded steps counted",
        "lstm-backward",
        (
            ("np.where(real, total_h, 0.0)", "total_h"),
            ("np.where(real, total_c, 0.0)", "total_c"),
            ("np.where(real, 0.0, total_h)", "np.zeros(h0.shape)"),
            ("np.where(real, dnew * f + da_f * p[0], total_c)", "dnew * f + da_f * p[0]"),
        ),
        "The LSTM's padded steps are treated as real ones. There h_t and c_t are copies: weights "
        "and x_t get nothing.",
        PADDING,
    ),
    Misconception(
        "LSTM: padding passes no gradient on",
        "lstm-backward",
        (
            ("np.where(real, 0.0, total_h)", "np.zeros(h0.shape)"),
            ("da_f * p[0], total_c)", "da_f * p[0], 0.0)"),
        ),
        "At the LSTM's padded steps the gradients of state and cell are lost. Both go on to step "
        "t − 1, as they are.",
        PADDING,
    ),
    Misconception(
        "LSTM: padding passes on the cell's gradient only",
        "lstm-backward",
        (("np.where(real, 0.0, total_h)", "np.zeros(h0.shape)"),),
        "At padded steps the gradient of the state is lost, that of the cell is passed on. Both "
        "go on to step t − 1, as they are.",
        PADDING,
    ),
    Misconception(
        "LSTM: bias averaged over the batch",
        "lstm-backward",
        (("da.sum(axis=0)", "da.mean(axis=0)"),),
        "The LSTM's db is averaged over the samples. The loss is not, so the samples' terms are "
        "added.",
        LSTM_WEIGHTS,
    ),
    Misconception(
        "LSTM: gradients averaged over the batch",
        "lstm-backward",
        (
            ("+= x[t].T @ da", "+= x[t].T @ da / len(h0)"),
            ("+= state.T @ da", "+= state.T @ da / len(h0)"),
            ("+= da.sum(axis=0)", "+= da.mean(axis=0)"),
            ("(da_f * cell).sum(axis=0)", "(da_f * cell).mean(axis=0)"),
            ("(da_o * c[t]).sum(axis=0)", "(da_o * c[t]).mean(axis=0)"),
        ),
        "The gradients of the LSTM's parameters are averaged over the samples. They are sums.",
        LSTM_WEIGHTS,
    ),
    Misconception(
        "LSTM: state and cell of the same step",
        "lstm-backward",
        (("(h[t - 1], c[t - 1]) if t > 0 else (h0, c0)", "(h[t], c[t])"),),
        "Step t is worked out from h_t and c_t. What the LSTM's step t reads is h_{t−1} and "
        "c_{t−1}.",
        LSTM_WEIGHTS,
    ),
    Misconception(
        "LSTM: zeros in place of h0 and c0",
        "lstm-backward",
        (("else (h0, c0)", "else (0 * h0, 0 * c0)"),),
        "The LSTM's first step is worked out from zeros. What it reads is h0 and c0.",
        LSTM_WEIGHTS,
    ),
    Misconception(
        "LSTM: dx from the output gate only",
        "lstm-backward",
        (('grads["dx"][t] +=', 'grads["dx"][t] ='),),
        "dx holds the part through one gate only. The input enters f, g and o, and the three "
        "parts are added.",
        LSTM_WEIGHTS,
    ),
    Misconception(
        "LSTM: dh0 without the first step",
        "lstm-backward",
        (('"dh0": carried_h', '"dh0": total_h'),),
        "dh0 is the gradient of h after step 0. One more step of the LSTM leads back to h0.",
        LSTM_BACK,
    ),
    Misconception(
        "LSTM: dc0 without the first step",
        "lstm-backward",
        (('"dc0": carried_c', '"dc0": total_c'),),
        "dc0 is the gradient of c after step 0. One more step of the LSTM leads back to c0.",
        LSTM_BACK,
    ),
]

TWO_WAY_FORWARD = [
    Misconception(
        "two ways: second direction starts in the padding",
        "two-way-forward",
        (
            (
                "state = np.where(real, np.tanh(a), state)",
                "state = np.tanh(a) if k else np.where(real, np.tanh(a), state)",
            ),
        ),
        "The second direction reads the padding first. It starts at each sample's own last real "
        "step, lengths[n] − 1.",
        REVERSAL,
    ),
    Misconception(
        "two ways: padding reads as zeros",
        "two-way-forward",
        (
            ("a = x[t] @", "a = (real * x[t]) @"),
            (
                "state = np.where(real, np.tanh(a), state)",
                "state = np.tanh(a) if k else np.where(real, np.tanh(a), state)",
            ),
        ),
        "The second direction runs through the padding with zero inputs, and bias and weights move "
        "its state there. It starts at step lengths[n] − 1.",
        REVERSAL,
    ),
    Misconception(
        "two ways: second direction reads from the front",
        "two-way-forward",
        (("reversed(range(T))", "range(T)"),),
        "Your second direction reads from the first step on, too. It reads from the last real step "
        "back to the first.",
        DIRECTIONS,
    ),
    Misconception(
        "two ways: second direction's states left in reading order",
        "two-way-forward",
        (
            (
                "        for t in steps:\n",
                "        for i, t in enumerate(steps):\n",
            ),
            ("s[k, t] = np.where", "s[k, i] = np.where"),
        ),
        "The second direction's states are left in the order in which they were computed. s[1, t] "
        "is its state at step t of the sequence.",
        REVERSAL,
    ),
    Misconception(
        "two ways: one set of weights",
        "two-way-forward",
        (("x[t] @ W_x[k] + state @ W_h[k] + b[k]", "x[t] @ W_x[0] + state @ W_h[0] + b[0]"),),
        "Both directions use the parameters of the first. Each has its own.",
        DIRECTIONS,
    ),
    Misconception(
        "two ways: mixed the other way round",
        "two-way-forward",
        (("m * s[0] + (1 - m) * s[1]", "(1 - m) * s[0] + m * s[1]"),),
        "m weights the second direction in your output. It weights the first, and 1 − m the "
        "second.",
        DIRECTIONS,
    ),
    Misconception(
        "two ways: v without the sigmoid",
        "two-way-forward",
        (("m = sigmoid(v)", "m = v"),),
        "You mix with v itself. The weight is m = σ(v), a number between 0 and 1.",
        DIRECTIONS,
    ),
    Misconception(
        "two ways: directions added",
        "two-way-forward",
        (("m * s[0] + (1 - m) * s[1]", "s[0] + s[1]"),),
        "Your output is the sum of both directions. It is their mean with the weights m and 1 − m.",
        DIRECTIONS,
    ),
    Misconception(
        "two ways: padding holds the state",
        "two-way-forward",
        (("np.where(real, state, 0.0)", "state"),),
        "At padded steps your states are held. In this problem s and y are zero there.",
        PADDING,
    ),
    Misconception(
        "two ways: start vectors ignored",
        "two-way-forward",
        (("np.tile(s0[k], (N, 1))", "np.zeros((N, len(v)))"),),
        "Both directions start from zeros. They start from the vectors s0[0] and s0[1].",
        RECURRENCE,
    ),
    Misconception(
        "two ways: one start vector",
        "two-way-forward",
        (("np.tile(s0[k],", "np.tile(s0[0],"),),
        "Both directions start from s0[0]. The second has a start vector of its own, s0[1].",
        DIRECTIONS,
    ),
    Misconception(
        "two ways: second direction goes on from the first",
        "two-way-forward",
        (("np.tile(s0[k], (N, 1))", "state if k else np.tile(s0[k], (N, 1))"),),
        "The second direction starts from the state that the first one ended in. It starts from "
        "s0[1] and knows nothing of the first.",
        DIRECTIONS,
    ),
    Misconception(
        "two ways: no tanh",
        "two-way-forward",
        (("np.tanh(a)", "a"),),
        "The activation is missing in both directions: tanh(a).",
        ACTIVATIONS,
    ),
    Misconception(
        "two ways: one real step too few",
        "two-way-forward",
        (("(t < lengths)", "(t + 1 < lengths)"),),
        "Both directions take the last real step of each sample for padding. Steps count from 0, "
        "so it is lengths[n] − 1.",
        PADDING,
    ),
    Misconception(
        "two ways: one real step too many",
        "two-way-forward",
        (("(t < lengths)", "(t <= lengths)"),),
        "In both directions one padded step too many counts as real. Steps count from 0, so the "
        "last real one of sample n is lengths[n] − 1.",
        PADDING,
    ),
]

TWO_WAY_BACKWARD = [
    Misconception(
        "two ways: no sum over time",
        "two-way-backward",
        (
            ('grads["dW_x"][k] +=', 'grads["dW_x"][k] ='),
            ('grads["dW_h"][k] +=', 'grads["dW_h"][k] ='),
            ('grads["db"][k] +=', 'grads["db"][k] ='),
        ),
        "In both directions each step's term overwrites the one before. The weights are used at "
        "every step, so their gradient is the sum of all steps' terms.",
        SUMS,
    ),
    Misconception(
        "two ways: W instead of its transpose",
        "two-way-backward",
        (("da @ W_h[k].T", "da @ W_h[k]"),),
        "On the way back gradients are multiplied by W_h[k] itself. What sends them to the state "
        "read before is its transpose.",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: one order for both",
        "two-way-backward",
        (("[reversed(range(T)), range(T)]", "[reversed(range(T)), reversed(range(T))]"),),
        "Both directions are gone back from the last step to the first. The second one read from "
        "the end, so its gradients travel from the first step to the last.",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: both in reading order",
        "two-way-backward",
        (("[reversed(range(T)), range(T)]", "[range(T), reversed(range(T))]"),),
        "Each direction is gone through in the order in which it reads. Gradients travel the other "
        "way.",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: no slope",
        "two-way-backward",
        (("total * (1 - s[k, t] ** 2)", "total"),),
        "The slope of tanh is missing between the gradient of a state and that of its "
        "pre-activation.",
        RECURSION,
    ),
    Misconception(
        "two ways: slope of the output",
        "two-way-backward",
        (
            (
                "(1 - s[k, t] ** 2)",
                "(1 - (m * s[0, t] + (1 - m) * s[1, t]) ** 2)",
            ),
        ),
        "The slope of tanh is taken at y. It belongs to each direction's own state: 1 − s[k, t]².",
        RECURSION,
    ),
    Misconception(
        "two ways: gradient not split by m",
        "two-way-backward",
        (("share * dy[t]", "dy[t]"),),
        "Each direction gets the whole of dy. The first gets m times it, the second 1 − m times.",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: shares exchanged",
        "two-way-backward",
        (("[m, 1 - m][k]", "[1 - m, m][k]"),),
        "The shares of dy are exchanged. The first direction gets m times it, the second 1 − m "
        "times.",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: share taken of what is carried, too",
        "two-way-backward",
        (("share * dy[t] + carried", "share * (dy[t] + carried)"),),
        "The share m or 1 − m is taken at every step of what is carried, too. It belongs to dy "
        "alone.",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: carried gradient not added",
        "two-way-backward",
        (("share * dy[t] + carried", "share * dy[t]"),),
        "Within a direction, what comes back from the states that were computed later is left out.",
        ADJOINT,
    ),
    Misconception(
        "two ways: padded steps counted",
        "two-way-backward",
        (
            ("np.where(real, total * (1 - s[k, t] ** 2), 0.0)", "total * (1 - s[k, t] ** 2)"),
            ("np.where(real, da @ W_h[k].T, carried)", "da @ W_h[k].T"),
        ),
        "Padded steps are counted. There s and y are constant zeros, so dy says nothing to "
        "weights, inputs or states.",
        PADDING,
    ),
    Misconception(
        "two ways: padding loses the start's gradient",
        "two-way-backward",
        (("np.where(real, da @ W_h[k].T, carried)", "da @ W_h[k].T"),),
        "The second direction's gradient gets lost on its way through the padding. Its start "
        "vector was read at step lengths[n] − 1, so the gradient of s0[1] arises there.",
        REVERSAL,
    ),
    Misconception(
        "two ways: start looked for at step T − 1",
        "two-way-backward",
        (("[0 * lengths, lengths - 1][k]", "[0 * lengths, 0 * lengths + T - 1][k]"),),
        "The second direction's start is taken to be at step T − 1. In a padded sample it is at "
        "lengths[n] − 1: what W_h[1] multiplies there is s0[1].",
        REVERSAL,
    ),
    Misconception(
        "two ways: zeros in place of the start vectors",
        "two-way-backward",
        (("np.where(first, s0[k],", "np.where(first, 0.0,"),),
        "At the start of each direction dW_h is built with zeros. What W_h[k] multiplies there is "
        "s0[k].",
        SUMS,
    ),
    Misconception(
        "two ways: second direction's neighbour on the wrong side",
        "two-way-backward",
        (("[t - 1, (t + 1) % T][k]", "t - 1"),),
        "dW_h[1] is built with the state at step t − 1. The second direction reads from the end: "
        "what W_h[1] multiplies at step t is its state at t + 1.",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: state of the same step",
        "two-way-backward",
        (("s[k, [t - 1, (t + 1) % T][k]]", "s[k, t]"),),
        "dW_h is built with the state of step t. What W_h[k] multiplies there is the state that "
        "was read before it.",
        SUMS,
    ),
    Misconception(
        "two ways: dx of the second direction only",
        "two-way-backward",
        (('grads["dx"][t] +=', 'grads["dx"][t] ='),),
        "dx holds the second direction's part only. Both directions read x, and the parts are "
        "added.",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: one set of weights, backward",
        "two-way-backward",
        (("da @ W_x[k].T", "da @ W_x[0].T"), ("da @ W_h[k].T", "da @ W_h[0].T")),
        "Both directions go back through the weights of the first. Each has its own.",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: bias averaged over the batch",
        "two-way-backward",
        (("+= da.sum(axis=0)", "+= da.mean(axis=0)"),),
        "Both directions' db is averaged over the samples. The loss is not, so the samples' terms "
        "are added.",
        SUMS,
    ),
    Misconception(
        "two ways: start's gradient averaged over the batch",
        "two-way-backward",
        (("carried.sum(axis=0)", "carried.mean(axis=0)"),),
        "ds0 is averaged over the samples. All samples start from the same vector, so their terms "
        "are added.",
        SUMS,
    ),
    Misconception(
        "two ways: start's gradient one step short",
        "two-way-backward",
        (
            (
                "            carried = np.where(real, da @ W_h[k].T, carried)\n",
                "            carried = np.where(real, da @ W_h[k].T, carried)\n"
                '            grads["ds0"][k] += np.where(first & real, total, 0.0).sum(axis=0)\n',
            ),
            ('        grads["ds0"][k] = carried.sum(axis=0)\n', ""),
        ),
        "ds0 is the gradient of the first state that each direction computes. One more step back "
        "leads to s0.",
        RECURSION,
    ),
    Misconception(
        "two ways: no slope in m",
        "two-way-backward",
        (("dm * m * (1 - m)", "dm"),),
        "dv is the gradient of m = σ(v). The slope of the sigmoid leads on to v.",
        RECURSION,
    ),
    Misconception(
        "two ways: v moves the first direction only",
        "two-way-backward",
        (("(s[0] - s[1])", "s[0]"),),
        "In dv the second direction is missing. v appears twice in y: in m beside s[0], and in "
        "1 − m beside s[1].",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: sign of dv",
        "two-way-backward",
        (("(s[0] - s[1])", "(s[1] - s[0])"),),
        "dv has the wrong sign: more of m gives more of s[0] and less of s[1].",
        DIRECTIONS_BACK,
    ),
    Misconception(
        "two ways: dv averaged over steps and batch",
        "two-way-backward",
        ((".sum(axis=(0, 1))", ".mean(axis=(0, 1))"),),
        "dv is averaged over steps and samples. v is used in all of them, so the terms are added.",
        SUMS,
    ),
]

CATALOGUE = Catalogue(
    MODEL,
    [
        *GRU_FORWARD,
        *GRU_BACKWARD,
        *LSTM_FORWARD,
        *LSTM_BACKWARD,
        *TWO_WAY_FORWARD,
        *TWO_WAY_BACKWARD,
    ],
)
