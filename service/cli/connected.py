"""What commands share that talk to the database through the catalogue."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from service.catalog.load import load as load_catalog
from service.cli.made import require_made
from service.database.address import Role, spoken
from service.database.pool import Pool
from service.database.roles import ensure_login_roles
from service.database.target import Target, resolve
from service.errors import Defect, Problem
from service.refusal import Refusal
from service.repository.base import Repository
from service.settings import Settings
from service.sqlstate import classify, is_database_failure

if TYPE_CHECKING:
    from service.migrate.session import Event

ABSENT: Final = frozenset({"42P01", "42703", "42883", "3F000"})
"""What a statement meets in a database without our tables, columns, functions or schemas."""


class SchemaBehind(Refusal):
    """The database lacks what this release needs."""


class Unanswered(Refusal):
    """The database did not do what was asked."""


class Refused(Refusal):
    """The database does not let it be done."""


@contextmanager
def database(settings: Settings, tell: Callable[[str], None]) -> Iterator[Target]:
    """Have the server ready for statements; an embedded one is brought to this release first.

    It blocks: from asynchronous code enter and leave it in a thread.

    Raises: Refusal.
    """
    with resolve(settings, tell) as target:
        if target.embedded:
            migrate(target, tell)
        ensure_login_roles(settings, target)
        yield target


@contextmanager
def existing_database(settings: Settings, tell: Callable[[str], None]) -> Iterator[Target]:
    """Have the server ready as `database` does, and never make an embedded one.

    A log that was made this moment says nothing of the one that was meant.

    Raises: Refusal.
    """
    require_made(settings)
    with database(settings, tell) as target:
        yield target


def migrate(target: Target, tell: Callable[[str], None]) -> None:
    """Apply what is pending and tell what was done.

    Raises: Refusal.
    """
    # Another driver and its tools, which a service on a server of its own has no use for.
    from service.migrate.runner import apply

    def hear(event: "Event") -> None:
        if event.kind in {"differs", "repaired", "waiting", "warning"}:
            tell(f"migrations: {event.kind} {event.subject} {event.detail}".rstrip())

    report = apply(target.url("owner"), progress=hear)
    if report.applied or report.functions:
        tell(
            f"migrations: {len(report.applied)} applied, "
            f"{len(report.functions)} functions installed, newest {report.newest}"
        )


@asynccontextmanager
async def repository(settings: Settings, target: Target, role: Role) -> AsyncIterator[Repository]:
    """Have the catalogue's statements at hand, run as one role over a small pool.

    Raises: SchemaBehind, Refused, Unanswered.
    """
    few = msgspec.structs.replace(settings, pool_min=1, pool_max=2)
    found = Repository(load_catalog(), Pool(target.url(role), few, name=f"command {role}"))
    try:
        await found.pool.open()
        try:
            yield found
        finally:
            await found.pool.close()
    except Exception as error:
        if not isinstance(error, Problem) and not is_database_failure(error):
            raise
        words = in_words(target, error)
        if words is None:
            raise
        raise words from error


def in_words(target: Target, error: Exception) -> Refusal | None:
    """Say what the database refused; None for a defect of ours, which stays what it is."""
    problem = classify(error)
    server = spoken(target.url("owner"))
    if getattr(problem.__cause__, "sqlstate", None) in ABSENT:
        return SchemaBehind(
            f"The database at {server} has not been brought to this release.",
            "Run `plant migrate apply`.",
        )
    if isinstance(problem, Defect):
        return None
    if problem.status < Defect.status:
        return Refused(problem.detail, f"docs/errors.md says more, under `{problem.slug}`.")
    return Unanswered(problem.detail, f"The database is at {server}.")
