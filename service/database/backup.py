"""A back-up of the embedded server in one file, taken while it serves, and made a server again.

PostgreSQL's own tools do both: `pg_basebackup` writes the tar, with all of its log that makes it
consistent and a manifest of all files; `pg_verifybackup` holds the unpacked files against that. Of
the data directory nothing is in it: neither the key that signs the log nor what it signed last nor
a password.
"""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from service.database.cluster import SUPERUSER, Cluster
from service.database.embedded import EmbeddedServer
from service.database.locks import open_private
from service.database.place import Place, binaries, make_private, wheel_programs
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
DRAFT: Final = "postgres.restoring"
MANIFEST: Final = "backup_manifest"


class BackupRefusal(Refusal):
    """The back-up cannot be written."""


class BackupDamaged(Refusal):
    """The file is no whole back-up: nothing was restored from it."""

    exit_code = 1


class RestoreRefusal(Refusal):
    """The back-up cannot be made a server there."""


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
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(open_private(draft, os.O_WRONLY | os.O_EXCL), "wb") as file:
            size, digest = _fetched(server, file, reach, packed=path.name.endswith(PACKED))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise BackupRefusal(
            f"{path} cannot be written: {error.strerror or error}.",
            "Make room there, or name another file.",
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return Written(str(path), size, digest)


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


def restore(server: EmbeddedServer, path: Path, tell: Callable[[str], None]) -> None:
    """Make a back-up the database of a data directory that has none; it is not started.

    Everything is unpacked, checked and brought up beside the place first, and takes its name last:
    what is refused, or killed, leaves nothing that a start takes for a server.

    Raises: BackupDamaged, RestoreRefusal, and what else the server refuses.
    """
    place = server.place
    with server.alone():
        _require_none(place)
        draft = place.data.with_name(DRAFT)
        try:
            if draft.exists():  # of a restoration that was killed
                shutil.rmtree(draft)
            make_private(draft, place.account)
            tell(f"unpacking {path}")
            _unpack(path, draft)
            _hand_over(place, draft)
            programs = binaries(place.account)
            tell("checking it against its manifest")
            _verify(place, programs, draft, path)
            tell("bringing it up to the moment when it was complete")
            Cluster(place, programs, server.passwords).adopt(draft)
        except OSError as error:
            raise RestoreRefusal(
                f"The back-up cannot be unpacked in {place.home}: {error.strerror or error}.",
                "Make room there, or choose another directory with --into.",
            ) from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _require_none(place: Place) -> None:
    if place.data.exists():
        raise RestoreRefusal(
            f"{place.data} holds a database already.",
            "Restore into another directory with --into, or move that one away.",
        )


def _unpack(path: Path, draft: Path) -> None:
    """Unpack files and directories, nothing else, and nowhere else.

    Raises: BackupDamaged, RestoreRefusal, OSError.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise RestoreRefusal(
            f"{path} cannot be read: {error.strerror or error}.", "Check the path."
        ) from None
    with file:
        try:
            with tarfile.open(fileobj=file, mode="r|*") as tar:
                for member in tar:
                    if not (member.isfile() or member.isdir()):
                        raise _damaged(path, f"{member.name!r} is neither file nor directory")
                    tar.extract(member, draft, filter="data")
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise _damaged(path, str(error)) from None
        except OSError as error:
            if error.errno is None:  # how gzip says that it is none, or was changed
                raise _damaged(path, str(error)) from None
            raise
    if not (draft / MANIFEST).is_file():
        raise _damaged(path, "it has no manifest")


def _hand_over(place: Place, draft: Path) -> None:
    """Give everything to the server's user, with the modes that he wants."""
    for directory, _, names in os.walk(draft):
        above = Path(directory)
        above.chmod(0o700)
        place.account.own(above)
        for name in names:
            (above / name).chmod(0o600)
            place.account.own(above / name)


def _verify(place: Place, programs: Path, draft: Path, path: Path) -> None:
    """Hold sizes and sha256 of all files, and the log among them, against the manifest.

    Raises: BackupDamaged.
    """
    done = place.account.run(
        [programs / "pg_verifybackup", "--exit-on-error", draft], env={"LC_ALL": "C"}
    )
    if done.returncode:
        said = done.stdout.strip().splitlines() or ["it does not fit its manifest"]
        raise _damaged(path, said[0].removeprefix("pg_verifybackup: error: "))


def _damaged(path: Path, why: str) -> BackupDamaged:
    return BackupDamaged(
        f"{path} is no whole back-up: {why}.",
        "Nothing was restored. Use another one; `plant db backup` writes it.",
    )


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
