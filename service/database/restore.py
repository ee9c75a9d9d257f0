"""A back-up of the embedded server, made a server again: whole, or not at all."""

import errno
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from service.database.cluster import Cluster
from service.database.embedded import EmbeddedServer
from service.database.locks import Held, lock
from service.database.place import Place, binaries, make_private
from service.refusal import Refusal

DRAFT: Final = "postgres.restoring"
MANIFEST: Final = "backup_manifest"
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
QUIET_S: Final = 60.0


class BackupDamaged(Refusal):
    """The file is no whole back-up: nothing was restored from it."""

    exit_code = 1


class RestoreRefusal(Refusal):
    """The back-up cannot be made a server there."""


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
        _require_quiet(place)
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
            room = "Make room there, or choose" if error.errno in FULL else "Choose"
            raise RestoreRefusal(
                f"The back-up cannot be unpacked in {place.home}: {error.strerror or error}.",
                f"{room} another directory with --into.",
            ) from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _require_quiet(place: Place) -> None:
    """Wait for a PostgreSQL that a killed restoration has left at work in its draft.

    Raises: RestoreRefusal.
    """
    try:
        with lock(place.run / "server.lock", wait_s=QUIET_S):
            return
    except Held as held:
        raise RestoreRefusal(
            f"An earlier restoration is still at work in {place.home}: {held}.",
            "Try again when it has ended.",
        ) from None


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
