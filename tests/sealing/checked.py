"""Looks a whole log through, with hashes and a tree of its own: nothing of service/proof."""

import json
from collections import defaultdict
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from tests.chain import NOTHING, entry_hash
from tests.sessions import Connection

PLACED: Final = """
SELECT position.*, to_jsonb(entry) IS NOT NULL AS there, entry.entity_id, entry.version
FROM audit.position LEFT JOIN audit.entry USING (tenant_id, audit_id) ORDER BY log_index
"""
ENTRIES: Final = "SELECT * FROM audit.entry"


class Tree:
    """The tree of RFC 9162, section 2.1.1, word for word, over leaf hashes."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves
        self._known: dict[tuple[int, int], bytes] = {}

    def root(self, low: int, high: int) -> bytes:
        """Give the hash of the leaves from `low` up to `high`."""
        if low == high:
            return sha256(b"").digest()
        if high - low == 1:
            return self._leaves[low]
        if (low, high) not in self._known:
            split = 1
            while split * 2 < high - low:
                split *= 2
            left, right = self.root(low, low + split), self.root(low + split, high)
            self._known[low, high] = sha256(b"\x01" + left + right).digest()
        return self._known[low, high]


def leaf_hash(tenant: UUID, position: int, entry: bytes, previous: bytes) -> bytes:
    """Compute the hash of a leaf from what it says, as the contract spells it."""
    array = ["plant-leaf/v1", str(tenant), position, entry.hex(), previous.hex()]
    return sha256(b"\x00" + json.dumps(array, separators=(",", ":")).encode()).digest()


async def sound(superuser: Connection, *, complete: bool = True) -> int:
    """Check order, chains, tree, tiles and checkpoints; gives the size that is sealed.

    `complete`: every entry has its place and is sealed.
    """
    entries = {row["audit_id"]: row for row in await superuser.fetch(ENTRIES)}
    rows = await superuser.fetch(PLACED)
    ends: dict[UUID, tuple[int, bytes]] = defaultdict(lambda: (0, NOTHING))
    versions: dict[UUID, int] = {}
    leaves = []
    for index, row in enumerate(rows):
        entry: Any = entries.get(row["audit_id"])
        assert entry, f"the entry {row['audit_id']} is not there"
        position, previous = ends[row["tenant_id"]]
        assert entry["entry_hash"] == entry_hash(entry)
        assert (index, position + 1, previous) == (row["log_index"], row["pos"], row["tenant_prev"])
        hashed = leaf_hash(row["tenant_id"], row["pos"], entry["entry_hash"], previous)
        assert hashed == row["leaf_hash"]
        ends[row["tenant_id"]] = (position + 1, hashed)
        assert versions.get(entry["entity_id"], 0) < entry["version"]
        versions[entry["entity_id"]] = entry["version"]
        leaves.append(hashed)
    tree = Tree(leaves)
    checkpoints = await superuser.fetch("SELECT * FROM audit.checkpoint ORDER BY incarnation, size")
    for row in checkpoints:
        assert tree.root(0, row["size"]) == row["root"], row["size"]
        assert row["note"].startswith(f"{row['origin']}\n{row['size']}\n")
    size = int(checkpoints[-1]["size"]) if checkpoints else 0
    await _tiles(superuser, tree, size)
    if complete:
        assert len(entries) == len(rows) == size
        assert 0 == await superuser.fetchval("SELECT count(*) FROM audit.pending")
    return size


async def _tiles(superuser: Connection, tree: Tree, size: int) -> None:
    """Check that there is every tile of a tree of this size, that it is right, and no other."""
    expected: dict[tuple[int, int], bytes] = {}
    level = 0
    while count := size >> 8 * level:
        step = 1 << 8 * level
        hashes = [tree.root(at * step, (at + 1) * step) for at in range(count)]
        for at in range(0, count, 256):
            expected[level, at // 256] = b"".join(hashes[at : at + 256])
        level += 1
    found = {
        (row["level"], row["index"]): row["nodes"]
        for row in await superuser.fetch("SELECT * FROM audit.tile")
    }
    assert expected == found
