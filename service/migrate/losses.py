"""Owns what a rollback would take along: tables and columns that hold rows, and about how many."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from service.catalog.lexer import mask
from service.migrate.bootstrap import missing
from service.migrate.files import Migration
from service.migrate.release import Release, release
from service.migrate.runner import to_undo
from service.migrate.session import Connection
from service.migrate.survey import known, reading

REPLACEABLE: Final = frozenset(
    {
        *("app.amendment_step", "app.import_line", "app.label_cursor", "app.life_cycle_step"),
        "app.secret",
    }
)
"""Tables whose rows a migration brings again, or the work beside a service, or that hold what is
under way only."""

NOTED: Final = frozenset({"app.entity_label (embedded_at)"})
"""Columns that nobody misses: labels are embedded again."""

SEEN: Final = frozenset({"app.tenant"})
"""Tables whose rows the owner sees: of one of their columns what is null is no loss."""

_DROPPED: Final = re.compile(
    r"\bDROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?([a-z_]+\.[a-z0-9_]+)"
    r"|\bALTER\s+TABLE\s+([a-z_]+\.[a-z0-9_]+)\s+DROP\s+COLUMN\s+([a-z0-9_]+)"
)
# Row security hides rows from the owner, who would count none: sizes and statistics it sees.
_HOLDS: Final = """
SELECT
    greatest(max(reltuples), sum(pg_stat_get_live_tuples(relation.oid)))::bigint AS counted
FROM (
    SELECT to_regclass(%s)::oid AS oid
    UNION
    SELECT relid::oid FROM pg_partition_tree(to_regclass(%s))
) AS relation
INNER JOIN pg_catalog.pg_class ON pg_class.oid = relation.oid
HAVING sum(pg_relation_size(relation.oid)) > 0
"""


class Loss(msgspec.Struct, frozen=True):
    """A table, or a column of one, that holds rows; `rows` as counted last, None where never."""

    what: str
    rows: int | None

    def __str__(self) -> str:
        rows = "rows that nobody has counted" if self.rows is None else f"about {self.rows:,} rows"
        return f"{self.what}: {rows}"


def losses(
    owner_url: str,
    *,
    to: str | None = None,
    everything: bool = False,
    brings: Release | None = None,
) -> tuple[Loss, ...]:
    """Name what a rollback would throw away and nothing brings back; nothing is changed.

    Raises: Refused, Unreachable, BadMigrations, BadCatalog.
    """
    brings = brings or release()
    with reading(owner_url) as connection:
        there = {record.id: record for record in known(connection, missing(connection))}
        undone = to_undo(brings.migrations, there, to=to, everything=everything)
        return tuple(_held(connection, dict(dropped(undone))))


def dropped(undone: tuple[Migration, ...]) -> Iterator[tuple[str, str]]:
    """Name what rollbacks drop: the table, or table and column, and the table that it is of."""
    for migration in undone:
        for part in migration.backward.parts:
            for table, of_column, column in _DROPPED.findall(mask(part.sql)):
                if f"{of_column} ({column})" in NOTED:
                    continue
                if column:
                    yield f"{of_column} ({column})", of_column
                elif table not in REPLACEABLE:
                    yield table, table


def _held(connection: Connection, gone: dict[str, str]) -> Iterator[Loss]:
    for what, table in gone.items():
        # Of a table that goes as a whole no column is named.
        if what != table and table in gone:
            continue
        if what != table and table in SEEN and not _filled(connection, what):
            continue
        row = connection.execute(_HOLDS, (table, table)).fetchone()
        if row is not None:
            yield Loss(what, row[0] if row[0] and row[0] > 0 else None)


def _filled(connection: Connection, what: str) -> bool:
    """Say whether a column, `table (column)`, holds anything."""
    table, _, column = what.rstrip(")").partition(" (")
    query = f"SELECT FROM {table} WHERE {column} IS NOT NULL LIMIT 1"
    return connection.execute(query.encode()).fetchone() is not None
