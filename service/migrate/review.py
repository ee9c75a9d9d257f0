"""Owns the page that a DBA reads before an upgrade: every line of SQL that an apply would run.

The page is SQL itself; everything around the statements is a comment.
"""

from collections.abc import Iterator
from difflib import unified_diff
from textwrap import indent

from service.catalog import function
from service.catalog.drift import compare
from service.catalog.statement import Statement
from service.migrate import functions
from service.migrate.files import Migration
from service.migrate.release import Release, release
from service.migrate.survey import Plan, planned, reading

_RULE = "-- " + "=" * 69


def review(owner_url: str, *, brings: Release | None = None) -> str:
    """Write the page; nothing is changed.

    Raises: Refused, Unreachable, BadMigrations, BadCatalog.
    """
    brings = brings or release()
    with reading(owner_url) as connection:
        plan = planned(connection, brings)
        rows = functions.listed(connection, brings.catalog)
    wrong = {drift.function for drift in compare(brings.catalog, rows)}
    sources = {row["name"]: row["source"] for row in rows}
    todo = [item for item in brings.catalog.functions() if item.function in wrong]
    lines = [
        *_head(plan),
        *_bootstrap(plan),
        *_migrations(plan, brings),
        *_access(plan),
        *(line for statement in todo for line in _function(statement, sources, brings.name)),
    ]
    return "\n".join(lines) + "\n"


def _head(plan: Plan) -> Iterator[str]:
    yield f"-- Release {plan.release}: what `plant migrate apply` would run here, in this order."
    counts = (
        f"{len(plan.bootstrap)} steps of bootstrap, {len(plan.migrations)} migrations, "
        f"{len(plan.functions)} functions"
    )
    lossy = sum(len(item.destructive) for item in plan.migrations)
    yield f"-- {counts}; {lossy} statements throw data away."
    for finding in plan.refused:
        yield f"-- REFUSED: {finding}"


def _bootstrap(plan: Plan) -> Iterator[str]:
    for step in plan.bootstrap:
        yield from ("", _RULE, f"-- Bootstrap. {step.why}.", f"{step.statement};")


def _access(plan: Plan) -> Iterator[str]:
    for step in plan.access:
        yield from ("", _RULE, f"-- Access. {step.why}.", f"{step.statement};")


def _migrations(plan: Plan, brings: Release) -> Iterator[str]:
    files = {migration.id: migration for migration in brings.migrations}
    for item in plan.migrations:
        migration = files[item.id]
        how = "in one transaction" if item.transactional else "outside any transaction"
        yield from ("", _RULE, f"-- Migration {item.id}: {item.statements} statements, {how}.")
        yield f"-- sha256 {item.sha256}"
        for lossy in item.destructive:
            yield f"-- THROWS DATA AWAY, line {lossy.line}: {lossy.statement}"
        yield migration.forward.text.rstrip()
        yield from _rollback(migration)


def _rollback(migration: Migration) -> Iterator[str]:
    yield f"-- Its rollback, {migration.backward.path.name}, not run now:"
    yield indent(migration.backward.text.rstrip(), "--     ", lambda _: True)


def _function(statement: Statement, sources: dict[str, str], name: str) -> Iterator[str]:
    yield from (
        "",
        _RULE,
        f"-- Function of sql/{statement.path}, run by {statement.database_role}.",
    )
    stem_length = len(statement.name)
    before = [
        (other, source)
        for other, source in sources.items()
        if other[:stem_length] == statement.name and len(other) == len(statement.function)
    ]
    for other, source in before:
        changed = unified_diff(
            source.splitlines(),
            function.body(statement).splitlines(),
            f"q.{other}, in the database",
            f"q.{statement.function}, of this release",
            lineterm="",
        )
        yield from (f"--   {line}" for line in changed)
    yield function.install(statement, name).rstrip()
