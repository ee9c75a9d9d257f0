"""`plant doctor`: look at everything that Plant needs, and say what to do about what is wrong."""

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Final, Literal, TextIO

from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_json
from service.doctor.check import UNSEEN, Check, Examination, Status, exit_code
from service.doctor.examination import examine
from service.settings import load

DOCTOR = """\
Look at everything that Plant needs: machine, data directory, server, schema, keys, log.

Of each thing one line says what was found, and one below it what to do when that is not good.
Nothing is changed. An embedded server that does not run is started, as for every command, and
stopped again; where there is none yet none is made.

Exit code: 0 nothing is broken (warnings are marked), 1 something is, 2 something could not be
looked at."""

Mark = Status | Literal["way out"]

MARKS: Final[dict[Mark, str]] = {
    "good": "✓",
    "warning": "!",
    "bad": "✗",
    "unknown": "?",
    "way out": "→",
}
# For a terminal that has no such letters.
PLAIN: Final[dict[Mark, str]] = {
    "good": "+",
    "warning": "!",
    "bad": "x",
    "unknown": "?",
    "way out": ">",
}
# Green, yellow, red, magenta: what every terminal has.
COLOURS: Final[dict[Status, str]] = {"good": "32", "warning": "33", "bad": "31", "unknown": "35"}
NAME_WIDTH: Final = 13
WIDTH_MIN: Final = 60


def register(subparsers: Subparsers) -> None:
    """Add `doctor`."""
    add_json(add_command(subparsers, "doctor", _doctor, DOCTOR))


def _doctor(arguments: argparse.Namespace) -> int:
    settings = load()
    output = Output(as_json=arguments.json)
    checks = [*examine(settings, output.say)]
    code = exit_code(checks)
    document = Examination(ok=code == 0, checks=checks)
    output.answer(document, [*lines(checks, Page(sys.stdout))])
    return code


class Page:
    """How the lines look where they go: colours and width only on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        terminal = stream.isatty()
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self.coloured = terminal and not plain
        self.width = max(shutil.get_terminal_size().columns, WIDTH_MIN) if terminal else None
        self.marks = MARKS
        try:
            "".join(MARKS.values()).encode(stream.encoding or "ascii")
        except UnicodeEncodeError:
            self.marks = PLAIN

    def mark(self, status: Status) -> str:
        """Give the mark of a status."""
        mark = self.marks[status]
        return f"\x1b[{COLOURS[status]}m{mark}\x1b[0m" if self.coloured else mark

    def wrapped(self, text: str) -> list[str]:
        """Break a text where the terminal would; elsewhere a line stays one."""
        if self.width is None:
            return ["; ".join(text.splitlines())]
        width = self.width - NAME_WIDTH - 3
        return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def lines(checks: list[Check], page: Page) -> Iterator[str]:
    """Write one entry for each thing that was looked at, and a last line that sums it up."""
    unseen = [check.id for check in checks if check.found == UNSEEN]
    for check in checks:
        if check.id not in unseen:
            yield from _entry(page, check.status, check.id, check.found, check.way_out)
    if unseen:
        yield from _entry(page, "unknown", "the rest", f"not looked at: {', '.join(unseen)}", None)
    yield ""
    yield _sum(checks)


def _entry(page: Page, status: Status, name: str, found: str, way_out: str | None) -> Iterator[str]:
    first, *more = page.wrapped(found)
    yield f"{page.mark(status)} {name:{NAME_WIDTH}} {first}"
    indent = " " * (NAME_WIDTH + 3)
    yield from (f"{indent}{line}" for line in more)
    if way_out:
        first, *more = page.wrapped(f"{page.marks['way out']} {way_out}")
        yield from (f"{indent}{first}", *(f"{indent}  {line}" for line in more))


def _sum(checks: list[Check]) -> str:
    words = {"bad": "broken", "unknown": "not seen", "warning": "to look after", "good": "good"}
    count = {status: sum(check.status == status for check in checks) for status in words}
    if count["good"] == len(checks):
        return f"All is well: {len(checks)} of {len(checks)} good."
    return ", ".join(f"{count[status]} {word}" for status, word in words.items() if count[status])
