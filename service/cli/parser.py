"""The shape that every command's arguments share."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

WRONG_USAGE = 64

Run: TypeAlias = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses with 64: argparse's 2 means "could not tell" here."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is left over here, in the words of the command that it was given to."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments and where they are explained."""
        self.exit(WRONG_USAGE, f"{self.prog}: {message}\nTry: {self.prog} --help\n")


if TYPE_CHECKING:
    # argparse gives this type no public name, and it is generic for type checkers only.
    Subparsers: TypeAlias = argparse._SubParsersAction[Parser]  # noqa: SLF001
else:
    Subparsers = object


def add_group(subparsers: Subparsers, name: str, text: str) -> Subparsers:
    """Add a group of commands and give where they are added."""
    group = _add(subparsers, name, text)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def add_command(subparsers: Subparsers, name: str, run: Run, text: str) -> Parser:
    """Add a command that `run` carries out; the first sentence of its text stands in the list."""
    parser = _add(subparsers, name, text)
    parser.set_defaults(run=run)
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let the command give its answer as JSON."""
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _add(subparsers: Subparsers, name: str, text: str) -> Parser:
    first = text.partition(".")[0].partition(":")[0]
    return subparsers.add_parser(
        name,
        help=first[:1].lower() + first[1:],
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
