"""Which server there is to look at: the given one, or the embedded one where it was made."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from service.database.cluster import SUPERUSER
from service.database.embedded import EmbeddedServer
from service.database.postmaster import Postmaster
from service.database.target import Target
from service.doctor.check import Check, bad, good, unknown, warning
from service.doctor.here import USABLE
from service.doctor.look import passwords
from service.refusal import Refusal
from service.settings import Settings

NEXT_START: Final = "the next start makes new passwords"
MAKE: Final = "`make run` makes it; if there should be one, check PLANT_DATA_DIR."


class Standing(Struct, frozen=True):
    """What there is: a server that can be asked, or what keeps it from being asked.

    `check` is None of a given server, of which only asking tells; `target` is None where nobody can
    be asked; `made` is false where there never was a server.
    """

    check: Check | None
    target: Target | None = None
    made: bool = True


@contextmanager
def standing(settings: Settings, tell: Callable[[str], None]) -> Iterator[Standing]:
    """Have the server to look at; an embedded one that was made and does not run is started.

    None is made, and one that is starting or stopping is left to whoever does that.
    """
    if settings.database_url is not None:
        yield Standing(None, Target(settings))
        return
    found = _hindered(settings)
    if found is not None:
        yield found
        return
    target = Target(settings, tell)
    server = target.server
    assert server is not None  # noqa: S101 - no address was given
    ran = server.running()
    if ran is not None and ran.state != "ready":
        words = f"the embedded PostgreSQL is {ran.state}; its log is {server.place.log}"
        yield Standing(unknown("server", words, "Wait a moment, and ask again."))
        return
    with server.used() as now:
        yield Standing(good("server", _words(server, now, ran=ran is not None)), target)


def _hindered(settings: Settings) -> Standing | None:
    """Say what keeps the embedded server from being looked at, without making or changing it."""
    data = settings.data_dir / "postgres"
    try:
        owner = os.lstat(data).st_uid
    except (FileNotFoundError, NotADirectoryError):
        words = f"there is no database in {settings.data_dir} yet"
        return Standing(warning("server", words, MAKE), made=False)
    except OSError:
        return Standing(unknown("server", "not looked at: see data_dir"))
    if not os.access(settings.data_dir, USABLE):
        return Standing(unknown("server", "not looked at: see data_dir"))
    if os.geteuid() == owner == 0 and data.is_dir() and data.stat().st_uid == 0:
        words = f"the server's files in {data} belong to root, whom PostgreSQL refuses to run as"
        way_out = f"Hand them to an ordinary user: chown -R plant-postgres {data}"
        return Standing(bad("server", words, way_out))
    try:
        check = _locked_out(settings)
    except Refusal as refusal:
        check = bad("server", refusal.wrong.removesuffix("."), refusal.way_out)
    return Standing(check) if check else None


def _locked_out(settings: Settings) -> Check | None:
    """Say that the passwords are lost: asking for them would make new ones."""
    if passwords(settings).known(SUPERUSER):
        return None
    lost = f"the passwords of its roles are not in {passwords(settings).path}"
    if EmbeddedServer(settings).running() is None:
        return unknown("server", f"it does not run, and {lost}", f"{NEXT_START.capitalize()}.")
    return bad("server", lost, f"Bring the file back, or stop the server: {NEXT_START}.")


def _words(server: EmbeddedServer, now: Postmaster, *, ran: bool) -> str:
    since = datetime.fromtimestamp(now.started_s, UTC)
    if not ran:
        return (
            "the embedded PostgreSQL did not run: it was started for this look and is stopped again"
            f"; its log is {server.place.log}"
        )
    # One of them is this command.
    users = [str(user) for user in server.users() if user.pid != os.getpid()]
    used = f"used by {' and '.join(users)}" if users else "kept by `plant db start`"
    return (
        f"the embedded PostgreSQL is {now.state}: process {now.pid}, since "
        f"{since:%Y-%m-%d %H:%M:%S} UTC, {used}; its log is {server.place.log}"
    )
