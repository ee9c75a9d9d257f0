"""What the commands that measure have in common: a directory, a clock, a file of raw numbers."""

import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

NUMBERS: Final = re.compile(rb"\[(?:[-\d.,\s]|null)+\]")


def written(raw: object) -> bytes:
    """Write it for a person to read: lists of numbers in one line."""
    text = msgspec.json.format(msgspec.json.encode(raw), indent=1)
    return NUMBERS.sub(lambda found: re.sub(rb"\s+", b" ", found[0]), text) + b"\n"


@contextmanager
def room() -> Iterator[Path]:
    """Have a directory that the server's user may pass to, gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="plant-bench-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def clear_up_when_ended() -> None:
    """Leave no server and no directory behind when a signal ends the run."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def timed(begun: float) -> Callable[[str], None]:
    """Tell with the seconds since a moment."""
    return lambda line: tell(f"{time.perf_counter() - begun:5.0f} s  {line}")


def tell(line: str) -> None:
    """Say a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
