"""Submissions to problem set 3 that test the grader: right in other styles, or wrong by name.

Each maps grade_ids of solution cells to source code; a cell that is not named keeps the model
solution.
"""

from autograder.problems.noise import all_noisy
from autograder.problems.ps3.misconceptions import CATALOGUE
from autograder.problems.ps3.reference import MODEL

SOLUTION = MODEL.sources

FUNCTIONS = {
    "back": "products_back",
    "ahead": "products_forward",
    "norms": "jacobian_norms",
    "clip": "clip_groups",
    "update": "accumulated_update",
    "orthogonal": "orthogonal_blocks",
    "radius": "scaled_to_radius",
    "rotation": "rotating_pairs",
}


def stub(cell: str, statement: str) -> dict[str, str]:
    """A cell whose function takes any arguments and consists of one statement."""
    return {cell: f"def {FUNCTIONS[cell]}(*arguments):\n    {statement}\n"}


def edited(cell: str, *edits: tuple[str, str]) -> dict[str, str]:
    """A cell of the model solution with other text in some places."""
    return {cell: MODEL.edited(cell, edits)}


UNUSABLE: dict[str, dict[str, str]] = {
    "back returns nothing": edited("back", ("    return back\n", "    back\n")),
    "back returns words": stub("back", 'return "0.5"'),
    "back returns pieces of different shapes": edited(
        "back", ("return back\n", "return [back[0], back[-1][0]]\n")
    ),
    "back returns complex numbers": edited("back", ("return back\n", "return back + 0j\n")),
    "back takes one argument too few": edited("back", ("a: np.ndarray, alpha", "alpha")),
    "back raises for a single sample": edited(
        "back", ("    back[-1] = v\n", "    back[-1] = v\n    second = v[1]\n")
    ),
    "back recurses without end": stub("back", "return products_back(*arguments)"),
    "back returns the first entry only": edited("back", ("return back\n", "return back[0]\n")),
    "back spoils its argument and returns it": edited(
        "back", ("    back[-1] = v\n", "    v *= 0\n    back[-1] = v\n")
    ),
    "ahead returns a pair": edited("ahead", ("    return moved\n", "    return moved, u\n")),
    "ahead ends the program": stub("ahead", "raise SystemExit(0)"),
    "norms returns a matrix": edited(
        "norms", ("    return norms\n", "    return norms[:, :, None]\n")
    ),
    "norms divides zero by zero": edited("norms", ("np.where(length > 0, length, 1.0)", "length")),
    "clip returns nothing": edited("clip", ("    return clipped\n", "    clipped\n")),
    "clip returns an empty dict": stub("clip", "return {}"),
    "clip returns one key only": edited(
        "clip", ("return clipped\n", 'return {"W_xh": clipped["W_xh"]}\n')
    ),
    "clip returns a list": edited("clip", ("return clipped\n", "return list(clipped.values())\n")),
    "clip returns None for frozen names": edited("clip", ("0 * g if", "None if")),
    "clip raises for an empty group": edited("clip", (", default=0.0)", ")")),
    "update returns no names": edited(
        "update",
        (
            "return clip_groups(mean, groups, thresholds, frozen), bad",
            "return clip_groups(mean, groups, thresholds, frozen)",
        ),
        ("for name, g in mean.items()}, bad", "for name, g in mean.items()}"),
    ),
    "update returns names as one text": edited(
        "update",
        ("for name, g in mean.items()}, bad", 'for name, g in mean.items()}, ", ".join(bad)'),
    ),
    "update returns other names": edited(
        "update", ("for name, g in mean.items()}, bad", 'for name, g in mean.items()}, ["dW"]')
    ),
    "update returns None where it skips": edited(
        "update",
        ("return {name: np.zeros(g.shape) for name, g in mean.items()}, bad", "return None, bad"),
    ),
    "update raises where it should skip": edited(
        "update",
        (
            "return {name: np.zeros(g.shape) for name, g in mean.items()}, bad",
            "raise FloatingPointError(bad)",
        ),
    ),
    "orthogonal returns the blocks as a list": edited(
        "orthogonal", ("np.concatenate(made, axis=1)", "made")
    ),
    "orthogonal raises for wide blocks": edited(
        "orthogonal",
        ("np.linalg.qr(block if rows >= columns else block.T)", "np.linalg.qr(block)"),
    ),
    "radius returns the factor": edited("radius", ("candidates.min() * W", "candidates.min()")),
    "radius returns complex numbers": edited(
        "radius", ("candidates.min() * W", "(candidates.min() + 0j) * W")
    ),
    "rotation forgets H": edited("rotation", ("np.eye(H)", "np.eye(2 * len(angles))")),
    "rotation returns True": stub("rotation", "return True"),
}

WRONG: dict[str, dict[str, str]] = {
    **{m.name: CATALOGUE.variant(m) for m in CATALOGUE.misconceptions},
    **UNUSABLE,
}

# Right on small networks, and far too slow, or too large for the memory, on the large one.
TOO_SLOW: dict[str, dict[str, str]] = {
    "products of whole Jacobians": {
        "back": """
def products_back(v, a, alpha, W_hh):
    T, N, H = a.shape
    P = np.tile(np.eye(H), (N, 1, 1))
    found = [v]
    for t in range(T - 1, -1, -1):
        for n in range(N):
            slope = alpha * (1 - np.tanh(a[t, n]) ** 2)
            P[n] = P[n] @ (np.diag(1 - alpha) + slope[:, None] * W_hh.T)
        found.append(np.stack([v[n] @ P[n] for n in range(N)]))
    return np.stack(found[::-1])
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    T, N, H = a.shape
    P = np.tile(np.eye(H), (N, 1, 1))
    found = [u]
    for t in range(T):
        for n in range(N):
            slope = alpha * (1 - np.tanh(a[t, n]) ** 2)
            P[n] = (np.diag(1 - alpha) + slope[:, None] * W_hh.T) @ P[n]
        found.append(np.stack([P[n] @ u[n] for n in range(N)]))
    return np.stack(found)
""",
    },
    "entry by entry": {
        "back": """
def products_back(v, a, alpha, W_hh):
    T, N, H = a.shape
    found = np.zeros((T + 1, N, H))
    found[T] = v
    for t in range(T - 1, -1, -1):
        slope = 1 - np.tanh(a[t]) ** 2
        for n in range(N):
            for j in range(H):
                total = (1 - alpha[j]) * found[t + 1, n, j]
                for i in range(H):
                    total += found[t + 1, n, i] * alpha[i] * slope[n, i] * W_hh[j, i]
                found[t, n, j] = total
    return found
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    T, N, H = a.shape
    found = np.zeros((T + 1, N, H))
    found[0] = u
    for t in range(T):
        slope = 1 - np.tanh(a[t]) ** 2
        for n in range(N):
            for i in range(H):
                total = 0.0
                for j in range(H):
                    total += found[t, n, j] * W_hh[j, i]
                found[t + 1, n, i] = (1 - alpha[i]) * found[t, n, i]
                found[t + 1, n, i] += alpha[i] * slope[n, i] * total
    return found
""",
    },
}


RIGHT: dict[str, dict[str, str]] = {
    "one sample after the other": {
        "back": """
def products_back(v, a, alpha, W_hh):
    T, N, H = a.shape
    found = np.zeros((T + 1, N, H))
    for n in range(N):
        row = v[n]
        found[T, n] = row
        for t in range(T - 1, -1, -1):
            row = (1 - alpha) * row + W_hh @ (alpha * row / np.cosh(a[t, n]) ** 2)
            found[t, n] = row
    return found
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    T, N, H = a.shape
    found = np.zeros((T + 1, N, H))
    for n in range(N):
        column = u[n].copy()
        found[0, n] = column
        for t in range(T):
            h = np.tanh(a[t, n])
            column = column - alpha * column + alpha * (1 - h) * (1 + h) * (W_hh.T @ column)
            found[t + 1, n] = column
    return found
""",
        "norms": """
def jacobian_norms(a, alpha, W_hh, start, rounds):
    T, N, H = a.shape
    norms = np.ones((T + 1, N))
    for n in range(N):
        J = []
        for t in range(T):
            J.append(np.diag(1 - alpha) + (alpha / np.cosh(a[t, n]) ** 2)[:, None] * W_hh.T)
        for k in range(T):
            P = np.eye(H)
            for t in range(k, T):
                P = J[t] @ P
            u = start[n]
            for r in range(rounds):
                u = P.T @ (P @ u)
                if u.any():
                    u = u / np.sqrt(u @ u)
            norms[k, n] = np.sqrt((P @ u) @ (P @ u))
    return norms
""",
        "clip": """
def clip_groups(gradients, groups, thresholds, frozen):
    out = {}
    for name in gradients:
        out[name] = gradients[name].copy()
        if name in frozen:
            out[name][...] = 0
    for i in range(len(groups)):
        kind, names = groups[i]
        eta = thresholds[i]
        if kind == "value":
            for name in names:
                out[name] = np.minimum(np.maximum(out[name], -eta), eta)
        if kind == "array":
            for name in names:
                big = np.abs(out[name]).max()
                if big > 0:
                    norm = big * np.linalg.norm(out[name] / big)
                    if norm > eta:
                        out[name] = out[name] / norm * eta
        if kind == "global":
            big = max(np.abs(out[name]).max() for name in names)
            if big > 0:
                total = 0.0
                for name in names:
                    total += ((out[name] / big) ** 2).sum()
                norm = big * total**0.5
                if norm > eta:
                    for name in names:
                        out[name] = out[name] / norm * eta
    return out
""",
        "update": """
def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    total = {name: 0.0 for name in micro_batches[0]}
    samples = 0
    for m in range(len(micro_batches)):
        samples = samples + sizes[m]
        for name in total:
            total[name] = total[name] + sizes[m] * micro_batches[m][name]
    bad = []
    for name in total:
        total[name] = total[name] / samples
        if name in frozen:
            total[name] = np.zeros_like(total[name])
        elif np.isnan(total[name]).any() or np.isinf(total[name]).any():
            bad.append(name)
    if len(bad) > 0:
        for name in total:
            total[name] = np.zeros_like(total[name])
        return total, bad
    return clip_groups(total, groups, thresholds, frozen), []
""",
        "orthogonal": """
def orthogonal_blocks(A, blocks, gain):
    rows, width = A.shape
    columns = width // blocks
    W = np.zeros((rows, width))
    for b in range(blocks):
        B = A[:, b * columns : (b + 1) * columns]
        Q = np.zeros((rows, columns))
        if rows >= columns:
            for j in range(columns):
                q = B[:, j].copy()
                for i in range(j):
                    q = q - Q[:, i] * (Q[:, i] @ q)
                Q[:, j] = q / np.sqrt(q @ q)
        else:
            for j in range(rows):
                q = B[j].copy()
                for i in range(j):
                    q = q - Q[i] * (Q[i] @ q)
                Q[j] = q / np.sqrt(q @ q)
        W[:, b * columns : (b + 1) * columns] = gain * Q
    return W
""",
        "radius": """
def scaled_to_radius(W, alpha, radius):
    best = None
    for mu in np.linalg.eigvals(W):
        p, q = alpha**2 * abs(mu) ** 2, alpha * (1 - alpha) * mu.real
        r = (1 - alpha) ** 2 - radius**2
        if abs(mu) > 1e-12:
            c = (-q + np.sqrt(q**2 - p * r)) / p
            if best is None or c < best:
                best = c
    return best * W
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    P = len(angles)
    W = np.zeros((H, H))
    for i in range(H):
        for j in range(H):
            if i == j and i >= 2 * P:
                W[i, j] = 1
            elif i == j:
                W[i, j] = moduli[i % P] * np.cos(angles[i % P])
            elif j == i + P and i < P:
                W[i, j] = moduli[i] * np.sin(angles[i])
            elif i == j + P and j < P:
                W[i, j] = -moduli[j] * np.sin(angles[j])
    return W
""",
    },
    "einsum": {
        "back": """
def products_back(v, a, alpha, W_hh):
    gain = alpha * (1 - np.tanh(a) ** 2)
    found = [v]
    for g in gain[::-1]:
        found.append(found[-1] * (1 - alpha) + np.einsum("nj,nj,ij->ni", found[-1], g, W_hh))
    return np.array(found[::-1])
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    slopes = 1 - np.tanh(a) ** 2
    found = [u]
    for s in slopes:
        inner = np.einsum("ni,ij->nj", found[-1], W_hh)
        found.append(np.einsum("j,nj->nj", 1 - alpha, found[-1]) + alpha * s * inner)
    return np.array(found)
""",
        "norms": """
def jacobian_norms(a, alpha, W_hh, start, rounds):
    T, N, H = a.shape
    J = np.einsum("tni,ji->tnij", alpha * (1 - np.tanh(a) ** 2), W_hh) + np.diag(1 - alpha)
    P = np.zeros((T + 1, N, H, H))
    P[T] = np.eye(H)
    for k in range(T - 1, -1, -1):
        P[k] = np.einsum("nij,njk->nik", P[k + 1], J[k])
    u = np.broadcast_to(start, (T + 1, N, H))
    for _ in range(rounds):
        w = np.einsum("knij,knj->kni", P, u)
        u = np.einsum("knij,kni->knj", P, w)
        length = np.sqrt(np.einsum("knj,knj->kn", u, u))
        u = np.divide(u, length[..., None], out=np.zeros_like(u), where=length[..., None] > 0)
    return np.linalg.norm(np.einsum("knij,knj->kni", P, u), axis=-1)
""",
        "clip": """
def clip_groups(gradients, groups, thresholds, frozen):
    live = {k: g for k, g in gradients.items() if k not in frozen}
    done = dict(live)

    def shrink(keys, eta):
        flat = np.concatenate([live[k].ravel() for k in keys] or [np.zeros(1)])
        top = np.abs(flat).max()
        if top:
            flat = flat / top
            norm = np.sqrt(np.einsum("i,i->", flat, flat))
            if top * norm > eta:
                for k in keys:
                    done[k] = live[k] / top * (eta / norm)

    for (kind, names), eta in zip(groups, thresholds):
        keys = [k for k in names if k in live]
        if kind == "global":
            shrink(keys, eta)
        for k in keys:
            if kind == "array":
                shrink([k], eta)
            elif kind == "value":
                done[k] = live[k].clip(-eta, eta)
    return {k: done.get(k, np.zeros(g.shape)) for k, g in gradients.items()}
""",
        "update": """
def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    share = sizes / sizes.sum()
    mean = {}
    for k in micro_batches[0]:
        stacked = np.stack([g[k] for g in micro_batches])
        mean[k] = np.einsum("m...,m->...", stacked, share)
    zeros = {k: np.zeros(g.shape) for k, g in mean.items()}
    for k in frozen:
        mean[k] = zeros[k]
    bad = {k for k, g in mean.items() if not np.all(np.isfinite(g))}
    return (zeros if bad else clip_groups(mean, groups, thresholds, frozen)), bad
""",
        "orthogonal": """
def orthogonal_blocks(A, blocks, gain):
    cubes = A.reshape(len(A), blocks, -1).transpose(1, 0, 2)
    flat = cubes.shape[1] < cubes.shape[2]
    if flat:
        cubes = cubes.transpose(0, 2, 1)
    Q, R = np.linalg.qr(cubes)
    Q = gain * np.einsum("bij,bj->bij", Q, np.sign(np.einsum("bjj->bj", R)))
    if flat:
        Q = Q.transpose(0, 2, 1)
    return Q.transpose(1, 0, 2).reshape(A.shape)
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    P = angles.size
    z = moduli * np.exp(1j * angles)
    W = np.eye(H)
    quarter = np.einsum("k,ki,kj->ij", z, np.eye(P), np.eye(P))
    W[:P, :P] = W[P : 2 * P, P : 2 * P] = quarter.real
    W[:P, P : 2 * P] = quarter.imag
    W[P : 2 * P, :P] = -quarter.imag
    return W
""",
    },
    "lists of arrays": {
        "back": """
def products_back(v, a, alpha, W_hh):
    rows = [v]
    for a_t in reversed(list(a)):
        first = rows[0]
        h = np.tanh(a_t)
        rows.insert(0, first - alpha * first + (first * alpha * (1 - h * h)).dot(W_hh.T))
    return rows
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    rows = [u]
    for a_t in a:
        h = np.tanh(a_t)
        rows += [rows[-1] + alpha * ((1 - h * h) * rows[-1].dot(W_hh) - rows[-1])]
    return rows
""",
        "norms": """
def jacobian_norms(a, alpha, W_hh, start, rounds):
    norms = []
    for k in range(len(a)):
        u = start
        for _ in range(rounds):
            u = products_back(np.array(products_forward(u, a[k:], alpha, W_hh))[-1], a[k:],
                              alpha, W_hh)[0]
            u = np.array([row / (np.linalg.norm(row) or 1) for row in np.array(u)])
        last = products_forward(u, a[k:], alpha, W_hh)[-1]
        norms.append([np.linalg.norm(row) for row in np.array(last)])
    return norms + [[1.0] * len(start)]
""",
        "clip": """
import math


def clip_groups(gradients, groups, thresholds, frozen):
    numbers = {name: g.ravel().tolist() for name, g in gradients.items()}
    for name in frozen:
        numbers[name] = [0.0] * len(numbers[name])
    for (kind, names), eta in zip(groups, thresholds.tolist()):
        if kind == "value":
            for name in names:
                numbers[name] = [max(-eta, min(eta, entry)) for entry in numbers[name]]
        else:
            for together in [names] if kind == "global" else [[name] for name in names]:
                norm = math.hypot(*[entry for name in together for entry in numbers[name]])
                if norm > eta:
                    for name in together:
                        numbers[name] = [entry * (eta / norm) for entry in numbers[name]]
    return {name: np.reshape(numbers[name], g.shape).tolist() for name, g in gradients.items()}
""",
        "update": """
def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    names = list(micro_batches[0])
    parts = []
    for g, s in zip(micro_batches, sizes):
        parts.append([s / sum(sizes) * g[name] for name in names])
    sums = [sum(arrays) for arrays in zip(*parts)]
    found = dict(zip(names, sums))
    bad = [n for n in names if n not in frozen and not np.isfinite(found[n]).all()]
    nothing = {n: (0 * np.nan_to_num(found[n])).tolist() for n in names}
    if bad:
        return [nothing, bad]
    found.update({n: np.zeros(np.shape(found[n])) for n in frozen})
    return [clip_groups(found, groups, thresholds, frozen), bad]
""",
        "orthogonal": """
def orthogonal_blocks(A, blocks, gain):
    def schmidt(vectors):
        basis = []
        for x in vectors:
            for q in basis:
                x = x - np.dot(q, x) * q
            basis.append(x / np.linalg.norm(x))
        return basis

    made = []
    for B in np.hsplit(A, blocks):
        if B.shape[0] < B.shape[1]:
            made.append(np.vstack(schmidt(list(B))))
        else:
            made.append(np.column_stack(schmidt(list(B.T))))
    return (gain * np.hstack(made)).tolist()
""",
        "radius": """
def scaled_to_radius(W, alpha, radius):
    roots = []
    for mu in np.linalg.eigvals(W):
        if abs(mu) > 1e-12:
            square = [abs(alpha * mu) ** 2, 2 * alpha * (1 - alpha) * mu.real]
            both = np.roots(square + [(1 - alpha) ** 2 - radius**2])
            roots += [c.real for c in both if c.real > 0]
    return [[min(roots) * w for w in row] for row in W]
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    rows = [[float(i == j) for j in range(H)] for i in range(H)]
    for i, (angle, modulus) in enumerate(zip(angles, moduli)):
        j = i + len(angles)
        rows[i][i] = rows[j][j] = modulus * np.cos(angle)
        rows[i][j] = modulus * np.sin(angle)
        rows[j][i] = -rows[i][j]
    return rows
""",
    },
    "recursion": {
        "back": """
def products_back(v, a, alpha, W_hh):
    if len(a) == 0:
        return v[None]
    later = products_back(v, a[1:], alpha, W_hh)
    da = later[0] * alpha * (1 - np.tanh(a[0]) ** 2)
    return np.concatenate([(later[0] * (1 - alpha) + da @ W_hh.T)[None], later])
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    if not len(a):
        return np.array([u])
    earlier = products_forward(u, a[:-1], alpha, W_hh)
    slope = 1 - np.tanh(a[-1]) ** 2
    new = (1 - alpha) * earlier[-1] + alpha * slope * (earlier[-1] @ W_hh)
    return np.append(earlier, new[None], axis=0)
""",
        "norms": """
def jacobian_norms(a, alpha, W_hh, start, rounds):
    def turned(u, left):
        if left == 0:
            return u
        u = products_back(products_forward(u, a, alpha, W_hh)[-1], a, alpha, W_hh)[0]
        size = np.sqrt((u**2).sum(axis=1))[:, None]
        return turned(np.where(size > 0, u / np.maximum(size, 1e-300), 0), left - 1)

    last = products_forward(turned(start, rounds), a, alpha, W_hh)[-1]
    mine = np.sqrt((last**2).sum(axis=1))[None]
    if len(a) == 0:
        return mine
    return np.concatenate([mine, jacobian_norms(a[1:], alpha, W_hh, start, rounds)])
""",
        "clip": """
def clip_groups(gradients, groups, thresholds, frozen):
    if not groups:
        return {n: np.zeros_like(g) if n in frozen else g.copy() for n, g in gradients.items()}
    done = clip_groups(gradients, groups[:-1], thresholds[:-1], frozen)
    kind, names = groups[-1]
    eta = thresholds[-1]
    if kind == "array" and len(names) > 1:
        for name in names:
            done |= clip_groups({name: done[name]}, [("global", [name])], [eta], [])
        return done
    if kind == "value":
        done.update({name: np.clip(done[name], -eta, eta) for name in names})
        return done
    biggest = max(np.max(np.abs(done[name])) for name in names)
    if biggest == 0:
        return done
    norm = biggest * np.linalg.norm([np.linalg.norm(done[name] / biggest) for name in names])
    done.update({name: min(eta / norm, 1) * done[name] for name in names})
    return done
""",
        "update": """
def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    if len(micro_batches) > 1:
        first, second, *others = micro_batches
        n, m = sizes[0], sizes[1]
        merged = {k: (n * first[k] + m * second[k]) / (n + m) for k in first}
        left = np.concatenate([[n + m], sizes[2:]])
        return accumulated_update([merged, *others], left, groups, thresholds, frozen)
    (g,) = micro_batches
    g = {k: np.zeros(a.shape) if k in frozen else a for k, a in g.items()}
    bad = tuple(k for k in g if not np.isfinite(g[k]).all())
    if bad:
        return {k: np.zeros(a.shape) for k, a in g.items()}, bad
    return clip_groups(g, groups, thresholds, frozen), bad
""",
        "orthogonal": """
def orthogonal_blocks(A, blocks, gain):
    if blocks > 1:
        columns = A.shape[1] // blocks
        first = orthogonal_blocks(A[:, :columns], 1, gain)
        return np.hstack([first, orthogonal_blocks(A[:, columns:], blocks - 1, gain)])
    if A.shape[0] < A.shape[1]:
        return orthogonal_blocks(A.T, 1, gain).T
    q = A[:, :1] / np.linalg.norm(A[:, 0])
    if A.shape[1] == 1:
        return gain * q
    rest = A[:, 1:] - q @ (q.T @ A[:, 1:])
    return np.hstack([gain * q, orthogonal_blocks(rest, 1, gain)])
""",
        "radius": """
def scaled_to_radius(W, alpha, radius):
    def size(c):
        step = (1 - alpha) * np.eye(len(W)) + alpha * c * W.T
        return np.abs(np.linalg.eigvals(step)).max()

    def between(low, high, left):
        middle = (low + high) / 2
        if left == 0:
            return middle
        if size(middle) < radius:
            return between(middle, high, left - 1)
        return between(low, middle, left - 1)

    high = 1.0
    while size(high) < radius:
        high *= 2
    return between(0.0, high, 60) * W
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    if len(angles) == 0:
        return np.eye(H)
    P = len(angles)
    inner = [i for i in range(H) if i not in (P - 1, 2 * P - 1)]
    W = np.zeros((H, H))
    W[np.ix_(inner, inner)] = rotating_pairs(angles[:-1], moduli[:-1], H - 2)
    c, s = moduli[-1] * np.cos(angles[-1]), moduli[-1] * np.sin(angles[-1])
    W[np.ix_([P - 1, 2 * P - 1], [P - 1, 2 * P - 1])] = [[c, s], [-s, c]]
    return W
""",
    },
    "classes": {
        "back": """
class LeakyStep:
    def __init__(self, a, alpha, W_hh):
        self.keep, self.gain, self.W = 1 - alpha, alpha * (1 - np.tanh(a) ** 2), W_hh

    def back(self, row):
        return row * self.keep + np.matmul(row * self.gain, self.W.T)

    def ahead(self, column):
        return column * self.keep + self.gain * np.matmul(column, self.W)


def products_back(v, a, alpha, W_hh):
    found = {len(a): v}
    for t in range(len(a), 0, -1):
        found[t - 1] = LeakyStep(a[t - 1], alpha, W_hh).back(found[t])
    return np.array([found[k] for k in sorted(found)])
""",
        "ahead": """
class Moving:
    def __init__(self, u, alpha, W_hh):
        self.u, self.alpha, self.W_hh = u, alpha, W_hh

    def __call__(self, a):
        inside = (1 - np.square(np.tanh(a))) * (self.u @ self.W_hh)
        self.u = self.u + self.alpha * (inside - self.u)
        return self.u


def products_forward(u, a, alpha, W_hh):
    step = Moving(u, alpha, W_hh)
    return np.stack([u, *map(step, a)])
""",
        "norms": """
class Product:
    def __init__(self, a, alpha, W_hh):
        self.given = a, alpha, W_hh

    def __matmul__(self, u):
        return np.asarray(products_forward(u, *self.given))[-1]

    def transposed(self, w):
        return np.asarray(products_back(w, *self.given))[0]


def jacobian_norms(a, alpha, W_hh, start, rounds):
    def unit(u):
        lengths = np.linalg.norm(u, axis=-1)[:, None]
        return u / (lengths + (lengths == 0))

    found = []
    for k in range(len(a) + 1):
        P, u = Product(a[k:], alpha, W_hh), unit(start)
        for _ in range(rounds):
            u = unit(P.transposed(P @ u))
        found.append(np.linalg.norm(P @ u, axis=-1))
    return np.array(found)
""",
        "clip": """
class Group:
    def __init__(self, arrays, eta):
        self.arrays, self.eta = arrays, eta

    def by_value(self):
        return {n: np.sign(g) * np.minimum(np.abs(g), self.eta) for n, g in self.arrays.items()}

    def by_norm(self):
        top = max([np.abs(g).max() for g in self.arrays.values()], default=0) or 1.0
        norm = top * sum(((g / top) ** 2).sum() for g in self.arrays.values()) ** 0.5
        return {n: g * (self.eta / max(norm, self.eta)) for n, g in self.arrays.items()}

    def clipped(self, kind):
        if kind == "value":
            return self.by_value()
        if kind == "global":
            return self.by_norm()
        made = {}
        for name, g in self.arrays.items():
            made |= Group({name: g}, self.eta).by_norm()
        return made


def clip_groups(gradients, groups, thresholds, frozen):
    made = {n: np.zeros(g.shape) if n in frozen else g for n, g in gradients.items()}
    for (kind, names), eta in zip(groups, thresholds):
        made |= Group({n: made[n] for n in names if n not in frozen}, eta).clipped(kind)
    return made
""",
        "update": """
class Accumulator:
    def __init__(self):
        self.sums, self.count = {}, 0

    def add(self, gradients, size):
        self.count += size
        for name, g in gradients.items():
            self.sums[name] = self.sums.get(name, 0) + g * size

    def mean(self):
        return {name: g / self.count for name, g in self.sums.items()}


def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    whole = Accumulator()
    for gradients, size in zip(micro_batches, sizes):
        whole.add({k: np.zeros_like(g) if k in frozen else g for k, g in gradients.items()}, size)
    mean = whole.mean()
    bad = frozenset(name for name in mean if not np.isfinite(mean[name].sum()))
    if bad:
        return {name: np.zeros_like(g) for name, g in mean.items()}, bad
    return clip_groups(mean, groups, thresholds, frozen), bad
""",
        "orthogonal": """
class Basis:
    def __init__(self):
        self.vectors = []

    def add(self, x):
        for _ in range(2):  # twice is enough
            x = x - sum((q * (q @ x) for q in self.vectors), np.zeros(len(x)))
        self.vectors.append(x / np.linalg.norm(x))


def orthogonal_blocks(A, blocks, gain):
    W = np.empty_like(A)
    columns = A.shape[1] // blocks
    for first in range(0, A.shape[1], columns):
        part = slice(first, first + columns)
        by_columns = len(A) >= columns
        basis = Basis()
        for x in A[:, part].T if by_columns else A[:, part]:
            basis.add(x)
        W[:, part] = gain * (np.array(basis.vectors).T if by_columns else np.array(basis.vectors))
    return W
""",
        "radius": """
class Circle:
    def __init__(self, alpha, radius):
        self.alpha, self.radius = alpha, radius

    def reached_by(self, mu):
        z = self.alpha * mu
        along = (1 - self.alpha) * np.cos(np.angle(z))
        across = (1 - self.alpha) * np.sin(np.angle(z))
        return (np.sqrt(self.radius**2 - across**2) - along) / np.abs(z)


def scaled_to_radius(W, alpha, radius):
    mu = np.linalg.eigvals(W.T)
    return W * min(Circle(alpha, radius).reached_by(m) for m in mu if np.abs(m) > 1e-13)
""",
        "rotation": """
class Pair:
    def __init__(self, angle, modulus):
        self.z = complex(modulus * np.cos(angle), modulus * np.sin(angle))

    def block(self):
        return np.array([[self.z.real, self.z.imag], [-self.z.imag, self.z.real]])


def rotating_pairs(angles, moduli, H):
    W, P = np.identity(H), len(angles)
    for i, pair in enumerate(map(Pair, angles, moduli)):
        where = [i, i + P]
        W[np.ix_(where, where)] = pair.block()
    return W
""",
    },
    "in place": {
        "back": """
def products_back(v, a, alpha, W_hh):
    found = np.empty((a.shape[0] + 1,) + a.shape[1:])
    found[-1] = v
    slope, da = np.empty(v.shape), np.empty(v.shape)
    for t in range(len(a) - 1, -1, -1):
        np.tanh(a[t], out=slope)
        slope *= slope
        np.subtract(1, slope, out=slope)
        np.multiply(found[t + 1], alpha, out=da)
        da *= slope
        np.matmul(da, W_hh.T, out=found[t])
        np.multiply(found[t + 1], 1 - alpha, out=da)
        found[t] += da
    return found
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    found = np.zeros((a.shape[0] + 1,) + a.shape[1:])
    found[0] += u
    for t in range(len(a)):
        np.matmul(found[t], W_hh, out=found[t + 1])
        found[t + 1] *= 1 - np.tanh(a[t]) ** 2
        found[t + 1] -= found[t]
        found[t + 1] *= alpha
        found[t + 1] += found[t]
    return found
""",
        "norms": """
def jacobian_norms(a, alpha, W_hh, start, rounds):
    gain = alpha * (1 - np.tanh(a) ** 2)
    norms = np.empty((len(a) + 1, len(start)))
    for k in range(len(norms)):
        u = start.copy()
        for r in range(rounds + 1):
            for t in range(k, len(a)):
                u += gain[t] * (u @ W_hh) - alpha * u
            if r == rounds:
                break
            for t in range(len(a) - 1, k - 1, -1):
                u += (u * gain[t]) @ W_hh.T - alpha * u
            size = np.linalg.norm(u, axis=1)
            size[size == 0] = 1
            u /= size[:, None]
        np.sqrt((u * u).sum(axis=1), out=norms[k])
    return norms
""",
        "clip": """
def clip_groups(gradients, groups, thresholds, frozen):
    made = {name: np.array(g) for name, g in gradients.items()}
    for name in frozen:
        made[name] *= 0
    for (kind, names), eta in zip(groups, thresholds):
        if kind == "value":
            for name in names:
                np.clip(made[name], -eta, eta, out=made[name])
            continue
        for part in ([[name] for name in names], [names])[kind == "global"]:
            flat = np.hstack([made[name].flatten() for name in part])
            top = np.linalg.norm(flat, np.inf)
            if top == 0:
                continue
            size = np.linalg.norm(flat / top)
            if size > eta / top:
                for name in part:
                    made[name] /= top
                    made[name] *= eta / size
    return made
""",
        "update": """
def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    sums = {name: np.zeros(g.shape) for name, g in micro_batches[0].items()}
    for g, size in zip(micro_batches, sizes):
        for name in sums:
            sums[name] += size * g[name]
    for name in sums:
        sums[name] /= np.sum(sizes)
    for name in frozen:
        sums[name].fill(0)
    bad = [name for name in sums if not np.isfinite(sums[name]).all()]
    if bad:
        for name in sums:
            sums[name].fill(0)
    return clip_groups(sums, groups, thresholds, frozen), bad
""",
        "orthogonal": """
def orthogonal_blocks(A, blocks, gain):
    W = A.astype(float).copy()
    size = W.shape[1] // blocks
    for b in range(blocks):
        B = W[:, b * size : (b + 1) * size]
        V = B.T if B.shape[0] >= size else B  # a view: one vector a row
        for j in range(len(V)):
            V[j] /= np.linalg.norm(V[j])
            V[j + 1 :] -= np.outer(V[j + 1 :] @ V[j], V[j])
    W *= gain
    return W
""",
        "radius": """
def scaled_to_radius(W, alpha, radius):
    c, change = 0.0, 1.0
    step = (1 - alpha) * np.eye(len(W))
    while change > 1e-15:
        while np.abs(np.linalg.eigvals(step + alpha * (c + change) * W)).max() < radius:
            c += change
        change /= 2
    return c * W
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    P = len(angles)
    W = np.zeros((H, H))
    np.fill_diagonal(W, 1.0)
    i = np.arange(P)
    W[i, i] *= moduli * np.cos(angles)
    W[i + P, i + P] *= moduli * np.cos(angles)
    W[i, i + P] += moduli * np.sin(angles)
    W[i + P, i] -= moduli * np.sin(angles)
    return W
""",
    },
    "float32 inside": {
        "back": """
def products_back(v, a, alpha, W_hh):
    v, a, alpha, W_hh = (np.float32(x) for x in (v, a, alpha, W_hh))
    found = np.zeros((len(a) + 1, *v.shape), np.float32)
    found[-1] = v
    for t in reversed(range(len(a))):
        slope = alpha * (1 - np.tanh(a[t]) ** 2)
        found[t] = found[t + 1] * (1 - alpha) + (found[t + 1] * slope) @ W_hh.T
    return found
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    u, a, alpha, W_hh = (np.float32(x) for x in (u, a, alpha, W_hh))
    found = np.zeros((len(a) + 1, *u.shape), np.float32)
    found[0] = u
    for t in range(len(a)):
        slope = alpha * (1 - np.tanh(a[t]) ** 2)
        found[t + 1] = found[t] * (1 - alpha) + slope * (found[t] @ W_hh)
    return found
""",
        "norms": """
def jacobian_norms(a, alpha, W_hh, start, rounds):
    a, alpha, W_hh, start = (np.asarray(x, np.float32) for x in (a, alpha, W_hh, start))
    gain = alpha * (1 - np.tanh(a) ** 2)
    norms = np.ones((len(a) + 1, len(start)), np.float32)
    for k in range(len(a)):
        u = start
        for _ in range(rounds):
            for t in range(k, len(a)):
                u = (1 - alpha) * u + gain[t] * (u @ W_hh)
            for t in range(len(a) - 1, k - 1, -1):
                u = (1 - alpha) * u + (u * gain[t]) @ W_hh.T
            u = u / np.maximum(np.linalg.norm(u, axis=1, keepdims=True), np.float32(1e-30))
        for t in range(k, len(a)):
            u = (1 - alpha) * u + gain[t] * (u @ W_hh)
        norms[k] = np.linalg.norm(u, axis=1)
    return norms
""",
        "orthogonal": """
def orthogonal_blocks(A, blocks, gain):
    made = []
    for B in np.array_split(A.astype(np.float32), blocks, axis=1):
        turn = B.shape[0] < B.shape[1]
        Q, R = np.linalg.qr(B.T if turn else B)
        Q *= np.where(np.diagonal(R) < 0, -1, 1).astype(np.float32)
        made.append(np.float32(gain) * (Q.T if turn else Q))
    return np.hstack(made)
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    W = np.eye(H, dtype=np.float32)
    P = len(angles)
    for i in range(P):
        c, s = np.float32(moduli[i] * np.cos(angles[i])), np.float32(moduli[i] * np.sin(angles[i]))
        W[[i, i + P], [i, i + P]] = c
        W[i, i + P], W[i + P, i] = s, -s
    return W
""",
    },
    "generators": {
        "back": """
def products_back(v, a, alpha, W_hh):
    def rows():
        row = v
        yield row
        for slope in 1 - np.tanh(a[::-1]) ** 2:
            row = (1 - alpha) * row + np.dot(slope * alpha * row, W_hh.transpose())
            yield row

    return np.flip(np.array(list(rows())), axis=0)
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    def rows(row):
        yield row
        for slope in 1 / np.cosh(a) ** 2:
            row = (1 - alpha) * row + slope * alpha * np.dot(row, W_hh)
            yield row

    return np.array([*rows(u)])
""",
        "norms": """
def jacobian_norms(a, alpha, W_hh, start, rounds):
    def directions(steps):
        u = start
        while True:
            w = np.asarray(products_forward(u, steps, alpha, W_hh))[-1]
            yield np.linalg.norm(w, axis=1)
            u = np.asarray(products_back(w, steps, alpha, W_hh))[0]
            size = np.linalg.norm(u, axis=1, keepdims=True)
            u = np.where(size == 0, 0, u / np.where(size == 0, 1, size))

    found = []
    for k in range(len(a) + 1):
        sizes = directions(a[k:])
        for _ in range(rounds):
            next(sizes)
        found.append(next(sizes))
    return np.stack(found)
""",
        "clip": """
def clip_groups(gradients, groups, thresholds, frozen):
    trained = {name: g for name, g in gradients.items() if name not in frozen}

    def parts():
        for (kind, names), eta in zip(groups, thresholds):
            mine = [name for name in names if name in trained]
            if kind == "global":
                yield mine, eta, False
            else:
                yield from (([name], eta, kind == "value") for name in mine)

    def factor(names, eta):
        top = max((np.abs(trained[name]).max() for name in names), default=0)
        if top == 0:
            return 1
        size = np.sqrt(sum(np.vdot(trained[n] / top, trained[n] / top) for n in names))
        return min(1, eta / size / top)

    done = {name: np.zeros_like(g) for name, g in gradients.items()} | trained
    for names, eta, by_value in parts():
        scale = 1 if by_value else factor(names, eta)
        for name in names:
            g = trained[name]
            inside = np.where(g > eta, eta, np.where(g < -eta, -eta, g))
            done[name] = inside if by_value else g * scale
    return done
""",
        "update": """
def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    count = np.sum(sizes)
    mean = {
        name: sum(part[name] * (size / count) for part, size in zip(micro_batches, sizes))
        for name in micro_batches[0]
    }
    live = (name for name in mean if name not in set(frozen))
    bad = list(filter(lambda name: not np.isfinite(mean[name]).all(), live))
    empty = {name: np.zeros(g.shape) for name, g in mean.items()}
    if any(bad):
        return empty, bad
    mean |= {name: empty[name] for name in frozen}
    return clip_groups(mean, groups, thresholds, frozen), bad
""",
        "orthogonal": """
def orthogonal_blocks(A, blocks, gain):
    def orthonormal(vectors):
        known = np.zeros((0, len(vectors[0])))
        for x in vectors:
            x = x - known.T @ (known @ x)
            x = x / np.linalg.norm(x)
            known = np.vstack([known, x])
            yield gain * x

    made = []
    for B in np.split(A, blocks, axis=1):
        by_rows = B.shape[0] < B.shape[1]
        Q = np.array(list(orthonormal(B if by_rows else B.T)))
        made.append(Q if by_rows else Q.T)
    return np.concatenate(made, axis=-1)
""",
        "radius": """
def scaled_to_radius(W, alpha, radius):
    beta = 1 - alpha

    def crossings():
        for mu in np.linalg.eigvals(W):
            if np.abs(mu) > 1e-10:
                unit = mu / np.abs(mu)
                along = beta * unit.real
                yield (np.sqrt(along**2 + radius**2 - beta**2) - along) / (alpha * np.abs(mu))

    return W * min(crossings())
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    def rows(P=len(angles)):
        for i in range(H):
            row = np.zeros(H)
            if i < P:
                row[[i, i + P]] = moduli[i] * np.array([np.cos(angles[i]), np.sin(angles[i])])
            elif i < 2 * P:
                p = i - P
                row[[p, i]] = moduli[p] * np.array([-np.sin(angles[p]), np.cos(angles[p])])
            else:
                row[i] = 1
            yield row

    return np.array(list(rows()))
""",
    },
    "step functions": {
        "back": """
def step_back(row, a_t, alpha, W_hh):
    h = np.tanh(a_t)
    da = alpha * row * (1 + h) * (1 - h)
    return row - alpha * row + da @ np.transpose(W_hh)


def products_back(v, a, alpha, W_hh):
    t = len(a)
    found = np.zeros_like(np.concatenate([a, v[None]]))
    row = found[t] = v
    while t > 0:
        t -= 1
        row = found[t] = step_back(row, a[t], alpha, W_hh)
    return found
""",
        "ahead": """
def step_ahead(column, a_t, alpha, W_hh):
    slope = 1 - np.tanh(a_t) ** 2
    return (1 - alpha) * column + (alpha * slope) * (column @ W_hh)


def products_forward(u, a, alpha, W_hh):
    found, t = [u], 0
    while t < len(a):
        found.append(step_ahead(found[t], a[t], alpha, W_hh))
        t += 1
    return np.concatenate([column[None] for column in found])
""",
        "norms": """
def one_round(u, a, alpha, W_hh):
    u = np.array(products_forward(u, a, alpha, W_hh))[-1]
    u = np.array(products_back(u, a, alpha, W_hh))[0]
    return u / np.sqrt(np.maximum((u * u).sum(-1, keepdims=True), 1e-300))


def jacobian_norms(a, alpha, W_hh, start, rounds):
    norms = {}
    for k in reversed(range(len(a) + 1)):
        u = start
        for _ in range(rounds):
            u = one_round(u, a[k:], alpha, W_hh)
        P_u = np.array(products_forward(u, a[k:], alpha, W_hh))[-1]
        norms[k] = np.hypot.reduce(P_u, axis=1)
    return np.array([norms[k] for k in range(len(a) + 1)])
""",
        "clip": """
def norm_of(arrays):
    flat = np.concatenate([np.ravel(g) for g in arrays])
    return np.hypot.reduce(flat)


def by_value(g, eta):
    return np.median([np.full_like(g, -eta), g, np.full_like(g, eta)], axis=0)


def clip_groups(gradients, groups, thresholds, frozen):
    made = {n: np.zeros(g.shape) if n in frozen else +g for n, g in gradients.items()}
    for number, (kind, names) in enumerate(groups):
        eta = thresholds[number]
        whole = norm_of([made[n] for n in names])
        for n in names:
            if kind == "value":
                made[n] = by_value(made[n], eta)
            elif kind == "array":
                own = norm_of([made[n]])
                made[n] = made[n] if own <= eta else made[n] * (eta / own)
            else:
                made[n] = made[n] if whole <= eta else made[n] * (eta / whole)
    return made
""",
        "update": """
def mean_of(arrays, sizes):
    return np.tensordot(np.asarray(sizes, float), np.stack(arrays), axes=1) / np.sum(sizes)


def is_bad(g):
    return bool(np.isnan(g - g).any())


def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    names = sorted(micro_batches[0])
    zeros = {n: np.zeros_like(micro_batches[0][n]) for n in names}
    live = [n for n in names if n not in frozen]
    mean = zeros | {n: mean_of([g[n] for g in micro_batches], sizes) for n in live}
    bad = [n for n in live if is_bad(mean[n])]
    return (zeros, bad) if bad else (clip_groups(mean, groups, thresholds, frozen), bad)
""",
        "orthogonal": """
def positive(Q, R):
    for j in range(len(R)):
        if R[j, j] < 0:
            Q[:, j] = -Q[:, j]
    return Q


def orthogonal_blocks(A, blocks, gain):
    n = A.shape[1] // blocks
    W = np.zeros(A.shape)
    for b in range(blocks):
        B = A[:, n * b : n * b + n]
        if len(B) >= n:
            W[:, n * b : n * b + n] = gain * positive(*np.linalg.qr(B))
        else:
            W[:, n * b : n * b + n] = gain * positive(*np.linalg.qr(B.T)).T
    return W
""",
        "radius": """
def excess(c, mu, alpha, radius):
    return np.max(np.abs(1 - alpha + alpha * c * mu)) - radius


def scaled_to_radius(W, alpha, radius):
    mu = np.linalg.eigvals(W)
    low, high = 0.0, (radius + 1) / (alpha * np.abs(mu).max())
    for _ in range(200):
        middle = 0.5 * (low + high)
        if excess(middle, mu, alpha, radius) > 0:
            high = middle
        else:
            low = middle
    return low * W
""",
        "rotation": """
def turn(h, angles, moduli):
    P = len(angles)
    c, s = moduli * np.cos(angles), moduli * np.sin(angles)
    return np.concatenate([h[:P] * c - h[P : 2 * P] * s, h[:P] * s + h[P : 2 * P] * c, h[2 * P :]])


def rotating_pairs(angles, moduli, H):
    return np.array([turn(unit, angles, moduli) for unit in np.eye(H)])
""",
    },
    "dicts and other orders": {
        "back": """
def products_back(v, a, alpha, W_hh):
    T = len(a)
    into = {t: (alpha * (1 - np.tanh(a[t]) ** 2)) for t in range(T)}
    found = {T: v}
    for k in range(1, T + 1):
        g = found[T - k + 1]
        found[T - k] = (W_hh @ (into[T - k] * g).T).T + g * (1.0 - alpha)
    return [found[k] for k in range(T + 1)]
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    N, H = u.shape
    columns = u.T
    found = {0: u}
    for t, a_t in enumerate(a, start=1):
        slope = (1 - np.tanh(a_t) ** 2).T
        columns = (1 - alpha)[:, None] * columns + alpha[:, None] * slope * (W_hh.T @ columns)
        found[t] = columns.T
    return np.array(list(found.values()))
""",
        "norms": """
def jacobian_norms(a, alpha, W_hh, start, rounds):
    T, (N, H) = len(a), start.shape
    gain = alpha[:, None] * (1 - np.tanh(a.transpose(0, 2, 1)) ** 2)
    keep = (1 - alpha)[:, None]
    norms = {(T, n): 1.0 for n in range(N)}
    for k in range(T):
        U = start.T
        for _ in range(rounds):
            for t in range(k, T):
                U = keep * U + gain[t] * (W_hh.T @ U)
            for t in reversed(range(k, T)):
                U = keep * U + W_hh @ (gain[t] * U)
            size = np.linalg.norm(U, axis=0)
            U = U / np.where(size, size, 1)
        for t in range(k, T):
            U = keep * U + gain[t] * (W_hh.T @ U)
        norms.update({(k, n): np.linalg.norm(U[:, n]) for n in range(N)})
    return [[norms[k, n] for n in range(N)] for k in range(T + 1)]
""",
        "clip": """
def clip_groups(gradients, groups, thresholds, frozen):
    def values(arrays, eta):
        return {n: np.where(np.abs(g) <= eta, g, np.copysign(eta, g)) for n, g in arrays.items()}

    def together(arrays, eta):
        exponent = max([np.frexp(np.abs(g).max())[1] for g in arrays.values()], default=0)
        small = {n: np.ldexp(g, -exponent) for n, g in arrays.items()}
        norm = np.sqrt(sum((g * g).sum() for g in small.values()))
        limit = np.ldexp(eta, -exponent)
        if norm <= limit:
            return arrays
        return {n: g * (eta / norm) for n, g in small.items()}

    def apart(arrays, eta):
        return {n: together({n: g}, eta)[n] for n, g in arrays.items()}

    rules = {"value": values, "array": apart, "global": together}
    found = {n: np.zeros(g.shape) for n, g in gradients.items()}
    left = {n: g for n, g in gradients.items() if n not in frozen}
    for (kind, names), eta in zip(groups, thresholds):
        found.update(rules[kind]({n: left.pop(n) for n in names if n in left}, float(eta)))
    return found | left
""",
        "update": """
def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    by_name = {}
    for m, gradients in enumerate(micro_batches):
        for name, g in gradients.items():
            by_name.setdefault(name, []).append((int(sizes[m]), g))
    mean, state = {}, {}
    for name, pairs in by_name.items():
        mean[name] = sum(s * g for s, g in pairs) / sum(s for s, _ in pairs)
        state[name] = name in frozen or bool(np.isfinite(mean[name]).all())
        if name in frozen:
            mean[name] = np.zeros(mean[name].shape)
    wrong = {name: True for name, fine in state.items() if not fine}
    if wrong:
        return {n: g * 0 if state[n] else np.zeros(g.shape) for n, g in mean.items()}, wrong
    return clip_groups(mean, groups, thresholds, frozen), wrong
""",
        "orthogonal": """
def orthogonal_blocks(A, blocks, gain):
    rows, n = len(A), A.shape[1] // blocks
    found = {}
    for b in range(blocks):
        B = A[:, b * n : (b + 1) * n]
        if rows < n:
            L = np.linalg.cholesky(B @ B.T)
            found[b] = np.linalg.solve(L, B)
        else:
            L = np.linalg.cholesky(B.T @ B)
            found[b] = np.linalg.solve(L, B.T).T
    return gain * np.concatenate([found[b] for b in range(blocks)], axis=1)
""",
        "radius": """
def scaled_to_radius(W, alpha, radius):
    mu = np.linalg.eigvals(W)
    mu = mu[np.abs(mu) > 1e-12]
    x, y = alpha * mu.real, alpha * mu.imag
    b = (1 - alpha) * x
    reach = {}
    for i in range(len(mu)):
        root = np.sqrt(b[i] ** 2 - (x[i] ** 2 + y[i] ** 2) * ((1 - alpha) ** 2 - radius**2))
        reach[i] = (root - b[i]) / (x[i] ** 2 + y[i] ** 2)
    c = sorted(reach.values())[0]
    return np.multiply(c, W)
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    P = len(angles)
    entries = {(i, i): 1.0 for i in range(2 * P, H)}
    for p in range(P):
        c, s = np.cos(angles[p]) * moduli[p], np.sin(angles[p]) * moduli[p]
        entries |= {(p, p): c, (p + P, p + P): c, (p, p + P): s, (p + P, p): -s}
    W = np.zeros((H, H))
    for where, value in entries.items():
        W[where] = value
    return W
""",
    },
    "blocks of matrices": {
        "back": """
def products_back(v, a, alpha, W_hh):
    T, N, H = a.shape
    both = np.hstack([np.diag(1 - alpha), W_hh])  # (H, 2H): both paths in one product
    found = np.zeros((T + 1, N, H))
    found[T] = v
    for t in range(T)[::-1]:
        da = alpha * (1 - np.tanh(a[t]) ** 2) * found[t + 1]
        found[t] = np.hstack([found[t + 1], da]) @ both.T
    return found
""",
        "ahead": """
def products_forward(u, a, alpha, W_hh):
    T, N, H = a.shape
    both = np.hstack([np.diag(1 - alpha), W_hh * alpha])
    found = np.zeros((T + 1, N, H))
    found[0] = u
    for t in range(T):
        kept, inside = np.hsplit(found[t] @ both, 2)
        found[t + 1] = kept + inside * (1 - np.tanh(a[t]) ** 2)
    return found
""",
        "norms": """
def jacobian_norms(a, alpha, W_hh, start, rounds):
    T, N, H = a.shape
    P = np.broadcast_to(np.eye(H), (N, H, H))
    found = [np.ones(N)]
    for a_t in a[::-1]:
        P = P * (1 - alpha) + (P * (alpha / np.cosh(a_t) ** 2)[:, None, :]) @ W_hh.T
        u = start[:, :, None]
        for _ in range(rounds):
            u = P.transpose(0, 2, 1) @ (P @ u)
            size = np.linalg.norm(u, axis=1, keepdims=True)
            u = u / (size + (size == 0))
        found.append(np.linalg.norm(P @ u, axis=1)[:, 0])
    return np.array(found)[::-1]
""",
        "clip": """
def clip_groups(gradients, groups, thresholds, frozen):
    names = list(gradients)
    flat = np.concatenate([gradients[n].ravel() * (n not in frozen) for n in names])
    ends = np.cumsum([gradients[n].size for n in names])
    where = dict(zip(names, np.split(np.arange(len(flat)), ends[:-1])))
    for (kind, members), eta in zip(groups, thresholds):
        sets = [where[n] for n in members]
        if kind == "global":
            sets = [np.concatenate(sets)]
        for part in sets:
            top = np.abs(flat[part]).max()
            if kind == "value":
                flat[part] = np.clip(flat[part], -eta, eta)
            elif top > 0:
                scaled = flat[part] / top
                norm = top * np.sqrt(scaled @ scaled)
                flat[part] = flat[part] * np.minimum(1, eta / norm)
    return {n: flat[where[n]].reshape(gradients[n].shape) for n in names}
""",
        "update": """
def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    names = list(micro_batches[0])
    rows = np.stack([np.concatenate([g[n].ravel() for n in names]) for g in micro_batches])
    mean = (rows * (sizes / sizes.sum())[:, None]).sum(axis=0)
    cuts = np.cumsum([micro_batches[0][n].size for n in names])[:-1]
    shape = {n: micro_batches[0][n].shape for n in names}
    parts = {n: p.reshape(shape[n]) for n, p in zip(names, np.split(mean, cuts))}
    bad = [n for n in names if n not in frozen and np.any(~np.isfinite(parts[n]))]
    for n in names if bad else frozen:
        parts[n] = np.zeros(shape[n])
    return (parts, bad) if bad else (clip_groups(parts, groups, thresholds, frozen), [])
""",
        "orthogonal": """
def orthogonal_blocks(A, blocks, gain):
    W = []
    for B in np.split(A, blocks, axis=1):
        tall = B if B.shape[0] >= B.shape[1] else B.T
        Q, R = np.linalg.qr(tall, mode="complete")
        n = tall.shape[1]
        Q = Q[:, :n] @ np.diag(np.sign(R[:n].diagonal())) * gain
        W.append(Q if B.shape[0] >= B.shape[1] else Q.T)
    return np.block([W])
""",
        "radius": """
def scaled_to_radius(W, alpha, radius):
    def largest(c):
        return np.abs(np.linalg.eigvals((1 - alpha) * np.eye(len(W)) + alpha * c * W.T)).max()

    low, high = 0.0, 1.0
    while largest(high) <= radius:
        low, high = high, 10 * high
    while high - low > 1e-12 * high:
        tried = low + (high - low) / 3, high - (high - low) / 3
        for c in tried:
            if largest(c) <= radius:
                low = max(low, c)
            else:
                high = min(high, c)
    return (low + high) / 2 * W
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    C, S = np.diag(moduli * np.cos(angles)), np.diag(moduli * np.sin(angles))
    rest = H - 2 * len(angles)
    empty = np.zeros((len(angles), rest))
    return np.block([[C, S, empty], [-S, C, empty], [empty.T, empty.T, np.eye(rest)]])
""",
    },
    "with warnings": all_noisy(SOLUTION),
    "other formulas": {
        "clip": """
def clip_groups(gradients, groups, thresholds, frozen):
    result = {}
    rule_of = {n: (i, kind) for i, (kind, names) in enumerate(groups) for n in names}

    def root_of_squares(members):
        largest = max([np.abs(gradients[m]).max() for m in members])
        if largest == 0:
            return 0.0
        return largest * np.sqrt(sum(np.square(gradients[m] / largest).sum() for m in members))

    for name, g in gradients.items():
        i, kind = rule_of.get(name, (None, "none"))
        if name in frozen:
            result[name] = np.zeros_like(g)
        elif kind == "none":
            result[name] = g
        elif kind == "value":
            result[name] = g - np.maximum(g - thresholds[i], 0) + np.maximum(-thresholds[i] - g, 0)
            result[name] = np.where(np.abs(g) > 1e6, np.sign(g) * thresholds[i], result[name])
        else:
            members = [name]
            if kind == "global":
                members = [m for m in groups[i][1] if m not in frozen]
            norm = root_of_squares(members)
            result[name] = g / max(norm / thresholds[i], 1.0)
    return result
""",
        "radius": """
def scaled_to_radius(W, alpha, radius):
    mu = np.linalg.eigvals(W) + 0j
    mu = mu[np.abs(mu) > 1e-12]
    c = np.zeros(len(mu))
    for _ in range(100):  # Newton's method on |1 - alpha + alpha c mu|^2 = radius^2, from outside
        z = 1 - alpha + alpha * c * mu
        if _ == 0:
            c = (radius + 1) / (alpha * np.abs(mu))
            continue
        c = c - (np.abs(z) ** 2 - radius**2) / (2 * alpha * (z * mu.conj()).real)
    return W * c.min()
""",
        "rotation": """
def rotating_pairs(angles, moduli, H):
    P = len(angles)
    z = np.zeros((2 * P, P), complex)  # what becomes of each unit, pairs written as numbers
    z[:P] = np.diag(moduli * np.exp(1j * angles))
    z[P:] = 1j * z[:P]
    W = np.eye(H)
    W[: 2 * P, :P], W[: 2 * P, P : 2 * P] = z.real, z.imag
    return W
""",
        "update": """
from functools import reduce


def accumulated_update(micro_batches, sizes, groups, thresholds, frozen):
    def merge(one, two):
        (g, n), (d, m) = one, two
        weight = m / (n + m)
        return {k: (1 - weight) * g[k] + weight * d[k] for k in g}, n + m

    whole, _ = reduce(merge, zip(micro_batches, map(float, sizes)))
    trained = [k for k in whole if k not in frozen]
    bad = [k for k in trained if np.isfinite(whole[k]).sum() < whole[k].size]
    safe = {k: whole[k] if k in trained and not bad else np.zeros(whole[k].shape) for k in whole}
    return clip_groups(safe, groups, thresholds, frozen), np.array(bad, dtype=str)
""",
    },
}
