"""Owns how the rules of a database are written down: one text for each object of our schemas.

Nothing of it hangs on oids, on the order in which things were made, on who granted what, or on what
a session has set: a database that was dumped and restored reads the same.
"""

from typing import Final, LiteralString

from service.migrate import facts_of_code, facts_of_rights, facts_of_tables
from service.migrate.session import Connection

SCHEMAS: Final = ("app", "audit", "plant_migrate", "q")

# What the server writes depends on these; they hold for the transaction.
_SETTINGS: Final = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    "search_path": "pg_catalog",
}
_CONFIGURE: Final = """
SELECT set_config(name, value, true)
FROM unnest(%s::text[], %s::text[]) AS settings (name, value)
"""
_HEAD: Final = """
WITH home AS (SELECT * FROM pg_namespace WHERE nspname = ANY(%(schemas)s)),
relation AS MATERIALIZED (
    -- What is part of a table of ours counts wherever it stands.
    SELECT
        pg_class.*, pg_class.oid::regclass::text AS named,
        -- yoyo makes its tables as its version has them, and looks after them.
        pg_class.oid::regclass::text ~ '^plant_migrate\\._?yoyo_' AS is_yoyos
    FROM pg_class
    WHERE relpersistence <> 't' AND (
        relnamespace IN (SELECT home.oid FROM home)
        OR pg_class.oid IN (
            SELECT inhrelid FROM pg_inherits
            INNER JOIN pg_class AS parent ON parent.oid = inhparent
            WHERE parent.relnamespace IN (SELECT home.oid FROM home)
        )
    )
)
"""
_RULES: Final[LiteralString] = _HEAD + "UNION ALL".join(
    (*facts_of_tables.PARTS, *facts_of_code.PARTS, *facts_of_rights.PARTS)
)
# Rows that are rules: migrations write them, and nothing else does.
_ROWS: Final[dict[str, LiteralString]] = {
    "table app.amendment_step": """
        SELECT 'row ' || step::text || ' of app.amendment_step', '' FROM app.amendment_step AS step
    """,
    "table app.life_cycle_step": """
        SELECT 'row ' || step::text || ' of app.life_cycle_step', ''
        FROM app.life_cycle_step AS step
    """,
}


def facts(connection: Connection) -> dict[str, str]:
    """Write down every rule of our schemas: what it is and its name, with its definition.

    Reads only, in a transaction of its own, whose settings end with it.
    """
    with connection.transaction():
        connection.execute(_CONFIGURE, (list(_SETTINGS), list(_SETTINGS.values())))
        rows = connection.execute(_RULES, {"schemas": list(SCHEMAS)}).fetchall()
        found: dict[str, str] = dict(rows)
        for table, query in _ROWS.items():
            if table in found:
                found |= dict(connection.execute(query).fetchall())
    return found
