"""Locks on files that say who holds them and that end with their holder.

They are flocks: the kernel drops them when the last process that has them open ends, however it
ends, so a lock never has to be broken by hand, and what a file says about its holder is believed
only while it is locked.
"""

import errno
import fcntl
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from service.refusal import Refusal

POLL_S = 0.02
# Who asks for the holder has the lock for a moment himself: nobody gives up sooner than that.
LOOK_S = 0.2


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock, as the holder wrote it down."""

    pid: int
    machine: str
    since: datetime
    doing: str

    def __str__(self) -> str:
        there = "" if self.here else f" on {self.machine}"
        return f"process {self.pid}{there} ({self.doing}), since {self.since:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def here(self) -> bool:
        """Whether process ids mean the same to the holder and to this process."""
        return self.machine == socket.gethostname()


# What a lock says whose holder has not written yet, or could not.
UNKNOWN = Holder(pid=0, machine="", since=datetime.fromtimestamp(0, UTC), doing="unknown")


class Held(Exception):  # noqa: N818 - the state, not a defect
    """Somebody else holds the lock."""

    def __init__(self, holder: Holder) -> None:
        super().__init__("another process" if holder == UNKNOWN else str(holder))
        self.holder = holder


class LocksUnsupported(Refusal):
    """The file system has no locks."""


def me(doing: str | None = None) -> Holder:
    """Describe this process as a holder."""
    words = [Path(sys.argv[0] or "python").name, *map(shlex.quote, sys.argv[1:3])]
    return Holder(
        pid=os.getpid(),
        machine=socket.gethostname(),
        since=datetime.now(UTC).replace(microsecond=0),
        doing=doing or " ".join(words),
    )


def take(path: Path, *, doing: str | None = None, wait_s: float = LOOK_S) -> int:
    """Take the file's lock and give the descriptor that holds it until it is closed.

    Raises: Held when it is not free within `wait_s`.
    """
    descriptor = _locked(path, time.monotonic() + wait_s)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, msgspec.json.encode(me(doing)) + b"\n")
    return descriptor


@contextmanager
def lock(path: Path, *, doing: str | None = None, wait_s: float = LOOK_S) -> Iterator[None]:
    """Hold the file's lock.

    Raises: Held when it is not free within `wait_s`.
    """
    descriptor = take(path, doing=doing, wait_s=wait_s)
    try:
        yield
    finally:
        os.close(descriptor)


def held_by(path: Path) -> Holder | None:
    """Tell who holds the file's lock now; None when it is free."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        # Shared, so that two who look at once do not take each other for the holder.
        return None if _flocked(descriptor, path, fcntl.LOCK_SH) else _written(path)
    finally:
        os.close(descriptor)


def open_private(path: Path, flags: int) -> int:
    """Open a file that only its owner may read, making it where it is absent."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        # What root leaves in somebody's directory must not lock that one out later.
        above = path.parent.stat()
        os.fchown(descriptor, above.st_uid, above.st_gid)
    return descriptor


def _locked(path: Path, deadline: float) -> int:
    descriptor = open_private(path, os.O_RDWR)
    try:
        _wait(descriptor, path, deadline)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _wait(descriptor: int, path: Path, deadline: float) -> None:
    while not _flocked(descriptor, path, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            raise Held(_written(path))
        time.sleep(POLL_S)


def _flocked(descriptor: int, path: Path, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        raise LocksUnsupported(
            f"The file system of {path.parent} has no file locks.",
            "Choose a directory on a local file system with PLANT_DATA_DIR.",
        ) from None
    return True


def _written(path: Path) -> Holder:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    return UNKNOWN
