"""The extract of Python's library: always the same, readable, with its licence."""

import ast
import hashlib
import re

from unrolled.data.python_source import SOURCE, python_source


def test_text_is_always_the_same():
    text = python_source()
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert len(text) == 283_397 and SOURCE.stat().st_size < 300_000
    assert digest == "7c5b7bc6a31abced0ceac16d4b67110e42a8772216c3933ea9d7a1311faaf639"


def test_holds_whole_modules_in_ascii():
    text = python_source()
    assert text.isascii() and "\r" not in text and len(set(text)) == 96
    parts = re.split(r"^# Lib/(.*\.py)\n\n", text, flags=re.MULTILINE)
    names, modules = parts[1::2], parts[2::2]
    assert len(names) == 15 and not parts[0]
    for module in modules:
        ast.parse(module)


def test_licence_lies_beside_it_and_names_every_module():
    licence = SOURCE.with_name("python_source_license.txt").read_text(encoding="utf-8")
    for words in ("Python Software Foundation", "All Rights Reserved", "Summary of changes"):
        assert words in licence
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in licence
    for name in re.findall(r"^# Lib/(.*)$", python_source(), flags=re.MULTILINE):
        assert name in licence
