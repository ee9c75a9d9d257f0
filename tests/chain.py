"""The chain of one entity's log: its hashes computed a second time, from the contract's words."""

import itertools
import json
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import asyncpg

from tests.factories import Tenant
from tests.sessions import Connection

NOTHING = bytes(32)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
LOG = """
SELECT entry.*, payload.salt, payload.body, payload.private_to, payload.reason
FROM audit.entry
LEFT JOIN audit.payload ON payload.tenant_id = entry.tenant_id AND payload.audit_id = entry.audit_id
WHERE entry.entity_id = $1
ORDER BY entry.version
"""
COUNT = """
SELECT
    (SELECT count(*) FROM audit.entry WHERE tenant_id = $1),
    (SELECT count(*) FROM audit.payload WHERE tenant_id = $1),
    (SELECT count(*) FROM audit.pending WHERE tenant_id = $1)
"""
Row = asyncpg.Record


def payload_hash(row: Row | dict[str, Any]) -> bytes:
    """Compute the hash of salt and document."""
    return sha256(row["salt"] + row["body"].encode()).digest()


def entry_hash(row: Row | dict[str, Any]) -> bytes:
    """Compute the hash of an entry from what it says, as the contract spells it."""
    array = [
        "plant-entry/v1",
        str(row["tenant_id"]),
        row["entity_type"],
        str(row["entity_id"]),
        row["version"],
        row["operation"],
        row["actor"],
        row["key"],
        (row["at"] - EPOCH) // MICROSECOND,
        row["payload_hash"].hex(),
        row["prev_hash"].hex(),
    ]
    return sha256(json.dumps(array, separators=(",", ":")).encode()).digest()


async def history(superuser: Connection, identity: object) -> list[Row]:
    """Read the log of an entity and check every link of it."""
    rows = await superuser.fetch(LOG, identity)
    before = NOTHING
    for version, row in enumerate(rows, 1):
        document = json.loads(row["body"])
        assert version == row["version"] == document["version"]
        assert row["payload_hash"] == payload_hash(row)
        assert row["prev_hash"] == before
        before = entry_hash(row)
        assert row["entry_hash"] == before
        assert document["updated_at"] == row["at"].isoformat(timespec="microseconds").replace(
            "+00:00", "Z"
        )
        assert document["created_at"] == json.loads(rows[0]["body"])["updated_at"]
        assert 16 == len(row["salt"])
        owner = document["governance_agent_id"] if document["status"] == "draft" else None
        assert owner == (row["private_to"] and str(row["private_to"]))
    times = [row["at"] for row in rows]
    assert all(one < two for one, two in itertools.pairwise(times))
    assert len({row["salt"] for row in rows}) == len(rows)
    base = await superuser.fetchrow(
        "SELECT document, version, version_hash, last_entry_id FROM app.base_entity WHERE id = $1",
        identity,
    )
    assert base
    last = rows[-1]
    assert (base["document"], base["version"], base["version_hash"], base["last_entry_id"]) == (
        last["body"],
        last["version"],
        last["entry_hash"],
        last["audit_id"],
    )
    return rows


async def counted(superuser: Connection, tenant: Tenant) -> tuple[int, int, int]:
    """Count a tenant's entries, payloads and pending rows."""
    row = await superuser.fetchrow(COUNT, tenant.id)
    assert row
    return tuple(row)
