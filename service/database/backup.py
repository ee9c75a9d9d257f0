"""A back-up of the embedded server in one file, taken while it serves.

PostgreSQL's own `pg_basebackup` writes the tar, with all of its log that makes it consistent and a
manifest of all files, against which a restoration holds them. Of the data directory nothing is in
it: neither the key that signs the log nor what it signed last nor a password.
"""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from service.database.cluster import SUPERUSER
from service.database.durable import sync_directory
from service.database.embedded import EmbeddedServer
from service.database.locks import open_private
from service.database.place import wheel_programs
from service.database.postmaster import gone
from service.refusal import Refusal

PIECE_BYTES: Final = 1024 * 1024
PACKED: Final = (".gz", ".tgz")
"""Names that end so are compressed."""

WORDS: Final = (
    "--pgdata=-",
    "--format=tar",
    "--wal-method=fetch",
    "--checkpoint=fast",
    "--manifest-checksums=SHA256",
    "--label=plant db backup",
    "--no-password",
)
KEEP: Final = "SELECT pg_create_physical_replication_slot('plant_backup_{}', TRUE, TRUE)"
"""A slot that is gone with its session."""


class BackupRefusal(Refusal):
    """The back-up cannot be written."""


class Written(Struct, frozen=True):
    """A back-up that is on the disk; `sha256` in hex."""

    file: str
    bytes: int
    sha256: str


def back_up(
    server: EmbeddedServer, path: Path, reach: Callable[[int], None] = lambda _: None
) -> Written:
    """Write a back-up of a server that runs; the file appears when it is whole, for its owner only.

    What was committed before it began is in it, and more. `reach` hears how many MiB are there.

    Raises: BackupRefusal.
    """
    # A link stays one.
    place = path.resolve()
    if place.exists() and not place.is_file():
        # A device would be no device any more once the file has its name.
        raise BackupRefusal(f"{path} is there and no file.", "Name a file.")
    draft = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        _clear(place)
        with (
            _kept_log(server),
            os.fdopen(open_private(draft, os.O_WRONLY | os.O_EXCL), "wb") as file,
        ):
            size, digest = _fetched(server, file, reach, packed=path.name.endswith(PACKED))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place)
        sync_directory(place.parent)
    except OSError as error:
        raise BackupRefusal(
            f"{path} cannot be written: {error.strerror or error}.",
            "Make room there, or name another file.",
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return Written(str(path), size, digest)


def _clear(place: Path) -> None:
    """Take away what back-ups to the same place left that were killed."""
    for left in place.parent.glob(f".{escape(place.name)}.*.part"):
        process = left.suffixes[-2].removeprefix(".")
        if process.isdigit() and gone(int(process)):
            left.unlink(missing_ok=True)


@contextmanager
def _kept_log(server: EmbeddedServer) -> Iterator[None]:
    """Let no checkpoint take away what of PostgreSQL's log comes at the end of a back-up.

    Raises: BackupRefusal.
    """
    import asyncpg

    with asyncio.Runner() as runner:
        try:
            session = runner.run(asyncpg.connect(server.url(SUPERUSER)))
            runner.run(session.execute(KEEP.format(os.getpid())))
        except (OSError, asyncpg.PostgresError) as error:
            raise BackupRefusal(
                f"PostgreSQL could not be backed up: {error}.",
                "See postgres.log in the data directory.",
            ) from None
        try:
            yield
        finally:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                runner.run(session.close())


def _fetched(
    server: EmbeddedServer, file: IO[bytes], reach: Callable[[int], None], *, packed: bool
) -> tuple[int, str]:
    """Have the server send all that it has; how much that was, and its sha256.

    Raises: BackupRefusal, OSError.
    """
    environ = {
        "LC_ALL": "C",
        "PGHOST": str(server.place.sockets),
        "PGPORT": "5432",
        "PGUSER": SUPERUSER,
        # Not as an argument: others on the machine see those.
        "PGPASSWORD": server.passwords.of(SUPERUSER),
    }
    more = ["--compress=client-gzip:1"] if packed else []
    size, digest = 0, sha256()
    with subprocess.Popen(
        [wheel_programs() / "pg_basebackup", *WORDS, *more],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        if process.stdout is None or process.stderr is None:
            raise AssertionError  # they are pipes
        try:
            while piece := process.stdout.read(PIECE_BYTES):
                file.write(piece)
                digest.update(piece)
                size += len(piece)
                reach(size // PIECE_BYTES)
        except OSError:
            process.terminate()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise BackupRefusal(
            f"PostgreSQL could not be backed up: {said.splitlines()[-1] if said else 'no reason'}.",
            "See postgres.log in the data directory.",
        )
    return size, digest.hexdigest()
