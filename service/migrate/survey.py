"""Owns looking without touching: what an apply would do, and whether database and files agree."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from service.catalog.drift import compare
from service.migrate import access, bootstrap, functions, rules
from service.migrate.bootstrap import Step
from service.migrate.compare import REFUSED, Finding, findings, pending
from service.migrate.files import Migration
from service.migrate.ledger import Record, begun, records
from service.migrate.refusals import Refused
from service.migrate.release import Release, release
from service.migrate.session import READING, Connection, connect


class Lossy(msgspec.Struct, frozen=True):
    """A statement that throws data away."""

    line: int
    statement: str


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One migration that would be applied."""

    id: str
    statements: int
    transactional: bool
    unfinished: bool
    destructive: tuple[Lossy, ...]
    sha256: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an apply would do, in order, or why it would refuse."""

    release: str
    bootstrap: tuple[Step, ...]
    refused: tuple[Finding, ...]
    migrations: tuple[Planned, ...]
    access: tuple[Step, ...]
    functions: tuple[str, ...]


def plan(owner_url: str, *, brings: Release | None = None) -> Plan:
    """Tell what an apply would do; nothing is changed.

    Raises: Refused, Unreachable, BadMigrations, BadCatalog.
    """
    with reading(owner_url) as connection:
        return planned(connection, brings or release())


def planned(connection: Connection, brings: Release) -> Plan:
    """Tell what an apply would do, in a session that can read the ledger."""
    steps = bootstrap.missing(connection)
    remembered = known(connection, steps)
    drifts = compare(brings.catalog, functions.listed(connection, brings.catalog))
    todo = pending(brings.migrations, remembered)
    return Plan(
        release=brings.name,
        bootstrap=steps,
        refused=tuple(i for i in findings(brings.migrations, remembered) if i.kind in REFUSED),
        migrations=tuple(_migration(item, remembered) for item in todo),
        access=access.missing(connection, absent=bool(todo)),
        functions=_installed(brings, {drift.function for drift in drifts}),
    )


def verify(owner_url: str, *, brings: Release | None = None) -> tuple[Finding, ...]:
    """Compare a database with this release; nothing found is agreement.

    What is `unseen` alone is neither: nothing differs, as far as could be compared.

    Raises: Refused, Unreachable, BadMigrations, BadCatalog.
    """
    with reading(owner_url) as connection:
        return verified(connection, brings or release())


def verified(connection: Connection, brings: Release) -> tuple[Finding, ...]:
    """Compare a database with a release, in a session that can read the ledger."""
    steps = bootstrap.missing(connection)
    remembered = known(connection, steps)
    found = [Finding("server", "server", f"{step.why}: {step.statement}") for step in steps]
    found += findings(brings.migrations, remembered)
    at_release = not found
    waits = any(item.kind == "pending" for item in found)
    if not waits and not steps:
        found += [
            Finding("access", "database", f"{step.why}: {step.statement}")
            for step in access.missing(connection)
        ]
    for drift in compare(brings.catalog, functions.listed(connection, brings.catalog)):
        # An apply makes the missing ones after the migrations: one finding is enough.
        if not (waits and drift.missing):
            found.append(Finding("function", drift.function, drift.fault))
    found += rules.compared(connection, brings, at_release=at_release)
    return (*found, *_invalid_indexes(connection))


@contextmanager
def reading(owner_url: str) -> Iterator[Connection]:
    """Open a session that can only read, as the owner where that is possible."""
    with connect(owner_url, READING) as connection:
        connection.execute("SET default_transaction_read_only = on")
        if bootstrap.may_become_owner(connection):
            bootstrap.become_owner(connection)
        yield connection


def known(connection: Connection, steps: Sequence[Step]) -> tuple[Record, ...]:
    """Read the ledger, which an empty database does not have and a stranger may not read."""
    if steps and not bootstrap.may_become_owner(connection) and begun(connection):
        raise Refused(
            "This user may not read what was migrated here.",
            f"Have a superuser run: {steps[0].statement};",
        )
    return records(connection)


def _migration(migration: Migration, known: Sequence[Record]) -> Planned:
    script = migration.forward
    return Planned(
        id=migration.id,
        statements=len(script.parts),
        transactional=script.transactional,
        unfinished=any(record.id == migration.id and record.begun for record in known),
        destructive=tuple(Lossy(part.line, part.title) for part in script.parts if part.loses_data),
        sha256=script.digest,
    )


def _installed(brings: Release, wrong: set[str]) -> tuple[str, ...]:
    """Name the functions that an apply would make or repair."""
    names = [statement.function for statement in brings.catalog.functions()]
    return tuple(name for name in names if name in wrong)


def _invalid_indexes(connection: Connection) -> list[Finding]:
    """Find what a failed CREATE INDEX CONCURRENTLY left behind: it costs writes and serves none."""
    rows = connection.execute(
        "SELECT format('%I.%I', nspname, relname) FROM pg_catalog.pg_index"
        " INNER JOIN pg_catalog.pg_class ON pg_class.oid = indexrelid"
        " INNER JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE NOT indisvalid AND nspname IN ('app', 'audit', 'plant_migrate') ORDER BY 1 ASC"
    ).fetchall()
    text = "is invalid: DROP INDEX CONCURRENTLY, then apply again or create it anew"
    return [Finding("index", name, text) for (name,) in rows]
