"""Everything that a tenant has in the database, to see whether anything was left or changed."""

from typing import Final

from msgspec import Struct

from tests.factories import Tenant
from tests.sessions import Connection

TABLES: Final = """
SELECT pg_class.oid::regclass::text AS name
FROM pg_class
INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenant_id'
WHERE
    relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
    AND relkind IN ('r', 'p') AND NOT relispartition
    -- Of a key is noted when it was used last.
    AND relname <> 'api_key'
ORDER BY 1
"""
ONE: Final = """
SELECT '{table}' AS name, count(*) AS rows, md5(string_agg(whole.text, '' ORDER BY whole.text))
FROM {table} AS one
-- A column that a migration adds, and nothing has been put into, changes no row.
CROSS JOIN LATERAL (SELECT jsonb_strip_nulls(to_jsonb(one))::text AS text) AS whole
WHERE tenant_id = $1
"""


class Content(Struct, frozen=True):
    """How many rows there are, and a digest of all their columns."""

    rows: int
    digest: str | None


async def contents(superuser: Connection, tenant: Tenant) -> dict[str, Content]:
    """Look at every table of app and audit, past row security."""
    tables = [row["name"] for row in await superuser.fetch(TABLES)]
    query = " UNION ALL ".join(ONE.format(table=table) for table in tables)
    rows = await superuser.fetch(query, tenant.id)
    return {row["name"]: Content(row["rows"], row["md5"]) for row in rows}


def grown(before: dict[str, Content], after: dict[str, Content]) -> dict[str, int]:
    """Give by how many rows each table has grown, where it has changed at all."""
    return {
        table: after[table].rows - was.rows for table, was in before.items() if after[table] != was
    }
