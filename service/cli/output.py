"""What a command says and asks: its answer on standard output, all else on standard error."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import msgspec

BAR_CELLS = 30
# A terminal is redrawn this often; a log gets a line far more seldom.
REDRAW_S = 0.1
LINE_S = 5.0


def counted(count: int, one: str, more: str) -> str:
    """Write how many there are of what."""
    return f"{count:,} {one if count == 1 else more}"


class Output:
    """The two streams of a command; `as_json` makes the answer one JSON document."""

    def __init__(
        self, *, as_json: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self._out = sys.stdout if out is None else out
        self._err = sys.stderr if err is None else err

    def answer(self, document: Any, lines: Sequence[str]) -> None:
        """Give the answer: the document as JSON, or the lines for a person."""
        if self.as_json:
            lines = [msgspec.json.format(msgspec.json.encode(document), indent=2).decode()]
        for line in lines:
            print(line, file=self._out)
        self._out.flush()

    def say(self, line: str) -> None:
        """Tell something beside the answer; nobody has to listen."""
        with suppress(OSError):
            print(line, file=self._err, flush=True)

    def agreed(self, nobody: str, question: str) -> bool:
        """Ask the person at the terminal for a yes; where nobody is there that is said, and no."""
        if not sys.stdin.isatty():
            self.say(nobody)
            return False
        self.say(question)
        return sys.stdin.readline().strip() == "yes"

    @contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator["Progress"]:
        """Show how far something long has come: a bar on a terminal, plain lines elsewhere."""
        progress = Progress(what, total, self._err)
        try:
            yield progress
        finally:
            progress.close()


class Progress:
    """One long piece of work, counted in steps; a total that is not known yet is None."""

    def __init__(self, what: str, total: int | None, stream: TextIO) -> None:
        self.what = what
        self.total = total
        self.done = 0
        self._stream = stream
        self._terminal = stream.isatty()
        self._begun = time.monotonic()
        self._next = self._begun if self._terminal else self._begun + LINE_S

    def advance(self, steps: int = 1) -> None:
        """Count steps as done."""
        self.reach(self.done + steps)

    def reach(self, done: int) -> None:
        """Count up to this step as done."""
        self.done = done
        if time.monotonic() >= self._next:
            self._draw()

    def close(self) -> None:
        """Show where it ended."""
        self._draw()
        if self._terminal:
            print(file=self._stream, flush=True)

    def _draw(self) -> None:
        now = time.monotonic()
        self._next = now + (REDRAW_S if self._terminal else LINE_S)
        text = f"{self.what}: {self._count()}, {now - self._begun:.1f} s"
        if self._terminal:
            # \x1b[K clears what a longer line left behind.
            print(f"\r{text}\x1b[K", end="", file=self._stream, flush=True)
        else:
            print(text, file=self._stream, flush=True)

    def _count(self) -> str:
        if not self.total:
            return f"{self.done:,}"
        # There can be more than was counted before: what nobody expected is looked at too.
        total = max(self.done, self.total)
        share = self.done / total
        counted = f"{self.done:,} of {total:,} ({share:.0%})"
        if not self._terminal:
            return counted
        full = round(share * BAR_CELLS)
        return f"[{'#' * full}{'.' * (BAR_CELLS - full)}] {counted}"
