"""Gives entries their places in the log and seals it, when a test says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from uuid import UUID

import asyncpg

from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.entry import NOTHING, leaf_bytes
from service.proof.keys import Signer, VerifierKey
from service.proof.tiles import Frontier, extend, frontier, root_tiles
from service.proof.tree import leaf_hash
from tests.postgres import Server
from tests.sessions import Connection

ORIGIN = "plant.local/test"
PENDING = """
SELECT pending.seq, pending.tenant_id, pending.audit_id, entry.entry_hash
FROM audit.pending INNER JOIN audit.entry USING (tenant_id, audit_id) ORDER BY pending.seq
"""
ENDS = """
SELECT DISTINCT ON (tenant_id) tenant_id, pos, leaf_hash
FROM audit.position ORDER BY tenant_id, pos DESC
"""
GROW = """
INSERT INTO audit.tile (level, index, nodes) VALUES ($1, $2, $3)
ON CONFLICT (level, index) DO UPDATE SET nodes = excluded.nodes
"""
SIGN = """
INSERT INTO audit.checkpoint (incarnation, size, origin, root, note) VALUES (1, $1, $2, $3, $4)
"""


class Sealer:
    """The leader of a database's log."""

    def __init__(self, cluster: Server, database: str) -> None:
        self._url = cluster.url("worker", database)
        self._signer = Signer(ORIGIN, sha256(b"test").digest())

    @property
    def keys(self) -> list[VerifierKey]:
        """Give the keys that are to be pinned."""
        return [self._signer.vkey]

    async def place(self) -> None:
        """Give a place to whatever has none."""
        async with self._session() as session:
            await self._place(session)

    async def seal(self) -> int:
        """Place what has no place, and sign how much there is now."""
        async with self._session() as session:
            await self._place(session)
            return await self._sign(session)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Connection]:
        session = await asyncpg.connect(self._url)
        try:
            async with session.transaction():
                yield session
        finally:
            await session.close()

    async def _place(self, session: Connection) -> None:
        ends: dict[UUID, tuple[int, bytes]] = {
            tenant: (pos, leaf) for tenant, pos, leaf in await session.fetch(ENDS)
        }
        index = sum(pos for pos, _ in ends.values())
        for seq, tenant, audit, entry in await session.fetch(PENDING):
            pos, before = ends.get(tenant, (0, NOTHING))
            leaf = leaf_hash(leaf_bytes(str(tenant), pos + 1, entry, before))
            await session.execute(
                "INSERT INTO audit.position VALUES ($1, $2, $3, $4, $5, $6)",
                *(index, tenant, pos + 1, audit, before, leaf),
            )
            await session.execute("DELETE FROM audit.pending WHERE seq = $1", seq)
            ends[tenant] = pos + 1, leaf
            index += 1

    async def _sign(self, session: Connection) -> int:
        size: int = await session.fetchval("SELECT coalesce(max(size), 0) FROM audit.checkpoint")
        rows = await session.fetch(
            "SELECT leaf_hash FROM audit.position WHERE log_index >= $1 ORDER BY log_index", size
        )
        if not rows:
            return size
        tiles = {
            (row["level"], row["index"]): row["nodes"]
            for row in await session.fetch("SELECT level, index, nodes FROM audit.tile")
        }
        before = frontier(size, tiles) if root_tiles(size) else Frontier(size)
        grown, changed = extend(before, [row["leaf_hash"] for row in rows])
        await session.executemany(GROW, [(*tile, nodes) for tile, nodes in changed.items()])
        checkpoint = Checkpoint(ORIGIN, grown.size, grown.root())
        note = sign_checkpoint(checkpoint, [self._signer])
        await session.execute(SIGN, grown.size, ORIGIN, checkpoint.root, note)
        return grown.size
