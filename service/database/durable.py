"""Files that are replaced whole, so that a crash leaves the old one or the new one."""

import os
from pathlib import Path

from service.database.locks import open_private


def replace_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, in the place of what was there.

    When it returns the new content outlives a loss of power. Raises: OSError.
    """
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(open_private(draft, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Let the names in a directory outlive a loss of power. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
