"""Everything that the doctor asks of a server, in one go; what it means is said elsewhere."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from service.catalog.load import load
from service.database.address import USERS, Role, names_user, spoken
from service.database.check import connected
from service.database.looking import Looking, looking
from service.database.passwords import EMBEDDED, Passwords
from service.database.pool import Pool
from service.database.target import Target
from service.doctor.log import Log, look_at
from service.doctor.replica import Copy
from service.refusal import Refusal
from service.repository.base import Repository
from service.repository.doctor import (
    Facts,
    Keys,
    KeysCount,
    Login,
    LoginFacts,
    RolesList,
    ServerClock,
    ServerFacts,
    Table,
    TablesList,
)
from service.repository.doctor import Role as RoleFacts
from service.repository.replica import PrimaryPosition, ReplicaPosition, Written
from service.settings import Settings
from service.sqlstate import is_database_failure

ROUND_TRIPS: Final = 5
SOON: Final = timedelta(days=14)
SERVING: Final[tuple[Role, ...]] = ("app", "worker")


class Unseen(Refusal):
    """The server let us in and then did not answer."""


class Entry(Struct, frozen=True, kw_only=True):
    """How a role that serves gets in: by a given address or a password of the data directory.

    `known`: there is a password. `refused`: in words why it did not get in.
    """

    role: Role
    given: bool
    known: bool = True
    login: Login | None = None
    refused: Refusal | None = None


class Seen(Struct, frozen=True, kw_only=True):
    """What a server showed.

    `ahead_s` is how far its clock is ahead of ours, `keys` None when they may not be seen or there
    is no table of them; `log` None where plant_worker cannot ask.
    """

    as_owner: bool
    facts: Facts
    round_trip_s: float
    ahead_s: float
    roles: list[RoleFacts]
    tables: list[Table]
    keys: Keys | None
    entries: list[Entry]
    log: Log | None = None
    primary: Written | None = None
    replica: Copy | None = None


async def look(settings: Settings, target: Target) -> Seen:
    """Ask a server all that the doctor wants to know; nothing is changed there.

    Raises: Unseen, and what check.connected raises.
    """
    url = target.url("owner")
    asked = Repository(load(), Pool(url, settings))
    async with looking(url, settings) as session:
        try:
            return await _seen(settings, target, asked, session)
        except Exception as error:
            if not is_database_failure(error) and not isinstance(error, OSError):
                raise
            words = str(error).partition("\n")[0] or "it took too long"
            raise Unseen(
                f"The database at {spoken(url)} let this command in and then failed: {words}.",
                "Look at the server's log.",
            ) from error


async def _seen(settings: Settings, target: Target, asked: Repository, session: Looking) -> Seen:
    connection = session.connection
    # Its user may see more of the server than the owner does.
    facts = await asked.one(ServerFacts(), connection=connection)
    await session.as_owner()
    round_trip_s, ahead_s = await _clock(asked, connection)
    tables = await asked.many(TablesList(), connection=connection)
    keys = None
    if session.may_be_owner and "app.api_key" in {each.name for each in tables}:
        keys = await asked.one(KeysCount(datetime.now(UTC) + SOON), connection=connection)
    entries = [await _entry(settings, target, asked, role) for role in SERVING]
    return Seen(
        as_owner=session.may_be_owner,
        facts=facts,
        round_trip_s=round_trip_s,
        ahead_s=ahead_s,
        roles=await asked.many(RolesList(), connection=connection),
        tables=tables,
        keys=keys,
        entries=entries,
        log=await _log(settings, target, asked, entries, {each.name for each in tables}),
        primary=None
        if facts.standby
        else await asked.one(PrimaryPosition(), connection=connection),
        replica=await _replica(settings, target, asked),
    )


async def _clock(asked: Repository, connection: Any) -> tuple[float, float]:
    """Measure the quickest of a few round trips; by it compare the clocks."""
    found = []
    for _ in range(ROUND_TRIPS):
        sent, begun = time.time(), time.perf_counter()
        clock = await asked.one(ServerClock(), connection=connection)
        took_s = time.perf_counter() - begun
        found.append((took_s, clock.at.timestamp() - (sent + took_s / 2)))
    return min(found)


async def _entry(settings: Settings, target: Target, asked: Repository, role: Role) -> Entry:
    given = target.given(role) is not None
    if not given and not passwords(settings).known(USERS[role]):
        return Entry(role=role, given=given, known=False)
    try:
        async with connected(target.url(role), settings) as connection:
            login = await asked.one(LoginFacts(), connection=connection)
            return Entry(role=role, given=given, login=login)
    except Refusal as refusal:
        return Entry(role=role, given=given, refused=refusal)


async def _log(
    settings: Settings, target: Target, asked: Repository, entries: list[Entry], tables: set[str]
) -> Log | None:
    """Look at the log as plant_worker, where there is one and that one gets in."""
    login = entries[SERVING.index("worker")].login
    if login is None or login.login != USERS["worker"] or "audit.incarnation" not in tables:
        return None
    return await look_at(settings, asked, target.url("worker"))


async def _replica(settings: Settings, target: Target, asked: Repository) -> Copy | None:
    url = settings.replica_database_url
    if url is None:
        return None
    # Asking for a password that is not there would make one.
    known = target.given("app") is not None or passwords(settings).known(USERS["app"])
    if not names_user(url) and not known:
        return Copy(url=url)
    try:
        async with connected(target.replica() or url, settings) as connection:
            return Copy(
                url=url,
                login=await asked.one(LoginFacts(), connection=connection),
                replayed=await asked.one(ReplicaPosition(), connection=connection),
            )
    except Refusal as refusal:
        return Copy(url=url, refused=refusal)


def passwords(settings: Settings) -> Passwords:
    """Give the passwords of the data directory for the configured server; makes none."""
    server = EMBEDDED if settings.database_url is None else spoken(settings.database_url)
    return Passwords(settings.data_dir, server)
