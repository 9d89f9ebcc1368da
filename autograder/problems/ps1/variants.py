"""Submissions to problem set 1 that test the grader: right in other styles, or wrong by name.

Each maps grade_ids of solution cells to source code; a cell that is not named keeps the model
solution.
"""

from autograder.problems.noise import all_noisy
from autograder.problems.ps1.misconceptions import CATALOGUE
from autograder.problems.ps1.reference import MODEL

SOLUTION = MODEL.sources
FUNCTIONS = {
    "windows": "document_windows",
    "step": "leaky_step",
    "sequence": "leaky_forward",
    "loss": "loss_and_gradient",
}


def stub(cell: str, statement: str) -> dict[str, str]:
    """A cell whose function takes any arguments and consists of one statement."""
    return {cell: f"def {FUNCTIONS[cell]}(*arguments):\n    {statement}\n"}


UNUSABLE: dict[str, dict[str, str]] = {
    **{f"{cell} returns nothing": stub(cell, "pass") for cell in FUNCTIONS},
    **{f"{cell} returns words": stub(cell, 'return "0.5"') for cell in FUNCTIONS},
    **{f"{cell} raises": stub(cell, "return [][1]") for cell in FUNCTIONS},
    **{
        f"{cell} calls itself for ever": stub(cell, f"return {name}(*arguments)")
        for cell, name in FUNCTIONS.items()
    },
    **{
        f"{cell} takes one argument": {cell: f"def {name}(x):\n    return x\n"}
        for cell, name in FUNCTIONS.items()
    },
    "windows without targets": {
        "windows": MODEL.edited(
            "windows",
            (
                (
                    'columns = {"inputs": np.array(inputs).T, "targets": np.array(targets).T}',
                    'columns = {"inputs": np.array(inputs).T}',
                ),
            ),
        )
    },
    "windows as a tuple": {
        "windows": MODEL.edited("windows", (("return {**columns,", "return *columns.values(), {"),))
    },
    "windows without padding, in lists": {
        "windows": """
def document_windows(documents, length, stride, pad):
    found = {"inputs": [], "targets": [], "mask": [], "document": []}
    for d, tokens in enumerate(documents):
        for start in range(0, len(tokens) - 1, stride):
            part = tokens[start : start + length + 1]
            found["inputs"].append(part[:-1])
            found["targets"].append(part[1:])
            found["mask"].append(np.ones(len(part) - 1))
            found["document"].append(d)
            if start + length >= len(tokens) - 1:
                break
    return found
"""
    },
    "windows in the arguments": {
        "windows": """
def document_windows(documents, length, stride, pad):
    documents[:] = [np.append(pad, tokens) for tokens in documents]
    return {"inputs": documents, "targets": documents, "mask": documents, "document": documents}
"""
    },
    "empty documents raise": {
        "windows": MODEL.edited(
            "windows", (("pairs = len(tokens) - 1", "pairs = tokens[1:].size + 0 * tokens[0]"),)
        )
    },
    "state and new value": {
        "step": MODEL.edited("step", (("alpha * fresh", "alpha * fresh, fresh"),))
    },
    "complex states": {"step": MODEL.edited("step", (("alpha * fresh", "alpha * fresh + 0j"),))},
    "only the last state": {
        "sequence": MODEL.edited("sequence", (("return h\n", "return h[-1]\n"),))
    },
    "rows of different lengths": {
        "sequence": MODEL.edited(
            "sequence",
            (("return h\n", "return [h[start:, n] for n, start in enumerate(starts)]\n"),),
        )
    },
    "loss alone": {"loss": MODEL.edited("loss", (("return loss, dlogits", "return loss"),))},
    "gradient alone": {"loss": MODEL.edited("loss", (("return loss, dlogits", "return dlogits"),))},
    "probabilities, too": {
        "loss": MODEL.edited("loss", (("return loss, dlogits", "return loss, dlogits, q"),))
    },
    "a loss for each sequence": {
        "loss": MODEL.edited("loss", ((".sum(axis=-1)).sum()", ".sum(axis=-1)).sum(axis=0)"),))
    },
    "targets at padding are looked up": {
        "loss": MODEL.edited(
            "loss", (("hit = targets[..., None] == np.arange(C)", "hit = np.eye(C)[targets] == 1"),)
        )
    },
}

WRONG: dict[str, dict[str, str]] = {
    **{m.name: CATALOGUE.variant(m) for m in CATALOGUE},
    **UNUSABLE,
}

_NUMERICAL = """
def smoothed(logits, targets, mask, eps):
    z = logits - logits.real.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    C = logits.shape[-1]
    q = np.where(np.arange(C) == targets[..., None], 1 - eps, eps / (C - 1))
    real = mask.sum(axis=0)
    each = -(q * log_p).sum(axis=-1) * mask / np.maximum(real, 1)
    return each.sum() / max((real > 0).sum(), 1)


def loss_and_gradient(logits, targets, mask, eps):
    nudged = logits.astype(KIND)
    dlogits = np.zeros(logits.shape)
    for index in np.ndindex(logits.shape):
        kept = nudged[index]
        DERIVATIVE
        nudged[index] = kept
    return smoothed(logits, targets, mask, eps), dlogits
"""

# Right to many digits where there are few logits, and far too slow where there are many.
TOO_SLOW: dict[str, dict[str, str]] = {
    "central differences": {
        "loss": _NUMERICAL.replace("KIND", "float").replace(
            "DERIVATIVE",
            """nudged[index] = kept + 1e-4
        above = smoothed(nudged, targets, mask, eps)
        nudged[index] = kept - 1e-4
        dlogits[index] = (above - smoothed(nudged, targets, mask, eps)) / 2e-4""",
        )
    },
    "complex step": {
        "loss": _NUMERICAL.replace("KIND", "complex").replace(
            "DERIVATIVE",
            """nudged[index] = kept + 1e-30j
        dlogits[index] = smoothed(nudged, targets, mask, eps).imag / 1e-30""",
        )
    },
}


RIGHT: dict[str, dict[str, str]] = {
    "loops over single numbers": {
        "windows": """
def document_windows(documents, length, stride, pad):
    windows, document = [], []
    for d in range(len(documents)):
        tokens = documents[d]
        start = 0
        while start < len(tokens) - 1:
            window = []
            for k in range(start, start + length):
                if k + 1 < len(tokens):
                    window.append((tokens[k], tokens[k + 1], 1))
            done = start + length >= len(tokens) - 1
            while len(window) < length:
                window.insert(0, (pad, pad, 0))
            windows.append(window)
            document.append(d)
            if done:
                break
            start += stride
    found = {"inputs": [], "targets": [], "mask": [], "document": document}
    for t in range(length):
        for name, place in (("inputs", 0), ("targets", 1), ("mask", 2)):
            found[name].append([window[t][place] for window in windows])
    return found
""",
        "step": """
import math


def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    h_t = np.zeros(h_prev.shape)
    for n in range(len(x_t)):
        for j in range(len(b_h)):
            a = b_h[j]
            for d in range(x_t.shape[1]):
                a += x_t[n, d] * W_xh[d, j]
            for i in range(len(b_h)):
                a += h_prev[n, i] * W_hh[i, j]
            h_t[n, j] = h_prev[n, j] * (1 - alpha[j]) + math.tanh(a) * alpha[j]
    return h_t
""",
        "sequence": """
def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    T, N, D = x.shape
    h = np.zeros((T, N, len(alpha)))
    for n in range(N):
        state = h0[n : n + 1]
        for t in range(T):
            if t >= starts[n]:
                state = leaky_step(x[t, n : n + 1], state, W_xh, W_hh, b_h, alpha)
            h[t, n] = state[0]
    return h
""",
        "loss": """
import math


def loss_and_gradient(logits, targets, mask, eps):
    T, N, C = logits.shape
    loss, dlogits = 0.0, np.zeros(logits.shape)
    sequences = [n for n in range(N) if any(mask[t, n] for t in range(T))]
    for n in sequences:
        real = [t for t in range(T) if mask[t, n]]
        for t in real:
            scores = [float(o) for o in logits[t, n]]
            top = max(scores)
            log_sum = top + math.log(sum(math.exp(o - top) for o in scores))
            for j in range(C):
                q = 1 - eps if j == targets[t, n] else eps / (C - 1)
                loss -= q * (scores[j] - log_sum) / len(real) / len(sequences)
                change = math.exp(scores[j] - log_sum) - q
                dlogits[t, n, j] = change / len(real) / len(sequences)
    return loss, dlogits
""",
    },
    "einsum": {
        "step": """
def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    a = np.einsum("nd,dh->nh", x_t, W_xh) + np.einsum("ni,ij->nj", h_prev, W_hh) + b_h
    return np.einsum("h,nh->nh", 1 - alpha, h_prev) + np.einsum("h,nh->nh", alpha, np.tanh(a))
""",
        "sequence": """
def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    drive = np.einsum("tnd,dh->tnh", x, W_xh) + b_h
    state, states = h0, []
    for t in range(x.shape[0]):
        fresh = np.tanh(drive[t] + np.einsum("ni,ij->nj", state, W_hh))
        rate = np.einsum("n,h->nh", (t >= starts).astype(float), alpha)
        state = state + rate * (fresh - state)
        states.append(state)
    return np.stack(states)
""",
        "loss": """
def loss_and_gradient(logits, targets, mask, eps):
    C = logits.shape[2]
    top = logits.max(2)
    log_p = logits - (top + np.log(np.exp(logits - top[:, :, None]).sum(2)))[:, :, None]
    hot = (np.arange(C) == targets[:, :, None]).astype(float)
    q = (1 - eps) * hot + eps / (C - 1) * (1 - hot)
    counts = np.einsum("tn->n", mask)
    shares = np.divide(1.0, counts, out=np.zeros(len(counts)), where=counts > 0)
    shares = shares / max(1, (counts > 0).sum())
    loss = -np.einsum("tn,n,tnj,tnj->", mask, shares, q, log_p)
    return loss, np.einsum("tn,n,tnj->tnj", mask, shares, np.exp(log_p) - q)
""",
    },
    "lists of arrays": {
        "windows": """
def document_windows(documents, length, stride, pad):
    rows = []
    for d, tokens in enumerate(documents):
        tokens = [int(token) for token in tokens]
        for start in range(0, max(len(tokens) - 1, 0), stride):
            if start > 0 and start - stride + length >= len(tokens) - 1:
                break
            chunk = tokens[start : start + length + 1]
            front = [pad] * (length + 1 - len(chunk))
            ones = [1.0] * (len(chunk) - 1)
            rows.append((front + chunk[:-1], front + chunk[1:], [0.0] * len(front) + ones, d))
    inputs, targets, mask, document = zip(*rows)
    columns = (list(zip(*part)) for part in (inputs, targets, mask))
    return dict(zip(("inputs", "targets", "mask"), columns)) | {"document": list(document)}
""",
        "step": """
def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    rows = []
    for x, h in zip(x_t, h_prev):
        rows.append(h - alpha * h + alpha * np.tanh(W_xh.T @ x + W_hh.T @ h + b_h))
    return rows
""",
        "sequence": """
def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    states = [h0]
    for t, x_t in enumerate(x):
        new = leaky_step(x_t, states[-1], W_xh, W_hh, b_h, alpha)
        row = [new[n] if t >= starts[n] else states[-1][n] for n in range(len(h0))]
        states.append(np.array(row))
    return states[1:]
""",
        "loss": """
def loss_and_gradient(logits, targets, mask, eps):
    T, N, C = logits.shape
    losses, slopes = [], [[np.zeros(C) for _ in range(N)] for _ in range(T)]
    alive = [n for n in range(N) if mask[:, n].any()]
    for n in alive:
        own = []
        steps = np.flatnonzero(mask[:, n])
        for t in steps:
            shifted = logits[t, n] - max(logits[t, n])
            log_p = shifted - np.log(sum(np.exp(shifted)))
            q = np.full(C, eps / (C - 1))
            q[targets[t, n]] = 1 - eps
            own.append(-np.dot(q, log_p))
            slopes[t][n] = (np.exp(log_p) - q) / (len(steps) * len(alive))
        losses.append(sum(own) / len(own))
    return [sum(losses) / len(losses) if losses else 0, slopes]
""",
    },
    "recursion": {
        "windows": """
def document_windows(documents, length, stride, pad):
    def cut(tokens, d):
        if len(tokens) < 2:
            return []
        pairs = [(a, b, 1) for a, b in zip(tokens, tokens[1:])][:length]
        window = [(pad, pad, 0)] * (length - len(pairs)) + pairs
        rest = cut(tokens[stride:], d) if len(tokens) - 1 > length else []
        return [(window, d)] + rest

    windows = [found for d, tokens in enumerate(documents) for found in cut(list(tokens), d)]
    block = np.array([window for window, _ in windows])
    inputs, targets, mask = np.moveaxis(block, (2, 1, 0), (0, 1, 2))
    document = np.array([d for _, d in windows])
    return {"document": document, "mask": mask, "targets": targets, "inputs": inputs}
""",
        "step": """
def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    if len(x_t) == 0:
        return np.zeros((0, len(b_h)))
    first = np.tanh(x_t[0] @ W_xh + h_prev[0] @ W_hh + b_h) * alpha + h_prev[0] * (1 - alpha)
    rest = leaky_step(x_t[1:], h_prev[1:], W_xh, W_hh, b_h, alpha)
    return np.concatenate([first[None], rest])
""",
        "sequence": """
def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    if len(x) == 0:
        return np.zeros((0, *h0.shape))
    state = leaky_step(x[0], h0, W_xh, W_hh, b_h, alpha)
    state = np.where(starts[:, None] <= 0, state, h0)
    rest = leaky_forward(x[1:], starts - 1, state, W_xh, W_hh, b_h, alpha)
    return np.concatenate([state[None], rest])
""",
        "loss": """
def loss_and_gradient(logits, targets, mask, eps):
    T, N, C = logits.shape

    def one(o, y):
        rest = np.logaddexp.reduce(o)
        q = np.where(np.arange(C) == y, 1 - eps, eps / (C - 1))
        return q @ (rest - o), np.exp(o - rest) - q

    def walk(n):
        if n == N:
            return 0.0, np.zeros((T, 0, C))
        loss, dlogits = walk(n + 1)
        mine = np.zeros((T, C))
        places = [t for t in range(T) if mask[t, n] == 1]
        for t in places:
            value, mine[t] = one(logits[t, n], targets[t, n])
            loss += value / len(places)
        return loss, np.concatenate([mine[:, None] / max(1, len(places)), dlogits], axis=1)

    loss, dlogits = walk(0)
    many = max(1, int(mask.any(axis=0).sum()))
    return loss / many, dlogits / many
""",
    },
    "a class": {
        "windows": """
class Cutter:
    def __init__(self, length, stride, pad):
        self.length, self.stride, self.pad = length, stride, pad
        self.columns = {"inputs": [], "targets": [], "mask": []}
        self.document = []

    def put(self, name, values, filler):
        column = np.full(self.length, filler)
        column[self.length - len(values) :] = values
        self.columns[name].append(column)

    def add(self, d, tokens):
        end, at = len(tokens) - 1, 0
        while end > 0:
            stop = min(at + self.length, end)
            self.put("inputs", tokens[at:stop], self.pad)
            self.put("targets", tokens[at + 1 : stop + 1], self.pad)
            self.put("mask", np.ones(stop - at, bool), False)
            self.document.append(d)
            if stop == end:
                return
            at += self.stride


def document_windows(documents, length, stride, pad):
    cutter = Cutter(length, stride, pad)
    for d, tokens in enumerate(documents):
        cutter.add(d, tokens)
    stacked = {name: np.column_stack(columns) for name, columns in cutter.columns.items()}
    return stacked | {"document": np.array(cutter.document)}
""",
        "step": """
class LeakyCell:
    def __init__(self, W_xh, W_hh, b_h, alpha):
        self.weights = W_xh, W_hh
        self.bias, self.keep = b_h, 1 - alpha

    def drive(self, x, h):
        return sum(np.dot(v, W) for v, W in zip((x, h), self.weights)) + self.bias

    def __call__(self, x, h):
        new = np.tanh(self.drive(x, h))
        return new + self.keep * (h - new)


def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    return LeakyCell(W_xh, W_hh, b_h, alpha)(x_t, h_prev)
""",
        "sequence": """
class Runner:
    def __init__(self, h0, parameters):
        self.state, self.parameters, self.history = h0.copy(), parameters, []

    def feed(self, x_t, active):
        new = np.asarray(leaky_step(x_t, self.state, *self.parameters))
        self.state = self.state.copy()
        self.state[active] = new[active]
        self.history.append(self.state)


def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    runner = Runner(h0, (W_xh, W_hh, b_h, alpha))
    for t in range(len(x)):
        runner.feed(x[t], t >= starts)
    return np.array(runner.history)
""",
        "loss": """
class SmoothedTarget:
    def __init__(self, classes, eps):
        self.table = np.full((classes, classes), eps / (classes - 1))
        np.fill_diagonal(self.table, 1 - eps)

    def of(self, targets):
        return self.table[targets % len(self.table)]


class Score:
    def __init__(self, logits):
        top = logits.max(axis=-1, keepdims=True)
        self.log_p = logits - top
        self.log_p = self.log_p - np.log(np.exp(self.log_p).sum(axis=-1, keepdims=True))

    def loss(self, q):
        return -(q * self.log_p).sum(axis=-1)

    def slope(self, q):
        return np.exp(self.log_p) - q


def loss_and_gradient(logits, targets, mask, eps):
    q, score = SmoothedTarget(logits.shape[-1], eps).of(targets), Score(logits)
    counts = mask.sum(axis=0)
    some = counts > 0
    weights = np.zeros(mask.shape)
    if some.any():
        weights[:, some] = mask[:, some] / counts[some] / some.sum()
    return float(np.sum(weights * score.loss(q))), weights[..., np.newaxis] * score.slope(q)
""",
    },
    "in place": {
        "windows": """
def document_windows(documents, length, stride, pad):
    counts = []
    for tokens in documents:
        pairs = max(len(tokens) - 1, 0)
        counts.append(0 if pairs == 0 else 1 + max(0, (pairs - length + stride - 1) // stride))
    M = sum(counts)
    inputs = np.full((length, M), pad)
    targets = inputs.copy()
    mask = np.zeros((length, M))
    document = np.repeat(np.arange(len(documents)), counts)
    m = 0
    for tokens, count in zip(documents, counts):
        for w in range(count):
            part = tokens[w * stride : w * stride + length + 1]
            real = slice(length + 1 - len(part), None)
            inputs[real, m] = part[:-1]
            targets[real, m] = part[1:]
            mask[real, m] = 1
            m += 1
    return {"inputs": inputs, "targets": targets, "mask": mask, "document": document}
""",
        "step": """
def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    h_t = h_prev @ W_hh
    h_t += x_t @ W_xh
    h_t += b_h
    np.tanh(h_t, out=h_t)
    h_t -= h_prev
    h_t *= alpha
    h_t += h_prev
    return h_t
""",
        "sequence": """
def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    h = np.repeat(h0[np.newaxis], len(x), axis=0)
    for t in range(len(x)):
        if t:
            h[t] = h[t - 1]
        live = np.flatnonzero(starts <= t)
        if live.size:
            h[t, live] = leaky_step(x[t, live], h[t, live], W_xh, W_hh, b_h, alpha)
    return h
""",
        "loss": """
def loss_and_gradient(logits, targets, mask, eps):
    T, N, C = logits.shape
    g = logits - np.max(logits, axis=2, keepdims=True)
    g -= np.log(np.sum(np.exp(g), axis=2, keepdims=True))
    real = mask == 1
    weight = np.zeros((T, N))
    weight[real] = 1
    counts = weight.sum(axis=0)
    counts[counts == 0] = 1
    weight /= counts
    weight /= max(1, real.any(axis=0).sum())
    t, n = np.nonzero(real)
    y = targets[t, n]
    at = g[t, n, y]
    others = g[t, n].sum(axis=1) - at
    loss = -((1 - eps) * at + eps / (C - 1) * others) @ weight[t, n]
    np.exp(g, out=g)
    g -= eps / (C - 1)
    g[t, n, y] += eps / (C - 1)
    g[t, n, y] -= 1 - eps
    g *= weight[:, :, None]
    return loss, g
""",
    },
    "with warnings": all_noisy(SOLUTION),
    "float32 inside": {
        "windows": """
def document_windows(documents, length, stride, pad):
    parts = []
    for d, tokens in enumerate(documents):
        tokens = np.float32(tokens)
        for start in range(0, len(tokens), stride):
            part = tokens[start : start + length + 1]
            if len(part) < 2:
                break
            empty = length + 1 - len(part)
            column = np.full((3, length), pad, dtype=np.float32)
            column[:2, empty:] = part[:-1], part[1:]
            column[2] = np.arange(length) >= empty
            parts.append((d, column))
            if start + length + 1 >= len(tokens):
                break
    block = np.stack([column for _, column in parts], axis=-1)
    return dict(zip(("inputs", "targets", "mask"), block), document=[d for d, _ in parts])
""",
        "step": """
def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    x_t, h_prev, W_xh, W_hh, b_h, alpha = map(
        np.float32, (x_t, h_prev, W_xh, W_hh, b_h, alpha)
    )
    fresh = np.tanh(x_t @ W_xh + h_prev @ W_hh + b_h)
    return h_prev * (np.float32(1) - alpha) + fresh * alpha
""",
        "sequence": """
def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    h0, W_xh, W_hh, b_h, alpha = (a.astype(np.float32) for a in (h0, W_xh, W_hh, b_h, alpha))
    h = np.zeros((len(x) + 1, *h0.shape), dtype=np.float32)
    h[0] = h0
    for t, x_t in enumerate(x.astype(np.float32)):
        h[t + 1] = leaky_step(x_t, h[t], W_xh, W_hh, b_h, alpha)
        h[t + 1, starts > t] = h[t, starts > t]
    return h[1:]
""",
        "loss": """
def loss_and_gradient(logits, targets, mask, eps):
    z = np.float32(logits)
    C = np.float32(z.shape[-1])
    z = z - z.max(-1, keepdims=True)
    z = z - np.log(np.exp(z).sum(-1, keepdims=True))
    q = np.where(targets[..., None] == np.arange(C), np.float32(1 - eps), np.float32(eps) / (C - 1))
    m = np.float32(mask)
    K = m.sum(0)
    w = m / np.where(K > 0, K, 1).astype(np.float32) / np.float32(max((K > 0).sum(), 1))
    return -(w * (q * z).sum(-1)).sum(), w[..., None] * (np.exp(z) - q)
""",
    },
    "generators": {
        "windows": """
def spans(pairs, length, stride):
    start = 0
    while start < pairs:
        yield start, min(start + length, pairs)
        if start + length >= pairs:
            return
        start += stride


def all_windows(documents, length, stride, pad):
    for d, tokens in enumerate(documents):
        for start, stop in spans(len(tokens) - 1, length, stride):
            front = (length - stop + start, 0)
            yield (
                np.pad(tokens[start:stop], front, constant_values=pad),
                np.pad(tokens[start + 1 : stop + 1], front, constant_values=pad),
                np.pad(np.ones(stop - start), front),
                d,
            )


def document_windows(documents, length, stride, pad):
    inputs, targets, mask, document = map(
        np.array, zip(*all_windows(documents, length, stride, pad))
    )
    return dict(inputs=inputs.T, targets=targets.T, mask=mask.T, document=document)
""",
        "step": """
def moved(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    for n in range(x_t.shape[0]):
        a = b_h + x_t[n].dot(W_xh) + h_prev[n].dot(W_hh)
        yield np.average([h_prev[n], np.tanh(a)], axis=0, weights=[1 - alpha, alpha])


def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    return np.array(list(moved(x_t, h_prev, W_xh, W_hh, b_h, alpha)))
""",
        "sequence": """
def walk(x, starts, state, parameters):
    for t, x_t in enumerate(x):
        wait = (t < starts).reshape(-1, 1)
        state = wait * state + ~wait * np.asarray(leaky_step(x_t, state, *parameters))
        yield state


def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    return np.stack([*walk(x, starts, h0, (W_xh, W_hh, b_h, alpha))])
""",
        "loss": """
def positions(targets, mask):
    counts = mask.sum(axis=0)
    sequences = np.count_nonzero(counts)
    for t, n in zip(*np.nonzero(mask)):
        yield t, n, targets[t, n], 1 / (counts[n] * sequences)


def loss_and_gradient(logits, targets, mask, eps):
    total, dlogits = 0.0, np.zeros_like(logits)
    share = eps / (logits.shape[2] - 1)
    for t, n, y, weight in positions(targets, mask):
        o = logits[t, n] - logits[t, n].max()
        log_sum = np.log(np.exp(o).sum())
        p = np.exp(o - log_sum)
        cost = log_sum - (1 - eps) * o[y] - share * (o.sum() - o[y])
        p -= share
        p[y] -= 1 - eps - share
        total += weight * cost
        dlogits[t, n] = weight * p
    return total, dlogits
""",
    },
    "fused products": {
        "windows": """
def document_windows(documents, length, stride, pad):
    blocks, origin = [], []
    for d, tokens in enumerate(documents):
        pairs = len(tokens) - 1
        if pairs <= 0:
            continue
        starts = np.arange(1 + max(0, -(-(pairs - length) // stride))) * stride
        behind = np.minimum(starts + length, pairs)
        at = behind - np.arange(length, 0, -1)[:, None]  # pairs, where a window has them
        real = at >= starts
        both = np.stack([tokens[np.where(real, at, 0)], tokens[np.where(real, at + 1, 0)]])
        blocks.append(np.concatenate([np.where(real, both, pad), real[None]]))
        origin.append(np.full(len(starts), d))
    inputs, targets, mask = np.concatenate(blocks, axis=2)
    return {"inputs": inputs, "targets": targets, "mask": mask, "document": np.concatenate(origin)}
""",
        "step": """
def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    ones = np.ones((len(x_t), 1))
    a = np.hstack([x_t, h_prev, ones]) @ np.vstack([W_xh, W_hh, b_h[None]])
    return np.hstack([h_prev, np.tanh(a)]) @ np.vstack([np.diag(1 - alpha), np.diag(alpha)])
""",
        "sequence": """
def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    h = x @ W_xh + b_h
    rate = np.less_equal.outer(starts, np.arange(len(x))).T[..., None] * alpha
    before = h0
    for h_t, rate_t in zip(h, rate):
        h_t += before @ W_hh
        np.tanh(h_t, out=h_t)
        h_t *= rate_t
        h_t += (1 - rate_t) * before
        before = h_t
    return h
""",
        "loss": """
def loss_and_gradient(logits, targets, mask, eps):
    T, N, C = logits.shape
    rows = logits.reshape(T * N, C)
    y = np.clip(targets, 0, C - 1).reshape(-1)
    count = mask.sum(axis=0)
    inverse = np.where(count > 0, 1 / np.maximum(count, 1), 0) / max(np.sum(count > 0), 1)
    weight = (mask * inverse).reshape(-1)
    q = np.full((C, C), eps / (C - 1)) + (1 - eps - eps / (C - 1)) * np.eye(C)
    rows = rows - rows[np.arange(T * N), rows.argmax(axis=1)][:, None]
    p = np.exp(rows)
    total = p @ np.ones(C)
    losses = np.log(total) - np.sum(q[y] * rows, axis=1)
    dlogits = np.diag(weight) @ (p / total[:, None] - q[y])
    return weight @ losses, dlogits.reshape(T, N, C)
""",
    },
    "functions of their own": {
        "windows": """
def starts_of(pairs, length, stride):
    starts = [0] if pairs > 0 else []
    while starts and starts[-1] + length < pairs:
        starts.append(starts[-1] + stride)
    return starts


def in_front(values, length, filler):
    return [filler] * (length - len(values)) + list(values)


def document_windows(documents, length, stride, pad):
    cuts = [
        (d, start)
        for d, tokens in enumerate(documents)
        for start in starts_of(len(tokens) - 1, length, stride)
    ]
    inputs = [in_front(documents[d][:-1][s : s + length], length, pad) for d, s in cuts]
    targets = [in_front(documents[d][1:][s : s + length], length, pad) for d, s in cuts]
    mask = [in_front([1] * len(documents[d][1:][s : s + length]), length, 0) for d, s in cuts]
    return {
        "inputs": np.transpose(inputs),
        "targets": np.transpose(targets),
        "mask": np.transpose(mask),
        "document": [d for d, _ in cuts],
        "starts": [s for _, s in cuts],
    }
""",
        "step": """
def squash(a):
    positive = np.exp(-2 * np.abs(a))
    return np.sign(a) * (1 - positive) / (1 + positive)


def affine(v, W):
    return np.tensordot(v, W, axes=1)


def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    new = squash(affine(x_t, W_xh) + affine(h_prev, W_hh) + b_h)
    return np.subtract(h_prev, np.multiply(alpha, np.subtract(h_prev, new)))
""",
        "sequence": """
def one_sample(x_n, start, state, parameters):
    before = [state] * start
    for x_t in x_n[start:]:
        state = leaky_step(x_t[None], state[None], *parameters)[0]
        before.append(state)
    return np.reshape(before, (len(x_n), -1))


def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    parameters = W_xh, W_hh, b_h, alpha
    samples = zip(np.swapaxes(x, 0, 1), starts.tolist(), h0)
    return np.stack([one_sample(*sample, parameters) for sample in samples], axis=1)
""",
        "loss": """
def log_softmax(o):
    return o - np.logaddexp.reduce(o, axis=-1, keepdims=True)


def truth(targets, C, eps):
    hit = np.equal.outer(targets, np.arange(C))
    return np.choose(hit, [eps / (C - 1), 1 - eps])


def weights(mask):
    columns = [m / m.sum() if m.any() else m for m in mask.T]
    return np.transpose(columns) / max(1, sum(m.any() for m in mask.T))


def loss_and_gradient(logits, targets, mask, eps):
    log_p, q, w = log_softmax(logits), truth(targets, logits.shape[-1], eps), weights(mask)
    return np.vdot(w, -(q * log_p).sum(-1)), w[..., None] * (np.exp(log_p) - q)
""",
    },
    "folds": {
        "windows": """
def document_windows(documents, length, stride, pad):
    from functools import reduce

    def grow(found, numbered):
        d, tokens = numbered
        padded = np.concatenate([np.full(length, pad), tokens])
        last = len(tokens) - 1
        at = 0
        while last > 0:
            stop = min(at + length, last)
            window = padded[stop : stop + length + 1].copy()
            real = np.arange(stop - length, stop) >= at
            pieces = np.where(real, [window[:-1], window[1:]], pad)
            found = found + [(*pieces, real, d)]
            if stop == last:
                break
            at = at + stride
        return found

    found = reduce(grow, enumerate(documents), [])
    names = ("inputs", "targets", "mask", "document")
    return {name: np.stack([row[k] for row in found], axis=-1) for k, name in enumerate(names)}
""",
        "step": """
def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    from functools import reduce

    a = reduce(np.add, [x_t[:, [d]] * W_xh[d] for d in range(len(W_xh))], b_h)
    a = reduce(np.add, [h_prev[:, [i]] * W_hh[i] for i in range(len(W_hh))], a)
    return h_prev + (np.tanh(a) - h_prev) * alpha
""",
        "sequence": """
def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    from itertools import accumulate

    def forward(state, at):
        t, x_t = at
        new = np.array(leaky_step(x_t, state, W_xh, W_hh, b_h, alpha))
        new[t < starts] = state[t < starts]
        return new

    states = accumulate(enumerate(x), forward, initial=h0)
    return list(states)[1:]
""",
        "loss": """
def loss_and_gradient(logits, targets, mask, eps):
    from functools import reduce

    T, N, C = logits.shape
    log_sum = reduce(np.logaddexp, np.moveaxis(logits, -1, 0))
    onehot = np.stack([targets == j for j in range(C)], axis=-1)
    q = (eps * ~onehot) / (C - 1) + (1 - eps) * onehot
    losses = log_sum - np.multiply(q, logits).sum(axis=-1) / q.sum(axis=-1).clip(1e-9)
    p = np.exp(logits - log_sum[..., None])
    means, dlogits = [], np.zeros((T, N, C))
    sequences = set(np.nonzero(mask)[1].tolist())
    for n in sequences:
        live = np.nonzero(mask[:, n])[0]
        means.append(losses[live, n].mean())
        dlogits[live, n] = (p - q)[live, n] / live.size / len(sequences)
    return (np.mean(means) if means else 0.0), dlogits
""",
    },
    "one step or unit at a time": {
        "windows": """
def document_windows(documents, length, stride, pad):
    inputs, targets, mask, document = [], [], [], []
    for d, tokens in enumerate(documents):
        if len(tokens) < 2:
            continue
        pair = np.lib.stride_tricks.sliding_window_view(tokens, 2)
        full = 1 + (len(pair) - length) // stride if len(pair) >= length else 0
        pieces = [pair[w * stride : w * stride + length] for w in range(full)]
        covered = (full - 1) * stride + length if full else 0
        if covered < len(pair):
            pieces.append(pair[full * stride :])
        for piece in pieces:
            block = np.vstack([np.full((length - len(piece), 2), pad), piece])
            inputs.append(block[:, :1])
            targets.append(block[:, 1:])
            mask.append(np.r_[np.zeros(length - len(piece)), np.ones(len(piece))][:, None])
        document += [d] * len(pieces)
    columns = map(np.hstack, (inputs, targets, mask))
    return {**dict(zip(["inputs", "targets", "mask"], columns)), "document": np.array(document)}
""",
        "step": """
def leaky_step(x_t, h_prev, W_xh, W_hh, b_h, alpha):
    units = []
    for j, leak in enumerate(alpha):
        a_j = x_t @ W_xh[:, j] + h_prev @ W_hh[:, j] + b_h[j]
        units.append((1 - leak) * h_prev[:, j] + leak * np.tanh(a_j))
    return np.column_stack(units)
""",
        "sequence": """
def leaky_forward(x, starts, h0, W_xh, W_hh, b_h, alpha):
    states = {-1: h0}
    for t in range(len(x)):
        on = np.heaviside(t - starts, 1)[:, np.newaxis]
        joint = np.concatenate([x[t], states[t - 1]], 1)
        fresh = np.tanh(joint @ np.concatenate([W_xh, W_hh]) + b_h)
        states[t] = (1 - on * alpha) * states[t - 1] + on * alpha * fresh
    return np.array([states[t] for t in range(len(x))])
""",
        "loss": """
def loss_and_gradient(logits, targets, mask, eps):
    T, N, C = logits.shape
    K = {n: mask[:, n].sum() for n in range(N) if mask[:, n].sum() > 0}
    loss, rows = np.float64(0), []
    for t in range(T):
        w = np.array([mask[t, n] / (K[n] * len(K)) if n in K else 0.0 for n in range(N)])
        z = (logits[t].T - logits[t].max(axis=1)).T
        e = np.exp(z)
        s = e.sum(axis=1, keepdims=True)
        q = np.ones((N, C)) * eps / (C - 1)
        for n in np.flatnonzero(w):
            q[n, targets[t, n]] = 1 - eps
        loss = loss + w @ (q * (np.log(s) - z)).sum(axis=1)
        rows.append((e / s - q) * w[:, None])
    return loss, np.stack(rows)
""",
    },
    "through the softmax's Jacobian": {
        "loss": """
def loss_and_gradient(logits, targets, mask, eps):
    T, N, C = logits.shape
    J = np.eye(C)
    real = mask.astype(bool)
    share = np.zeros((T, N))
    for n in range(N):
        if real[:, n].any():
            share[real[:, n], n] = 1 / real[:, n].sum()
    share /= max(real.any(axis=0).sum(), 1)
    loss, dlogits = 0, np.zeros((T, N, C))
    for t, n in np.argwhere(real):
        z = logits[t, n] - logits[t, n].max()
        log_p = z - np.log(np.exp(z).sum())
        q = (1 - eps) * J[targets[t, n]] + eps * (1 - J[targets[t, n]]) / (C - 1)
        loss -= share[t, n] * q @ log_p
        dlogits[t, n] = -share[t, n] * q @ (J - np.exp(log_p))  # d log p[i] / d o[j]
    return loss, dlogits
""",
    },
}
