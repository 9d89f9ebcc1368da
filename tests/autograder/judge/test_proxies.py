"""What a test can do with a student's functions, objects and variables: as in one process."""

import json

import pytest

# ruff: noqa: E501 (the tables hold programs, one line each)

# (the student's cell, the test cell); every assertion of the test has to hold
SERVED = {
    "positional, keyword and default arguments": (
        "def f(a, /, b=2, *rest, c=3, **more): return a, b, rest, c, more",
        "assert f(1) == (1, 2, (), 3, {})\nassert f(1, 5, 6, 7, c=8, d=9) == (1, 5, (6, 7), 8, {'d': 9})",
    ),
    "plain values": (
        "def f(x): return x",
        "for v in (None, True, 1, 2**90, -1.5, 1j, 'é', b'x', [1, [2]], {'a': (1,)}, {1}, range(3)):\n"
        "    assert f(v) == v and type(f(v)) is type(v), v",
    ),
    "arrays of every dtype": (
        "def f(x): return x + x if x.dtype != bool else x",
        "for t in '?bhilqBHILQefdFD':\n"
        "    x = np.arange(6).astype(t).reshape(2, 3)\n"
        "    y = f(x)\n"
        "    want = x + x if t != '?' else x\n"
        "    assert type(y) is np.ndarray and y.dtype == want.dtype and (y == want).all()",
    ),
    "non-contiguous and empty arrays": (
        "def f(x): return x * 2",
        "a = np.arange(24.0).reshape(4, 6)\n"
        "for x in (a[::2, 1::3], a.T, a[:, ::-1], a[:0], np.zeros((0, 3)), np.array(5.0)):\n"
        "    np.testing.assert_array_equal(f(x), x * 2)\n"
        "assert f(np.zeros((0, 3))).shape == (0, 3)",
    ),
    "nan and inf": (
        "def f(x): return x",
        "x = np.array([np.nan, np.inf, -np.inf, -0.0])\n"
        "assert f(x).tobytes() == x.tobytes()\nassert f(float('nan')) != f(float('nan'))",
    ),
    "numpy scalars": (
        "def f(x): return x.mean()",
        "m = f(np.arange(3, dtype=np.float32))\nassert type(m) is np.float32 and m == 1",
    ),
    "views, lists of arrays and object arrays": (
        "def f(x): return x[::2]\ndef g(x): return list(x)\ndef h(): return np.array([[1, 2], [3, 4]], dtype=object)",
        "x = np.arange(6.0)\nassert f(x).base is None and (f(x) == x[::2]).all()\n"
        "assert [int(v) for v in g(x)] == [0, 1, 2, 3, 4, 5]\nassert h().dtype == int",
    ),
    "arguments changed in place": (
        "def f(x, l, d, s):\n    x[1] = 7\n    l.append([1])\n    l[0].append(5)\n    d['k'] = x\n    s.add(3)",
        "x, l, d, s = np.zeros(3), [[0]], {'z': 1}, {1}\ninner = l[0]\n"
        "assert f(x, l, d, s) is None\n"
        "assert x.tolist() == [0, 7, 0] and l == [[0, 5], [1]] and l[0] is inner\n"
        "assert d['k'] is x and s == {1, 3}",
    ),
    "views changed in place": (
        "def f(x): x *= 2",
        "a = np.ones((3, 4))\nf(a[1:, ::2])\n"
        "assert a.tolist() == [[1, 1, 1, 1], [2, 1, 2, 1], [2, 1, 2, 1]]",
    ),
    "a result that is an argument": (
        "def f(x, l): l.sort(); return l, x",
        "x, l = np.zeros(2), [3, 1]\ny, z = f(x, l)[1], f(x, l)[0]\nassert y is x and z is l and l == [1, 3]",
    ),
    "read-only arguments": (
        "def f(x): x[0] = 1",
        "x = np.zeros(2); x.flags.writeable = False\n"
        "try:\n    f(x)\nexcept ValueError as e:\n    assert 'read-only' in str(e)\nelse:\n    assert False",
    ),
    "built-in exceptions": (
        "def f(x):\n    if x == 1: raise KeyError('a')\n    if x == 2: raise ValueError('bad', 3)\n"
        "    if x == 3: return {}['q']\n    if x == 4: open('/nowhere')\n    if x == 5: return 1 / 0\n"
        "    if x == 6: raise NotImplementedError()\n    if x == 7: np.linalg.inv(np.zeros((2, 2)))",
        "import unittest\nt = unittest.TestCase()\n"
        "with t.assertRaises(KeyError) as e: f(1)\nassert e.exception.args == ('a',)\n"
        "with t.assertRaises(ValueError) as e: f(2)\nassert e.exception.args == ('bad', 3)\n"
        "with t.assertRaisesRegex(KeyError, 'q'): f(3)\n"
        "with t.assertRaises(FileNotFoundError) as e: f(4)\nassert e.exception.errno == 2\n"
        "with t.assertRaises(ZeroDivisionError): f(5)\nwith t.assertRaises(NotImplementedError): f(6)\n"
        "with t.assertRaises(np.linalg.LinAlgError): f(7)",
    ),
    "exceptions of the student's own": (
        "class Empty(LookupError): pass\ndef f(): raise Empty('no')",
        "try:\n    f()\nexcept Empty as e:\n    assert str(e) == 'no' and type(e).__name__ == 'Empty'\n"
        "try:\n    f()\nexcept LookupError:\n    pass",
    ),
    "an error names the student's line": (
        "def f():\n    x = 1\n    return x.y",
        "try:\n    f()\nexcept AttributeError as e:\n"
        "    assert e.student_line == 3 and e.student_source == 'return x.y'",
    ),
    "generators, lazily": (
        "def f():\n    n = 0\n    while True:\n        yield n\n        n += 1\n"
        "def g():\n    got = yield 1\n    yield got + 1\n    return 5",
        "import itertools\nassert list(itertools.islice(f(), 4)) == [0, 1, 2, 3]\n"
        "i = g(); assert next(i) == 1 and i.send(4) == 5\nassert list(map(str, zip(f(), 'ab'))) == [\"(0, 'a')\", \"(1, 'b')\"]",
    ),
    "classes": (
        "class Stack:\n    kind = 'lifo'\n    def __init__(self, *x): self.items = list(x)\n"
        "    def push(self, x): self.items.append(x); return self\n    def __len__(self): return len(self.items)\n"
        "    def __getitem__(self, i): return self.items[i]\n    @property\n    def top(self): return self.items[-1]\n"
        "    def __enter__(self): return self\n    def __exit__(self, *e): self.items.clear()\n"
        "    def __repr__(self): return f'Stack{self.items}'\nclass Sub(Stack): pass",
        "s = Stack(1, 2)\nassert isinstance(s, Stack) and type(s).__name__ == 'Stack' and Stack.kind == 'lifo'\n"
        "assert s.push(3) is s and len(s) == 3 and s[0] == 1 and s.top == 3 and list(s) == [1, 2, 3]\n"
        "assert 2 in s and 9 not in s and s == s and s != Stack(1) and repr(s) == 'Stack[1, 2, 3]'\n"
        "s.name = 'x'; assert s.name == 'x' and hasattr(s, 'top') and not hasattr(s, 'bottom')\n"
        "with s as t: assert t is s\nassert len(s) == 0 and not s\n"
        "assert isinstance(Sub(), Stack) and not isinstance(3, Stack) and issubclass(Sub, Stack)\n"
        "assert {s: 1}[s] == 1",
    ),
    "operators between the student's objects": (
        "class V:\n    def __init__(self, x): self.x = x\n    def __add__(self, o): return V(self.x + o.x)",
        "assert (V(1) + V(2)).x == 3",
    ),
    "named tuples": (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)",
        "p = f()\nassert p == (1, 2) and p.y == 2",
    ),
    "functions of the judge as arguments": (
        "def f(g, x): return g(x) + 1\ndef m(g): return [g(i, k=i) for i in range(3)]",
        "seen = []\ndef cb(x):\n    seen.append(x)\n    return 2 * x\n"
        "assert f(cb, 3) == 7 and seen == [3]\nassert f(lambda a: a.sum(), np.ones(3)) == 4\n"
        "assert m(lambda i, k: i * k) == [0, 1, 4]\nassert abs(f(np.tanh, 0.5) - 1 - np.tanh(0.5)) < 1e-12\n"
        "assert f(abs, -2) == 3 and f(float, '2') == 3.0",
    ),
    "errors in the judge's functions": (
        "def f(g):\n    return g()\ndef h(g):\n    try:\n        return g()\n    except Exception:\n        return 'caught'",
        "class Mine(Exception): pass\ndef bad(): raise Mine('secret')\n"
        "try:\n    f(bad)\nexcept Mine as e:\n    assert str(e) == 'secret'\nelse:\n    assert False\nassert h(bad) == 'caught'",
    ),
    "the student's functions as arguments, also nested": (
        "def f(g, x): return g(g(x))\ndef double(x): return 2 * x\ndef make(): return lambda x: x + 1",
        "assert f(double, 3) == 12 and make()(4) == 5 and f(make(), 1) == 3\n"
        "def outer(x): return double(x) + 1\nassert f(outer, 1) == 7",
    ),
    "variables": (
        "count = 0\nweights = np.arange(3.0)\ntable = {'a': [1, 2]}\ndef bump():\n    global count\n    count += 1\n    weights[0] += 1",
        "assert count == 0 and weights.tolist() == [0, 1, 2] and table == {'a': [1, 2]}\n"
        "bump()\nassert count == 1 and weights[0] == 1\ndef helper(): return count\nbump(); assert helper() == 2",
    ),
    "variables that the test changes": (
        "data = [1]\nlimit = 3\ndef total(): return sum(data) + limit",
        "data.append(5)\nassert total() == 9\nlimit = 10\nassert total() == 16",
    ),
    "a name taken away and put back, as in nbgrader's manual": (
        "def squares(n): return [i * i for i in range(n)]\ndef total(n): return sum(squares(n))",
        "kept = squares\ndel squares\ntry:\n    total(3)\nexcept NameError:\n    pass\nelse:\n    raise AssertionError('x')\n"
        "finally:\n    squares = kept\nassert total(3) == 5",
    ),
    "a function of the student's replaced by the test's": (
        "def step(x): return x + 1\ndef twice(x): return step(step(x))",
        "def step(x): return x * 10\nassert twice(2) == 200",
    ),
    "globals and dir": (
        "x1 = 4\ndef f1(): return 1",
        "assert 'x1' in globals() and globals()['x1'] == 4 and 'f1' in dir() and globals().get('f2') is None",
    ),
    "printed text": (
        "def hello(n):\n    for i in range(n): print('hi', i)",
        "import io, contextlib\nb = io.StringIO()\nwith contextlib.redirect_stdout(b): hello(2)\n"
        "assert b.getvalue() == 'hi 0\\nhi 1\\n'",
    ),
    "warnings": (
        "import warnings\ndef f(): warnings.warn('old', DeprecationWarning); return 1",
        "import warnings\nwith warnings.catch_warnings(record=True) as w:\n    warnings.simplefilter('always')\n    assert f() == 1\n"
        "assert w[0].category is DeprecationWarning and str(w[0].message) == 'old'",
    ),
    "floating-point settings": (
        "def f(): return np.ones(1) / np.zeros(1)",
        "with np.errstate(all='raise'):\n    try:\n        f()\n    except FloatingPointError:\n        pass\n    else:\n        assert False\n"
        "with np.errstate(all='ignore'): assert np.isinf(f()[0])",
    ),
    "random seeds": (
        "import random\ndef f(): return np.random.rand(3)\ndef g(): return random.random()",
        "np.random.seed(3); a = f(); b = f()\nnp.random.seed(3)\nassert (a == np.random.rand(3)).all() and (b == np.random.rand(3)).all()\n"
        "import random\nrandom.seed(1); r = g(); random.seed(1); assert r == random.random()",
    ),
    "random generators as arguments": (
        "def f(rng): return rng.normal(size=2)",
        "rng, same = np.random.default_rng(5), np.random.default_rng(5)\n"
        "for _ in range(3): assert (f(rng) == same.normal(size=2)).all()\nassert rng.random() == same.random()",
    ),
    "signatures, names and documentation": (
        "def f(a, b=1):\n    'Adds.'\n    return a + b",
        "import inspect\nassert list(inspect.signature(f).parameters) == ['a', 'b']\nassert f.__name__ == 'f'\nassert callable(f) and f.__doc__ == 'Adds.'",
    ),
    "numpy over the student's function": (
        "def f(x): return x * x",
        "assert (np.vectorize(f)([1, 2, 3]) == [1, 4, 9]).all() and list(map(f, [1, 2])) == [1, 4]",
    ),
    "magics": (
        "%matplotlib inline\n%load_ext autoreload\ndef f(): return 1\n%timeit f()\n!ls",
        "%matplotlib inline\nassert f() == 1",
    ),
    "a module imported in the solution cell": (
        "import math\ndef f(x): return math.floor(x)",
        "assert f(2.5) == math.floor(2.5) and math.pi > 3",
    ),
    "dataclasses": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int = 2",
        "p = P(1)\nassert (p.x, p.y) == (1, 2) and repr(p) == 'P(x=1, y=2)'",
    ),
    "unittest": (
        "def f(): return 4",
        "import unittest\nclass T(unittest.TestCase):\n    def test_f(self): self.assertEqual(f(), 4)\n"
        "r = unittest.main(argv=[''], exit=False, verbosity=0).result\nassert r.wasSuccessful() and r.testsRun == 1",
    ),
}


@pytest.mark.parametrize("name", SERVED)
def test_served_as_in_one_process(name, grade):
    answer, test = SERVED[name]
    verdict = grade(answer, test)
    assert verdict.scores == {"test": 10.0}, verdict.messages


# (the student's cell, the test cell, words of the error)
REFUSED = {
    "== on an object with its own": (
        "class Yes:\n    def __eq__(self, o): return True\n    __hash__ = None\ndef f(): return Yes()",
        "assert f() == 5",
        "has an == of its own",
    ),
    "an object that is equal to nothing": (
        "class A: pass\ndef f(): return A()",
        "assert f() == 5",
        "",
    ),
    "order of objects": (
        "class Y:\n    def __lt__(self, o): return True\ndef f(): return Y()",
        "assert f() < 5",
        "can't compare",
    ),
    "calculating with an object": (
        "class Y:\n    def __sub__(self, o): return 0.0\n    __rsub__ = __sub__\ndef f(): return Y()",
        "assert abs(f() - 5) < 1e-9",
        "can't calculate",
    ),
    "calculating with an object on the right": (
        "class Y:\n    def __rsub__(self, o): return 0.0\ndef f(): return Y()",
        "assert abs(5 - f()) < 1e-9",
        "can't calculate",
    ),
    "an object that says it holds everything": (
        "class Y:\n    def __contains__(self, o): return True\n    def __iter__(self): return iter(())\ndef f(): return Y()",
        "assert 5 in f()",
        "",
    ),
    "an object as an array": (
        "class Y:\n    def __array__(self, *a, **k): return np.full(3, 5.0)\n    def __array_ufunc__(self, *a, **k): return True\ndef f(): return Y()",
        "np.testing.assert_allclose(f(), np.full(3, 5.0))",
        "",
    ),
    "a number with an == of its own": (
        "class F(float):\n    def __eq__(self, o): return True\n    __hash__ = float.__hash__\ndef f(): return F(4)",
        "assert f() == 5",
        "",
    ),
    "an array with an == of its own": (
        "class A(np.ndarray):\n    def __eq__(self, o): return np.ones(3, bool)\ndef f(): return np.zeros(3).view(A)",
        "assert (f() == np.ones(3)).all()",
        "",
    ),
    "an answer that can't be sent": (
        "def f(): return np.zeros(2, dtype=[('a', int)])",
        "assert f() is None",
        "The answer of the student's code can't be used",
    ),
    "a list that holds itself": (
        "def f():\n    l = []\n    l.append(l)\n    return l",
        "assert len(f()) == 1",
        "nested too deeply",
    ),
    "an argument that can't be sent": (
        "def f(x): return 1",
        "class Own: pass\nassert f(Own()) == 1",
        "a Own of the test's own",
    ),
    "printing from a hidden frame search": (
        "def f():\n    import gc\n    return [o for o in gc.get_objects() if o is None]",
        "secret = 12345\nassert f() == [secret]",
        "",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_clear_message(name, grade):
    answer, test, words = REFUSED[name]
    verdict = grade(answer, test)
    assert verdict.scores == {"test": 0.0}
    assert words in verdict.messages["test"]


def test_the_test_never_tells_its_values_to_an_object(grade, tmp_path):
    answer = (
        "told = []\nclass Spy:\n"
        + "".join(
            f"    def __{n}__(self, *a): told.append(a); return True\n"
            for n in ("eq", "ne", "lt", "gt", "le", "ge", "contains", "sub", "rsub", "add", "radd")
        )
        + "    __hash__ = object.__hash__\n    def __iter__(self): return iter([])\n"
        "def f(): return Spy()\ndef what(): return len(told)"
    )
    test = (
        "x = f()\nfor act in (lambda: x == 5, lambda: x != 5, lambda: x < 5, lambda: 5 > x, lambda: 5 in x,\n"
        "            lambda: x - 5, lambda: 5 - x, lambda: 5 == x, lambda: np.float64(5) == x, lambda: np.ones(2) - x,\n"
        "            lambda: [5].index(x), lambda: {5: 1}.get(x), lambda: np.allclose(x, 5)):\n"
        "    try:\n        act()\n    except Exception:\n        pass\nassert what() == 0, what()"
    )
    assert grade(answer, test).scores == {"test": 10.0}


def test_networks(grade):
    torch = pytest.importorskip("torch", reason="needs torch: install requirements.txt")
    assert torch
    answer = (
        "import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.lin = nn.Linear(3, 2)\n    def forward(self, x): return self.lin(x)\ndef grow(x): return x.mul_(2)"
    )
    test = (
        "import torch\nnet = Net()\nassert isinstance(net, torch.nn.Module) and type(net).__name__ == 'Net'\n"
        "state = net.state_dict()\nassert set(state) == {'lin.weight', 'lin.bias'} and type(state['lin.bias']) is np.ndarray\n"
        "assert [p.shape for p in net.parameters()] == [(2, 3), (2,)]\n"
        "x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)\nout = net(torch.from_numpy(x))\n"
        "np.testing.assert_allclose(out, x @ state['lin.weight'].T + state['lin.bias'], rtol=1e-5, atol=1e-6)\n"
        "dout = np.ones((4, 2), np.float32)\ngot = net.forward_and_grads(x, dout)\n"
        "np.testing.assert_allclose(got['inputs'][0], dout @ state['lin.weight'], rtol=1e-5)\n"
        "np.testing.assert_allclose(got['parameters']['lin.weight'], dout.T @ x, rtol=1e-5, atol=1e-6)\n"
        "np.testing.assert_allclose(got['out'], out)\n"
        "net.load_state_dict({k: 0 * v for k, v in state.items()})\nassert not net(torch.ones(1, 3)).any()\n"
        "assert net.training and not net.eval().training\n"
        "t = torch.ones(3); r = grow(t); assert (r == 2).all() and (t == 2).all()"
    )
    verdict = grade(answer, test)
    assert verdict.scores == {"test": 10.0}, verdict.messages


def test_figures_and_values_of_the_students_cells_are_shown(grade):
    verdict = grade(
        "print('out')\nimport sys\nprint('err', file=sys.stderr)\nx = 3\nx", "assert x == 3"
    )
    cell = next(c for c in json.loads(verdict.notebook)["cells"] if c["id"] == "answer")
    kinds = [(o["output_type"], o.get("name")) for o in cell["outputs"]]
    assert kinds == [("stream", "stdout"), ("display_data", None)]
    assert cell["outputs"][0]["text"] == "out\nerr\n"
    assert cell["outputs"][1]["data"] == {"text/plain": "3"}
