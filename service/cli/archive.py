"""A file that takes its name when it is whole, checked and on disk, and not before."""

import os
from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from service.proof.bundle_check import Report, check_bundle
from service.proof.fault import ProofError
from service.proof.keys import VerifierKey
from service.refusal import Refusal


class ArchiveRefusal(Refusal):
    """The file cannot be written, or stands there already."""


class NotProven(Refusal):
    """What was read of the log does not prove itself."""

    exit_code = 1


class Archive(Struct, frozen=True):
    """A file that proves itself: its digest, and what a verifier saw in it."""

    digest: bytes
    size: int
    report: Report


NAME_MAX: Final = 255
"""Characters of a file's name, as audit.prune keeps it."""


def refuse_taken(path: Path) -> None:
    """Refuse to write over something, or to a name that the log cannot keep.

    Raises: ArchiveRefusal.
    """
    if not 0 < len(path.name) <= NAME_MAX or not path.name.isprintable():
        raise ArchiveRefusal(
            f"{path.name!r} is no name for an archive.",
            f"The log keeps it: use 1 to {NAME_MAX} characters, none of them a control character.",
        )
    if path.exists():
        raise ArchiveRefusal(f"{path} is there already.", "Name a file that is not.")


def remove(path: Path) -> None:
    """Take away what was not needed: the tables still have all of it."""
    path.unlink(missing_ok=True)


async def write(
    path: Path,
    lines: AsyncIterable[tuple[int, bytes]],
    keys: Sequence[VerifierKey],
    progress: Callable[[int], None],
) -> Archive:
    """Write a bundle, have it on disk, read it again as a verifier does, and give it its name.

    Only its owner may read the file: it has drafts of everybody.

    Raises: ArchiveRefusal, NotProven.
    """
    digest = sha256()
    with _said(path), _part(path) as (file, part):
        async for count, some in lines:
            file.write(some)
            digest.update(some)
            progress(count)
        file.flush()
        os.fsync(file.fileno())
        report = _checked(part, keys)
        _name(part, path)
        return Archive(digest.digest(), file.tell(), report)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveRefusal(
            f"{path} cannot be written: {error.strerror or error}.",
            "Nothing was pruned. Name another file.",
        ) from None


@contextmanager
def _part(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Have a file beside it that is gone at the end."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, part
    finally:
        part.unlink(missing_ok=True)


def _checked(part: Path, keys: Sequence[VerifierKey]) -> Report:
    try:
        with part.open("rb") as file:
            return check_bundle(file, keys)
    except ProofError as error:
        raise NotProven(
            f"What was read of the log does not prove itself: {error}",
            "Nothing was pruned. Find out what happened to the log first.",
        ) from None


def _name(part: Path, path: Path) -> None:
    """Give a file its name, and have that on disk as well."""
    # Unlike a rename it does not write over what has come meanwhile.
    path.hardlink_to(part)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
