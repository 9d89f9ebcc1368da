"""Say why a hidden test failed without the values that it expected.

The rule: a message that an author wrote, a text in an `assert` or `raise` of the course's own
cells, stands as it was written. A message that a library made up from the compared values (numpy,
torch, unittest, pytest) is put in other words: which property failed, how many entries, the shapes
and the rough size of the error. Of any other AssertionError the first line stays, without values.
Other exceptions keep their message.
"""

import ast
import math
import re
from collections.abc import Iterable, Iterator

FAILED = "A check of the hidden tests failed."
MESSAGE_ARGUMENTS = ("msg", "err_msg", "message", "reason")
LONGEST = 500  # characters of a message that are shown
MOST_READ = 10_000
FEWEST_LETTERS = 3  # below that a message has no words of its own

_LETTER = re.compile(r"[^\W\d_]")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NUMPY = re.compile(
    r"Not equal to tolerance|Arrays are not |Items are not equal|Differences in strings"
    r"|Mismatched elements:|Tensor-likes are not |Scalars are not |location mismatch:"
)
_NUMPY_LINE = re.compile(
    r"\s*(?:Mismatched elements|Mismatch at|First \d+ mismatch|\[[\d, ]+\]: .*(?:ACTUAL|\(x\))"
    r"|Max (?:absolute|relative)|Greatest (?:absolute|relative)|Absolute diff|Relative diff"
    r"|Expected .* but got|x and y |nan location|inf location|[+-]inf location|\(shapes "
    r"|\(dtypes |\(mismatch|key=|item=|[-+?] )"
)
_ARRAY_LINE = re.compile(r"\s*(?:ACTUAL|DESIRED|x|y|\[left\]|\[right\])\s*:")
_PYTEST_START = re.compile(r"=+ (?:FAILURES|ERRORS|test session starts|short test summary).*=+")
_PYTEST_END = re.compile(r"=+ .*\b(?:passed|failed|error|no tests ran)\b.*=+")
_TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\)|-{40,}$")
_RAISED = re.compile(
    r"([A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit|Failed))(?:: ?(.*))?$"
)
_UNITTEST = (
    (r"\w+ not raised(?: by [\w<>]+)?", None),  # tells no value
    (r"(?:Lists|Tuples|Sequences|Sets) differ: .*", "The items are not the expected ones."),
    (r"Element counts were not equal.*", "The items are not the expected ones."),
    (r"Items in the (?:first|second) set but not the .*", "The items are not the expected ones."),
    (r".* not found in .*", "Something that should be there is missing."),
    (r".* unexpectedly found in .*", "Something is there that should not be."),
    (r".* is not an instance of .*", "The type is not the expected one."),
    (r"(?:unexpectedly None|.* is not None|unexpectedly .*)", FAILED),
    (r".* is not (?:true|false)", "A condition does not hold."),
    (r".* not (?:greater|less) than (?:or equal to )?.*", "The value is outside its bounds."),
    (r"(?:assert )?.* [!=]= .*", "The value is not the expected one."),
    (r"assert .*", FAILED),
)
_VALUE = re.compile(
    r"""'[^']*'|"[^"]*"|(?<![\w.])[-+]?(?:\d[\d_]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+)[jJ]?(?!\w)"""
    r"""|\b(?:nan|inf|True|False|None)\b"""
)


# A message as its author wrote it: the texts before, between and after what is filled in.
Template = tuple[str, ...]


class AuthoredMessages:
    """The messages that stand in the text of the course's own cells.

    f-strings and formatted texts count with anything in the place of what they fill in, if they
    have words of their own: what they show was the author's choice.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        self._templates = {t for source in sources for t in _messages(source)}

    def wrote(self, message: str) -> bool:
        """Whether an author wrote this message."""
        return any(_fits(message, template) for template in self._templates)


def _fits(message: str, template: Template) -> bool:
    """Whether a message is made of the texts of a template, with anything on one line between.

    Without regular expressions: the message may come from a student who wants them to take long.
    """
    first, *rest = template
    if not rest:
        return message == first
    between, last = rest[:-1], rest[-1]
    if message.count("\n") != sum(text.count("\n") for text in template):
        return False
    place, end = len(first), len(message) - len(last)
    if end < place or not message.startswith(first) or not message.endswith(last):
        return False
    for text in between:
        found = message.find(text, place, end)
        if found < 0:
            return False
        place = found + len(text)
    return True


def without_answers(kind: str, message: str, authored: AuthoredMessages) -> str:
    """What may be told of an exception that a hidden test ended with: its message, made safe."""
    message = _ANSI.sub("", message[:MOST_READ]).strip()
    if authored.wrote(message):
        return message[:LONGEST]
    if kind.rpartition(".")[2] not in ("AssertionError", "Failed"):
        return printed_without_answers(message, authored)[:LONGEST]
    if not message:
        return FAILED
    if _NUMPY.search(message):
        return _numpy_in_words(message, authored)
    head, colon, told = message.rpartition(" : ")  # unittest puts the author's words behind it
    if colon and authored.wrote(told):
        return f"{_sentence(told[:LONGEST])} {_unittest_in_words(head)}"
    return _unittest_in_words(message)


def printed_without_answers(text: str, authored: AuthoredMessages) -> str:
    """A printed text without what libraries report of compared values. The author's prints stay."""
    kept: list[str] = []
    lines = iter(_ANSI.sub("", text).split("\n"))
    for line in lines:
        if len(line) <= LONGEST and _PYTEST_START.fullmatch(line.strip()):
            kept.append(_end_of_pytest_report(lines))
        elif _TRACEBACK.match(line):
            kept.extend(_after_traceback(lines, authored))
        else:
            kept.append(line)
    if not _NUMPY.search("\n".join(kept)):
        return "\n".join(kept)
    return "\n".join(_without_arrays(kept))


def _messages(source: str) -> Iterator[Template]:
    """Templates of the messages in a cell of the course's."""
    code = "\n".join("" if line.lstrip()[:1] in "%!?" else line for line in source.split("\n"))
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        written: list[ast.expr | None] = []
        if isinstance(node, ast.Assert):
            written = [node.msg]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            written = list(node.exc.args[:1])
        elif isinstance(node, ast.Call):
            written = [k.value for k in node.keywords if k.arg in MESSAGE_ARGUMENTS]
            named = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            if named.startswith("assert") or named == "fail":
                written.extend(node.args[-1:] if named != "fail" else node.args[:1])
        for expression in written:
            texts = _template(expression)
            texts = (texts[0].lstrip(), *texts[1:])
            texts = (*texts[:-1], texts[-1].rstrip())
            if len(_LETTER.findall("".join(texts))) >= FEWEST_LETTERS:
                yield texts


def _template(expression: ast.expr | None) -> Template:
    """The template of a message; of what can't be told, it is nothing but a place to fill in."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return (expression.value,)
    if isinstance(expression, ast.JoinedStr):
        whole: Template = ("",)
        for part in expression.values:
            whole = _joined(whole, _template(part))
        return whole
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Add):
        return _joined(_template(expression.left), _template(expression.right))
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Mod):
        return _filled_in(expression.left, r"%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z%]")
    if isinstance(expression, ast.Call) and getattr(expression.func, "attr", "") == "format":
        return _filled_in(expression.func.value, r"\{[^{}]*\}")
    return ("", "")


def _joined(left: Template, right: Template) -> Template:
    return (*left[:-1], left[-1] + right[0], *right[1:])


def _filled_in(template: ast.expr, place: str) -> Template:
    if not isinstance(template, ast.Constant) or not isinstance(template.value, str):
        return ("", "")
    return tuple(re.split(place, template.value))


def _numpy_in_words(message: str, authored: AuthoredMessages) -> str:
    """A report of numpy.testing or torch.testing: the property, counts, shapes, the size."""
    words = []
    lines = [line.strip() for line in message.split("\n") if line.strip()]
    words.extend(_sentence(line) for line in lines if authored.wrote(line))
    heading = next((line for line in lines if _NUMPY.search(line)), "")
    heading = re.sub(r"( \(max difference.*|[:!.]+)$", "", heading)
    if re.match(r"Not equal to tolerance|Arrays are not |Items are not |Tensor-|Scalars ", heading):
        words.append(f"{heading}.")
    else:
        words.append("The values are not the expected ones.")
    count = re.search(r"Mismatched elements: (\d+) / (\d+)", message)
    if count:
        of = int(count[2])
        are = "entry is" if of == 1 else f"{'entry' if of == 1 else 'entries'} are"
        words.append(f"{count[1]} of {of} {are} wrong.")
    if shapes := re.search(r"\(shapes (\([\d, ]*\)), (\([\d, ]*\)) mismatch\)", message):
        words.append(f"The shape is {shapes[1]} instead of {shapes[2]}.")
    if dtypes := re.search(r"\(dtypes (\w+), (\w+) mismatch\)", message):
        words.append(f"The dtype is {dtypes[1]} instead of {dtypes[2]}.")
    if place := re.search(r"([+-]?(?:nan|inf)) location mismatch", message):
        words.append(f"{place[1]} stands where it should not, or not where it should.")
    relative = re.search(
        r"(?:Max|Greatest) relative difference(?: among violations)?: ([\d.e+-]+)", message
    )
    if relative and count and (size := _in_size(float(relative[1]), int(count[2]))):
        words.append(size)
    return " ".join(words)


def _in_size(error: float, entries: int) -> str | None:
    """The size of the largest relative error, so roughly that it gives no value away."""
    if not error or not math.isfinite(error):
        return None
    digits = 10.0 ** round(math.log10(error)) if entries == 1 else float(f"{error:.0e}")
    if digits > 9:
        return "The largest relative error is far above 100 %."
    shown = f"{100 * digits:g} %" if digits >= 0.001 else f"{digits:.0e}"
    return f"The largest relative error is about {shown}."


def _unittest_in_words(message: str) -> str:
    for pattern, words in _UNITTEST:
        if re.fullmatch(pattern, message, re.DOTALL):
            return words or f"{message}."
    first = next((line for line in message.split("\n") if line.strip()), "")[:LONGEST]
    words = _VALUE.sub("…", first).strip()
    return words if len(_LETTER.findall(words)) > len("isnot") else FAILED


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _end_of_pytest_report(lines: Iterator[str]) -> str:
    """Skip a report of pytest's; its last line has the counts alone."""
    for line in lines:
        if len(line) > LONGEST:
            continue
        if _PYTEST_END.fullmatch(line.strip()) and not _PYTEST_START.fullmatch(line.strip()):
            return line
    return FAILED


def _after_traceback(lines: Iterator[str], authored: AuthoredMessages) -> Iterator[str]:
    """Skip a printed traceback, which shows lines of the test, up to the exception's own line.

    The rest of the text belongs to the message of the exception, for all one can tell.
    """
    for line in lines:
        if found := _RAISED.match(line):
            message = "\n".join([found[2] or "", *lines])
            yield f"{found[1]}: {without_answers(found[1], message, authored)}"


def _without_arrays(lines: Iterable[str]) -> Iterator[str]:
    """Drop the lines in which numpy and torch show values."""
    within = False
    for line in lines:
        within = bool(_ARRAY_LINE.match(line)) or (within and (not line or line[0].isspace()))
        if not within and not _NUMPY_LINE.match(line):
            yield line
