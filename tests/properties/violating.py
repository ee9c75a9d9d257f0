"""Breaks constraints one by one, as violations.toml says."""

import tomllib
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from tests.properties.planting import past_triggers
from tests.sessions import Connection, Savepoint


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """How one constraint is broken, and what a caller is told: status, problem type, pointer."""

    told: str
    update: str | None = None
    copy: str | None = None
    set: dict[str, str] = {}
    where: str = "TRUE"

    @property
    def table(self) -> str:
        """Name the table."""
        table = self.update or self.copy
        assert table
        return table


VIOLATIONS: Final = msgspec.convert(
    tomllib.loads(Path(__file__).with_name("violations.toml").read_text(encoding="utf-8")),
    dict[str, Violation],
)
NAMES: Final = """
SELECT conname::text AS name, contype::text AS kind FROM pg_constraint
WHERE
    connamespace IN ('app'::regnamespace, 'audit'::regnamespace)
    AND contype <> 'n' AND NOT (SELECT relispartition FROM pg_class WHERE oid = conrelid)
UNION ALL
SELECT relname::text, 'i' FROM pg_index
INNER JOIN pg_class ON oid = indexrelid
WHERE
    indisunique AND NOT relispartition
    AND relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))
"""
COLUMNS: Final = """
SELECT attname::text AS name FROM pg_attribute
WHERE
    attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
"""


def of_kind(*kinds: str) -> list[str]:
    """Name the constraints of these kinds: p, u, f, c, and i for a unique index."""
    endings = {"p": "_pkey", "f": "_fkey", "u": "_key"}
    found = []
    for name in VIOLATIONS:
        kind = next((one for one, ending in endings.items() if name.endswith(ending)), "c")
        if kind in kinds:
            found.append(name)
    return found


async def broken(superuser: Connection, violation: Violation) -> asyncpg.PostgresError | None:
    """Break a constraint past every trigger; gives what the server says, and undoes it."""
    if violation.update:
        sets = ", ".join(f"{name} = {value}" for name, value in violation.set.items())
        statement = f"UPDATE {violation.table} SET {sets} WHERE {violation.where}"
    else:
        names = [row["name"] for row in await superuser.fetch(COLUMNS, violation.table)]
        values = ", ".join(violation.set.get(name, name) for name in names)
        statement = (
            f"INSERT INTO {violation.table} ({', '.join(names)}) OVERRIDING SYSTEM VALUE"
            f" SELECT {values} FROM {violation.table} WHERE {violation.where} LIMIT 1"
        )
    async with past_triggers(superuser, violation.table):
        await superuser.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return await Savepoint(superuser).error(statement)
