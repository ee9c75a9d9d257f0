"""Owns the session that migrates: limits, the lock that dies with it, retries, words for errors."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, LiteralString, TypeVar

import msgspec
import psycopg
from psycopg import errors

from service.migrate import holders
from service.migrate.refusals import Refused, Unreachable

Connection = psycopg.Connection[tuple[Any, ...]]
Result = TypeVar("Result")

_LOCK_KEY: Final = int.from_bytes(b"plantmig")
_PAUSE_S_MAX: Final = 5.0
_SECRET: Final = re.compile(r"(://[^:@/]*:)[^@/]*@")
_ROLE_CATALOGUES: Final = frozenset({"pg_auth_members", "pg_authid", "pg_db_role_setting"})

_SETTINGS: Final = {
    "application_name": "plant migrate",
    # A name that a file leaves unqualified must not be made in whatever schema comes first.
    "search_path": "pg_catalog, public",
    "client_min_messages": "warning",
    "check_function_bodies": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "idle_in_transaction_session_timeout": "10min",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "TimeZone": "UTC",
}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a migration may wait and run. Units: milliseconds; `_s` seconds.

    Whoever needs a table that a statement waits for waits behind it: the step is short beside
    PLANT_ACQUIRE_TIMEOUT_MS, so that no request of a service is refused meanwhile.
    """

    lock_timeout_ms: int = 300
    statement_timeout_ms: int = 300_000
    concurrent_timeout_ms: int = 3_600_000
    attempts_max: int = 20
    turn_timeout_s: float = 300.0


READING: Final = Limits(lock_timeout_ms=2_000)
"""Of a session that only reads: nobody has to wait behind it."""

Kind = Literal[
    "access",
    "applied",
    "bootstrap",
    "differs",
    "function",
    "repaired",
    "retry",
    "rolled back",
    "statement",
    "waiting",
    "warning",
]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened: what a terminal shows and a log keeps."""

    kind: Kind
    subject: str
    number: int = 0
    total: int = 0
    detail: str = ""


Progress = Callable[[Event], None]


def silent(_: Event) -> None:
    """Show nothing."""


@contextmanager
def connect(url: str, limits: Limits) -> Iterator[Connection]:
    """Open a session with the limits set, in autocommit.

    Raises: Unreachable.
    """
    try:
        connection = psycopg.connect(
            url, autocommit=True, prepare_threshold=None, connect_timeout=10
        )
    except psycopg.Error as error:
        raise Unreachable(
            f"No connection to {shown(url)}: {shown(str(error).strip())}.",
            "Check PLANT_DATABASE_URL, and that the server runs and lets this user in.",
        ) from None
    with connection:
        try:
            configure(connection, limits)
            # A killed client is noticed inside a long statement, so that its lock is free again;
            # only some systems can tell.
            with suppress(errors.InvalidParameterValue):
                connection.execute("SET client_connection_check_interval = '1s'")
            yield connection
        except psycopg.Error as error:
            if not lost(error, connection):
                raise
            raise Unreachable(
                f"The connection was lost: {str(error).strip()}",
                "Run the same command again: what was begun is finished or was never done.",
            ) from error


def configure(connection: Connection, limits: Limits) -> None:
    """Set every setting that a statement's meaning or duration hangs on."""
    settings = _SETTINGS | {
        "lock_timeout": str(limits.lock_timeout_ms),
        "statement_timeout": str(limits.statement_timeout_ms),
    }
    connection.execute(
        "SELECT pg_catalog.set_config(name, value, false)"
        " FROM unnest(%s::text[], %s::text[]) AS settings (name, value)",
        (list(settings), list(settings.values())),
    )


def shown(url: str) -> str:
    """Show an address without its password."""
    return _SECRET.sub(r"\1…@", url)


@dataclass(frozen=True, slots=True)
class Turn:
    """A session whose turn it is to migrate: nobody else migrates this database."""

    connection: Connection
    limits: Limits
    progress: Progress

    def transaction(self, what: str, work: Callable[[], Result]) -> Result:
        """Do the work in one transaction, again when a lock or another session was in the way.

        Raises: Refused naming who holds the locks when no attempt came through.
        """
        limits, reason = self.limits, ""
        for attempt in range(1, limits.attempts_max + 1):
            try:
                with self.connection.transaction():
                    return work()
            except psycopg.Error as error:
                if not transient(error):
                    raise
                reason = str(error).strip().splitlines()[0]
            if attempt < limits.attempts_max:
                self.progress(Event(kind="retry", subject=what, number=attempt, detail=reason))
                time.sleep(min(0.1 * 2**attempt, _PAUSE_S_MAX))
        held_by = ", ".join(holders.of_tables(self.connection)) or "nobody any more"
        raise Refused(
            f"{what} got no turn in {limits.attempts_max} attempts of {limits.lock_timeout_ms} ms: "
            f"{reason}. Locks are held by {held_by}.",
            "Nothing of it was applied. End these sessions or wait for them, then run again.",
        )


@contextmanager
def turn(owner_url: str, limits: Limits, progress: Progress) -> Iterator[Turn]:
    """Connect and be the only one who migrates this database; the lock ends with the session.

    It asks again and again instead of waiting inside a statement: a waiting statement holds a
    snapshot, and CREATE INDEX CONCURRENTLY of the one whose turn it is would wait for that.
    Raises: Unreachable; Refused when the turn does not come in time.
    """
    deadline = time.monotonic() + limits.turn_timeout_s
    pause = 0.05
    with connect(owner_url, limits) as connection:
        connection.add_notice_handler(
            lambda notice: progress(Event(kind="warning", subject=notice.message_primary or ""))
        )
        while not one(connection, "SELECT pg_try_advisory_lock(%s)", _LOCK_KEY):
            holder = holders.of_turn(connection, _LOCK_KEY)
            if time.monotonic() > deadline:
                raise Refused(
                    f"Another migration has had the turn for over {limits.turn_timeout_s:g} s: "
                    f"{holder}.",
                    "Wait for it, or end it with SELECT pg_terminate_backend(<process>).",
                )
            progress(Event(kind="waiting", subject=holder))
            time.sleep(pause)
            pause = min(pause * 2, 1.0)
        # Closing the session frees the lock.
        yield Turn(connection, limits, progress)


def transient(error: psycopg.Error) -> bool:
    """Tell whether the same transaction may succeed when it is tried again."""
    if isinstance(
        error, errors.LockNotAvailable | errors.DeadlockDetected | errors.SerializationFailure
    ):
        return True
    # Roles are the cluster's: another database of it may be making the same ones at this moment.
    if isinstance(error, errors.UniqueViolation):
        return error.diag.table_name in _ROLE_CATALOGUES
    message = str(error)
    if isinstance(error, errors.DuplicateObject):
        return message.startswith('role "plant_')
    return isinstance(error, errors.InternalError_) and "tuple concurrently" in message


def lost(error: psycopg.Error, connection: Connection) -> bool:
    """Tell whether the session ended: that is no fault of the statement, nor an answer to it."""
    ended = errors.AdminShutdown | errors.CrashShutdown | errors.ConnectionException
    return isinstance(error, ended) or connection.closed or connection.broken


def one(connection: Connection, query: LiteralString, *values: object) -> Any:
    """Ask for one value."""
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None
