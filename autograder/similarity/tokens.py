"""Python source as tokens that renaming, comments and layout don't change."""

import io
import keyword
import tokenize
from dataclasses import dataclass

_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Token:
    """One token: what kind it is, and the line it stands on, from 1."""

    kind: str
    line: int


def tokens(source: str) -> list[Token]:
    """Read source; what can't be read as Python ends it, and what came before counts.

    A name is only "a name", a number "a number"; keywords, operators and what stands behind a dot
    count as they are, because a renaming can't change them. Docstrings and other bare strings are
    left out.
    """
    found: list[Token] = []
    before = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _LAYOUT:
                if token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
                    before = ""
                continue
            kind = _kind(token, before)
            if kind:
                found.append(Token(kind, token.start[0]))
            before = token.string
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def _kind(token: tokenize.TokenInfo, before: str) -> str:
    if token.type == tokenize.NAME and (keyword.iskeyword(token.string) or before == "."):
        return token.string
    if token.type == tokenize.NAME:
        return "a name"
    if token.type == tokenize.NUMBER:
        return "a number"
    if token.type == tokenize.STRING:
        return "a string" if before else ""  # the first thing of a line: documentation
    return token.string
