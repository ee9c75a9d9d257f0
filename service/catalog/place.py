"""Owns where the files of this release lie: in the wheel, or beside the package in a checkout."""

from pathlib import Path
from typing import Final, Literal

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def place(kind: Literal["sql", "migrations", "docs"]) -> Path:
    """Find the directory of statements, migrations or pages.

    Raises: FileNotFoundError when neither place has it.
    """
    places = (_PACKAGE / f"_{kind}", _PACKAGE.parent / kind)
    for directory in places:
        if directory.is_dir():
            return directory
    raise FileNotFoundError(
        f"this installation has no {kind}: neither {places[0]} nor {places[1]} is a directory"
    )
