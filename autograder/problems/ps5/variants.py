"""Submissions to problem set 5 that test the grader: right in other styles, or wrong by name.

Each maps grade_ids of solution cells to source code; a cell that is not named keeps the model
solution.
"""

from autograder.problems.noise import NOISE, noisy
from autograder.problems.ps5.misconceptions import CATALOGUE
from autograder.problems.ps5.reference import MODEL

SOLUTION = MODEL.sources
FUNCTIONS = {"decode": "decode", "module": "ProjectedLSTM", "training": "train"}


def stub(cell: str, statement: str, function: str | None = None) -> dict[str, str]:
    """A cell whose function takes any arguments and consists of one statement.

    Where the cell has several functions, the others are the model's.
    """
    name = function or FUNCTIONS[cell]
    text = f"def {name}(*arguments, **keywords):\n    {statement}\n"
    return {cell: SOLUTION[cell] + "\n\n" + text}


def edited(cell: str, *edits: tuple[str, str]) -> dict[str, str]:
    """A cell of the model's with these texts replaced."""
    return {cell: MODEL.edited(cell, edits)}


_RESULT = 'return {"symbols": symbols, "lengths": lengths, "logp": logp}'
_OUTPUT = "return torch.stack(outputs), (h[None], c[None])"

UNUSABLE: dict[str, dict[str, str]] = {
    "decode returns nothing": edited("decode", (_RESULT, "symbols, lengths, logp")),
    "decode returns a tuple": edited("decode", (_RESULT, "return symbols, lengths, logp")),
    "decode returns words": stub("decode", 'return "abc"'),
    "logp missing": edited("decode", (', "logp": logp', "")),
    "symbols of each sample in a list of its own length": edited(
        "decode",
        ('"symbols": symbols', '"symbols": [list(symbols[: lengths[n], n]) for n in range(N)]'),
    ),
    "samples by rows": edited("decode", ('"symbols": symbols', '"symbols": symbols.T')),
    "logp in words": edited("decode", ('"logp": logp', '"logp": [str(v) for v in logp]')),
    "decode wants too few arguments": {"decode": "def decode(h0, W_xh):\n    return {}\n"},
    "decode fails without a nucleus": edited(
        "decode",
        ("    L, N = uniforms.shape\n", "    assert top_p < 1\n    L, N = uniforms.shape\n"),
    ),
    "decode calls itself for ever": stub("decode", "return decode(*arguments)"),
    "decode changes h0 and is wrong": edited(
        "decode", ("        state = np.tanh(", "        h0 *= 0.5\n        state = np.tanh(")
    ),
    "no module": {
        "module": "class ProjectedLSTM:\n    def __init__(self, *sizes):\n        pass\n"
    },
    "a function in place of the class": stub("module", "return None"),
    "module wants too few arguments": {
        "module": "class ProjectedLSTM(nn.Module):\n"
        "    def __init__(self, input_size):\n        super().__init__()\n"
    },
    "parameters under other names": edited(
        "module",
        ('"weight_hr_l0": (', '"projection": ('),
        ("P, H = self.weight_hr_l0.shape", "W_hr = self.projection\n        P, H = W_hr.shape"),
        ("@ self.weight_hr_l0.T", "@ W_hr.T"),
    ),
    "a parameter too many": edited(
        "module", ('"bias_ih_l0": (4', '"peephole": (hidden_size,),\n            "bias_ih_l0": (4')
    ),
    "a transposed parameter": edited(
        "module",
        ("(4 * hidden_size, input_size)", "(input_size, 4 * hidden_size)"),
        ("self.weight_ih_l0.T", "self.weight_ih_l0"),
    ),
    "torch's own layer inside": {
        "module": """
class ProjectedLSTM(nn.LSTM):
    def __init__(self, input_size, hidden_size, proj_size, device=None, dtype=None):
        super().__init__(input_size, hidden_size, proj_size=proj_size, device=device, dtype=dtype)

    def forward(self, x, start=None, resets=None):
        return super().forward(x, start)
"""
    },
    "forward returns the states alone": edited("module", (_OUTPUT, "return torch.stack(outputs)")),
    "forward returns the last state alone": edited(
        "module", (_OUTPUT, "return torch.stack(outputs), h[None]")
    ),
    "forward returns nothing": edited("module", (_OUTPUT, "outputs")),
    "forward returns a list of states": edited(
        "module", (_OUTPUT, "return outputs[:-1] + [outputs[-1][:1]], (h[None], c[None])")
    ),
    "forward without autograd": edited(
        "module", ("    def forward", "    @torch.no_grad()\n    def forward")
    ),
    "forward raises at resets": edited(
        "module", ("again = resets[t][:, None]", "again = resets[t][:, None] + None")
    ),
    "last states without the layer's axis": edited("module", ("(h[None], c[None])", "(h, c)")),
    "train returns nothing": edited("training", ("    return model, losses", "    model, losses")),
    "train returns the model alone": edited("training", ("return model, losses", "return model")),
    "train returns its weights": edited(
        "training", ("return model, losses", "return model.state_dict(), losses")
    ),
    "train returns another model": edited(
        "training", ("return model, losses", "return nn.Linear(2, 3), losses")
    ),
    "losses are words": edited(
        "training", ("return model, losses", "return model, [str(v) for v in losses]")
    ),
    "losses are one number": edited(
        "training", ("return model, losses", "return model, sum(losses)")
    ),
    "a loss missing": edited("training", ("return model, losses", "return model, losses[1:]")),
    "draws too often": edited("training", ("range(updates)", "range(updates + 1)")),
    "train wants too few arguments": {
        "training": "def train(weights): ...\n\n\ndef fit(weights): ...\n"
    },
    "train calls itself for ever": stub("training", "return train(*arguments)"),
    "train raises at several parts": edited(
        "training", ("parts = draw()", "parts = draw()\n        (only,) = parts")
    ),
    "fit returns nothing": stub("training", "return None", "fit"),
    "fit returns train's pair": edited(
        "training", ("    return model\n", "    return model, [0.0]\n")
    ),
    "fit trains nothing": stub("training", "return new_reader(arguments[0])", "fit"),
    "fit with a small rate": edited("training", ("lr=0.03", "lr=0.001")),
    "fit with a huge rate": edited("training", ("lr=0.03", "lr=30.0")),
    "fit takes more draws than there are": edited(
        "training", ("_ = train(weights, draw, updates,", "_ = train(weights, draw, 2 * updates,")
    ),
    "fit gives logits of another shape": stub(
        "training", "return nn.Linear(arguments[1]()[0][0].shape[-1], 2)", "fit"
    ),
    "fit gives NaN": stub(
        "training",
        "return new_reader({name: a * np.float32(np.nan) for name, a in arguments[0].items()})",
        "fit",
    ),
}

WRONG: dict[str, dict[str, str]] = {
    **{m.name: CATALOGUE.variant(m) for m in CATALOGUE.misconceptions},
    **UNUSABLE,
}

_FIT = """

def fit(weights, draw, updates, device="cpu"):
    model, _ = train(weights, draw, updates, RATE, 1.0, device)
    return model
"""

# Right to many digits on small networks, and far too slow on the large one.
TOO_SLOW: dict[str, dict[str, str]] = {
    "central differences": {
        "module": SOLUTION["module"].replace("    def forward(", "    def states(")
        + """
    def forward(self, x, start=None, resets=None):
        h0, c0 = start or (None, None)
        h, h_T, c_T = Nudged.apply(self, resets, x, h0, c0, *self.parameters())
        return h, (h_T, c_T)


class Nudged(torch.autograd.Function):
    @staticmethod
    def forward(context, module, resets, x, h0, c0, *parameters):
        context.module, context.resets, context.x = module, resets, x
        context.start = None if h0 is None else (h0, c0)
        with torch.no_grad():
            h, (h_T, c_T) = module.states(x, context.start, resets)
        return h, h_T, c_T

    @staticmethod
    def backward(context, *douts):
        module, resets, x, start = context.module, context.resets, context.x, context.start
        h0, c0 = start or (None, None)

        def loss():
            h, (h_T, c_T) = module.states(x, start, resets)
            return sum((d * out).sum().item() for d, out in zip(douts, (h, h_T, c_T)))

        grads = []
        with torch.no_grad():
            for tensor in (x, h0, c0, *module.parameters()):
                if tensor is None:
                    grads.append(None)
                    continue
                grad, entries = torch.zeros_like(tensor), tensor.data.view(-1)
                for n in range(tensor.numel()):
                    kept = entries[n].item()
                    entries[n] = kept + 1e-6
                    above = loss()
                    entries[n] = kept - 1e-6
                    grad.view(-1)[n] = (above - loss()) / 2e-6
                    entries[n] = kept
                grads.append(grad)
        return (None, None, *grads)
"""
    }
}

_INIT = """
class ProjectedLSTM(nn.Module):
    def __init__(self, input_size, hidden_size, proj_size, device=None, dtype=None):
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.hidden_size, self.proj_size = hidden_size, proj_size
        self.weight_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size, input_size, **factory))
        self.weight_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size, proj_size, **factory))
        self.bias_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size, **factory))
        self.bias_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size, **factory))
        self.weight_hr_l0 = nn.Parameter(torch.empty(proj_size, hidden_size, **factory))
        for p in self.parameters():
            nn.init.uniform_(p, -1 / hidden_size**0.5, 1 / hidden_size**0.5)

    def begin(self, x, start):
        if start is not None:
            return start[0].squeeze(0), start[1].squeeze(0)
        N = x.size(1)
        return x.new_zeros(N, self.proj_size), x.new_zeros(N, self.hidden_size)
"""

RIGHT: dict[str, dict[str, str]] = {
    "one sample after the other": {
        "decode": """
def decode(h0, W_xh, W_hh, b_h, W_ho, b_o, start, end, uniforms, temperature, top_p, min_length):
    L, N = uniforms.shape
    C = len(b_o)
    symbols = [[end] * N for _ in range(L)]
    lengths, logp = [0] * N, [0.0] * N
    for n in range(N):
        h, y = h0[n], start
        for t in range(L):
            h = np.tanh(W_xh[y] + h @ W_hh + b_h)
            o = h @ W_ho + b_o
            classes = [j for j in range(C) if j != end or t >= min_length]
            if temperature == 0:
                y = max(classes, key=lambda j: (o[j], -j))
            else:
                top = max(o[j] for j in classes)
                p = {j: np.exp((o[j] - top) / temperature) for j in classes}
                total = sum(p.values())
                p = {j: v / total for j, v in p.items()}
                kept, reached = [], 0.0
                for j in sorted(classes, key=lambda j: (-p[j], j)):
                    if reached >= top_p:
                        break
                    kept.append(j)
                    reached += p[j]
                cumulative = 0.0
                for j in sorted(kept):
                    y = j
                    cumulative += p[j] / reached
                    if cumulative > uniforms[t, n]:
                        break
            symbols[t][n] = y
            lengths[n] += 1
            m = o.max()
            logp[n] += o[y] - m - np.log(np.exp(o - m).sum())
            if y == end:
                break
    return {"symbols": symbols, "lengths": lengths, "logp": logp}
""",
        "module": _INIT
        + """
    def forward(self, x, start=None, resets=None):
        h0, c0 = self.begin(x, start)
        columns, last = [], []
        for n in range(x.size(1)):
            h, c, column = h0[n], c0[n], []
            for t in range(x.size(0)):
                if resets is not None and bool(resets[t, n]):
                    h, c = torch.zeros_like(h), torch.zeros_like(c)
                a = self.weight_ih_l0 @ x[t, n] + self.bias_ih_l0
                a = a + self.weight_hh_l0 @ h + self.bias_hh_l0
                i, f, g, o = a.view(4, -1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = self.weight_hr_l0 @ (torch.sigmoid(o) * torch.tanh(c))
                column.append(h)
            columns.append(torch.stack(column))
            last.append((h, c))
        h_T, c_T = (torch.stack(parts).unsqueeze(0) for parts in zip(*last))
        return torch.stack(columns, dim=1), (h_T, c_T)
""",
        "training": """
def train(weights, draw, updates, lr, max_norm, device="cpu"):
    model = new_reader(weights).to(device)
    adam = torch.optim.Adam(model.parameters(), lr)
    losses = []
    for _ in range(updates):
        parts = draw()
        counted = sum(mask.sum() for x, y, mask in parts)
        adam.zero_grad()
        total = 0.0
        for x, y, mask in parts:
            for n in range(x.shape[1]):  # one sequence at a time, without its padding
                length = int(mask[:, n].sum())
                if length == 0:
                    continue
                one = torch.tensor(x[:length, n : n + 1], device=device).to(model.readout.weight)
                right = torch.tensor(y[:length, n], device=device)
                log_p = model(one)[:, 0].log_softmax(-1)
                loss = -sum(log_p[t, k] for t, k in enumerate(right)) / float(counted)
                loss.backward()
                total += float(loss.detach())
        if torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm).isfinite():
            adam.step()
            losses.append(total)
    return model, losses


def fit(weights, draw, updates, device="cpu"):
    # In one piece here: sequence by sequence takes its time.
    model = new_reader(weights).to(device)
    adam = torch.optim.Adam(model.parameters(), 0.04)
    for _ in range(updates):
        loss = 0.0
        for x, y, mask in draw():
            x, y, mask = (torch.as_tensor(a, device=device) for a in (x, y, mask))
            loss = loss + nn.functional.cross_entropy(model(x)[mask], y[mask])
        adam.zero_grad()
        loss.backward()
        if nn.utils.clip_grad_norm_(model.parameters(), 1.0).isfinite():
            adam.step()
    return model
""",
    },
    "einsum": {
        "decode": """
def decode(h0, W_xh, W_hh, b_h, W_ho, b_o, start, end, uniforms, temperature, top_p, min_length):
    L, N = uniforms.shape
    C = b_o.size
    onehot = np.eye(C)
    y, h = np.full(N, start), h0
    alive, written, scores = np.ones(N), [], []
    lives = []
    for t, u in enumerate(uniforms):
        a = np.einsum("nc,ch->nh", onehot[y], W_xh) + np.einsum("nh,hk->nk", h, W_hh) + b_h
        h = np.tanh(a)
        o = np.einsum("nh,hc->nc", h, W_ho) + b_o
        masked = np.where((np.arange(C) == end) & (t < min_length), -np.inf, o)
        if temperature == 0:
            y = np.argmax(masked, axis=1)
        else:
            z = masked / temperature
            p = np.exp(z - z.max(1, keepdims=True))
            p /= np.einsum("nc->n", p)[:, None]
            # likelier[n, j, k]: k comes before j
            likelier = (p[:, None] > p[:, :, None]) | (
                (p[:, None] == p[:, :, None]) & (np.arange(C) < np.arange(C)[:, None])
            )
            before = np.einsum("njk,nk->nj", likelier.astype(float), p)
            p = p * (before < top_p)
            p /= np.einsum("nc->n", p)[:, None]
            lower = np.tril(np.ones((C, C)))
            y = (np.einsum("jk,nk->nj", lower, p) <= u[:, None]).sum(1)
        top = o.max(1)
        log_z = top + np.log(np.einsum("nc->n", np.exp(o - top[:, None])))
        scores.append(np.einsum("nc,nc->n", o, onehot[y]) - log_z)
        written.append(np.where(alive > 0, y, end))
        lives.append(alive)
        alive = alive * (y != end)
    lives = np.array(lives)
    return dict(
        logp=np.einsum("tn,tn->n", lives, np.array(scores)),
        lengths=np.einsum("tn->n", lives),
        symbols=np.array(written),
    )
""",
        "module": _INIT
        + """
    def forward(self, x, start=None, resets=None):
        h, c = self.begin(x, start)
        H = self.hidden_size
        W_ih = self.weight_ih_l0.view(4, H, -1)
        W_hh = self.weight_hh_l0.view(4, H, -1)
        bias = (self.bias_ih_l0 + self.bias_hh_l0).view(4, 1, H)
        from_x = torch.einsum("tnd,ghd->tgnh", x, W_ih) + bias
        keep = torch.ones(x.shape[:2], dtype=x.dtype, device=x.device)
        if resets is not None:
            keep = (~resets).to(x.dtype)
        states = []
        for a, k in zip(from_x, keep):
            h, c = torch.einsum("n,np->np", k, h), torch.einsum("n,nh->nh", k, c)
            i, f, g, o = a + torch.einsum("np,ghp->gnh", h, W_hh)
            c = c * f.sigmoid() + g.tanh() * i.sigmoid()
            h = torch.einsum("nh,ph->np", c.tanh() * o.sigmoid(), self.weight_hr_l0)
            states += [h]
        return torch.stack(states), (h.unsqueeze(0), c.unsqueeze(0))
""",
        "training": """
def train(weights, draw, updates, lr, max_norm, device="cpu"):
    model = new_reader(weights).to(device)
    kind = next(model.parameters()).dtype
    adam = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(updates):
        # The parts have the same T, so that they can be joined to one batch.
        x, y, mask = (np.concatenate(arrays, axis=1) for arrays in zip(*draw()))
        x = torch.as_tensor(x, device=device, dtype=kind)
        chosen = torch.as_tensor(np.eye(model.readout.out_features)[y], device=device, dtype=kind)
        weight = torch.as_tensor(mask / mask.sum(), device=device, dtype=kind)
        # Selected, not multiplied by zero: what is not finite would stay.
        log_p = torch.einsum("tnc,tnc->tn", model(x).log_softmax(2), chosen)
        counts = weight > 0
        loss = -torch.einsum("i,i->", log_p[counts], weight[counts])
        adam.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(list(model.parameters()), max_norm)
        if not bool(torch.isfinite(norm)):
            continue
        adam.step()
        losses.append(loss.detach().cpu().numpy())
    return model, np.array(losses)
"""
        + _FIT.replace("RATE", "0.05"),
    },
    "recursion": {
        "decode": """
def decode(h0, W_xh, W_hh, b_h, W_ho, b_o, start, end, uniforms, temperature, top_p, min_length):
    def log_softmax(o):
        o = o - np.max(o, -1, keepdims=True)
        return o - np.log(np.sum(np.exp(o), -1, keepdims=True))

    def choose(o, u):
        if temperature == 0:
            return int(np.argmax(o))
        p = np.exp(log_softmax(o / temperature))
        order = sorted(range(len(p)), key=lambda j: (-p[j], j))
        size = 1 + int(np.sum(np.cumsum(p[order])[:-1] < top_p))
        kept = np.isin(np.arange(len(p)), order[:size])
        q = np.cumsum(p * kept) / np.sum(p * kept)
        return int(np.searchsorted(q, u, side="right"))

    def rest(t, h, y, us):
        \"\"\"What is written from step t on, and its log-probability.\"\"\"
        if len(us) == 0:
            return [], 0.0
        h = np.tanh(W_xh[y] + h @ W_hh + b_h)
        o = h @ W_ho + b_o
        allowed = np.where(np.arange(len(o)) == end, -np.inf, o) if t < min_length else o
        y = choose(allowed, us[0])
        more, logp = ([], 0.0) if y == end else rest(t + 1, h, y, us[1:])
        return [y, *more], logp + log_softmax(o)[y]

    L, N = uniforms.shape
    found = [rest(0, h0[n], start, uniforms[:, n]) for n in range(N)]
    columns = [written + [end] * (L - len(written)) for written, _ in found]
    return {
        "symbols": np.array(columns).T,
        "lengths": [len(written) for written, _ in found],
        "logp": [logp for _, logp in found],
    }
""",
        "module": _INIT
        + """
    def forward(self, x, start=None, resets=None):
        def rest(t, h, c):
            if t == len(x):
                return [], h, c
            if resets is not None:
                h = torch.where(resets[t].unsqueeze(1), torch.zeros_like(h), h)
                c = torch.where(resets[t].unsqueeze(1), torch.zeros_like(c), c)
            a = nn.functional.linear(x[t], self.weight_ih_l0, self.bias_ih_l0)
            a = a + nn.functional.linear(h, self.weight_hh_l0, self.bias_hh_l0)
            i, f, g, o = torch.tensor_split(a, 4, dim=1)
            c = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())
            h = nn.functional.linear(o.sigmoid() * c.tanh(), self.weight_hr_l0)
            states, h_T, c_T = rest(t + 1, h, c)
            return [h, *states], h_T, c_T

        states, h, c = rest(0, *self.begin(x, start))
        return torch.stack(states), (h[None], c[None])
""",
        "training": """
def train(weights, draw, updates, lr, max_norm, device="cpu"):
    model = new_reader(weights).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=lr)

    def shares(parts, counted):
        if not parts:
            return 0.0
        (x, y, mask), *others = parts
        x = torch.from_numpy(x).to(device, model.readout.bias.dtype)
        mask = torch.from_numpy(mask).to(device)
        log_p = model(x)[mask].log_softmax(1)
        picked = log_p.gather(1, torch.from_numpy(y).to(device)[mask][:, None])
        return -picked.sum() / counted + shares(others, counted)

    def go_on(left, losses):
        if left == 0:
            return losses
        parts = draw()
        loss = shares(parts, int(sum(mask.sum() for *_, mask in parts)))
        model.zero_grad()
        loss.backward()
        if nn.utils.clip_grad_norm_(model.parameters(), max_norm).isfinite():
            adam.step()
            losses = [*losses, loss.item()]
        return go_on(left - 1, losses)

    return model, go_on(updates, [])
"""
        + _FIT.replace("RATE", "0.035"),
    },
    "classes": {
        "decode": """
class Writer:
    def __init__(self, h0, W_xh, W_hh, b_h, W_ho, b_o):
        self.h, self.parameters = h0.copy(), (W_xh, W_hh, b_h, W_ho, b_o)

    def read(self, symbols):
        W_xh, W_hh, b_h, W_ho, b_o = self.parameters
        self.h = np.tanh(W_xh[symbols] + self.h.dot(W_hh) + b_h)
        return self.h.dot(W_ho) + b_o


class Chooser:
    def __init__(self, temperature, top_p):
        self.temperature, self.top_p = temperature, top_p

    def __call__(self, logits, u):
        if not self.temperature:
            return logits.argmax(1)
        return np.array([self.draw(row, each) for row, each in zip(logits, u)])

    def draw(self, logits, u):
        e = np.exp((logits - logits.max()) / self.temperature)
        p = e / e.sum()
        order = np.lexsort((np.arange(len(p)), -p))
        reached = np.cumsum(p[order])
        last = min(np.searchsorted(reached, self.top_p), len(p) - 1)
        cut = np.zeros(len(p))
        cut[order[: last + 1]] = p[order[: last + 1]]
        return np.flatnonzero(np.cumsum(cut / cut.sum()) > u)[0]


def decode(h0, W_xh, W_hh, b_h, W_ho, b_o, start, end, uniforms, temperature, top_p, min_length):
    writer, chooser = Writer(h0, W_xh, W_hh, b_h, W_ho, b_o), Chooser(temperature, top_p)
    L, N = uniforms.shape
    read = np.array([start] * N)
    symbols, lengths, logp = np.zeros((L, N), int), np.zeros(N, int), np.zeros(N)
    done = np.zeros(N, bool)
    for t in range(L):
        logits = writer.read(read)
        allowed = np.array(logits)
        allowed[:, end] -= np.inf if t < min_length else 0
        read = chooser(allowed, uniforms[t])
        own = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        logp[~done] += own[np.arange(N), read][~done]
        lengths[~done] = t + 1
        symbols[t] = np.where(done, end, read)
        done |= read == end
    return {"symbols": symbols, "lengths": lengths, "logp": logp}
""",
        "module": """
class Step:
    \"\"\"One step of the layer, whose parameters stay with the layer.\"\"\"

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, x, h, c):
        p = self.layer
        both = torch.cat([x, h], dim=1) @ torch.cat([p.weight_ih_l0, p.weight_hh_l0], dim=1).t()
        i, f, g, o = (both + p.bias_ih_l0 + p.bias_hh_l0).chunk(4, 1)
        c = torch.sigmoid(f).mul(c) + torch.sigmoid(i).mul(torch.tanh(g))
        return torch.mm(torch.sigmoid(o).mul(torch.tanh(c)), p.weight_hr_l0.t()), c

"""
        + _INIT
        + """
    def forward(self, x, start=None, resets=None):
        step, (h, c) = Step(self), self.begin(x, start)
        outputs = []
        for t, x_t in enumerate(x):
            if resets is not None:
                live = resets[t].logical_not().unsqueeze(-1)
                h, c = h * live, c * live
            h, c = step(x_t, h, c)
            outputs.append(h)
        return torch.stack(outputs), (h.unsqueeze(0), c.unsqueeze(0))
""",
        "training": """
class Trainer:
    def __init__(self, model, lr, max_norm, device):
        self.model, self.max_norm, self.device = model.to(device), max_norm, device
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.losses = []

    def loss(self, part):
        x, y, mask = (torch.as_tensor(a, device=self.device) for a in part)
        logits = self.model(x.to(self.model.readout.weight.dtype))
        ignored = y.masked_fill(~mask, -100)
        return nn.functional.cross_entropy(
            logits.flatten(0, 1), ignored.flatten(), ignore_index=-100, reduction="sum"
        )

    def update(self, parts):
        self.optimiser.zero_grad()
        counted = sum(int(mask.sum()) for _, _, mask in parts)
        shares = [self.loss(part) / counted for part in parts]
        for share in shares:
            share.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
        if torch.isfinite(norm):
            self.optimiser.step()
            self.losses.append(sum(share.item() for share in shares))


def train(weights, draw, updates, lr, max_norm, device="cpu"):
    trainer = Trainer(new_reader(weights), lr, max_norm, device)
    for _ in range(updates):
        trainer.update(draw())
    return trainer.model, trainer.losses


class Counter(nn.Module):
    \"\"\"Another network than the one given.\"\"\"

    def __init__(self, D, C):
        super().__init__()
        self.cells = nn.LSTM(D, 20)
        self.out = nn.Sequential(nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, C))

    def forward(self, x):
        return self.out(self.cells(x)[0])


def fit(weights, draw, updates, device="cpu"):
    C, D = len(weights["readout.bias"]), weights["layer.weight_ih_l0"].shape[1]
    torch.manual_seed(1)
    trainer = Trainer(new_reader(weights), 0.04, 1.0, device)
    trainer.model = Counter(D, C).to(device)
    trainer.model.readout = trainer.model.out[0]  # for its dtype
    trainer.optimiser = torch.optim.Adam(trainer.model.parameters(), lr=0.04)
    for _ in range(updates):
        trainer.update(draw())
    return trainer.model
""",
    },
    "generators": {
        "decode": """
def decode(h0, W_xh, W_hh, b_h, W_ho, b_o, start, end, uniforms, temperature, top_p, min_length):
    def letters(h, us):
        y = start
        for t, u in enumerate(us):
            h = np.tanh(W_xh[y] + h @ W_hh + b_h)
            o = h @ W_ho + b_o
            y = pick(np.delete(o, end) if t < min_length else o, u)
            if t < min_length:
                y += y >= end
            yield y, o[y] - o.max() - np.log(np.exp(o - o.max()).sum())
            if y == end:
                return

    def pick(o, u):
        if temperature == 0:
            return int(o.argmax())
        p = np.exp((o - o.max()) / temperature)
        p /= p.sum()
        left = list(enumerate(p))
        kept = {}
        while left and sum(kept.values()) < top_p:
            best = max(left, key=lambda pair: (pair[1], -pair[0]))
            left.remove(best)
            kept[best[0]] = best[1]
        total, reached = sum(kept.values()), 0.0
        for j in sorted(kept):
            reached += kept[j] / total
            if reached > u:
                break
        return j

    L, N = uniforms.shape
    symbols = np.full((L, N), end)
    lengths, logp = np.zeros(N), np.zeros(N)
    for n in range(N):
        for t, (y, score) in enumerate(letters(h0[n], uniforms[:, n])):
            symbols[t, n] = y
            lengths[n] += 1
            logp[n] += score
    return {"symbols": symbols, "lengths": lengths, "logp": logp}
""",
        "module": _INIT
        + """
    def steps(self, x, h, c, resets):
        empty = [None] * len(x) if resets is None else (~resets).unbind(0)
        for x_t, keep in zip(x.unbind(0), empty):
            if keep is not None:
                h, c = h * keep[:, None], c * keep[:, None]
            a = torch.addmm(self.bias_ih_l0, x_t, self.weight_ih_l0.t())
            a = a + torch.addmm(self.bias_hh_l0, h, self.weight_hh_l0.t())
            i, f, g, o = a.reshape(len(a), 4, -1).unbind(1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = torch.matmul(o.sigmoid() * c.tanh(), self.weight_hr_l0.mT)
            yield h, c

    def forward(self, x, start=None, resets=None):
        states = list(self.steps(x, *self.begin(x, start), resets))
        h_T, c_T = states[-1]
        return torch.stack([h for h, _ in states]), (h_T[None], c_T[None])
""",
        "training": """
def losses_of(model, optimiser, draws, max_norm, device):
    for parts in draws:
        optimiser.zero_grad()
        tensors = [[torch.as_tensor(a, device=device) for a in part] for part in parts]
        counted = torch.stack([mask.sum() for *_, mask in tensors]).sum()
        loss = 0.0
        for x, y, mask in tensors:
            log_p = model(x.type_as(model.readout.weight)).log_softmax(-1)
            loss = loss - log_p[mask, :][torch.arange(mask.sum()), y[mask]].sum() / counted
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        if norm.isfinite():
            optimiser.step()
            yield loss.item()


def train(weights, draw, updates, lr, max_norm, device="cpu"):
    model = new_reader(weights).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    draws = (draw() for _ in range(updates))
    return model, list(losses_of(model, optimiser, draws, max_norm, device))
"""
        + _FIT.replace("RATE", "0.045"),
    },
    "in place": {
        "decode": """
def decode(h0, W_xh, W_hh, b_h, W_ho, b_o, start, end, uniforms, temperature, top_p, min_length):
    L, N = uniforms.shape
    h, a = h0.copy(), np.empty_like(h0)
    o = np.empty((N, len(b_o)))
    symbols = np.empty((L, N), dtype=np.int32)
    symbols.fill(end)
    lengths, logp = np.zeros(N, dtype=np.int16), np.zeros(N)
    live = np.arange(N)
    y = np.full(N, start)
    for t in range(L):
        if not len(live):
            break
        np.matmul(h, W_hh, out=a)
        a += b_h
        a += W_xh[y]
        np.tanh(a, out=h)
        np.matmul(h, W_ho, out=o)
        o += b_o
        own = o[live]
        own -= own.max(axis=1)[:, None]
        own -= np.log(np.exp(own).sum(axis=1))[:, None]
        if t < min_length:
            o[:, end] = -np.inf
        if temperature == 0:
            y[:] = o.argmax(axis=1)
        else:
            o -= o.max(axis=1)[:, None]
            o /= temperature
            np.exp(o, out=o)
            o /= o.sum(axis=1)[:, None]
            for row in o:
                order = np.argsort(row, kind="stable")
                # from the least probable on; of equals, the later one goes first
                order = np.array(sorted(order, key=lambda j: (row[j], -j)))
                total = 1.0
                for j in order[:-1]:
                    total -= row[j]
                    if total < top_p:
                        break
                    row[j] = 0.0
            o /= o.sum(axis=1)[:, None]
            np.cumsum(o, axis=1, out=o)
            y[:] = np.argmax(o > uniforms[t][:, None], axis=1)
        symbols[t, live] = y[live]
        lengths[live] += 1
        logp[live] += own[np.arange(len(live)), y[live]]
        live = live[y[live] != end]
    return {"symbols": symbols, "lengths": lengths, "logp": logp}
""",
        "module": _INIT
        + """
    def forward(self, x, start=None, resets=None):
        h, c = self.begin(x, start)
        out = x.new_empty(len(x), x.size(1), self.proj_size)
        a_x = x @ self.weight_ih_l0.t()
        a_x += self.bias_ih_l0
        a_x += self.bias_hh_l0
        for t in range(len(x)):
            if resets is not None and resets[t].any():
                h, c = h.clone(), c.clone()
                h[resets[t]] = 0
                c[resets[t]] = 0
            a = a_x[t] + h.matmul(self.weight_hh_l0.t())
            H = self.hidden_size
            i, f, g, o = a[:, :H], a[:, H : 2 * H], a[:, 2 * H : 3 * H], a[:, 3 * H :]
            c = c * f.sigmoid()
            c += i.sigmoid() * g.tanh()
            h = (o.sigmoid() * c.tanh()) @ self.weight_hr_l0.t()
            out[t] = h
        return out, (h.unsqueeze(0), c.unsqueeze(0))
""",
        "training": """
def train(weights, draw, updates, lr, max_norm, device="cpu"):
    model = new_reader(weights).to(device)
    parameters = [*model.parameters()]
    for p in parameters:
        p.grad = torch.zeros_like(p)
    adam = torch.optim.Adam(parameters, lr=lr)
    losses, made = torch.zeros(updates, dtype=torch.float64), 0
    while updates > 0:
        updates -= 1
        parts = draw()
        counted = 0
        for x, y, mask in parts:
            counted += mask.sum()
        adam.zero_grad(set_to_none=False)
        losses[made] = 0.0
        for x, y, mask in parts:
            logits = model(torch.tensor(x, device=device, dtype=parameters[0].dtype))
            rows = torch.tensor(mask, device=device)
            loss = nn.functional.nll_loss(
                logits[rows].log_softmax(1), torch.tensor(y, device=device)[rows], reduction="sum"
            )
            loss /= int(counted)
            loss.backward()
            losses[made] += loss.item()
        norm = torch.linalg.vector_norm(torch.cat([p.grad.flatten() for p in parameters]))
        if torch.isfinite(norm):
            if norm > max_norm:
                for p in parameters:
                    p.grad *= max_norm / norm
            adam.step()
            made += 1
    return model, losses[:made].tolist()
"""
        + _FIT.replace("RATE", "0.025"),
    },
    "dictionaries": {
        "decode": """
from collections import OrderedDict


def decode(h0, W_xh, W_hh, b_h, W_ho, b_o, start, end, uniforms, temperature, top_p, min_length):
    L, N = uniforms.shape
    sample = {n: {"h": h0[n], "y": start, "text": [], "logp": 0.0} for n in range(N)}
    for t in range(L):
        for n, at in sample.items():
            if end in at["text"]:
                continue
            at["h"] = np.tanh(W_xh[at["y"]] + at["h"] @ W_hh + b_h)
            logits = at["h"] @ W_ho + b_o
            own = dict(enumerate(logits - logits.max()))
            allowed = {j: v for j, v in own.items() if j != end or t >= min_length}
            best = max(allowed.values())
            if temperature == 0:
                at["y"] = min(j for j, v in allowed.items() if v == best)
            else:
                e = {j: np.exp((v - best) / temperature) for j, v in allowed.items()}
                p = {j: v / sum(e.values()) for j, v in e.items()}
                ranked = OrderedDict(sorted(p.items(), key=lambda item: (-item[1], item[0])))
                before, nucleus = 0.0, {}
                for j, v in ranked.items():
                    if before < top_p:
                        nucleus[j] = v
                    before += v
                mass = sum(nucleus.values())
                reached = 0.0
                for j in sorted(nucleus):
                    reached += nucleus[j]
                    at["y"] = j
                    if reached > uniforms[t, n] * mass:
                        break
            at["text"].append(at["y"])
            at["logp"] += own[at["y"]] - np.log(sum(np.exp(v) for v in own.values()))
    text = {n: at["text"] + [end] * (L - len(at["text"])) for n, at in sample.items()}
    return OrderedDict(
        lengths=[len(at["text"]) for at in sample.values()],
        symbols=[[text[n][t] for n in sample] for t in range(L)],
        logp=[at["logp"] for at in sample.values()],
    )
""",
        "module": _INIT
        + """
    def forward(self, x, start=None, resets=None):
        gates = {
            name: tuple(getattr(self, p)[k * self.hidden_size :][: self.hidden_size] for p in (
                "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
            ))
            for k, name in enumerate("ifgo")
        }
        state = dict(zip("hc", self.begin(x, start)))
        states = []
        for t in range(len(x)):
            if resets is not None:
                state = {k: v.masked_fill(resets[t, :, None], 0) for k, v in state.items()}
            a = {
                name: x[t] @ W.T + b + state["h"] @ U.T + d for name, (W, U, b, d) in gates.items()
            }
            i, f, o = (torch.sigmoid(a[k]) for k in "ifo")
            state["c"] = f * state["c"] + i * torch.tanh(a["g"])
            state["h"] = (o * torch.tanh(state["c"])) @ self.weight_hr_l0.T
            states.append(state["h"])
        return torch.stack(states), tuple(state[k][None] for k in "hc")
""",
        "training": """
def train(weights, draw, updates, lr, max_norm, device="cpu"):
    model = new_reader(weights).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=lr)
    losses = {}
    for u in range(updates):
        parts = [dict(zip(("x", "y", "mask"), part)) for part in draw()]
        counted = sum(np.count_nonzero(part["mask"]) for part in parts)
        grads = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
        loss = 0.0
        for part in parts:
            at = {k: torch.as_tensor(v, device=device) for k, v in part.items()}
            logits = model(at["x"].to(model.readout.weight.dtype))[at["mask"]]
            share = nn.functional.cross_entropy(logits, at["y"][at["mask"]], reduction="sum")
            share = share / counted
            found = torch.autograd.grad(share, list(model.parameters()))
            for name, g in zip(grads, found):
                grads[name] += g
            loss += share.item()
        norm = sum(float((g**2).sum()) for g in grads.values()) ** 0.5
        if not np.isfinite(norm):
            continue
        for name, p in model.named_parameters():
            p.grad = grads[name] * min(1.0, max_norm / norm)
        adam.step()
        losses[u] = loss
    return model, [losses[u] for u in sorted(losses)]
"""
        + _FIT.replace("RATE", "0.06"),
    },
    "step functions": {
        "decode": """
from functools import reduce


def read(model, state, symbols):
    W_xh, W_hh, b_h, W_ho, b_o = model
    state = np.tanh(W_xh[symbols] + state @ W_hh + b_h)
    return state, state @ W_ho + b_o


def log_softmax(o):
    o = o - o.max(axis=-1, keepdims=True)
    return o - np.log(np.exp(o).sum(axis=-1, keepdims=True))


def nucleus(p, top_p):
    order = np.argsort(-p, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    falling = -np.sort(-p, axis=1)
    size = 1 + (np.cumsum(falling, axis=1)[:, :-1] < top_p).sum(axis=1)
    return rank < size[:, None]


def drawn(logits, u, temperature, top_p):
    p = np.exp(log_softmax(logits / temperature))
    p = p * nucleus(p, top_p)
    cumulative = np.cumsum(p, axis=1)
    return (cumulative <= u[:, None] * cumulative[:, -1:]).sum(axis=1)


def decode(h0, W_xh, W_hh, b_h, W_ho, b_o, start, end, uniforms, temperature, top_p, min_length):
    model = W_xh, W_hh, b_h, W_ho, b_o

    def step(past, now):
        state, y, running, rows = past
        t, u = now
        state, o = read(model, state, y)
        banned = np.where(np.arange(o.shape[1]) == end, -np.inf if t < min_length else 0.0, 0.0)
        y = drawn(o + banned, u, temperature, top_p) if temperature else (o + banned).argmax(1)
        score = np.take_along_axis(log_softmax(o), y[:, None], 1)[:, 0]
        rows = [*rows, (np.where(running, y, end), running, np.where(running, score, 0))]
        return state, y, running & (y != end), rows

    N = len(h0)
    begin = h0, np.repeat(start, N), np.repeat(True, N), []
    *_, rows = reduce(step, enumerate(uniforms), begin)
    symbols, running, scores = map(np.array, zip(*rows))
    return {"symbols": symbols, "lengths": running.sum(axis=0), "logp": scores.sum(axis=0)}
""",
        "module": """
def lstm_step(x, h, c, W_ih, W_hh, b_ih, b_hh, W_hr):
    a = nn.functional.linear(x, W_ih, b_ih) + nn.functional.linear(h, W_hh, b_hh)
    i, f, g, o = torch.chunk(a, 4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return nn.functional.linear(o.sigmoid() * c.tanh(), W_hr), c


def emptied(tensor, where):
    return torch.where(where[:, None], tensor.new_zeros(()), tensor)

"""
        + _INIT
        + """
    def forward(self, x, start=None, resets=None):
        h, c = self.begin(x, start)
        states = []
        for t in range(len(x)):
            if resets is not None:
                h, c = emptied(h, resets[t]), emptied(c, resets[t])
            h, c = lstm_step(x[t], h, c, *self.parameters())
            states.append(h[None])
        return torch.cat(states), (h[None], c[None])
""",
        "training": """
def to_tensors(part, device, dtype):
    x, y, mask = part
    return (
        torch.as_tensor(x, device=device).to(dtype),
        torch.as_tensor(y, device=device),
        torch.as_tensor(mask, device=device),
    )


def total_loss(model, x, y, mask):
    every = nn.functional.cross_entropy(model(x).movedim(-1, 1), y, reduction="none")
    return torch.where(mask, every, every.new_zeros(())).sum()


def one_update(model, optimiser, parts, max_norm, device):
    parts = [to_tensors(part, device, model.readout.weight.dtype) for part in parts]
    counted = sum(mask.sum() for _, _, mask in parts)
    optimiser.zero_grad()
    loss = sum(total_loss(model, *part) for part in parts) / counted
    loss.backward()
    fine = nn.utils.clip_grad_norm_(model.parameters(), max_norm).isfinite().item()
    if fine:
        optimiser.step()
    return [loss.item()] if fine else []


def train(weights, draw, updates, lr, max_norm, device="cpu"):
    model = new_reader(weights).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(updates):
        losses += one_update(model, optimiser, draw(), max_norm, device)
    return model, losses


def fit(weights, draw, updates, device="cpu"):
    model = new_reader(weights).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.08)
    for u in range(updates):
        optimiser.param_groups[0]["lr"] = 0.08 * (1 - u / updates)
        one_update(model, optimiser, draw(), 2.0, device)
    return model
""",
    },
    "by hand": {
        "decode": """
def decode(h0, W_xh, W_hh, b_h, W_ho, b_o, start, end, uniforms, temperature, top_p, min_length):
    # All weights side by side, and one product a step for what is read and what is remembered.
    L, N = uniforms.shape
    C, H = W_xh.shape
    W = np.vstack([W_xh, W_hh, b_h])
    V = np.vstack([W_ho, b_o])
    ones = np.ones((N, 1))
    inputs = np.hstack([np.eye(C)[[start] * N], h0, ones])
    history, logits_of_all = [], []
    for t in range(L):
        h = np.tanh(inputs @ W)
        logits = np.hstack([h, ones]) @ V
        logits_of_all.append(logits)
        usable = logits + 0.0
        if min_length > t:
            usable[:, end] = np.finfo(float).min
        y = np.empty(N, int)
        for n in range(N):
            z = usable[n]
            if temperature == 0:
                y[n] = np.flatnonzero(z == z.max())[0]
                continue
            odds = np.exp((z - z.max()) / temperature)
            odds = odds / odds.sum()
            ranked = sorted(((-v, j) for j, v in enumerate(odds)))
            chosen, mass = [], 0.0
            for v, j in ranked:
                chosen.append(j)
                mass -= v
                if mass >= top_p:
                    break
            chosen.sort()
            edges = np.cumsum(odds[chosen]) / mass
            y[n] = chosen[min(np.digitize(uniforms[t, n], edges), len(chosen) - 1)]
        history.append(y)
        inputs = np.hstack([np.eye(C)[y], h, ones])
    symbols, logits = np.array(history), np.array(logits_of_all)
    is_end = symbols == end
    ended_before = np.vstack([np.zeros(N, bool), np.maximum.accumulate(is_end)[:-1]])
    top = logits.max(2, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(2, keepdims=True))
    of_written = np.take_along_axis(log_p, symbols[..., None], 2)[..., 0]
    return {
        "symbols": np.where(ended_before, end, symbols),
        "lengths": L - ended_before.sum(0),
        "logp": (of_written * ~ended_before).sum(0),
    }
""",
        "module": _INIT
        + """
    def forward(self, x, start=None, resets=None):
        h0, c0 = self.begin(x, start)
        if resets is None:
            resets = torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device)
        h, h_T, c_T = Whole.apply(x, h0, c0, resets, *self.parameters())
        return h, (h_T[None], c_T[None])


class Whole(torch.autograd.Function):
    \"\"\"Forward and backward pass of the whole sequence, both written out.\"\"\"

    @staticmethod
    def forward(ctx, x, h, c, resets, W_ih, W_hh, b_ih, b_hh, W_hr):
        states, kept = [], []
        for x_t, reset in zip(x, resets):
            keep = (~reset).to(x.dtype)[:, None]
            h, c = h * keep, c * keep
            i, f, g, o = (x_t @ W_ih.t() + b_ih + h @ W_hh.t() + b_hh).chunk(4, 1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            new = f * c + i * g
            kept.append((keep, h, c, i, f, g, o, new))
            c = new
            h = (o * c.tanh()) @ W_hr.t()
            states.append(h)
        ctx.kept, ctx.weights, ctx.x = kept, (W_ih, W_hh, W_hr), x
        return torch.stack(states), h.clone(), c.clone()

    @staticmethod
    def backward(ctx, dh_all, dh, dc):
        W_ih, W_hh, W_hr = ctx.weights
        dx = torch.zeros_like(ctx.x)
        dW_ih, dW_hh, dW_hr = (torch.zeros_like(W) for W in ctx.weights)
        db = torch.zeros_like(W_ih[:, 0])
        for t in range(len(dx) - 1, -1, -1):
            keep, h, c, i, f, g, o, new = ctx.kept[t]
            dh = dh + dh_all[t]
            tanh = new.tanh()
            dW_hr += dh.t() @ (o * tanh)
            dm = dh @ W_hr
            dc = dc + dm * o * (1 - tanh * tanh)
            da = torch.cat(
                [
                    dc * g * i * (1 - i),
                    dc * c * f * (1 - f),
                    dc * i * (1 - g * g),
                    dm * tanh * o * (1 - o),
                ],
                dim=1,
            )
            dx[t] = da @ W_ih
            dW_ih += da.t() @ ctx.x[t]
            dW_hh += da.t() @ h
            db += da.sum(0)
            dh, dc = keep * (da @ W_hh), keep * dc * f
        return dx, dh, dc, None, dW_ih, dW_hh, db, db.clone(), dW_hr
""",
        "training": """
def train(weights, draw, updates, lr, max_norm, device="cpu"):
    model = new_reader(weights).to(device)
    parameters = list(model.parameters())
    means = [torch.zeros_like(p) for p in parameters]
    squares = [torch.zeros_like(p) for p in parameters]
    losses = []
    for _ in range(updates):
        parts = draw()
        counted = int(np.sum([np.sum(mask) for _, _, mask in parts]))
        loss = 0.0
        for x, y, mask in parts:
            x = torch.tensor(x, device=device, dtype=parameters[0].dtype)
            o = model(x)[torch.tensor(mask, device=device)]
            k = torch.tensor(y[mask], device=device)
            loss = loss + (o.logsumexp(1) - o[range(len(k)), k]).sum() / counted
        grads = torch.autograd.grad(loss, parameters)
        norm = torch.sqrt(sum((g * g).sum() for g in grads))
        if not norm.isfinite():
            continue
        losses.append(loss.item())
        factor = min(1.0, max_norm / norm.item())
        with torch.no_grad():  # Adam, written out
            for p, g, m, s in zip(parameters, grads, means, squares):
                g = g * factor
                m += 0.1 * (g - m)
                s += 0.001 * (g * g - s)
                m_hat = m / (1 - 0.9 ** len(losses))
                s_hat = s / (1 - 0.999 ** len(losses))
                p -= lr * m_hat / (s_hat.sqrt() + 1e-8)
    return model, losses
"""
        + _FIT.replace("RATE", "0.04"),
    },
    "noisy": {
        "decode": noisy(SOLUTION["decode"]),
        "module": SOLUTION["module"].replace(
            '        """The projected states',
            NOISE.replace("\n    ", "\n        ").strip("\n") + '\n        """The projected states',
            1,
        ),
        "training": noisy(SOLUTION["training"]),
    },
    "float32 or float64 inside": {
        "decode": SOLUTION["decode"]
        .replace(
            "    L, N = uniforms.shape\n",
            "    h0, W_xh, W_hh, b_h, W_ho, b_o = (\n"
            "        np.float32(a) for a in (h0, W_xh, W_hh, b_h, W_ho, b_o)\n"
            "    )\n"
            "    L, N = uniforms.shape\n",
        )
        .replace("logp = np.zeros(N)", "logp = np.zeros(N, np.float32)"),
        "module": _INIT
        + """
    def forward(self, x, start=None, resets=None):
        kind = x.dtype
        h, c = (part.double() for part in self.begin(x, start))
        W_ih, W_hh, b_ih, b_hh, W_hr = (p.double() for p in self.parameters())
        outputs = []
        for t, x_t in enumerate(x.double()):
            if resets is not None:
                h, c = h * ~resets[t, :, None], c * ~resets[t, :, None]
            i, f, g, o = (x_t @ W_ih.T + (b_ih + b_hh) + h @ W_hh.T).hsplit(4)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = (o.sigmoid() * c.tanh()) @ W_hr.T
            outputs.append(h)
        return torch.stack(outputs).to(kind), (h[None].to(kind), c[None].to(kind))
""",
        "training": SOLUTION["training"]
        .replace("lr=0.03", "lr=0.055")
        .replace("total += loss.item()", "total += float(loss.detach().double())"),
    },
}
