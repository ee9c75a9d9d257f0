"""What each table has in each situation: whose rows, and how to ask for them."""

import json
import secrets
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from msgspec import Struct

from tests.factories import Tenant
from tests.sessions import Connection

SITUATIONS: Final = ("own", "other", "none", "own draft", "another's draft")


class Rows(Struct, frozen=True):
    """The rows of a table by situation, and how to ask for them and write one more.

    Shapes: `keys` and `rows` have a place for each of SITUATIONS.
    """

    name: str
    is_view: bool
    shared: bool
    key: str
    keys: list[list[str]]
    rows: list[str]
    columns: str
    changed: str
    other_tenant: str

    def where(self, place: int) -> str:
        """Give the condition for the rows of a situation, nothing where there are none."""
        if self.shared:
            return "TRUE" if place in {0, 2} else ""
        keys = ", ".join(self.keys[place])
        return f"ROW({self.key})::text IN ({keys})" if keys else ""


class Planted(Struct, frozen=True):
    """What was planted: tables with their rows, and the context of the tenant's author.

    `before` writes the kind row on which the base row rests that is tried.
    """

    context: list[str]
    tables: list[Rows]
    before: str


# Whose a row is where the row itself does not say so.
_OF_PAYLOAD: Final = "(SELECT private_to FROM audit.payload WHERE payload.audit_id = one.audit_id)"
_PRIVATE_TO: Final = {
    "app.idempotency": "governance_agent_id",
    "app.import_line": "governance_agent_id",
    "audit.entry": _OF_PAYLOAD,
    "audit.pending": _OF_PAYLOAD,
    'audit."position"': _OF_PAYLOAD,
    "app.entity_reference": "(SELECT private_to FROM app.base_entity WHERE id = dependent_id)",
}
# What tells rows apart where that is not the primary key: what those may read who read little.
_KEYS: Final = {
    "app.amendment": "tenant_id, entity_id",
    "app.entity_label": "tenant_id, entity_id",
    "app.import_line": "tenant_id, import_id",
    "app.wanted_label": "tenant_id, entity_id",
    'audit."position"': "tenant_id, pos",
    "app.entity_reference": "tenant_id, dependent_id, target_id",
}
_TABLES: Final = """
SELECT pg_class.oid::regclass::text AS name, relkind = 'v' AS is_view,
    (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attnum = ANY(conkey)) AS key,
    (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        AND attidentity = '') AS columns,
    coalesce((SELECT json_agg(attname ORDER BY format_type(atttypid, atttypmod), -attnum)
        FROM pg_attribute WHERE attrelid = pg_class.oid AND attname <> ALL($2::text[])
        AND attgenerated = '' AND attidentity = ''
        AND EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisunique
            AND attnum = ANY(indkey))), '[]')::text AS fresh,
    array_agg(attname::text) AS names
FROM pg_class INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
LEFT JOIN pg_constraint ON conrelid = pg_class.oid AND contype = 'p'
WHERE relnamespace::regnamespace::text = ANY($1::text[]) AND relkind IN ('r', 'p', 'v', 'm', 'f')
GROUP BY pg_class.oid, conkey ORDER BY 1
"""
# A copy of a row keeps these: another value would say something else, or refer to nothing.
_KEPT: Final = [
    *("tenant_id", "entity_type", "governance_agent_id", "entity_id", "status"),
    *("method", "path"),
]


async def look(
    superuser: Connection, tenant: Tenant, other: Tenant, schemas: Iterable[str]
) -> Planted:
    """Find what each table of the schemas has in each situation of the tenant's author."""
    actor = tenant.author.context
    agent = actor.governance_agent_id
    tables = []
    for table in await superuser.fetch(_TABLES, list(schemas), _KEPT):
        name = table["name"]
        shared = "tenant_id" not in table["names"]
        private = "private_to" if "private_to" in table["names"] else "NULL::uuid"
        private = _PRIVATE_TO.get(name, private)
        key = _KEYS.get(name, table["key"])
        mine = f"tenant_id = '{tenant.id}'"
        keys, rows = [], []
        for condition in (
            f"{mine} AND {private} IS NULL",
            f"tenant_id = '{other.id}'",
            f"tenant_id IN ('{tenant.id}', '{other.id}')",
            f"{mine} AND {private} = '{agent}'",
            f"{mine} AND {private} <> '{agent}'",
        ):
            found = await superuser.fetch(
                f"SELECT quote_literal(ROW({key or 1})::text), to_jsonb(one)::text"
                f" FROM {name} AS one WHERE {'TRUE' if shared else condition} ORDER BY 1"
            )
            keys.append([row[0] for row in found])
            copied = _copy(found[0][1], json.loads(table["fresh"])) if found else ""
            rows.append(copied or ("'{}'" if shared else ""))
        columns = table["columns"]
        changed = columns.split(", ")[-1]
        tables.append(
            Rows(
                name, table["is_view"], shared, key or "", keys, rows, columns, changed,
                f"'{other.id}'",
            )
        )  # fmt: skip
    context = [actor.tenant_id, agent, actor.key_id]
    return Planted(context, tables, await _kind_row(superuser, tables))


async def _kind_row(superuser: Connection, tables: list[Rows]) -> str:
    """Give the statement that writes the kind row which a new base row rests on."""
    base, kind = (
        next(one for one in tables if one.name == name)
        for name in ("app.base_entity", "app.skill_entity")
    )
    place = SITUATIONS.index("own draft")
    made = json.loads(base.rows[place][1:-1].replace("''", "'"))
    row = await superuser.fetchval(
        f"SELECT to_jsonb(one) || jsonb_build_object('id', $1::text) FROM {kind.name} AS one"
        f" WHERE {kind.where(place)} LIMIT 1",
        made["id"],
    )
    return (
        f"INSERT INTO {kind.name} ({kind.columns}) SELECT {kind.columns}"
        f" FROM jsonb_populate_record(NULL::{kind.name}, '{row}')"
    )


def _copy(row: str, fresh: list[str]) -> str:
    """Make the literal of a row that differs from an existing one where rows must differ."""
    found = json.loads(row)
    for name in fresh:
        old = found[name]
        if isinstance(old, int):
            found[name] = old + 10_000
        elif isinstance(old, str) and len(old) == 36:
            found[name] = str(UUID(int=secrets.randbits(128)))
        elif isinstance(old, str):
            found[name] = secrets.token_hex(4)
    return "'" + json.dumps(found).replace("'", "''") + "'"
