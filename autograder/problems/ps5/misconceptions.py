"""Problem set 5: what students get wrong, as mutants of the model solution with a sentence each."""

from autograder.problems.diagnoses import Catalogue, Misconception, Place
from autograder.problems.ps5.reference import MODEL

SEQUENCES, LOSS, CLIPPING = "01-sequences-and-tasks", "03-loss-and-sampling", "06-clipping"
TRUNCATED, LSTM = "07-truncated-bptt", "10-lstm"

RECURRENCE = Place("02-the-recurrent-cell", "cell-recurrence", 4)
SAMPLING = Place(LOSS, "loss-sampling")
INVERSE = Place(LOSS, "loss-inverse", 13)
TEMPERED = Place(LOSS, "loss-temperature-equation", 14)
PRODUCT = Place(LOSS, "loss-sum", 2)
UNITS = Place(LOSS, "loss-perplexity")
WRITING = Place(LOSS, "loss-numpy-sampling")

SCORES = "np.exp((allowed - allowed.max(axis=1, keepdims=True)) / temperature)"
PLAIN = "np.exp(logits - logits.max(axis=1, keepdims=True))"
DRAW = "read = (p.cumsum(axis=1) > uniforms[t][:, None]).argmax(axis=1)"
COUNTED = "logp -= np.where(running, surprise, 0.0)"

DECODE = [
    Misconception(
        "state not carried",
        "decode",
        (("state @ W_hh", "h0 @ W_hh"),),
        "Every step starts from h0. The state that a step leaves is what the next one starts from.",
        RECURRENCE,
    ),
    Misconception(
        "zeros in place of h0",
        "decode",
        (("state = h0", "state = 0.0 * h0"),),
        "The first step starts from a zero state. It should start from h0, which holds what the "
        "sequence is to be about.",
        RECURRENCE,
    ),
    Misconception(
        "written symbols not fed back",
        "decode",
        (("W_xh[read]", "W_xh[np.full(N, start)]"),),
        "Every step reads the start symbol. From the second step on it should read the symbol that "
        "was written last.",
        SAMPLING,
    ),
    Misconception(
        "the end symbol as start",
        "decode",
        (("np.full(N, start)", "np.full(N, end)"),),
        "The first step reads the end symbol. It should read the start symbol, which is another "
        "one here.",
        SAMPLING,
    ),
    Misconception(
        "goes on after the end",
        "decode",
        (("np.where(running, read, end)", "read"),),
        "After its end a sample still writes symbols. From there on its column holds the end "
        "symbol.",
        WRITING,
    ),
    Misconception(
        "all stop with the first",
        "decode",
        (("running = running & (read != end)", "running = running & (read != end).all()"),),
        "All samples stop as soon as one has ended. Each has its own end.",
        WRITING,
    ),
    Misconception(
        "end symbol not counted in the length",
        "decode",
        (("lengths += running", "lengths += running & (read != end)"),),
        "lengths leaves the end symbol out. It is a symbol that was written, and counts.",
        WRITING,
    ),
    Misconception(
        "end symbol not counted in logp",
        "decode",
        ((COUNTED, "logp -= np.where(running & (read != end), surprise, 0.0)"),),
        "logp leaves the end symbol out. That a sequence ends where it does has a probability, "
        "too.",
        PRODUCT,
    ),
    Misconception(
        "logp goes on after the end",
        "decode",
        ((COUNTED, "logp -= surprise"),),
        "logp also counts steps after a sample's end. Nothing is written there.",
        PRODUCT,
    ),
    Misconception(
        "logp of the distribution drawn from",
        "decode",
        (
            (
                "        surprise = np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, read]\n",
                "        q = np.exp(shifted)\n"
                "        q = q / q.sum(axis=1, keepdims=True) if temperature == 0 else p\n"
                "        surprise = -np.log(q[rows, read])\n",
            ),
        ),
        "logp is taken from the distribution that was drawn from, with its temperature and cuts. "
        "It is to be the network's own: softmax of the logits, nothing forbidden.",
        PRODUCT,
    ),
    Misconception(
        "logp without the forbidden symbol",
        "decode",
        (
            (
                "shifted = logits - logits.max(axis=1, keepdims=True)",
                "shifted = allowed - allowed.max(axis=1, keepdims=True)",
            ),
        ),
        "logp treats the end symbol as impossible where it is forbidden. The network's own "
        "probabilities know nothing of a minimum length.",
        PRODUCT,
    ),
    Misconception(
        "logp at the temperature",
        "decode",
        (
            (
                "shifted = logits - logits.max(axis=1, keepdims=True)",
                "shifted = (logits - logits.max(axis=1, keepdims=True)) / (temperature or 1)",
            ),
        ),
        "logp is taken at the temperature that was drawn with. The network's own probabilities are "
        "those at temperature one.",
        TEMPERED,
    ),
    Misconception(
        "logp in bits",
        "decode",
        ((COUNTED, "logp -= np.where(running, surprise / np.log(2), 0.0)"),),
        "logp is in bits, the logarithm to base two. Use the natural logarithm.",
        UNITS,
    ),
    Misconception(
        "mean in place of sum in logp",
        "decode",
        (('"logp": logp}', '"logp": logp / lengths}'),),
        "logp is averaged over the symbols. The logarithm of a product is a sum.",
        PRODUCT,
    ),
    Misconception(
        "a probability in place of its logarithm",
        "decode",
        (('"logp": logp}', '"logp": np.exp(logp)}'),),
        "logp holds the probability itself. Return its logarithm.",
        PRODUCT,
    ),
    Misconception(
        "no minimum length",
        "decode",
        (("t < min_length", "False"),),
        "The end symbol comes before the minimum length is reached. At the first min_length steps "
        "it is forbidden.",
        WRITING,
    ),
    Misconception(
        "minimum length counts the end symbol",
        "decode",
        (("t < min_length", "t + 1 < min_length"),),
        "The end symbol is allowed one step too early. It is forbidden at steps 0 to "
        "min_length − 1, so that as many other symbols come before it.",
        WRITING,
    ),
    Misconception(
        "minimum length one too long",
        "decode",
        (("t < min_length", "t <= min_length"),),
        "The end symbol is forbidden one step too long. At step min_length it may come.",
        WRITING,
    ),
    Misconception(
        "forbidden after the softmax",
        "decode",
        (
            ("allowed[:, end] = -np.inf", "pass"),
            (
                "            read = allowed.argmax(axis=1)\n",
                "            ranked = allowed.copy()\n"
                "            ranked[:, end] -= np.inf if t < min_length else 0.0\n"
                "            read = ranked.argmax(axis=1)\n",
            ),
            (
                "            p = p / p.sum(axis=1, keepdims=True)\n            order",
                "            p = p / p.sum(axis=1, keepdims=True)\n"
                "            p[:, end] *= t >= min_length\n            order",
            ),
        ),
        "The end symbol is forbidden after the softmax and not before it. The others' "
        "probabilities then don't add up to one when the nucleus is chosen, and may all be zero.",
        TEMPERED,
    ),
    Misconception(
        "temperature ignored",
        "decode",
        ((" / temperature", ""),),
        "The temperature is not used. Divide the logits by it before the softmax.",
        TEMPERED,
    ),
    Misconception(
        "multiplied by the temperature",
        "decode",
        ((") / temperature", ") * temperature"),),
        "The logits are multiplied by the temperature. They are divided by it: a low temperature "
        "sharpens.",
        TEMPERED,
    ),
    Misconception(
        "nucleus before the temperature",
        "decode",
        (
            (
                "before = falling.cumsum(axis=1) - falling",
                f"plain = {SCORES.replace(' / temperature', '')}\n"
                "            plain = plain / plain.sum(axis=1, keepdims=True)\n"
                "            falling = np.take_along_axis(plain, order, axis=1)\n"
                "            before = falling.cumsum(axis=1) - falling",
            ),
        ),
        "The nucleus is chosen by the probabilities at temperature one. The temperature comes "
        "first, and the nucleus is chosen among what it makes.",
        TEMPERED,
    ),
    Misconception(
        "no nucleus",
        "decode",
        (("before < top_p", "before < 2.0"),),
        "top_p is not used. Only the most probable symbols, which together reach top_p, may be "
        "drawn.",
        SAMPLING,
    ),
    Misconception(
        "the symbol that reaches top_p left out",
        "decode",
        (("before < top_p", "(before + falling < top_p) | (before == 0)"),),
        "The nucleus ends before its sum reaches top_p. The symbol with which it does belongs to "
        "it.",
        SAMPLING,
    ),
    Misconception(
        "one symbol too many",
        "decode",
        (("before < top_p", "before - np.roll(falling, 1, axis=1) * (before > 0) < top_p"),),
        "The nucleus has one symbol too many. It ends with the symbol with which its sum reaches "
        "top_p.",
        SAMPLING,
    ),
    Misconception(
        "the least probable kept",
        "decode",
        (("np.argsort(-p", "np.argsort(p"),),
        "The nucleus is filled from the least probable symbol on. It starts with the most "
        "probable one.",
        SAMPLING,
    ),
    Misconception(
        "top_p as a threshold for each symbol",
        "decode",
        (("before < top_p", "(falling >= 1 - top_p) | (before == 0)"),),
        "top_p is compared with each symbol's probability. It is compared with the sum of the "
        "probabilities, from the largest down.",
        SAMPLING,
    ),
    Misconception(
        "nucleus not normalised",
        "decode",
        (
            (
                "p = np.where(in_nucleus, p, 0.0)\n"
                "            p = p / p.sum(axis=1, keepdims=True)\n",
                "p = np.where(in_nucleus, p, 0.0)\n",
            ),
        ),
        "The probabilities in the nucleus don't add up to one. After the others are cut off, "
        "divide by the sum.",
        SAMPLING,
    ),
    Misconception(
        "drawn in the order of probability",
        "decode",
        (
            (
                DRAW,
                "p = np.take_along_axis(p, order, axis=1)\n"
                "            place = (p.cumsum(axis=1) > uniforms[t][:, None]).argmax(axis=1)\n"
                "            read = order[rows, place]",
            ),
        ),
        "The cumulative sum runs over the symbols by falling probability. For the draw it runs "
        "over them in their own order, 0, 1, 2 and so on.",
        INVERSE,
    ),
    Misconception(
        "one uniform for all steps",
        "decode",
        (("uniforms[t][:, None]", "uniforms[0][:, None]"),),
        "Every step uses the uniforms of step 0. Each step has its own row.",
        INVERSE,
    ),
    Misconception(
        "one uniform for all samples",
        "decode",
        (("uniforms[t][:, None]", "uniforms[t, 0]"),),
        "All samples use the uniform of sample 0. Each has its own column.",
        INVERSE,
    ),
    Misconception(
        "drawn from the other end",
        "decode",
        (("> uniforms[t]", "> 1 - uniforms[t]"),),
        "The draw uses one minus the uniform. Take the first symbol whose cumulative probability "
        "exceeds the uniform itself.",
        INVERSE,
    ),
    Misconception(
        "greedy whatever the temperature",
        "decode",
        (("if temperature == 0:", "if True:"),),
        "The most probable symbol is taken at every temperature. Only temperature 0 means that.",
        SAMPLING,
    ),
]

GATES = Place(LSTM, "lstm-forward", 2)
STATES = Place(LSTM, "lstm-two-states")
PATHS = Place(LSTM, "lstm-paths")
BACKWARD = Place(LSTM, "lstm-backward", 9)
CARRIED = Place(TRUNCATED, "tbptt-carry-or-reset")
DETACH = Place(TRUNCATED, "tbptt-detach")
INITIAL = Place("08-initialisation-and-identity", "init-gaussian-step")
TORCHS_FORM = Place("02-the-recurrent-cell", "cell-pytorch")

FILLED = "h, c = h.masked_fill(again, 0.0), c.masked_fill(again, 0.0)"
CELL = "c = f.sigmoid() * c + i.sigmoid() * g.tanh()"
STATE = "(o.sigmoid() * c.tanh())"
UNIFORM = ".uniform_(-bound, bound)"

MODULE = [
    Misconception(
        "resets ignored",
        "module",
        (("if resets is not None:", "if False:"),),
        "resets has no effect. Where it is true, the sample's state and cell are zero before the "
        "step.",
        CARRIED,
    ),
    Misconception(
        "only the state reset",
        "module",
        ((FILLED, "h = h.masked_fill(again, 0.0)"),),
        "A reset empties the state h, but not the cell c. Both are to be zero before the step.",
        STATES,
    ),
    Misconception(
        "only the cell reset",
        "module",
        ((FILLED, "c = c.masked_fill(again, 0.0)"),),
        "A reset empties the cell c, but not the state h. Both are to be zero before the step.",
        STATES,
    ),
    Misconception(
        "reset after the step",
        "module",
        (
            (
                "            if resets is not None:\n"
                "                again = resets[t][:, None]\n"
                f"                {FILLED}\n",
                "",
            ),
            (
                "            outputs.append(h)\n",
                "            outputs.append(h)\n"
                "            if resets is not None:\n"
                "                again = resets[t][:, None]\n"
                f"                {FILLED}\n",
            ),
        ),
        "A reset takes effect after its step. It comes before it: the step at which resets is "
        "true is the first of the new sequence.",
        CARRIED,
    ),
    Misconception(
        "one reset for the whole batch",
        "module",
        (("again = resets[t][:, None]", "again = resets[t].any()"),),
        "Where one sample is reset, all are. Each has its own column in resets.",
        CARRIED,
    ),
    Misconception(
        "reset to the start",
        "module",
        (
            ("        outputs = []\n", "        outputs, first = [], (h, c)\n"),
            (
                FILLED,
                "h = torch.where(again, first[0], h)\n"
                "                c = torch.where(again, first[1], c)",
            ),
        ),
        "A reset goes back to the start that was given. A new sequence begins from zero.",
        CARRIED,
    ),
    Misconception(
        "resets the wrong way round",
        "module",
        (("again = resets[t][:, None]", "again = ~resets[t][:, None]"),),
        "Samples are reset where resets is false. True means: a new sequence begins here.",
        CARRIED,
    ),
    Misconception(
        "start ignored",
        "module",
        (("if start is None:", "if True:"),),
        "The start is ignored. The first step begins from the state and the cell that are given.",
        STATES,
    ),
    Misconception(
        "only the state of the start",
        "module",
        (("h, c = start[0][0], start[1][0]", "h, c = start[0][0], x.new_zeros(N, H)"),),
        "Of the start only the state is used. The cell begins from the second part of the pair.",
        STATES,
    ),
    Misconception(
        "gates in another order",
        "module",
        (("i, f, g, o = a", "i, f, o, g = a"),),
        "The output gate and the candidate have changed places. torch.nn.LSTM stacks i, f, g, o.",
        GATES,
    ),
    Misconception(
        "input and forget gate swapped",
        "module",
        (("i, f, g, o = a", "f, i, g, o = a"),),
        "The input and the forget gate have changed places. torch.nn.LSTM stacks i, f, g, o.",
        GATES,
    ),
    Misconception(
        "one bias only",
        "module",
        ((" + self.bias_hh_l0", ""),),
        "The second bias is left out. torch.nn.LSTM adds both, bias_ih_l0 and bias_hh_l0.",
        TORCHS_FORM,
    ),
    Misconception(
        "no tanh of the cell",
        "module",
        ((STATE, "(o.sigmoid() * c)"),),
        "The cell goes to the output gate without its tanh.",
        GATES,
    ),
    Misconception(
        "no output gate",
        "module",
        ((STATE, "c.tanh()"),),
        "The output gate is left out between the cell and the projection.",
        GATES,
    ),
    Misconception(
        "sigmoid in the candidate",
        "module",
        (("g.tanh()", "g.sigmoid()"),),
        "The candidate g goes through a sigmoid. It is no gate: its activation is tanh.",
        GATES,
    ),
    Misconception(
        "coupled gates",
        "module",
        (("i.sigmoid() * g", "(1 - f.sigmoid()) * g"),),
        "The new value is weighted by one minus the forget gate. torch.nn.LSTM has an input gate "
        "of its own.",
        GATES,
    ),
    Misconception(
        "cell before the step in the output",
        "module",
        (
            (CELL, f"before = c\n            {CELL}"),
            (STATE, "(o.sigmoid() * before.tanh())"),
        ),
        "The state is made of the cell before the step. It is made of the new cell.",
        STATES,
    ),
    Misconception(
        "tanh after the projection",
        "module",
        ((f"{STATE} @ self.weight_hr_l0.T", f"({STATE} @ self.weight_hr_l0.T).tanh()"),),
        "There is a tanh after the projection. The projection is a matrix product and nothing "
        "else.",
        GATES,
    ),
    Misconception(
        "gradient of the state cut",
        "module",
        (("h @ self.weight_hh_l0.T", "h.detach() @ self.weight_hh_l0.T"),),
        "The forward pass is right, but no gradient flows back through the state h: it was "
        "detached, or went through something that autograd does not see.",
        DETACH,
    ),
    Misconception(
        "gradient of the cell cut",
        "module",
        (("f.sigmoid() * c", "f.sigmoid() * c.detach()"),),
        "The forward pass is right, but no gradient flows from a cell to the one before: it was "
        "detached. This is the path with the factor f.",
        BACKWARD,
    ),
    Misconception(
        "gradient of both cut",
        "module",
        (
            (
                "            outputs.append(h)\n",
                "            outputs.append(h)\n"
                "            if t < len(x) - 1:\n"
                "                h, c = h.detach(), c.detach()\n",
            ),
        ),
        "The forward pass is right, but each step's gradient ends there: state and cell are "
        "detached between the steps. Backpropagate through all of them.",
        DETACH,
    ),
    Misconception(
        "projection without gradient",
        "module",
        ((f"{STATE} @ self.weight_hr_l0.T", f"{STATE} @ self.weight_hr_l0.detach().T"),),
        "weight_hr_l0 gets no gradient: its data are used, and not the parameter itself.",
        DETACH,
    ),
    Misconception(
        "gates without gradient",
        "module",
        (("f.sigmoid() * c + i.sigmoid() *", "f.sigmoid().detach() * c + i.sigmoid().detach() *"),),
        "No gradient flows through the input and the forget gate. They are functions of the "
        "parameters, and four paths lead back from a step.",
        PATHS,
    ),
    Misconception(
        "first state returned as the last",
        "module",
        (("(h[None], c[None])", "(outputs[0][None], c[None])"),),
        "h_T is the state after the first step. It is the one after the last.",
        STATES,
    ),
    Misconception(
        "initial values too wide",
        "module",
        ((UNIFORM, ".uniform_(-1.0, 1.0)"),),
        "The initial values reach from −1 to 1. They are to be uniform between −1/√H and 1/√H.",
        INITIAL,
    ),
    Misconception(
        "initial values all positive",
        "module",
        ((UNIFORM, ".uniform_(0.0, bound)"),),
        "No initial value is negative. They are to be uniform between −1/√H and 1/√H.",
        INITIAL,
    ),
    Misconception(
        "initial values zero",
        "module",
        ((UNIFORM, ".zero_()"),),
        "All initial values are zero, so that all units stay alike. They are to be uniform between "
        "−1/√H and 1/√H.",
        INITIAL,
    ),
]

MEANS = Place(SEQUENCES, "seq-three-means")
MASKED = Place(LOSS, "loss-masked", 11)
MASKING = Place(LOSS, "loss-mask-mistakes")
IN_PARTS = Place(CLIPPING, "clip-placement")
GLOBAL = Place(CLIPPING, "clip-global", 5)
NORM = Place(CLIPPING, "clip-norm", 3)
BY_VALUE = Place(CLIPPING, "clip-erratum-e17")
NOT_FINITE = Place(CLIPPING, "clip-non-finite")
DESCENT = Place("04-backpropagation-through-time", "bptt-batch-gradient-descent")

LOSS_LINE = 'nn.functional.cross_entropy(logits[mask], y[mask], reduction="sum") / counted'
CLIP = "norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)"
NORM_ONLY = 'norm = nn.utils.clip_grad_norm_(model.parameters(), float("inf"))'
ZERO = "        optimiser.zero_grad()\n"
STEP = """        if torch.isfinite(norm):
            optimiser.step()
            losses.append(total)
"""

TRAINING = [
    Misconception(
        "mean of the parts' means",
        "training",
        ((LOSS_LINE, "nn.functional.cross_entropy(logits[mask], y[mask]) / len(parts)"),),
        "Each part's mean has the same weight, whatever its size. The loss is one mean over all "
        "counted positions of all parts.",
        MEANS,
    ),
    Misconception(
        "sum of the parts' means",
        "training",
        ((LOSS_LINE, "nn.functional.cross_entropy(logits[mask], y[mask])"),),
        "The parts' means are added. The loss is one mean over all counted positions of all parts.",
        MEANS,
    ),
    Misconception(
        "sum over the positions",
        "training",
        ((' reduction="sum") / counted', ' reduction="sum")'),),
        "The loss is a sum over the counted positions. Divide by how many there are in all parts.",
        MASKED,
    ),
    Misconception(
        "mean over all places",
        "training",
        (("int(mask.sum())", "mask.size"),),
        "The sum is divided by the number of all places, padding too. Divide by the number of "
        "those that count.",
        MASKING,
    ),
    Misconception(
        "padding counted",
        "training",
        (
            ("logits[mask], y[mask]", "logits.flatten(0, 1), y.flatten()"),
            ("int(mask.sum())", "mask.size"),
        ),
        "Padded positions count in the loss. Only those at which mask is true do.",
        MASKING,
    ),
    Misconception(
        "only the last part",
        "training",
        (
            (ZERO, ""),
            ("        for x, y, mask in parts:\n", f"        for x, y, mask in parts:\n    {ZERO}"),
        ),
        "The gradient is set to zero before each part, so that only the last one's is left. Once "
        "for each draw is right.",
        IN_PARTS,
    ),
    Misconception(
        "gradient never set to zero",
        "training",
        ((ZERO, ""),),
        "Gradients of earlier draws are still there: they are never set to zero. Do so before each "
        "draw's first backward pass.",
        DESCENT,
    ),
    Misconception(
        "an update for each part",
        "training",
        (
            (STEP, ""),
            (f"        {CLIP}\n", "        losses.append(total)\n"),
            (
                "            total += loss.item()\n",
                f"            total += loss.item()\n            {CLIP}\n"
                "            if torch.isfinite(norm):\n                optimiser.step()\n"
                "            optimiser.zero_grad()\n",
            ),
        ),
        "The weights are updated after each part. A draw is one batch: one update, with the "
        "gradient of all its parts.",
        IN_PARTS,
    ),
    Misconception(
        "clipped part by part",
        "training",
        (
            (
                "            total += loss.item()\n",
                "            total += loss.item()\n"
                "            nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n",
            ),
        ),
        "The gradient is clipped after each part. Clip once for each draw, when all parts are in "
        "it.",
        IN_PARTS,
    ),
    Misconception(
        "clipped after the update",
        "training",
        (
            (CLIP, NORM_ONLY),
            (
                "            optimiser.step()\n",
                "            optimiser.step()\n"
                "            nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n",
            ),
        ),
        "The gradient is not clipped before the update is made. After it, nobody reads the "
        "gradient again.",
        IN_PARTS,
    ),
    Misconception(
        "each array clipped on its own",
        "training",
        (
            (
                CLIP,
                f"{NORM_ONLY}\n"
                "        for parameter in model.parameters():\n"
                "            nn.utils.clip_grad_norm_([parameter], max_norm)",
            ),
        ),
        "Each parameter's gradient is clipped by its own norm. The threshold is for the norm of "
        "all of them together.",
        GLOBAL,
    ),
    Misconception(
        "clipped by value",
        "training",
        (
            (
                CLIP,
                f"{NORM_ONLY}\n        nn.utils.clip_grad_value_(model.parameters(), max_norm)",
            ),
        ),
        "Every entry is clipped by itself, which turns the gradient. Scale all entries by one "
        "factor.",
        BY_VALUE,
    ),
    Misconception(
        "always rescaled",
        "training",
        (
            (
                CLIP,
                f"{NORM_ONLY}\n"
                "        for parameter in model.parameters():\n"
                "            parameter.grad *= max_norm / norm",
            ),
        ),
        "The gradient is scaled to the threshold at every update. One that is shorter stays as it "
        "is.",
        NORM,
    ),
    Misconception(
        "broken readings not left out",
        "training",
        (("if torch.isfinite(norm):", "if True:"),),
        "An update is made with a gradient that is not finite, and the weights are lost. Leave "
        "such an update out.",
        NOT_FINITE,
    ),
    Misconception(
        "not finite replaced by zero",
        "training",
        (
            (
                CLIP,
                "for parameter in model.parameters():\n"
                "            parameter.grad.nan_to_num_(0.0, 0.0, 0.0)\n"
                f"        {CLIP}",
            ),
        ),
        "Entries that are not finite are replaced, and an update is made all the same. Leave it "
        "out: that gradient has no direction.",
        NOT_FINITE,
    ),
    Misconception(
        "stops at the first broken reading",
        "training",
        ((STEP, f"        if not torch.isfinite(norm):\n            break\n{STEP}"),),
        "Training ends at the first gradient that is not finite. Leave that update out and go on "
        "with the next draw.",
        NOT_FINITE,
    ),
    Misconception(
        "loss of updates left out",
        "training",
        ((STEP, STEP.replace("            losses.append", "        losses.append")),),
        "losses also has entries for updates that were left out. It holds those of the updates "
        "made.",
        NOT_FINITE,
    ),
    Misconception(
        "only the last part's loss",
        "training",
        (("total += loss.item()", "total = loss.item()"),),
        "losses holds the last part's share only. Each entry is the loss of the whole draw.",
        MASKED,
    ),
    Misconception(
        "a new Adam for every draw",
        "training",
        (
            ("    optimiser = torch.optim.Adam(model.parameters(), lr=lr)\n", ""),
            (ZERO, f"        optimiser = torch.optim.Adam(model.parameters(), lr=lr)\n{ZERO}"),
        ),
        "Adam is made anew at every update and forgets its running means. Make it once.",
        IN_PARTS,
    ),
    Misconception(
        "plain gradient descent",
        "training",
        (("torch.optim.Adam(", "torch.optim.SGD("),),
        "Updates are those of plain gradient descent. The statement asks for Adam.",
        DESCENT,
    ),
    Misconception(
        "learning rate ignored",
        "training",
        (("model.parameters(), lr=lr)", "model.parameters())"),),
        "Adam runs with its own default rate. Give it lr.",
        DESCENT,
    ),
    Misconception(
        "only the read-out trained",
        "training",
        (("Adam(model.parameters()", "Adam(model.readout.parameters()"),),
        "Only the read-out is trained. Give Adam all of the model's parameters.",
        DESCENT,
    ),
    Misconception(
        "threshold ignored",
        "training",
        ((CLIP, f"max_norm = 1.0\n        {CLIP}"),),
        "The threshold is another than max_norm.",
        NORM,
    ),
]

CATALOGUE = Catalogue(MODEL, [*DECODE, *MODULE, *TRAINING])
