"""The command `plant`: finds the command's module, runs it, and turns what it raises into words."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import NamedTuple, NoReturn

from service.cli.parser import Parser
from service.refusal import Refusal


class Command(NamedTuple):
    """A command or group of commands; its module is imported only when it is asked for."""

    name: str
    module: str
    text: str


COMMANDS: tuple[Command, ...] = (
    Command("serve", "service.cli.serve", "serve the JSON API"),
    Command("worker", "service.cli.worker", "work behind the service: the log, labels"),
    Command("import", "service.cli.imports", "import entities in bulk"),
    Command("embed", "service.cli.embed", "give labels the vectors by which they are found"),
    Command("export", "service.cli.exports", "export what a key may read"),
    Command("key", "service.cli.key", "make, list, replace and revoke keys"),
    Command("tenant", "service.cli.tenant", "list tenants, set what each wants otherwise"),
    Command("audit", "service.cli.audit", "look after the log and prove what it says"),
    Command("migrate", "service.cli.migrate", "bring the database to this release"),
    Command("sql", "service.cli.sql", "show and check the statements"),
    Command("bench", "service.cli.bench", "measure how fast a running service answers"),
    Command("doctor", "service.cli.doctor", "look at everything that Plant needs"),
    Command("db", "service.cli.db", "start, stop and reach the database"),
)

DESCRIPTION = "Plant, a registry one can prove."
EPILOG = """\
`plant COMMAND --help` explains a command. Settings come from PLANT_* variables or a file .env:
docs/settings.md lists them.

Exit codes: 0 good, 1 the answer is no, 2 could not tell, 64 wrong usage."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        with _ended_in_order():
            arguments = _parser(words).parse_args(words)
            code: int = arguments.run(arguments)
    except Refusal as refusal:
        print(f"plant: {refusal}", file=sys.stderr)
        return refusal.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Who reads our answer has seen enough; the interpreter's last flush must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return code


def _parser(words: Sequence[str]) -> Parser:
    parser = Parser(
        prog="plant",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    asked = next((word for word in words if not word.startswith("-")), None)
    for command in COMMANDS:
        if command.name == asked:
            import_module(command.module).register(subparsers)
        else:
            subparsers.add_parser(command.name, help=command.text)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from service.migrate.release import name

        print(f"plant {name()}")
        parser.exit()


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let a request to end unwind the command, so that it gives back what it holds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> NoReturn:
    # Once is enough: a second one must not end the stop of the server half-way.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
