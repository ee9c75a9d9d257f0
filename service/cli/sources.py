"""What `plant import` reads: files of lines, or a folder that is converted to lines."""

import gzip
import os
import sys
import zlib
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from service.cli.ending import Ending
from service.cli.output import Progress
from service.cli.parser import WRONG_USAGE
from service.convert.esco import convert_lines
from service.convert.report import LEFT_OUT, Report
from service.convert.source import SourceUnreadable
from service.refusal import Refusal
from service.usecases.lines import LINE_BYTES_MAX


class ImportRefusal(Refusal):
    """The import cannot begin or go on."""


class WrongImport(Refusal):
    """The arguments do not fit together."""

    exit_code = WRONG_USAGE


class Source(Protocol):
    """Lines, and what a person calls the place of each."""

    def __iter__(self) -> Iterator[bytes]:
        """Read line by line."""

    def expected(self) -> int | None:
        """Give how many lines there are, where that is known."""

    def place(self, line: int) -> tuple[str | None, int]:
        """Give the file, when there are several, and the line's number in it."""

    def whole(self) -> bool:
        """Say whether the lines are all that there was, once the last has been drawn."""


class Files:
    """Files of lines, read one after the other; - is standard input."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._starts: list[int] = []
        with ExitStack() as stack:
            self._opened = [stack.enter_context(_open(path)) for path in paths]
            stack.pop_all()

    def __iter__(self) -> Iterator[bytes]:
        """Read line by line; of one that is far too long only enough is kept to refuse it."""
        number = 0
        for path, file in zip(self._paths, self._opened, strict=True):
            self._starts.append(number)
            with file:
                try:
                    while line := file.readline(LINE_BYTES_MAX + 2):
                        ended = line.endswith(b"\n")
                        number += 1
                        yield line
                        while not ended and (more := file.readline(LINE_BYTES_MAX)):
                            ended = more.endswith(b"\n")
                except (OSError, EOFError, zlib.error) as error:
                    raise _unreadable(path, error) from None

    def expected(self) -> int | None:
        """Give nothing: only reading tells."""
        return None

    def place(self, line: int) -> tuple[str | None, int]:
        """Give the file, when there are several, and the line's number in it."""
        if len(self._paths) == 1:
            return None, line
        index = bisect_right(self._starts, line - 1) - 1
        return str(self._paths[index]), line - self._starts[index]

    def whole(self) -> bool:
        """Say that nothing is left out: a line is what it is."""
        return True


class Folder:
    """A folder of ESCO, NACE and NAICS, converted while it is read."""

    def __init__(self, directory: Path, report: Report) -> None:
        self._report = report
        try:
            self._lines = convert_lines(directory, report)
        except SourceUnreadable as error:
            raise _unreadable(directory, error) from None

    def __iter__(self) -> Iterator[bytes]:
        """Convert line by line."""
        try:
            yield from self._lines
        except SourceUnreadable as error:
            raise ImportRefusal(f"Nothing was imported: {error}.", "Repair the file.") from None

    def expected(self) -> int | None:
        """Give how many lines the folder makes, once the first has been drawn."""
        return sum(self._report.expected.values()) or None

    def place(self, line: int) -> tuple[str | None, int]:
        """Give the number of the converted line."""
        return None, line

    def whole(self) -> bool:
        """Say whether each line of the source made one."""
        return not any(self._report.counts[rule] for rule in LEFT_OUT)


async def read_lines(source: Source, progress: Progress, ending: Ending) -> AsyncIterator[bytes]:
    """Read line by line; a signal ends it at once."""
    lines = iter(source)
    while True:
        with ending.reading():
            line = next(lines, None)
        if line is None:
            return
        progress.total = source.expected()
        progress.advance()
        yield line


def _open(path: Path) -> BinaryIO:
    if str(path) == "-":
        # Its own handle: closing it must not close the interpreter's.
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    try:
        if path.suffix == ".gz":
            return cast("BinaryIO", gzip.open(path, "rb"))
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> ImportRefusal:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    way_out = "Check the path."
    if isinstance(error, IsADirectoryError):
        way_out = "A folder of ESCO data is imported with --from esco."
    elif not isinstance(error, OSError) or not error.strerror:
        way_out = "Is it whole? A name that ends in .gz is taken to be packed."
    text = f"{path}: {why}" if str(path) not in why else why
    return ImportRefusal(f"Nothing was imported: {text}.", way_out)
