"""What the commands that measure take: numbers of things, and directories to write to."""

import argparse
import tempfile
from pathlib import Path


def number(text: str) -> int:
    """Read a whole number from 1 on. Raises: ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def writable(text: str) -> Path:
    """Read the name of a directory, and write to it: an hour later it is too late to find out.

    Raises: ArgumentTypeError.
    """
    directory = Path(text)
    try:
        with tempfile.TemporaryFile(dir=directory):
            return directory
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no directory that one can write to: {error.strerror}"
        ) from None
