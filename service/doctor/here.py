"""What is ours on this machine: the port that the service takes, and the data directory."""

import errno
import os
import pwd
import stat
from pathlib import Path
from typing import Final

from service.database.locks import Holder, held_by
from service.doctor.check import Check, bad, good, unknown, warning
from service.doctor.listener import is_plant, named, processes, refused
from service.doctor.machine import existing
from service.settings import Settings

OTHER_PORT: Final = "Stop it, or choose another port: PLANT_PORT=8081."
OTHER_DIRECTORY: Final = "Run as its owner, or choose another with PLANT_DATA_DIR."
USABLE: Final = os.R_OK | os.W_OK | os.X_OK


def holder(settings: Settings) -> Holder | None:
    """Tell which service works on the data directory, as far as this user may see."""
    try:
        return held_by(settings.data_dir / "service.lock")
    except OSError:
        return None


def port(settings: Settings, service: Holder | None) -> Check:
    """Look whether the service's address is free, and if not for whom."""
    where = f"{settings.host}:{settings.port}"
    if settings.port == 0:
        return good("port", "0: the service takes any that is free, and says which")
    error = refused(settings)
    if error is None and service is not None:
        found = f"{where} is free, though the service of this data directory runs: {service}"
        way_out = "It is starting, or was started with another PLANT_PORT than this command."
        return warning("port", found, way_out)
    if error is None:
        return good("port", f"{where} is free")
    if error.errno != errno.EADDRINUSE:
        found = f"{where} cannot be listened on: {error.strerror or error}"
        return bad("port", found, "Check PLANT_HOST and PLANT_PORT.")
    return _taken(where, settings, service)


def _taken(where: str, settings: Settings, service: Holder | None) -> Check:
    pids = processes(settings.port)
    plant = is_plant(settings)
    if service is not None and (service.pid in pids or (plant and not pids)):
        return good("port", f"{where} is held by the service of this data directory: {service}")
    who = " and ".join(map(named, pids)) or "a process that this user may not see"
    found = f"{where} is held by {'another Plant service' if plant else 'something else'}: {who}"
    if service is not None:
        found += f"; the service of this data directory listens elsewhere: {service}"
        return warning("port", found, "This command has another PLANT_PORT than that service.")
    return bad("port", found, OTHER_PORT)


def data_dir(settings: Settings, service: Holder | None) -> Check:
    """Look whether the data directory is there and usable, whose it is, and who works on it."""
    path = settings.data_dir
    try:
        facts = path.stat()
    except FileNotFoundError:
        return _absent(path)
    except OSError as error:
        found = f"{path} cannot be looked at: {error.strerror}"
        return unknown("data_dir", found, OTHER_DIRECTORY)
    if not stat.S_ISDIR(facts.st_mode):
        way_out = "Remove it, or choose another with PLANT_DATA_DIR."
        return bad("data_dir", f"{path} is no directory", way_out)
    return _usable(path, facts, service)


def _usable(path: Path, facts: os.stat_result, service: Holder | None) -> Check:
    mode = stat.S_IMODE(facts.st_mode)
    found = f"{path} of {user(facts.st_uid)}, mode {mode:04o}"
    if not os.access(path, USABLE):
        found += f"; {user(os.geteuid())} may not read and write there"
        return bad("data_dir", found, OTHER_DIRECTORY)
    if mode & 0o022:
        found += ": others may write there, and put files of theirs in the place of its own"
        return warning("data_dir", found, f"Close it: chmod go-w {path}")
    if open_to := _readable(path / "passwords.json"):
        found += f"; {open_to} may be read by others"
        return warning("data_dir", found, f"Close it: chmod 600 {open_to}")
    who = f"held by {service}" if service else "no service works on it"
    return good("data_dir", f"{found}; {who}")


def _absent(path: Path) -> Check:
    if path.is_symlink():
        found = f"{path} is a link to {path.readlink()}, which is gone"
        return bad("data_dir", found, "Bring it back, or remove the link.")
    above = existing(path.parent)
    if not above.is_dir() or not os.access(above, USABLE):
        found = f"{path} is not there, and {user(os.geteuid())} cannot make it in {above}"
        return bad("data_dir", found, "Choose another with PLANT_DATA_DIR.")
    return good("data_dir", f"{path} is not there yet; the first start makes it")


def _readable(path: Path) -> Path | None:
    return path if path.exists() and path.stat().st_mode & 0o077 else None


def user(uid: int) -> str:
    """Name a user of the system."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the user with id {uid}"
