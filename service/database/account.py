"""Which user of the system runs the embedded server: PostgreSQL refuses to run as root.

An ordinary user runs it as himself. Root runs it as the owner of what is there, else as a user of
its own who is made for it and owns nothing else.
"""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from service.refusal import Refusal

NAME = "plant-postgres"
# Two first starts at once meet at the lock of /etc/passwd.
ATTEMPTS = 5
PAUSE_S = 0.3
ELSEWHERE = "set PLANT_DATABASE_URL to a PostgreSQL that runs elsewhere"


class AccountRefusal(Refusal):
    """There is no user who can run the server."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The user who runs the server; `other` when that is not the one who runs Plant."""

    uid: int
    gid: int
    name: str
    other: bool

    def process(self) -> dict[str, Any]:
        """Give the arguments of subprocess that start a process as this user."""
        if not self.other:
            return {"umask": 0o077}
        return {"user": self.uid, "group": self.gid, "extra_groups": [], "umask": 0o077}

    def own(self, path: Path) -> None:
        """Hand a file or directory to this user."""
        if self.other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def reaches(self, passed: Sequence[Path], read: Sequence[Path] = ()) -> bool:
        """Tell whether this user can pass (or execute) the first paths and read the second."""
        if not self.other:
            return True
        # The kernel's own answer, with all that decides it: modes, access lists, mounts.
        flags = ["-x"] * len(passed) + ["-r"] * len(read)
        tests = [f'test {flag} "${{{number}}}"' for number, flag in enumerate(flags, start=1)]
        command = ["/bin/sh", "-c", " && ".join(tests), "sh", *passed, *read]
        return self.run(command).returncode == 0

    def run(self, command: list[Any], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command as this user and collect what it says, errors among the output.

        Raises: AccountRefusal when the system does not let root become this user.
        """
        try:
            return subprocess.run(  # noqa: PLW1510 - callers read the exit code
                command,
                cwd="/",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                **self.process(),
                **options,
            )
        except OSError as error:
            if not self.other:
                raise
            if error.filename == os.fspath(command[0]):
                raise AccountRefusal(
                    f"The user {self.name}, who runs the server for root, may not run "
                    f"{error.filename}: {error.strerror}.",
                    "Let every user pass through the directories above it and read it.",
                ) from None
            raise AccountRefusal(
                f"PostgreSQL refuses to run as root, and root may not become the user {self.name} "
                f"here: {error.strerror}.",
                f"Run Plant as an ordinary user, or {ELSEWHERE}.",
            ) from None


def choose(existing: Iterable[Path]) -> Account:
    """Choose who runs the server; for root the owner of the first of these paths that is not his.

    Raises: AccountRefusal.
    """
    if os.geteuid() != 0:
        try:
            return _account(pwd.getpwuid(os.geteuid()), other=False)
        except KeyError:
            raise AccountRefusal(
                f"The user with id {os.geteuid()} has no name on this system, and PostgreSQL "
                "runs for named users only.",
                f"Run as a user who has one, or {ELSEWHERE}.",
            ) from None
    for path in existing:
        if path.exists() and (uid := path.stat().st_uid):
            try:
                return _account(pwd.getpwuid(uid), other=True)
            except KeyError:
                continue
    return _account(_made(), other=True)


def _account(entry: pwd.struct_passwd, *, other: bool) -> Account:
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name, other=other)


def _made() -> pwd.struct_passwd:
    said = "neither useradd nor adduser is here"
    for _ in range(ATTEMPTS):
        try:
            return pwd.getpwnam(NAME)
        except KeyError:
            pass
        command = _command()
        if command is None:
            break
        made = subprocess.run(command, check=False, capture_output=True, text=True)
        if made.returncode:
            said = made.stderr.strip() or f"exit code {made.returncode}"
            time.sleep(PAUSE_S)
    raise AccountRefusal(
        f"PostgreSQL refuses to run as root, and a user {NAME} for it cannot be made: {said}.",
        f"Make that user, run Plant as an ordinary user, or {ELSEWHERE}.",
    )


def _command() -> list[str] | None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    if useradd := shutil.which("useradd", path=path):
        closed = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
        return [useradd, "--system", *closed, NAME]
    if adduser := shutil.which("adduser", path=path):  # BusyBox
        return [adduser, "-S", "-D", "-H", NAME]
    return None
