"""Rows that nobody but a superuser can write, in a transaction that is undone: logs gone wrong."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from msgspec import structs

from service.repository.base import Context, Many, Maybe, One, Repository
from service.repository.binding import stem
from tests.sessions import Connection

BEFORE, FIRST, LAST, BEHIND = range(1, 5)
"""Tenants: what is asked is asked of the two in the middle, alone."""

TENANTS: Final = (BEFORE, FIRST, LAST, BEHIND)

NOTHING: Final = "\\x" + "00" * 32
NOON: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
AS_WRITTEN: Final = ("indexscan", "indexonlyscan", "bitmapscan", "mergejoin")
"""Without these a plan gives rows as they were written, unless it is told an order."""

UNTRIGGERED: Final = """
DO $$
DECLARE v_table regclass;
BEGIN
    FOR v_table IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', v_table);
    END LOOP;
    ALTER TABLE app.base_entity DROP CONSTRAINT base_entity_archived_at_matches;
END $$
"""
Row = dict[str, Any]


def uid(number: int) -> str:
    """Give an id; a greater number stands behind."""
    return str(UUID(int=number))


def hashed(*what: object) -> str:
    """Give a hash that is nothing else's."""
    return "\\x" + sha256(repr(what).encode()).hexdigest()


def at(minute: float) -> datetime:
    """Give the time that is so many minutes after noon."""
    return NOON + timedelta(minutes=minute)


def entry_of(tenant: int, entity: int, version: int, **more: Any) -> Row:
    """Give the entry of a version: linked to the one before, and a minute younger."""
    before = hashed(tenant, entity, version - 1) if version > 1 else NOTHING
    return {
        "tenant_id": uid(tenant),
        "audit_id": uid(audit_of(tenant, entity, version)),
        "entity_type": "skill",
        "entity_id": uid(entity),
        "version": version,
        "operation": "create" if version == 1 else "update",
        "actor": "somebody",
        "key": "a key",
        "at": at(1_000 * entity + version).isoformat(),
        "payload_hash": NOTHING,
        "prev_hash": before,
        "entry_hash": hashed(tenant, entity, version),
    } | more


def audit_of(tenant: int, entity: int, version: int) -> int:
    """Give the number of an entry's id."""
    return 10_000 * tenant + 10 * entity + version


def payload_of(tenant: int, entity: int, version: int, **more: Any) -> Row:
    """Give the document of a version."""
    return {
        "tenant_id": uid(tenant),
        "audit_id": uid(audit_of(tenant, entity, version)),
        "salt": "\\x" + "5a" * 16,
        "body": f'"{tenant}/{entity}/{version}"',
        "reason": None,
    } | more


def position_of(
    tenant: int, entity: int, version: int, log_index: int | None = None, **more: Any
) -> Row:
    """Give the place of a version; its position is its index and one."""
    index = audit_of(tenant, entity, version) if log_index is None else log_index
    return {
        "log_index": index,
        "tenant_id": uid(tenant),
        "pos": index + 1,
        "audit_id": uid(audit_of(tenant, entity, version)),
        "tenant_prev": NOTHING,
        "leaf_hash": hashed("leaf", index),
    } | more


def entity_of(tenant: int, entity: int, **more: Any) -> Row:
    """Give an entity that is what the second version of its log says."""
    row: Row = {
        "tenant_id": uid(tenant),
        "id": uid(entity),
        "entity_type": "skill",
        "name": f"Entity {entity}",
        "description": "What it is.",
        "status": "active",
        "created_at": at(0).isoformat(),
        "updated_at": at(1_000 * entity + 2).isoformat(),
        "archived_at": None,
        "version": 2,
        "version_hash": hashed(tenant, entity, 2),
        "last_entry_id": uid(audit_of(tenant, entity, 2)),
        "aliases": [],
        "custom_attributes": {},
        "governance_agent_id": uid(1),
        "document": f'"{tenant}/{entity}/2"',
    }
    return row | more


def amendment_of(tenant: int, number: int, **more: Any) -> Row:
    """Give an amendment that is what the second version of its log says."""
    row: Row = {
        "tenant_id": uid(tenant),
        "id": uid(number),
        "entity_id": uid(number + 1),
        "entity_type": "skill",
        "base_version": 3,
        "patch": {},
        "status": "draft",
        "version": 2,
        "version_hash": hashed(tenant, number, 2),
        "last_entry_id": uid(audit_of(tenant, number, 2)),
        "governance_agent_id": uid(1),
        "created_at": at(0).isoformat(),
        "updated_at": at(1_000 * number + 2).isoformat(),
        "document": "{}",
    }
    return row | more


def text_of(row: Row) -> str:
    """Write what is hashed of an entry."""
    moment = round(datetime.fromisoformat(row["at"]).timestamp() * 1_000_000)
    said = ["plant-entry/v1", row["tenant_id"], row["entity_type"], row["entity_id"]]
    said += [row["version"], row["operation"], row["actor"], row["key"], moment]
    said += [row[name].removeprefix("\\x") for name in ("payload_hash", "prev_hash")]
    return json.dumps(said, separators=(",", ":"))


def bytes_of(text: str) -> bytes:
    """Give the bytes that a hash is written for."""
    return bytes.fromhex(text.removeprefix("\\x"))


def checkpoint_of(incarnation: int, size: int) -> Row:
    """Give a checkpoint whose note names its life and its size."""
    return {
        "incarnation": incarnation,
        "size": size,
        "origin": "origin",
        "root": hashed(incarnation, size),
        "note": f"{incarnation}/{size}",
        "sealed_at": NOON.isoformat(),
    }


def cosignature_of(incarnation: int, size: int, witness: str) -> Row:
    """Give what a witness signed of a checkpoint."""
    line = f"{incarnation}/{size}/{witness}"
    return {"incarnation": incarnation, "size": size, "witness": witness, "line": line}


def incarnation_of(incarnation: int) -> Row:
    """Give a life of the log."""
    return {
        "incarnation": incarnation,
        "origin": f"origin {incarnation}",
        "system_identifier": 10 - incarnation,
        "began_at": NOON.isoformat(),
        "size": 10 - incarnation,
        "root": NOTHING,
        "reason": "begun",
    }


def prune_of(tenant: int, version: int, through: int) -> Row:
    """Give a pruning up to a position."""
    return {
        "tenant_id": uid(tenant),
        "version": version,
        "through": through,
        "archive": "a file",
        "digest": NOTHING,
        "emptied": 1,
        "transaction_id": "1",
        "pruned_at": NOON.isoformat(),
    }


class Forged:
    """A transaction in which rows are written as a superuser does, and read as the worker."""

    def __init__(self, superuser: Connection, repository: Repository) -> None:
        self._superuser = superuser
        self._repository = repository

    async def put(self, table: str, rows: Iterable[Row]) -> None:
        """Write rows of the same columns, the last ones first."""
        given = list(rows)[::-1]
        columns = ", ".join(given[0])
        await self._superuser.execute(
            f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns}"
            f" FROM jsonb_populate_recordset(NULL::{table}, $1)",
            json.dumps(given),
        )

    async def many(self, query: Many[Any]) -> list[tuple[Any, ...]]:
        """Give what a statement finds, whether it sorts or not; ids as their numbers."""
        found = []
        for sorting in ("on", "off"):
            await self._superuser.execute(f"SET LOCAL enable_sort = {sorting}")
            rows = await self._repository.many(query, connection=self._superuser)
            found.append([plain(row) for row in rows])
        assert found[0] == found[1]
        return found[0]

    async def maybe(self, query: Maybe[Any]) -> tuple[Any, ...] | None:
        """Give the one row that a statement may find."""
        row = await self._at_most_one(query)
        return row and plain(row)

    async def _at_most_one(self, query: Maybe[Any], context: Context | None = None) -> Any:
        """See that a statement finds no second row, which nobody would look at."""
        statement = self._repository.catalog[stem(type(query))]
        given: tuple[object, ...] = structs.astuple(query)
        if statement.call == "function" and context:
            given += context.arguments
        every = await self._superuser.fetch(statement.query, *given)
        row = await self._repository.maybe(query, context, connection=self._superuser)
        assert len(every) == (row is not None)
        return row

    async def told(
        self, query: Maybe[Any] | Many[Any], tenant: int, agent: int = 1
    ) -> list[tuple[Any, ...]]:
        """Give what the service tells a governance agent, whom row security holds to a tenant."""
        context = Context(tenant_id=uid(tenant), governance_agent_id=uid(agent), key_id=uid(agent))
        rows: list[Any]
        await self._superuser.execute("SET LOCAL ROLE plant_app")
        if isinstance(query, Maybe):
            row = await self._at_most_one(query, context)
            rows = [row] if row else []
        else:
            rows = await self._repository.many(query, context, connection=self._superuser)
        await self._superuser.execute("RESET ROLE")
        return [plain(row) for row in rows]

    async def one(self, query: One[Any]) -> tuple[Any, ...]:
        """Give the one row of a statement."""
        return plain(await self._repository.one(query, connection=self._superuser))


def plain(row: Any) -> tuple[Any, ...]:
    """Give the values of a row, ids as their numbers."""
    values = (getattr(row, name) for name in row.__struct_fields__)
    return tuple(value.int if isinstance(value, UUID) else value for value in values)


@asynccontextmanager
async def forging(superuser: Connection, repository: Repository) -> AsyncIterator[Forged]:
    """Have such a transaction."""
    transaction = superuser.transaction()
    await transaction.start()
    try:
        for way in AS_WRITTEN:
            await superuser.execute(f"SET LOCAL enable_{way} = off")
        yield Forged(superuser, repository)
    finally:
        await transaction.rollback()
