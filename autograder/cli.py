"""The command `autograder`: grade, explain, report, compare, lint, doctor, validate."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = ("grade", "explain", "report", "compare", "lint", "doctor", "validate")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    # jsonschema looks for this parser of web addresses, for a check that no notebook needs. To load
    # it takes longer than all the rest.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Only the module of the command that runs is loaded: `validate` has to be quick.
    named = COMMANDS if arguments[:1] not in [[name] for name in COMMANDS] else arguments[:1]
    given = parser(named).parse_args(arguments)
    return given.run(given)


def parser(names: Sequence[str]) -> argparse.ArgumentParser:
    """Describe the command line with these commands."""
    whole = argparse.ArgumentParser(prog="autograder", description=__doc__)
    commands = whole.add_subparsers(required=True, metavar="command")
    for name in names:
        module = import_module(f"autograder.commands.{name}")
        summary = module.__doc__.splitlines()[0].removesuffix(".")
        summary = summary[0].lower() + summary[1:]
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        module.arguments(command)
        command.set_defaults(run=module.run)
    return whole
