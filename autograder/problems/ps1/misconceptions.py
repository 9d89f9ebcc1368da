"""Problem set 1: what students get wrong, as mutants of the model solution with a sentence each."""

from autograder.problems.diagnoses import Catalogue, Misconception, Place
from autograder.problems.ps1.reference import MODEL

TASKS, CELL, LOSS = (
    "01-sequences-and-tasks",
    "02-the-recurrent-cell",
    "03-loss-and-sampling",
)
CUT = Place(TASKS, "seq-build-windows")
FACTORS = Place(TASKS, "seq-chain", 1)
PADDING, PADDED = Place(TASKS, "seq-padding"), Place(TASKS, "seq-build-padding")
RECURRENCE, ACTIVATIONS = Place(CELL, "cell-recurrence", 4), Place(CELL, "cell-activations")
FORWARD = Place(CELL, "cell-numpy-forward")
CROSS_ENTROPY = Place(LOSS, "loss-cross-entropy", 4)
LOG_SUM_EXP, GRADIENT = Place(LOSS, "loss-log-sum-exp", 7), Place(LOSS, "loss-gradient", 8)
JACOBIAN, MASKED = Place(LOSS, "loss-softmax-jacobian", 9), Place(LOSS, "loss-masked", 11)
STABLE = Place(LOSS, "loss-numpy")
MASK_MISTAKES = Place(LOSS, "loss-mask-mistakes")

WINDOWS = [
    Misconception(
        "padded behind",
        "windows",
        (
            (
                "np.append(np.full(empty, pad), tokens[start:stop])",
                "np.append(tokens[start:stop], np.full(empty, pad))",
            ),
            (
                "np.append(np.full(empty, pad), tokens[start + 1 : stop + 1])",
                "np.append(tokens[start + 1 : stop + 1], np.full(empty, pad))",
            ),
            ("np.arange(length) >= empty", "np.arange(length) < length - empty"),
        ),
        "The padding stands behind the tokens. It belongs in front of them, so that a short "
        "window's pairs stand at its last steps.",
        PADDING,
    ),
    Misconception(
        "documents joined",
        "windows",
        (("enumerate(documents)", "enumerate([np.concatenate(documents)])"),),
        "The documents are joined before they are cut, so windows run across borders. Cut each "
        "document on its own.",
        PADDED,
    ),
    Misconception(
        "short last window dropped",
        "windows",
        (("-(-(pairs - length) // stride)", "(pairs - length) // stride"),),
        "Pairs at a document's end that fill no further window are left out. They belong in one "
        "more window, which is padded.",
        CUT,
    ),
    Misconception(
        "short documents dropped",
        "windows",
        (("pairs > 0", "pairs >= length"),),
        "A document with fewer pairs than a window has steps gives no window in your answer. It "
        "gives one, which is padded.",
        PADDED,
    ),
    Misconception(
        "windows go on after the end",
        "windows",
        (("max(0, -(-(pairs - length) // stride))", "(pairs - 1) // stride"),),
        "After a window has reached the document's last pair, further windows begin. The first "
        "one that reaches it is the document's last.",
        CUT,
    ),
    Misconception(
        "last window moved back",
        "windows",
        (("start = w * stride", "start = min(w * stride, max(pairs - length, 0))"),),
        "The last window is moved back until it is full. It begins a stride after the window "
        "before it, and is padded.",
        CUT,
    ),
    Misconception(
        "stride ignored",
        "windows",
        (("pairs = len(tokens) - 1", "pairs, stride = len(tokens) - 1, length"),),
        "Windows stand side by side, whatever the stride. The next one begins a stride later, even "
        "if that is within the window before.",
        CUT,
    ),
    Misconception(
        "a window at every pair",
        "windows",
        (("pairs = len(tokens) - 1", "pairs, stride = len(tokens) - 1, 1"),),
        "A window begins at every pair. The next one should begin a stride later.",
        CUT,
    ),
    Misconception(
        "targets not shifted",
        "windows",
        (("tokens[start + 1 : stop + 1]", "tokens[start:stop]"),),
        "The targets are the inputs themselves. The target of a step is the token after its input.",
        FACTORS,
    ),
    Misconception(
        "targets are the tokens before",
        "windows",
        (
            ('"inputs": np.array(inputs)', '"inputs": np.array(targets)'),
            ('"targets": np.array(targets)', '"targets": np.array(inputs)'),
        ),
        "Inputs and targets have changed places: the target of a step is the token after its "
        "input, not the one before.",
        FACTORS,
    ),
    Misconception(
        "the last target is lost",
        "windows",
        (
            ("mask.append(", "targets[-1][-1] = pad\n            mask.append("),
            (
                "np.arange(length) >= empty",
                "(np.arange(length) >= empty) & (np.arange(length) < length - 1)",
            ),
        ),
        "The last step of each window has no target in your answer. It has one: the token after "
        "the window's last input, which is still in the document.",
        FACTORS,
    ),
    Misconception(
        "tokens counted for pairs",
        "windows",
        (
            ("pairs = len(tokens) - 1", "pairs, after = len(tokens), np.append(tokens[1:], pad)"),
            ("tokens[start + 1 : stop + 1]", "after[start:stop]"),
        ),
        "A document's last token is taken for an input, though no token follows it. K tokens make "
        "K − 1 pairs of an input and its target.",
        FACTORS,
    ),
    Misconception(
        "zeros for pad",
        "windows",
        (("pairs = len(tokens) - 1", "pairs, pad = len(tokens) - 1, 0"),),
        "Padded positions hold zeros. They should hold the argument pad.",
        PADDED,
    ),
    Misconception(
        "mask the other way round",
        "windows",
        ((">= empty", "< empty"),),
        "The mask is the other way round: it is 1 at real steps and 0 at padding.",
        PADDING,
    ),
    Misconception(
        "mask of ones",
        "windows",
        ((">= empty", ">= 0"),),
        "The mask is 1 everywhere. At padded steps it is 0.",
        PADDING,
    ),
    Misconception(
        "mask one step late",
        "windows",
        ((">= empty", "> empty"),),
        "The mask hides the first real step. With r padded steps, the first real one is step r, "
        "as steps count from 0.",
        PADDING,
    ),
    Misconception(
        "documents without pairs not counted",
        "windows",
        (
            (
                "enumerate(documents)",
                "enumerate(u for u in documents if len(u) > 1)",
            ),
        ),
        "Documents without a window are not counted. The number of a document is its place in the "
        "list, with those counted too.",
        PADDED,
    ),
    Misconception(
        "documents counted from one",
        "windows",
        (("origin.append(d)", "origin.append(d + 1)"),),
        "Documents are counted from 1. The first one in the list has the number 0.",
        PADDED,
    ),
    Misconception(
        "each document listed once",
        "windows",
        (("np.array(origin)", "np.unique(origin)"),),
        "Each document is listed once. There is one entry for each window, so a document with "
        "several windows is listed as often.",
        PADDED,
    ),
    Misconception(
        "one row a window",
        "windows",
        (
            ("np.array(inputs).T", "np.array(inputs)"),
            ("np.array(targets).T", "np.array(targets)"),
            ("np.array(mask).T", "np.array(mask)"),
        ),
        "Each window is a row. Steps come first here, so that each window is a column.",
        PADDED,
    ),
]

MIX = "(1 - alpha) * h_prev + alpha * fresh"
STEP = [
    Misconception(
        "leak the other way round",
        "step",
        ((MIX, "alpha * h_prev + (1 - alpha) * fresh"),),
        "α and 1 − α have changed places. α is the weight of the new value, 1 − α that of the old "
        "state.",
        RECURRENCE,
    ),
    Misconception(
        "no leak",
        "step",
        ((MIX, "fresh + 0 * alpha"),),
        "The leak is left out: your state is the new value alone.",
        RECURRENCE,
    ),
    Misconception(
        "old state dropped",
        "step",
        ((MIX, "alpha * fresh"),),
        "The old state is missing in the mix. It has the weight 1 − α.",
        RECURRENCE,
    ),
    Misconception(
        "old state kept whole",
        "step",
        ((MIX, "h_prev + alpha * fresh"),),
        "The old state is added whole. It has the weight 1 − α.",
        RECURRENCE,
    ),
    Misconception(
        "new value added whole",
        "step",
        ((MIX, "(1 - alpha) * h_prev + fresh"),),
        "The new value is added whole. It has the weight α.",
        RECURRENCE,
    ),
    Misconception(
        "tanh of the mix",
        "step",
        (
            (
                "fresh = np.tanh(x_t @ W_xh + h_prev @ W_hh + b_h)",
                "a = x_t @ W_xh + h_prev @ W_hh + b_h",
            ),
            (MIX, "np.tanh((1 - alpha) * h_prev + alpha * a)"),
        ),
        "The tanh is taken of the mix of old state and pre-activation. It belongs around the "
        "pre-activation alone.",
        ACTIVATIONS,
    ),
    Misconception(
        "leak inside the tanh",
        "step",
        (
            (
                "np.tanh(x_t @ W_xh + h_prev @ W_hh + b_h)",
                "np.tanh(alpha * (x_t @ W_xh + h_prev @ W_hh + b_h))",
            ),
            ("alpha * fresh", "fresh"),
        ),
        "The leak α multiplies the pre-activation. It multiplies the tanh, from outside.",
        ACTIVATIONS,
    ),
    Misconception(
        "leaked state in the product",
        "step",
        (("h_prev @ W_hh", "((1 - alpha) * h_prev) @ W_hh"),),
        "W_hh multiplies the state after 1 − α has. It multiplies the whole old state.",
        RECURRENCE,
    ),
    Misconception(
        "one leak for all units",
        "step",
        ((MIX, "(1 - alpha.mean()) * h_prev + alpha.mean() * fresh"),),
        "All units share one leak. α has an entry for each unit.",
        RECURRENCE,
    ),
    Misconception(
        "W_hh transposed in the step",
        "step",
        (("h_prev @ W_hh", "h_prev @ W_hh.T"),),
        "The state is multiplied by the transpose of W_hh. States are rows here: h W_hh.",
        RECURRENCE,
    ),
    Misconception(
        "no tanh",
        "step",
        (("np.tanh(x_t @ W_xh + h_prev @ W_hh + b_h)", "x_t @ W_xh + h_prev @ W_hh + b_h"),),
        "The activation is missing: the new value is the tanh of the pre-activation.",
        ACTIVATIONS,
    ),
    Misconception(
        "sigmoid in place of tanh",
        "step",
        (
            (
                "np.tanh(x_t @ W_xh + h_prev @ W_hh + b_h)",
                "1 / (1 + np.exp(-(x_t @ W_xh + h_prev @ W_hh + b_h)))",
            ),
        ),
        "You used the sigmoid where the statement asks for tanh.",
        ACTIVATIONS,
    ),
    Misconception(
        "no bias",
        "step",
        ((" + b_h", ""),),
        "The bias b_h is missing in the pre-activation.",
        RECURRENCE,
    ),
    Misconception(
        "bias outside the tanh",
        "step",
        (("h_prev @ W_hh + b_h)", "h_prev @ W_hh) + b_h"),),
        "The bias is added after the tanh. It is part of the pre-activation.",
        RECURRENCE,
    ),
]

HELD = "np.where(started, moved, state)"
SEQUENCE = [
    Misconception(
        "padding is not held",
        "sequence",
        ((HELD, "moved"),),
        "Padded steps update the state. Before starts[n], sample n keeps h0.",
        PADDED,
    ),
    Misconception(
        "padding is set to zero",
        "sequence",
        ((HELD, "np.where(started, moved, 0.0)"),),
        "Before the first real step your state is zero. It should hold h0.",
        PADDED,
    ),
    Misconception(
        "shown as zero before the start",
        "sequence",
        (("h[t] = state", "h[t] = np.where(started, state, 0.0)"),),
        "The real steps are right, but at the padded ones you return zeros. They hold h0.",
        PADDED,
    ),
    Misconception(
        "inputs zeroed instead of the state held",
        "sequence",
        ((HELD, "moved"), ("leaky_step(x[t], state", "leaky_step(started * x[t], state")),
        "Inputs are set to zero at padded steps, and the state goes on changing through W_hh, b_h "
        "and the leak. Hold the state itself.",
        PADDING,
    ),
    Misconception(
        "padded steps leak",
        "sequence",
        ((HELD, "np.where(started, moved, (1 - alpha) * state)"),),
        "At padded steps the state shrinks by 1 − α. It stays as it is.",
        RECURRENCE,
    ),
    Misconception(
        "one step late",
        "sequence",
        (("starts <= t", "starts < t"),),
        "The first real step of each sample is taken for padding. starts[n] is itself a real step.",
        PADDING,
    ),
    Misconception(
        "one step early",
        "sequence",
        (("starts <= t", "starts <= t + 1"),),
        "One padded step too many counts as real. The first real one is starts[n], and steps "
        "count from 0.",
        PADDING,
    ),
    Misconception(
        "starts read as lengths",
        "sequence",
        (("starts <= t", "t < starts"),),
        "Steps before starts[n] are taken for the real ones. The real ones are starts[n] and "
        "those after it.",
        PADDING,
    ),
    Misconception(
        "h0 is ignored",
        "sequence",
        (("state = h0", "state = np.zeros(h0.shape)"),),
        "The network starts from a zero state and not from h0.",
        RECURRENCE,
    ),
    Misconception(
        "state not carried",
        "sequence",
        (("leaky_step(x[t], state,", "leaky_step(x[t], h0,"),),
        "Every step starts from h0. Step t starts from the state after step t − 1.",
        FORWARD,
    ),
    Misconception(
        "one input for all steps",
        "sequence",
        (("x[t]", "x[-1]"),),
        "Every step reads the input of the last step. Step t reads x[t].",
        FORWARD,
    ),
    Misconception(
        "states before the steps",
        "sequence",
        (
            ("        h[t] = state\n", ""),
            (
                "    for t in range(len(x)):\n",
                "    for t in range(len(x)):\n        h[t] = state\n",
            ),
        ),
        "h[t] holds the state before step t, and the last state is lost. It is the one after step "
        "t.",
        FORWARD,
    ),
    Misconception(
        "the batch starts together",
        "sequence",
        (("(starts <= t)[:, None]", "(starts.min() <= t)"),),
        "All samples start where the first one does. Each has its own first real step.",
        PADDED,
    ),
]

WEIGHT = "mask / np.maximum(real, 1) / max(np.count_nonzero(real), 1)"
TRUTH = "np.where(hit, 1 - eps, eps / (C - 1))"
SLOPE = "weight[..., None] * (np.exp(log_p) - q)"
SLOPES = [
    Misconception(
        "gradient against the target alone",
        "loss",
        ((SLOPE, "weight[..., None] * (np.exp(log_p) - hit)"),),
        "The loss is smoothed, but the gradient subtracts a one-hot target. It subtracts the "
        "smoothed one.",
        GRADIENT,
    ),
    Misconception(
        "gradient with the wrong sign",
        "loss",
        ((SLOPE, "weight[..., None] * (q - np.exp(log_p))"),),
        "The gradient is truth minus prediction. It is prediction minus truth.",
        GRADIENT,
    ),
    Misconception(
        "gradient at padding",
        "loss",
        (
            (
                SLOPE,
                "(1 / np.maximum(real, 1) / max(np.count_nonzero(real), 1))[:, None]"
                " * (np.exp(log_p) - q)",
            ),
        ),
        "Padded positions receive a gradient. The loss does not depend on their logits.",
        MASK_MISTAKES,
    ),
    Misconception(
        "gradient without the mean",
        "loss",
        ((SLOPE, "mask[..., None] * (np.exp(log_p) - q)"),),
        "The loss is a mean, but the gradient is that of a sum. Both have the same weights.",
        MASKED,
    ),
    Misconception(
        "gradient of another mean",
        "loss",
        ((SLOPE, "mask[..., None] / max(mask.sum(), 1) * (np.exp(log_p) - q)"),),
        "The loss is averaged per sequence, but the gradient over all real steps at once. Both "
        "have the same weights.",
        MASKED,
    ),
    Misconception(
        "gradient divided by the batch alone",
        "loss",
        (
            (
                SLOPE,
                "mask[..., None] / max(np.count_nonzero(real), 1) * (np.exp(log_p) - q)",
            ),
        ),
        "The gradient lacks the mean over each sequence's real steps: it is divided by the number "
        "of sequences alone.",
        MASKED,
    ),
    Misconception(
        "gradient with softmax's slope",
        "loss",
        ((SLOPE, "weight[..., None] * (np.exp(log_p) - q) * np.exp(log_p) * (1 - np.exp(log_p))"),),
        "The gradient has a factor p (1 − p) too many. Together with the logarithm, softmax's own "
        "slope leaves prediction minus truth.",
        JACOBIAN,
    ),
    Misconception(
        "gradient of the target's logit alone",
        "loss",
        ((SLOPE, "weight[..., None] * (np.exp(log_p) - q) * hit"),),
        "Only the target's logit receives a gradient. All logits do: they share the softmax's "
        "denominator.",
        GRADIENT,
    ),
    Misconception(
        "gradient with respect to the probabilities",
        "loss",
        ((SLOPE, "-weight[..., None] * q / np.exp(log_p)"),),
        "Your gradient is the one with respect to the probabilities. Go on through the softmax to "
        "the logits.",
        JACOBIAN,
    ),
    Misconception(
        "gradient without the softmax",
        "loss",
        ((SLOPE, "weight[..., None] * (log_p - q)"),),
        "The gradient uses log p where it needs p.",
        GRADIENT,
    ),
    Misconception(
        "gradient without the prediction",
        "loss",
        ((SLOPE, "-weight[..., None] * q"),),
        "The gradient holds the truth alone. The logarithm of the softmax's sum adds the "
        "prediction p.",
        GRADIENT,
    ),
]
MEAN = [
    Misconception(
        "mean over all real steps",
        "loss",
        ((WEIGHT, "mask / max(mask.sum(), 1)"),),
        "You average over all real steps of the batch at once, so long sequences weigh more. "
        "Average within each sequence first, and then over the sequences.",
        MASKED,
    ),
    Misconception(
        "empty sequences counted",
        "loss",
        ((WEIGHT, "mask / np.maximum(real, 1) / len(real)"),),
        "The mean over the sequences counts those without a real step. It is over those that have "
        "one.",
        MASKED,
    ),
    Misconception(
        "divided by T",
        "loss",
        (("np.maximum(real, 1)", "len(mask)"),),
        "Each sequence's sum is divided by T. Divide by the number of its real steps.",
        MASK_MISTAKES,
    ),
    Misconception(
        "padding counted",
        "loss",
        ((WEIGHT, "np.ones(mask.shape) / mask.size"),),
        "Padded steps count in the loss. Only positions with mask 1 do.",
        MASK_MISTAKES,
    ),
    Misconception(
        "sum over the steps",
        "loss",
        (("mask / np.maximum(real, 1) / max", "mask / max"),),
        "A sequence's losses are added up. They are averaged over its real steps.",
        MASKED,
    ),
    Misconception(
        "sum over the sequences",
        "loss",
        ((WEIGHT, "mask / np.maximum(real, 1)"),),
        "The sequences' means are added up. They are averaged in their turn.",
        MASKED,
    ),
    Misconception(
        "0/0 for an empty sequence",
        "loss",
        (("np.maximum(real, 1)", "real"),),
        "A sequence without a real step gives 0/0, which is not a number, and spoils the whole "
        "batch. Leave it out.",
        MASK_MISTAKES,
    ),
    Misconception(
        "0/0 for an empty batch",
        "loss",
        (("max(np.count_nonzero(real), 1)", "np.count_nonzero(real)"),),
        "A batch in which no sequence has a real step gives 0/0. Its loss is zero, and so is its "
        "gradient.",
        MASK_MISTAKES,
    ),
]
SMOOTHING = [
    Misconception(
        "no smoothing",
        "loss",
        ((TRUTH, "1.0 * hit"),),
        "Smoothing is left out: eps has no effect in your answer.",
        CROSS_ENTROPY,
    ),
    Misconception(
        "smoothing over all classes",
        "loss",
        ((TRUTH, "(1 - eps) * hit + eps / C"),),
        "eps is spread over all classes, the target among them. Here the C − 1 other classes share "
        "it, and the target keeps 1 − eps.",
        CROSS_ENTROPY,
    ),
    Misconception(
        "smoothing that does not add up",
        "loss",
        ((TRUTH, "np.where(hit, 1 - eps, eps / C)"),),
        "Your smoothed target does not add up to 1: each of the C − 1 other classes has eps/C. It "
        "should have eps/(C − 1).",
        CROSS_ENTROPY,
    ),
    Misconception(
        "smoothing the other way round",
        "loss",
        ((TRUTH, "np.where(hit, eps, (1 - eps) / (C - 1))"),),
        "eps and 1 − eps have changed places: the target keeps 1 − eps.",
        CROSS_ENTROPY,
    ),
    Misconception(
        "target keeps everything",
        "loss",
        ((TRUTH, "np.where(hit, 1.0, eps / (C - 1))"),),
        "The other classes get their share of eps, but the target still has all of 1. It keeps "
        "1 − eps.",
        CROSS_ENTROPY,
    ),
    Misconception(
        "eps for each other class",
        "loss",
        ((TRUTH, "np.where(hit, 1 - eps, eps)"),),
        "Each other class gets the whole of eps. The C − 1 of them share it.",
        CROSS_ENTROPY,
    ),
]
NUMBERS = [
    Misconception(
        "logarithm of a rounded probability",
        "loss",
        (
            (
                "log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))",
                "log_p = np.log(np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True))",
            ),
        ),
        "The logarithm is taken of a probability that has been rounded to zero. Write log p as a "
        "difference of a logit and the logarithm of the sum.",
        LOG_SUM_EXP,
    ),
    Misconception(
        "exponential of the logits as they are",
        "loss",
        (("logits - logits.max(axis=-1, keepdims=True)", "logits"),),
        "The exponential is taken of the logits as they are, and overflows. Subtract the largest "
        "one first: softmax does not change.",
        STABLE,
    ),
    Misconception(
        "one maximum for the whole batch",
        "loss",
        (("logits.max(axis=-1, keepdims=True)", "logits.max()"),),
        "One number is subtracted everywhere, so at some positions all exponentials become zero. "
        "Subtract each position's own largest logit.",
        STABLE,
    ),
    Misconception(
        "a small number inside the logarithm",
        "loss",
        (
            (
                "log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))",
                "log_p = np.log(np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True) + 1e-12)",
            ),
        ),
        "A small number is added to the probability before the logarithm, so a large loss is cut "
        "off. Write log p as a difference, without dividing first.",
        LOG_SUM_EXP,
    ),
    Misconception(
        "softmax over the steps",
        "loss",
        (
            ("logits.max(axis=-1, keepdims=True)", "logits.max(axis=0, keepdims=True)"),
            ("np.exp(z).sum(axis=-1, keepdims=True)", "np.exp(z).sum(axis=0, keepdims=True)"),
        ),
        "The softmax runs over the steps. It runs over the classes, the last axis.",
        LOG_SUM_EXP,
    ),
    Misconception(
        "loss with the wrong sign",
        "loss",
        (("loss = -(", "loss = ("),),
        "The loss has the wrong sign. It is minus the logarithm of a probability, so it is never "
        "negative.",
        LOG_SUM_EXP,
    ),
]
CATALOGUE = Catalogue(MODEL, [*WINDOWS, *STEP, *SEQUENCE, *SLOPES, *MEAN, *SMOOTHING, *NUMBERS])
