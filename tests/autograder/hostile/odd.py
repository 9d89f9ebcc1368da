"""Odd answers: no attack, but nothing that the judge or the test's author had in mind either."""

ODD = {
    name: {"double": f"import numpy as np\n\ndef double(x):\n    return {expression}\n"}
    for name, expression in {
        "object dtype": "np.array([{}, [], None, print], dtype=object)",
        "structured dtype": "np.zeros(4, dtype=[('a', 'f8'), ('b', 'O')])",
        "strings, dates and void": (
            "[np.array(['a' * 100]), np.array(['2020-01-01'], 'M8[D]'), np.zeros(2, 'V9')]"
        ),
        "NaN everywhere": "np.full(np.shape(x), np.nan)",
        "the wrong shape with the right numbers": "(2 * np.asarray(x))[..., None, None]",
        "classes, functions and modules": "[int, len, np, double, type(double), ValueError]",
    }.items()
}
ODD |= {
    "a list that holds itself": {
        "double": """
        def double(x):
            answer = [1.0]
            answer.append(answer)
            return answer
        """
    },
    "a dict that holds itself": {
        "double": """
        def double(x):
            answer = {}
            answer["again"] = [answer, {"deeper": answer}]
            return answer
        """
    },
    "a billion references to the same list": {
        "double": """
        def double(x):
            answer = [0.0] * 10
            for _ in range(9):
                answer = [answer] * 10
            return answer
        """
    },
    "a list of a length of its own": {
        "double": """
        class Long(list):
            def __len__(self):
                return 1 << 62

        def double(x):
            return Long([0.0, 2.0])
        """
    },
    "a list of negative length and without end": {
        "double": """
        class Endless(list):
            def __len__(self):
                return -1
            def __iter__(self):
                while True:
                    yield 0.0

        def double(x):
            return Endless()
        """
    },
    "keys that are equal to nothing": {
        "double": """
        import numpy as np

        class Key(tuple):
            __hash__ = lambda self: 1
            __eq__ = lambda self, other: False

        def double(x):
            return {Key((n,)): np.zeros(2) for n in range(1000)}
        """
    },
    "a type with the name of another": {
        "double": """
        import numpy as np

        ndarray = type("ndarray", (list,), {"__module__": "numpy", "shape": (4,), "dtype": "f8"})

        def double(x):
            return ndarray([0.0])
        """
    },
    "an exception with the name of another": {
        "double": """
        Skip = type("SkipTest", (BaseException,), {"__module__": "unittest.case"})

        def double(x):
            raise Skip("skipped")
        """
    },
    "the exception that skips a test": {
        "double": """
        import unittest

        def double(x):
            raise unittest.SkipTest("not today")
        """
    },
    "an argument that changes its shape": {
        "double": """
        def double(x):
            x.shape = (2, 2)
            return 2 * x
        """
    },
    "a generator that ends with an error": {
        "stream": "def stream(n):\n    yield 0\n    raise StopIteration\n"
    },
}
