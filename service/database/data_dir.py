"""The data directory: made with the right modes, owned by the right user, held by one service."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.database.locks import Held, take
from service.refusal import Refusal
from service.settings import Settings


class DataDirectoryUnusable(Refusal):
    """The data directory cannot be made or written."""


class DataDirectoryHeld(Refusal):
    """A service already works on this data directory."""


def prepare(settings: Settings) -> Path:
    """Make the data directory where it is absent and give its path.

    Raises: DataDirectoryUnusable.
    """
    path = settings.data_dir
    try:
        # As root the embedded server is another user, who must pass through to its own files; each
        # file of ours inside is 0600.
        path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataDirectoryUnusable(
            f"The data directory {path} cannot be made: {error.strerror}.",
            "Choose another with PLANT_DATA_DIR.",
        ) from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise DataDirectoryUnusable(
            f"The data directory {path} belongs to the user with id {path.stat().st_uid} and this "
            f"one (id {os.geteuid()}) may not write there.",
            "Run as its owner, or choose another with PLANT_DATA_DIR.",
        )
    return path


@contextmanager
def hold(settings: Settings, doing: str) -> Iterator[None]:
    """Be the one service that works on the data directory.

    Raises: DataDirectoryHeld, naming the holder and since when.
    """
    path = prepare(settings)
    try:
        descriptor = take(path / "service.lock", doing=doing)
    except Held as held:
        raise DataDirectoryHeld(
            f"The data directory {path} is held by {held}.",
            "Stop that one, or run beside it with another PLANT_DATA_DIR and PLANT_PORT.",
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)
