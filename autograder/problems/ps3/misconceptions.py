"""Problem set 3: what students get wrong, as mutants of the model solution with a sentence each."""

from autograder.problems.diagnoses import Catalogue, Misconception, Place
from autograder.problems.ps3.reference import MODEL

BPTT = "04-backpropagation-through-time"
GRADIENTS = "05-vanishing-and-exploding-gradients"
CLIPPING = "06-clipping"
STARTS = "08-initialisation-and-identity"

VJP = Place(BPTT, "bptt-vjp", 8)
PRODUCT = Place(BPTT, "bptt-product", 7)
FACTOR = Place(GRADIENTS, "gradients-step-jacobian")
JACOBIAN = Place(GRADIENTS, "gradients-jacobian", 2)
OTHER_FORM = Place(GRADIENTS, "gradients-other-form", 3)
SLOPES = Place(GRADIENTS, "gradients-gamma", 6)
NORM = Place(GRADIENTS, "gradients-norm", 5)
BOUND = Place(GRADIENTS, "gradients-upper-bound", 7)
RADIUS = Place(GRADIENTS, "gradients-radius")
POWER = Place(GRADIENTS, "gradients-power", 8)
BY_NORM = Place(CLIPPING, "clip-norm", 3)
BY_VALUE = Place(CLIPPING, "clip-value", 4)
TOGETHER = Place(CLIPPING, "clip-global", 5)
KINDS = Place(CLIPPING, "clip-numpy")
PLACEMENT = Place(CLIPPING, "clip-placement")
NOT_FINITE = Place(CLIPPING, "clip-non-finite")
LENGTH = Place(STARTS, "init-length", 5)
GRAM_SCHMIDT = Place(STARTS, "init-gram-schmidt", 6)
SPECTRA = Place(STARTS, "init-spectra")
TURN = Place(STARTS, "init-rotation", 9)

BACK = [
    Misconception(
        "W_hh instead of its transpose on the way back",
        "back",
        (("@ W_hh.T", "@ W_hh"),),
        "The row is multiplied by W_hh itself. On the way back it meets the transpose.",
        VJP,
    ),
    Misconception(
        "no leak path on the way back",
        "back",
        (("back[t + 1] * (1 - alpha) + through", "through"),),
        "The path past the units is missing: (1 − α) of the vector goes back as it is.",
        FACTOR,
    ),
    Misconception(
        "alpha missing on the way back",
        "back",
        (("back[t + 1] * alpha * slope", "back[t + 1] * slope"),),
        "What goes back through tanh lacks the factor α.",
        FACTOR,
    ),
    Misconception(
        "alpha and 1 − alpha swapped on the way back",
        "back",
        (
            ("* alpha * slope", "* (1 - alpha) * slope"),
            ("* (1 - alpha) + through", "* alpha + through"),
        ),
        "α and 1 − α are swapped: α belongs to the path through tanh, 1 − α to the one past it.",
        FACTOR,
    ),
    Misconception(
        "no slope on the way back",
        "back",
        (("back[t + 1] * alpha * slope", "back[t + 1] * alpha"),),
        "The slope of tanh is missing on the way back.",
        JACOBIAN,
    ),
    Misconception(
        "slope from a itself on the way back",
        "back",
        (("np.tanh(a[t]) ** 2", "a[t] ** 2"),),
        "The slope is made of a as if a were the tanh. It is 1 − tanh(a)².",
        SLOPES,
    ),
    Misconception(
        "slope without the square on the way back",
        "back",
        (("np.tanh(a[t]) ** 2", "np.tanh(a[t])"),),
        "The slope of tanh is 1 − tanh(a)², with the square.",
        SLOPES,
    ),
    Misconception(
        "slope of the sigmoid on the way back",
        "back",
        (("1 - np.tanh(a[t]) ** 2", "1 / (2 + np.exp(a[t]) + np.exp(-a[t]))"),),
        "You used the slope of the sigmoid. The network's units are tanh.",
        SLOPES,
    ),
    Misconception(
        "slope after the product on the way back",
        "back",
        (
            (
                "(back[t + 1] * alpha * slope) @ W_hh.T",
                "(back[t + 1] @ W_hh.T) * alpha * slope",
            ),
        ),
        "α and the slope are applied after the product with the transpose of W_hh. The row meets "
        "them first: they belong to the step's own units.",
        OTHER_FORM,
    ),
    Misconception(
        "alpha after the product on the way back",
        "back",
        (("(back[t + 1] * alpha * slope) @ W_hh.T", "alpha * ((back[t + 1] * slope) @ W_hh.T)"),),
        "α is applied after the product with the transpose of W_hh. α[i] belongs to the unit that "
        "tanh feeds, so it comes before, beside the slope.",
        OTHER_FORM,
    ),
    Misconception(
        "slope on the leak path back",
        "back",
        (("back[t + 1] * (1 - alpha)", "back[t + 1] * (1 - alpha) * slope"),),
        "The path past the units is multiplied by the slope, too. Nothing on it passes tanh.",
        FACTOR,
    ),
    Misconception(
        "leak path through W_hh",
        "back",
        (
            (
                "through = (back[t + 1] * alpha * slope) @ W_hh.T\n"
                "        back[t] = back[t + 1] * (1 - alpha) + through",
                "back[t] = (back[t + 1] * (alpha * slope + 1 - alpha)) @ W_hh.T",
            ),
        ),
        "Both paths are sent through W_hh. The one past the units goes from each unit to itself.",
        FACTOR,
    ),
    Misconception(
        "steps visited forward on the way back",
        "back",
        (("slope = 1 - np.tanh(a[t])", "slope = 1 - np.tanh(a[len(a) - 1 - t])"),),
        "The steps are used in the wrong order: the row v meets the last step's Jacobian first.",
        PRODUCT,
    ),
    Misconception(
        "one Jacobian for all steps back",
        "back",
        (("slope = 1 - np.tanh(a[t])", "slope = 1 - np.tanh(a[-1])"),),
        "Every step uses the slopes of the last one. Each step has its own.",
        PRODUCT,
    ),
    Misconception(
        "slopes of the step before on the way back",
        "back",
        (("slope = 1 - np.tanh(a[t])", "slope = 1 - np.tanh(a[max(t - 1, 0)])"),),
        "Each step takes the slopes of the step before it.",
        PRODUCT,
    ),
    Misconception(
        "v sent back once a step",
        "back",
        (("back[t + 1] * (1 - alpha) + through", "back[t + 1] * (1 - alpha) + through + v"),),
        "v is added again at every step. It enters once, at the last state.",
        VJP,
    ),
    Misconception(
        "samples mixed in the slope back",
        "back",
        (("slope = 1 - np.tanh(a[t]) ** 2", "slope = (1 - np.tanh(a[t]) ** 2).mean(axis=0)"),),
        "The slopes are averaged over the samples. Each sample has its own Jacobian.",
        JACOBIAN,
    ),
    Misconception(
        "products back in reverse order",
        "back",
        (("    return back\n", "    return back[::-1]\n"),),
        "The products are stored the wrong way round: entry k belongs to state k, so that the last "
        "one is v.",
        PRODUCT,
    ),
    Misconception(
        "paths subtracted on the way back",
        "back",
        (("back[t + 1] * (1 - alpha) + through", "back[t + 1] * (1 - alpha) - through"),),
        "The path through tanh is subtracted. The two paths are added.",
        FACTOR,
    ),
    Misconception(
        "rescaled at each step back",
        "back",
        (
            (
                "* (1 - alpha) + through\n",
                "* (1 - alpha) + through\n"
                "        back[t] /= np.linalg.norm(back[t], axis=1, keepdims=True)\n",
            ),
        ),
        "The row is rescaled to length one at each step. A product keeps the length that it gets.",
        VJP,
    ),
]

AHEAD = [
    Misconception(
        "transpose of W_hh on the way forward",
        "ahead",
        (("@ W_hh)", "@ W_hh.T)"),),
        "The vector is multiplied by the transpose of W_hh. With states as rows, a small change "
        "moves forward as the state does: by W_hh itself.",
        JACOBIAN,
    ),
    Misconception(
        "no leak path on the way forward",
        "ahead",
        (("(1 - alpha) * moved[t] + alpha * inside", "alpha * inside"),),
        "The part that each unit keeps is missing: (1 − α) of the vector moves on as it is.",
        FACTOR,
    ),
    Misconception(
        "alpha missing on the way forward",
        "ahead",
        (("+ alpha * inside", "+ inside"),),
        "What has passed tanh lacks the factor α.",
        FACTOR,
    ),
    Misconception(
        "alpha and 1 − alpha swapped on the way forward",
        "ahead",
        (("(1 - alpha) * moved[t] + alpha * inside", "alpha * moved[t] + (1 - alpha) * inside"),),
        "α and 1 − α are swapped: a unit keeps 1 − α of what it holds, α comes from tanh.",
        FACTOR,
    ),
    Misconception(
        "no slope on the way forward",
        "ahead",
        (("inside = slope * (moved[t] @ W_hh)", "inside = moved[t] @ W_hh"),),
        "The slope of tanh is missing on the way forward.",
        JACOBIAN,
    ),
    Misconception(
        "tanh itself in place of its slope",
        "ahead",
        (("slope = 1 - np.tanh(a[t]) ** 2", "slope = np.tanh(a[t])"),),
        "You multiply by tanh(a). A small change is multiplied by the slope, 1 − tanh(a)².",
        SLOPES,
    ),
    Misconception(
        "slope from a itself on the way forward",
        "ahead",
        (("np.tanh(a[t]) ** 2", "a[t] ** 2"),),
        "The slope is made of a as if it were the tanh already. It is 1 − tanh(a)².",
        SLOPES,
    ),
    Misconception(
        "slope of the sigmoid on the way forward",
        "ahead",
        (("1 - np.tanh(a[t]) ** 2", "1 / (2 + np.exp(a[t]) + np.exp(-a[t]))"),),
        "You used the sigmoid's slope. The units of this network are tanh.",
        SLOPES,
    ),
    Misconception(
        "tanh of the small change",
        "ahead",
        (("slope * (moved[t] @ W_hh)", "np.tanh(a[t] + moved[t] @ W_hh) - np.tanh(a[t])"),),
        "You moved a finite change through tanh. A product with the Jacobian is linear in u: "
        "multiply by the slope at a.",
        JACOBIAN,
    ),
    Misconception(
        "slope before the product on the way forward",
        "ahead",
        (("slope * (moved[t] @ W_hh)", "(slope * moved[t]) @ W_hh"),),
        "The slope is applied before the product with W_hh. The change reaches a first and meets "
        "the slope of the unit there.",
        OTHER_FORM,
    ),
    Misconception(
        "alpha before the product on the way forward",
        "ahead",
        (
            ("slope * (moved[t] @ W_hh)", "slope * ((alpha * moved[t]) @ W_hh)"),
            ("+ alpha * inside", "+ inside"),
        ),
        "α is applied before the product with W_hh. α[j] belongs to the unit that tanh feeds, so "
        "it comes after.",
        OTHER_FORM,
    ),
    Misconception(
        "slope on the leak path forward",
        "ahead",
        (("(1 - alpha) * moved[t]", "(1 - alpha) * slope * moved[t]"),),
        "What a unit keeps is multiplied by the slope, too. It does not pass tanh.",
        FACTOR,
    ),
    Misconception(
        "steps visited backward on the way forward",
        "ahead",
        (("np.tanh(a[t])", "np.tanh(a[-1 - t])"),),
        "The steps are used in the wrong order: u meets the first step's Jacobian first.",
        PRODUCT,
    ),
    Misconception(
        "one Jacobian for all steps forward",
        "ahead",
        (("np.tanh(a[t])", "np.tanh(a[0])"),),
        "Every step uses the slopes of the first one. Each step has slopes of its own.",
        PRODUCT,
    ),
    Misconception(
        "each step from u anew",
        "ahead",
        (("(moved[t] @ W_hh)", "(u @ W_hh)"), ("(1 - alpha) * moved[t]", "(1 - alpha) * u")),
        "Each step starts from u again. It starts from what the step before has made of it.",
        PRODUCT,
    ),
    Misconception(
        "leak path keeps u",
        "ahead",
        (("(1 - alpha) * moved[t]", "(1 - alpha) * u"),),
        "What the units keep is taken from u at every step. They keep what they hold now.",
        FACTOR,
    ),
    Misconception(
        "samples mixed in the slope forward",
        "ahead",
        (("slope = 1 - np.tanh(a[t]) ** 2", "slope = (1 - np.tanh(a[t]) ** 2).mean(axis=0)"),),
        "The slopes are averaged over the batch. Each sample has a Jacobian of its own.",
        JACOBIAN,
    ),
    Misconception(
        "paths subtracted on the way forward",
        "ahead",
        (("* moved[t] + alpha", "* moved[t] - alpha"),),
        "What comes through tanh is subtracted. It is added to what the units keep.",
        FACTOR,
    ),
]

NORMS = [
    Misconception(
        "one round too few",
        "norms",
        (("range(rounds)", "range(rounds - 1)"),),
        "One round is missing. After the last round, P is applied once more to measure.",
        NORM,
    ),
    Misconception(
        "one round too many",
        "norms",
        (("range(rounds)", "range(rounds + 1)"),),
        "There is one round too many.",
        NORM,
    ),
    Misconception(
        "no rescaling between rounds",
        "norms",
        (("u = u / np.where(length > 0, length, 1.0)", "pass"),),
        "The vector is not rescaled to length one after each round, so its own length is in the "
        "result.",
        NORM,
    ),
    Misconception(
        "zero divided by zero",
        "norms",
        (("u / np.where(length > 0, length, 1.0)", "u / length"),),
        "Where nothing passes, the zero vector is divided by its length of zero. The norm is 0 "
        "there.",
        NORM,
    ),
    Misconception(
        "squared norm",
        "norms",
        (("np.linalg.norm(there, axis=1)", "np.sum(there**2, axis=1)"),),
        "You return the square of the norm.",
        NORM,
    ),
    Misconception(
        "largest entry in place of the norm",
        "norms",
        (("norms[k] = np.linalg.norm(there, axis=1)", "norms[k] = np.abs(there).max(axis=1)"),),
        "You return the largest entry of P u. Its Euclidean length is asked for.",
        NORM,
    ),
    Misconception(
        "transpose first",
        "norms",
        (
            (
                "there = products_forward(u, a[k:], alpha, W_hh)[-1]\n"
                "            u = products_back(there, a[k:], alpha, W_hh)[0]",
                "there = products_back(u, a[k:], alpha, W_hh)[0]\n"
                "            u = products_forward(there, a[k:], alpha, W_hh)[-1]",
            ),
            (
                "there = products_forward(u, a[k:], alpha, W_hh)[-1]\n        norms",
                "there = products_back(u, a[k:], alpha, W_hh)[0]\n        norms",
            ),
        ),
        "You start with the transpose. In the stated method P comes first: forward, then back.",
        NORM,
    ),
    Misconception(
        "no transpose",
        "norms",
        (("u = products_back(there, a[k:], alpha, W_hh)[0]", "u = there"),),
        "The rounds apply P alone, without going back. That leads to the largest eigenvalue, not "
        "to the largest singular value.",
        POWER,
    ),
    Misconception(
        "length over the whole batch",
        "norms",
        (("np.linalg.norm(u, axis=1, keepdims=True)", "np.linalg.norm(u)"),),
        "The vectors of the whole batch are rescaled by one length. Each sample has its own.",
        NORM,
    ),
    Misconception(
        "measured before the last step back",
        "norms",
        (("norms[k] = np.linalg.norm(there, axis=1)", "norms[k] = length[:, 0]"),),
        "You return the length after P and its transpose, which tends to the square of the norm.",
        NORM,
    ),
    Misconception(
        "first steps in place of the last ones",
        "norms",
        (
            (
                "there = products_forward(u, a[k:], alpha, W_hh)[-1]\n            u",
                "there = products_forward(u, a[:k], alpha, W_hh)[-1]\n            u",
            ),
            ("products_back(there, a[k:]", "products_back(there, a[:k]"),
            (
                "there = products_forward(u, a[k:], alpha, W_hh)[-1]\n        norms",
                "there = products_forward(u, a[:k], alpha, W_hh)[-1]\n        norms",
            ),
        ),
        "You measure ∂h_k/∂h_0, the first k steps. Asked for is ∂h_T/∂h_k: the steps from k on.",
        PRODUCT,
    ),
    Misconception(
        "by age",
        "norms",
        (("    return norms\n", "    return norms[::-1]\n"),),
        "The norms are ordered by age T − k. They should be ordered by k, so that the last one is "
        "that of the identity.",
        PRODUCT,
    ),
    Misconception(
        "product of the steps' norms",
        "norms",
        (
            (
                "    return norms\n",
                "    for k in range(len(a) if len(a) > 1 else 0):\n"
                "        norms[k] = 1.0\n"
                "        for t in range(k, len(a)):\n"
                "            step = a[t : t + 1]\n"
                "            norms[k] *= jacobian_norms(step, alpha, W_hh, start, rounds)[0]\n"
                "    return norms\n",
            ),
        ),
        "You multiply the norms of the single steps. That is an upper bound on the norm of the "
        "product.",
        BOUND,
    ),
    Misconception(
        "averaged over the batch",
        "norms",
        (("np.linalg.norm(there, axis=1)", "np.linalg.norm(there, axis=1).mean()"),),
        "The norms are averaged over the samples. Each sample has a product of its own.",
        NORM,
    ),
]

CLIP = [
    Misconception(
        "outliers set to zero",
        "clip",
        (
            (
                "np.clip(gradients[name], -eta, eta)",
                "np.where(np.abs(gradients[name]) > eta, 0.0, gradients[name])",
            ),
        ),
        "By value: entries beyond the threshold are set to zero. They end on the border of the "
        "interval.",
        BY_VALUE,
    ),
    Misconception(
        "signs lost",
        "clip",
        (("np.clip(gradients[name], -eta, eta)", "np.minimum(np.abs(gradients[name]), eta)"),),
        "By value: the signs are lost. A negative entry stays negative.",
        BY_VALUE,
    ),
    Misconception(
        "signs flipped where clipped",
        "clip",
        (
            (
                "np.clip(gradients[name], -eta, eta)",
                "np.where(np.abs(gradients[name]) > eta, -np.sign(gradients[name]) * eta, "
                "gradients[name])",
            ),
        ),
        "By value: entries that are clipped change their sign. They should keep it.",
        BY_VALUE,
    ),
    Misconception(
        "only large positive entries clipped",
        "clip",
        (("np.clip(gradients[name], -eta, eta)", "np.minimum(gradients[name], eta)"),),
        "By value: negative entries are not limited. The interval is from −η to η.",
        BY_VALUE,
    ),
    Misconception(
        "rescaled by the largest entry",
        "clip",
        (
            (
                "np.clip(gradients[name], -eta, eta)",
                "gradients[name] * min(1.0, eta / max(np.abs(gradients[name]).max(), 1e-300))",
            ),
        ),
        "By value: the array is rescaled until its largest entry fits. Each entry is limited by "
        "itself.",
        BY_VALUE,
    ),
    Misconception(
        "always rescaled",
        "clip",
        (("min(1.0, eta / norm)", "eta / norm"),),
        "By norm: gradients below the threshold are made longer. They stay as they are.",
        BY_NORM,
    ),
    Misconception(
        "rescaled to length one",
        "clip",
        (("min(1.0, eta / norm)", "(1 / norm if norm > eta else 1.0)"),),
        "By norm: what is too long comes out with length one. It should have length η.",
        BY_NORM,
    ),
    Misconception(
        "divided by the squared norm",
        "clip",
        (("norm = largest * np.sqrt(sum(squares))", "norm = largest**2 * sum(squares)"),),
        "By norm: the root is missing, so the squared norm stands in the place of the norm.",
        TOGETHER,
    ),
    Misconception(
        "sum of the arrays' norms",
        "clip",
        (("np.sqrt(sum(squares))", "sum(np.sqrt(squares))"),),
        "By global norm: the norms of the arrays are added. Their squares are added, and then the "
        "root is taken.",
        TOGETHER,
    ),
    Misconception(
        "largest entry as the norm",
        "clip",
        (("norm = largest * np.sqrt(sum(squares))", "norm = largest"),),
        "By norm: you took the largest entry for the norm.",
        BY_NORM,
    ),
    Misconception(
        "mean square in place of the sum",
        "clip",
        (("[np.sum((", "[np.mean(("),),
        "By norm: the squares are averaged over the entries. They are added.",
        TOGETHER,
    ),
    Misconception(
        "each array on its own",
        "clip",
        (
            (
                '[[name] for name in trained] if kind == "array" else [trained]',
                "[[name] for name in trained]",
            ),
        ),
        "By global norm: each array gets its own factor. All arrays of the group share one.",
        TOGETHER,
    ),
    Misconception(
        "global in place of each array",
        "clip",
        (('[[name] for name in trained] if kind == "array" else [trained]', "[trained]"),),
        "By array: all arrays of the group get one factor. Each has its own norm and factor.",
        KINDS,
    ),
    Misconception(
        "one key only",
        "clip",
        (
            (
                "clipped[name] = gradients[name] * min(1.0, eta / norm)",
                "clipped[name] = gradients[name] * (min(1.0, eta / norm) if name == part[0] "
                "else 1.0)",
            ),
        ),
        "By global norm: only the first array of the group is scaled. The factor is for all.",
        TOGETHER,
    ),
    Misconception(
        "one norm over all groups",
        "clip",
        (
            (
                "else [trained]\n",
                "else [trained]\n        free = [n for n in gradients if n not in frozen]\n",
            ),
            ("for name in part), default=0.0)", "for name in free), default=0.0)"),
            ("** 2) for name in part]", '** 2) for name in (part if kind == "array" else free)]'),
        ),
        "By global norm: the arrays of other groups are in the norm. Each group has its own.",
        TOGETHER,
    ),
    Misconception(
        "first threshold for all groups",
        "clip",
        (("thresholds, strict=True)", "[thresholds[0]] * len(groups), strict=True)"),),
        "All groups use the first threshold. Each has its own, at the same place in thresholds.",
        KINDS,
    ),
    Misconception(
        "frozen ones count in the norm",
        "clip",
        (
            ("    for (kind, names), eta", "    unfrozen = clipped\n    for (kind, names), eta"),
            (
                '[[name] for name in trained] if kind == "array" else [trained]',
                '[[name] for name in names] if kind == "array" else [list(names)]',
            ),
            (
                "    return clipped\n",
                "    return {n: 0 * g if n in frozen else g for n, g in unfrozen.items()}\n",
            ),
        ),
        "By global norm: frozen parameters are in the norm. They are never updated, so they don't "
        "count.",
        TOGETHER,
    ),
    Misconception(
        "frozen ones returned as they are",
        "clip",
        (("0 * g if name in frozen else g", "g"),),
        "Frozen parameters get their gradient back. They should get zeros.",
        KINDS,
    ),
    Misconception(
        "frozen ones clipped like the others",
        "clip",
        (
            ("0 * g if name in frozen else g", "g"),
            ("[name for name in names if name not in frozen]", "list(names)"),
        ),
        "Frozen names are ignored: their gradients are clipped and counted like the others.",
        KINDS,
    ),
    Misconception(
        "squares overflow",
        "clip",
        (
            ("[np.sum((gradients[name] / largest) ** 2)", "[np.sum(gradients[name] ** 2)"),
            ("norm = largest * np.sqrt", "norm = np.sqrt"),
        ),
        "Squares of huge entries overflow, so that the norm is infinite and the gradient is lost. "
        "Divide by the largest entry before squaring.",
        NOT_FINITE,
    ),
    Misconception(
        "names outside the groups set to zero",
        "clip",
        (
            (
                "0 * g if name in frozen else g for name",
                "0 * g if name in frozen or all(name not in names for _, names in groups) else g "
                "for name",
            ),
        ),
        "A name that is in no group comes back as zeros. It should come back unclipped.",
        KINDS,
    ),
]

SKIPPED = "return {name: np.zeros(g.shape) for name, g in mean.items()}, bad"
SKIP = f"    if bad:\n        {SKIPPED}\n"
UPDATE = [
    Misconception(
        "clipped per micro-batch",
        "update",
        (
            (
                "    mean = {}\n",
                "    whole = micro_batches\n"
                "    micro_batches = [clip_groups(g, groups, thresholds, frozen) for g in whole]\n"
                "    mean = {}\n",
            ),
            (
                "not in frozen and not np.isfinite(g).all()]",
                "not in frozen and not all(np.isfinite(p[name]).all() for p in whole)]",
            ),
            ("return clip_groups(mean, groups, thresholds, frozen), bad", "return mean, bad"),
        ),
        "Each micro-batch is clipped before it is added. Add first, then clip once.",
        PLACEMENT,
    ),
    Misconception(
        "not clipped",
        "update",
        (("return clip_groups(mean, groups, thresholds, frozen), bad", "return mean, bad"),),
        "The mean gradient is returned without clipping.",
        PLACEMENT,
    ),
    Misconception(
        "micro-batches weigh the same",
        "update",
        (("size * part[name] for", "part[name] for"), ("sum(sizes)", "len(sizes)")),
        "All micro-batches weigh the same. Each is a mean over its own samples, so a larger one "
        "counts for more.",
        PLACEMENT,
    ),
    Misconception(
        "sum of the micro-batches",
        "update",
        (("size * part[name] for", "part[name] for"), (" / sum(sizes)", "")),
        "The gradients of the micro-batches are added. What is asked for is the mean over all "
        "samples.",
        PLACEMENT,
    ),
    Misconception(
        "sum over the samples",
        "update",
        ((" / sum(sizes)", ""),),
        "You return the sum over all samples. The mean is asked for: divide by their number.",
        PLACEMENT,
    ),
    Misconception(
        "divided by the number of micro-batches",
        "update",
        (("sum(sizes)", "len(sizes)"),),
        "The weighted sum is divided by the number of micro-batches. Divide by the number of "
        "samples.",
        PLACEMENT,
    ),
    Misconception(
        "only the last micro-batch",
        "update",
        (("sum(weighted) / sum(sizes)", "weighted[-1] / sizes[-1]"),),
        "Only the last micro-batch counts: each overwrites the one before.",
        PLACEMENT,
    ),
    Misconception(
        "NaN noticed but not infinity",
        "update",
        (("not np.isfinite(g).all()", "np.isnan(g).any()"),),
        "Infinite entries are not noticed. Neither NaN nor infinity can be clipped.",
        NOT_FINITE,
    ),
    Misconception(
        "infinity noticed but not NaN",
        "update",
        (("not np.isfinite(g).all()", "np.isinf(g).any()"),),
        "NaN entries are not noticed. Neither infinity nor NaN can be clipped.",
        NOT_FINITE,
    ),
    Misconception(
        "finite entries put in their place",
        "update",
        (
            (
                SKIP,
                "    mean = {n: np.nan_to_num(g, False, 0.0, 0.0, 0.0) for n, g in mean.items()}\n",
            ),
        ),
        "Entries that are not finite are replaced and the update is made. It should be skipped: "
        "zeros for every name.",
        NOT_FINITE,
    ),
    Misconception(
        "only the bad array skipped",
        "update",
        (
            (
                SKIP,
                "    for name in bad:\n        mean[name] = np.zeros(mean[name].shape)\n",
            ),
        ),
        "Only the arrays that are not finite are set to zero. The whole update is skipped.",
        NOT_FINITE,
        looks_like=("finite entries put in their place",),
    ),
    Misconception(
        "frozen ones reported",
        "update",
        (("if name not in frozen and not np", "if not np"),),
        "A frozen parameter's gradient stops the update. It is not used, so it may be anything.",
        NOT_FINITE,
    ),
    Misconception(
        "only the first bad name",
        "update",
        (
            (
                SKIPPED,
                SKIPPED + "[:1]",
            ),
        ),
        "Only the first name is reported. All gradients that are not finite are.",
        NOT_FINITE,
    ),
    Misconception(
        "finite names reported",
        "update",
        (
            (
                SKIPPED,
                SKIPPED.replace("bad", "[n for n in mean if n not in bad]"),
            ),
        ),
        "You report the names whose gradients are finite. The others are asked for.",
        NOT_FINITE,
    ),
    Misconception(
        "only the last micro-batch looked at",
        "update",
        (("not np.isfinite(g).all()]", "not np.isfinite(micro_batches[-1][name]).all()]"),),
        "Only the last micro-batch is searched for entries that are not finite.",
        NOT_FINITE,
    ),
    Misconception(
        "searched after clipping",
        "update",
        (
            (
                "    bad = [name for name, g in mean.items()",
                "    made = clip_groups(mean, groups, thresholds, frozen)\n"
                "    bad = [name for name, g in made.items()",
            ),
        ),
        "You look for infinite entries after clipping. By value they have become finite by then, "
        "and by global norm they have spoilt the others.",
        NOT_FINITE,
    ),
]

FACTORS = "Q, R = np.linalg.qr(block if rows >= columns else block.T)"
SINGULAR = FACTORS.replace("Q, R", "U, _, V").replace("qr(", "svd(")[:-1] + ", False)"
ORTHOGONAL = [
    Misconception(
        "signs left as the library has them",
        "orthogonal",
        (("        Q = Q * np.sign(np.diag(R))\n", ""),),
        "Some vectors have the opposite sign. Gram–Schmidt divides by a positive length; a library "
        "routine may choose otherwise, and R's diagonal tells.",
        GRAM_SCHMIDT,
    ),
    Misconception(
        "signs by row",
        "orthogonal",
        (
            (
                "Q * np.sign(np.diag(R))",
                "Q * np.sign(np.diag(R))[:, None] if len(Q) == len(R) else Q",
            ),
        ),
        "The signs are applied to the rows of Q. Each belongs to a column.",
        GRAM_SCHMIDT,
    ),
    Misconception(
        "all blocks at once",
        "orthogonal",
        (("np.split(A, blocks, axis=1)", "[A]"),),
        "The whole matrix is made orthonormal at once. Each block is made so by itself.",
        LENGTH,
    ),
    Misconception(
        "first block everywhere",
        "orthogonal",
        (("np.concatenate(made, axis=1)", "np.concatenate(made[:1] * blocks, axis=1)"),),
        "The first block is repeated. Each block comes from its own columns of A.",
        GRAM_SCHMIDT,
    ),
    Misconception(
        "no gain",
        "orthogonal",
        (("gain * Q if", "Q if"), ("gain * Q.T", "Q.T")),
        "The gain is missing.",
        SPECTRA,
    ),
    Misconception(
        "root of the gain",
        "orthogonal",
        (("    made = []\n", "    made, gain = [], np.sqrt(gain)\n"),),
        "You multiply by the root of the gain. Lengths scale by the gain itself.",
        SPECTRA,
    ),
    Misconception(
        "columns scaled but not made orthogonal",
        "orthogonal",
        (
            (
                FACTORS,
                "Q = block if rows >= columns else block.T",
            ),
            ("Q = Q * np.sign(np.diag(R))", "Q = Q / np.linalg.norm(Q, axis=0)"),
        ),
        "The vectors have length one but are not orthogonal: subtract from each what points along "
        "the earlier ones.",
        GRAM_SCHMIDT,
    ),
    Misconception(
        "closest orthogonal matrix",
        "orthogonal",
        (
            (
                FACTORS,
                SINGULAR,
            ),
            ("Q = Q * np.sign(np.diag(R))", "Q = U @ V"),
        ),
        "Your vectors are orthonormal, but they are not those of Gram–Schmidt: the first one keeps "
        "its direction, each later one gives way.",
        GRAM_SCHMIDT,
    ),
    Misconception(
        "left singular vectors",
        "orthogonal",
        (
            (
                FACTORS,
                SINGULAR,
            ),
            ("Q = Q * np.sign(np.diag(R))", "Q = U"),
        ),
        "You return singular vectors. They are orthonormal, but not what Gram–Schmidt makes of the "
        "given columns.",
        GRAM_SCHMIDT,
    ),
    Misconception(
        "last column first",
        "orthogonal",
        (
            (
                "np.linalg.qr(block if rows >= columns else block.T)",
                "np.linalg.qr((block if rows >= columns else block.T)[:, ::-1])",
            ),
            ("Q = Q * np.sign(np.diag(R))", "Q = (Q * np.sign(np.diag(R)))[:, ::-1]"),
        ),
        "Gram–Schmidt starts from the last vector. It starts from the first, which keeps its "
        "direction.",
        GRAM_SCHMIDT,
    ),
    Misconception(
        "rows of a square block",
        "orthogonal",
        (
            ("(block if rows >= columns else block.T)", "(block if rows > columns else block.T)"),
            ("gain * Q if rows >= columns", "gain * Q if rows > columns"),
        ),
        "A square block is treated by rows. Where there are as many rows as columns, the columns "
        "are made orthonormal.",
        GRAM_SCHMIDT,
    ),
]

RADII = [
    Misconception(
        "the leak is ignored",
        "radius",
        (
            ("square = (alpha * np.abs(mu)) ** 2", "square = np.abs(mu) ** 2"),
            ("half = alpha * (1 - alpha) * mu.real", "half = 0 * mu.real"),
            ("room = radius**2 - (1 - alpha) ** 2", "room = radius**2"),
        ),
        "W is scaled to the radius as if there were no leak. The step's matrix is "
        "(1 − α) I + α c W, transposed.",
        FACTOR,
    ),
    Misconception(
        "only the tanh path",
        "radius",
        (
            ("half = alpha * (1 - alpha) * mu.real", "half = 0 * mu.real"),
            ("room = radius**2 - (1 - alpha) ** 2", "room = radius**2"),
        ),
        "Only α c W has the radius. The part that the units keep, 1 − α, belongs to the step, too.",
        FACTOR,
    ),
    Misconception(
        "moduli added",
        "radius",
        (("mu.real", "np.abs(mu)"),),
        "You add 1 − α and the modulus of α c μ. The eigenvalue is their sum as complex numbers, "
        "whose modulus may be smaller.",
        RADIUS,
    ),
    Misconception(
        "real parts only",
        "radius",
        (("np.linalg.eigvals(W)", "np.linalg.eigvals(W).real"),),
        "The imaginary parts of the eigenvalues are lost. The radius is about moduli.",
        RADIUS,
    ),
    Misconception(
        "singular values",
        "radius",
        (("np.linalg.eigvals(W)", "np.linalg.svd(W, compute_uv=False)"),),
        "You used singular values. The spectral radius is about eigenvalues.",
        POWER,
    ),
    Misconception(
        "eigenvalues of the symmetric part",
        "radius",
        (("np.linalg.eigvals(W)", "np.linalg.eigvalsh((W + W.T) / 2)"),),
        "You used a routine for symmetric matrices. W has complex eigenvalues.",
        RADIUS,
    ),
    Misconception(
        "triangle of W taken for symmetric",
        "radius",
        (("np.linalg.eigvals(W)", "np.linalg.eigvalsh(W)"),),
        "You used a routine that reads only one triangle of W, as if W were symmetric.",
        RADIUS,
    ),
    Misconception(
        "last eigenvalue to arrive",
        "radius",
        (("candidates.min()", "candidates[np.isfinite(candidates) & (candidates < 1e6)].max()"),),
        "With your c, another eigenvalue lies beyond the radius. The first to reach it decides.",
        RADIUS,
    ),
    Misconception(
        "largest eigenvalue of W decides",
        "radius",
        (("candidates.min()", "candidates[np.abs(mu).argmax()]"),),
        "You look only at the eigenvalue of W with the largest modulus. With a leak another one "
        "may reach the radius first.",
        RADIUS,
    ),
    Misconception(
        "largest real part decides",
        "radius",
        (("candidates.min()", "candidates[mu.real.argmax()]"),),
        "You look only at the eigenvalue of W with the largest real part. One with another "
        "direction may reach the radius first.",
        RADIUS,
    ),
    Misconception(
        "scaled twice",
        "radius",
        (("candidates.min() * W", "candidates.min() ** 2 * W"),),
        "The factor is applied twice.",
        RADIUS,
    ),
    Misconception(
        "alpha and 1 − alpha swapped in the radius",
        "radius",
        (
            ("(alpha * np.abs(mu)) ** 2", "((1 - alpha) * np.abs(mu)) ** 2 + 1e-300"),
            ("room = radius**2 - (1 - alpha) ** 2", "room = radius**2 - alpha**2"),
        ),
        "α and 1 − α are swapped: the state keeps 1 − α, and α goes with W.",
        FACTOR,
    ),
    Misconception(
        "the step's matrix returned",
        "radius",
        (("candidates.min() * W", "(1 - alpha) * np.eye(len(W)) + alpha * candidates.min() * W"),),
        "You return the matrix of the whole step. Asked for is the scaled W.",
        FACTOR,
    ),
]

ROTATION = [
    Misconception(
        "turned the other way",
        "rotation",
        (("W[i, i + P] = m", "W[i, i + P] = -m"), ("W[i + P, i] = -m", "W[i + P, i] = m")),
        "The pairs turn the other way. States are rows: h W has to send (1, 0) to (cos θ, sin θ).",
        TURN,
    ),
    Misconception(
        "a reflection",
        "rotation",
        (("W[i + P, i] = -m", "W[i + P, i] = m"),),
        "The two sines have the same sign, which is a reflection. One of them is negative.",
        TURN,
    ),
    Misconception(
        "degrees",
        "rotation",
        (
            ("np.cos(angles[i])", "np.cos(np.deg2rad(angles[i]))"),
            ("np.sin(angles[i])", "np.sin(np.deg2rad(angles[i]))"),
        ),
        "The angles are taken for degrees. They are in radians.",
        TURN,
    ),
    Misconception(
        "sine and cosine swapped",
        "rotation",
        (("c, s = np", "s, c = np"),),
        "Sine and cosine are swapped: the cosines stand on the diagonal.",
        TURN,
    ),
    Misconception(
        "neighbours paired",
        "rotation",
        (
            ("W[i, i] = moduli[i] * c", "W[2 * i, 2 * i] = moduli[i] * c"),
            ("W[i, i + P] =", "W[2 * i, 2 * i + 1] ="),
            ("W[i + P, i] =", "W[2 * i + 1, 2 * i] ="),
            ("W[i + P, i + P] =", "W[2 * i + 1, 2 * i + 1] ="),
        ),
        "Neighbouring units are paired. Unit i belongs with unit i + P.",
        TURN,
    ),
    Misconception(
        "halves of H paired",
        "rotation",
        (("P = len(angles)", "P = H // 2"), ("range(P)", "range(len(angles))")),
        "Unit i is paired with unit i + H/2. It belongs with i + P, where P counts the pairs.",
        TURN,
    ),
    Misconception(
        "moduli ignored",
        "rotation",
        (
            ("W[i, i] = moduli[i] * c", "W[i, i] = c"),
            ("W[i, i + P] = moduli[i] * s", "W[i, i + P] = s"),
            ("-moduli[i] * s", "-s"),
            ("W[i + P, i + P] = moduli[i] * c", "W[i + P, i + P] = c"),
        ),
        "The moduli are missing: each pair is turned and made shorter.",
        SPECTRA,
    ),
    Misconception(
        "moduli squared",
        "rotation",
        (("    W = np.eye(H)\n", "    W, moduli = np.eye(H), np.square(moduli)\n"),),
        "The moduli are applied twice.",
        SPECTRA,
    ),
    Misconception(
        "rest set to zero",
        "rotation",
        (("np.eye(H)", "np.zeros((H, H))"),),
        "Units outside the pairs lose their value. They keep it: 1 on the diagonal.",
        LENGTH,
    ),
    Misconception(
        "pairs at the end",
        "rotation",
        (("    return W\n", "    return np.roll(W, H - 2 * P, axis=(0, 1))\n"),),
        "The units outside the pairs come first. They come last.",
        TURN,
    ),
    Misconception(
        "pairs in reverse order",
        "rotation",
        (
            (
                "    P = len(angles)\n",
                "    P = len(angles)\n    angles, moduli = angles[::-1], moduli[::-1]\n",
            ),
        ),
        "The pairs are in reverse order: angle i belongs to units i and i + P.",
        TURN,
    ),
]

CATALOGUE = Catalogue(
    MODEL, [*BACK, *AHEAD, *NORMS, *CLIP, *UPDATE, *ORTHOGONAL, *RADII, *ROTATION]
)
