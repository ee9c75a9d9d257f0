"""What the doctor says of one thing that it looked at, and what that means for the whole."""

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

Status = Literal["good", "warning", "bad", "unknown"]

OF_SERVER: Final = (
    "version",
    "encoding",
    "vector",
    "migrations",
    "functions",
    "rules",
    "roles",
    "logins",
    "row_security",
    "triggers",
    "keys",
    "log",
    "connections",
    "clock",
)
"""What only a server that answers can tell."""

UNSEEN: Final = "not looked at: see server"


class Check(Struct, frozen=True):
    """One thing that was looked at: what was found, and when that is not good the way out."""

    id: str
    status: Status
    found: str
    way_out: str | None = None


class Examination(Struct, frozen=True):
    """All that was looked at; `ok` when nothing is broken and nothing was left unseen."""

    ok: bool
    checks: list[Check]


def good(name: str, found: str) -> Check:
    """Say that all is well."""
    return Check(name, "good", found)


def warning(name: str, found: str, way_out: str) -> Check:
    """Say that it works, and what will not for ever."""
    return Check(name, "warning", found, way_out)


def bad(name: str, found: str, way_out: str) -> Check:
    """Say that it is broken."""
    return Check(name, "bad", found, way_out)


def unknown(name: str, found: str, way_out: str | None = None) -> Check:
    """Say that it could not be seen."""
    return Check(name, "unknown", found, way_out)


def unseen(server: Check) -> list[Check]:
    """Say why the server cannot be asked, and of what is in it that it was not looked at."""
    return [server, *(unknown(name, UNSEEN) for name in OF_SERVER)]


def exit_code(checks: Iterable[Check]) -> int:
    """Sum it up: 1 something is broken, 2 something could not be seen, else 0."""
    found = {check.status for check in checks}
    return 1 if "bad" in found else 2 if "unknown" in found else 0
