"""What an attacker does who knows the formats: hashes, places, tiles and signatures made anew."""

from collections import defaultdict
from typing import Any, Final
from uuid import UUID

from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.entry import NOTHING, leaf_bytes
from service.proof.keys import Signer
from service.proof.tiles import Frontier, Tile, extend
from service.proof.tree import leaf_hash
from tests.attacks.site import Site
from tests.chain import entry_hash, payload_hash
from tests.sessions import Connection

LOG: Final = (
    "audit.entry",
    "audit.payload",
    "audit.pending",
    "audit.position",
    "audit.tile",
    "audit.checkpoint",
    "audit.cosignature",
    "audit.incarnation",
)
STATE: Final = ("app.base_entity", "app.amendment")
ENTRIES: Final = """
SELECT entry.*, payload.salt, payload.body, position.log_index
FROM audit.position
INNER JOIN audit.entry USING (tenant_id, audit_id)
INNER JOIN audit.payload USING (tenant_id, audit_id)
ORDER BY position.log_index
"""
HASHES: Final = """
UPDATE audit.entry SET payload_hash = $2, prev_hash = $3, entry_hash = $4 WHERE audit_id = $1
"""
PLACE: Final = "UPDATE audit.position SET tenant_prev = $2, leaf_hash = $3 WHERE log_index = $1"


async def reforge(site: Site, connection: Connection) -> None:
    """Compute every hash of entries and places anew, and let the entities name them."""
    before: dict[UUID, bytes] = defaultdict(lambda: NOTHING)
    for row in await connection.fetch(ENTRIES):
        said: dict[str, Any] = dict(row)
        if row["body"] is not None:
            said["payload_hash"] = payload_hash(row)
        said["prev_hash"] = before[row["entity_id"]]
        hashed = before[row["entity_id"]] = entry_hash(said)
        await connection.execute(
            HASHES, row["audit_id"], said["payload_hash"], said["prev_hash"], hashed
        )
    for table in STATE:
        await connection.execute(
            f"UPDATE {table} SET version_hash = entry.entry_hash FROM audit.entry"
            f" WHERE entry.audit_id = {table}.last_entry_id"
        )
    await replace(connection)


async def replace(connection: Connection) -> None:
    """Give every entry its place anew, in the order that the places have."""
    ends: dict[UUID, bytes] = defaultdict(lambda: NOTHING)
    rows = await connection.fetch(
        "SELECT position.*, entry.entry_hash FROM audit.position"
        " INNER JOIN audit.entry USING (tenant_id, audit_id) ORDER BY log_index"
    )
    for row in rows:
        tenant, prev = row["tenant_id"], ends[row["tenant_id"]]
        hashed = leaf_hash(leaf_bytes(str(tenant), row["pos"], row["entry_hash"], prev))
        await connection.execute(PLACE, row["log_index"], prev, hashed)
        ends[tenant] = hashed


async def regrow(connection: Connection) -> None:
    """Make the tiles anew from the places."""
    leaves = await _leaves(connection)
    await connection.execute("DELETE FROM audit.tile")
    changed: dict[Tile, bytes] = extend(Frontier(), leaves)[1]
    await connection.executemany(
        "INSERT INTO audit.tile VALUES ($1, $2, $3)",
        [(level, index, nodes) for (level, index), nodes in changed.items()],
    )


async def resign(connection: Connection, seeds: list[bytes]) -> str:
    """Sign every checkpoint anew for the places that there are; gives the last note.

    What witnesses have signed would contradict it, and is taken away.
    """
    await connection.execute("DELETE FROM audit.cosignature")
    leaves, note = await _leaves(connection), ""
    rows = await connection.fetch("SELECT * FROM audit.checkpoint ORDER BY incarnation, size")
    for row in rows:
        origin, size = row["origin"], row["size"]
        root = extend(Frontier(), leaves[:size])[0].root()
        signers = [Signer(origin, seed) for seed in seeds]
        note = sign_checkpoint(Checkpoint(origin, size, root), signers)
        await connection.execute(
            "UPDATE audit.checkpoint SET root = $3, note = $4 WHERE incarnation = $1 AND size = $2",
            row["incarnation"],
            size,
            root,
            note,
        )
    return note


async def _leaves(connection: Connection) -> list[bytes]:
    rows = await connection.fetch("SELECT leaf_hash FROM audit.position ORDER BY log_index")
    return [row["leaf_hash"] for row in rows]
