"""Gives entries their places, in the order in which they joined the queue."""

import logging
from typing import Final
from uuid import UUID

from service.proof.entry import NOTHING, leaf_bytes
from service.proof.tree import leaf_hash
from service.repository.sealing import (
    LogEnded,
    LogEnds,
    LogPending,
    LogPlace,
    Pending,
)
from service.sealing.desk import Desk
from service.sealing.refused import RESTORE, LogRefused

log = logging.getLogger(__name__)

BATCH: Final = 2_000
SWEEP_S: Final = 60.0
"""How often the whole queue is looked through, whatever the low-water mark says."""

End = tuple[int, bytes]
"""A tenant's last position and leaf hash."""


class Changed(Exception):  # noqa: N818 - a state, not a defect
    """The log is not as it was left a moment ago: what is known of it has to be looked up again."""


class Sequencer:
    """The end of the log as it is in memory, while nobody else writes to it.

    `unsealed`: the hashes of the leaves that have a place and are not in the tree, in order.
    `low`: rows of the queue up to it are gone for good. It spares the reading of dead rows that a
    snapshot held elsewhere keeps, and nothing depends on it: the whole queue is read every minute.
    """

    def __init__(self, desk: Desk, positions: int, unsealed: list[bytes]) -> None:
        self._desk = desk
        self.unsealed = unsealed
        self._next = positions
        self._ends: dict[UUID, End] = {}
        self.low = 0
        # A number of the queue, and the transaction before which had begun whoever drew it or a
        # lower one: what is waited for, and what will be next.
        self._bound: tuple[int, int] | None = None
        self._next_bound: tuple[int, int] | None = None
        self._swept_at = float("-inf")

    async def place(self, now: float) -> int:
        """Place the next entries; says how many, at most BATCH.

        Units: `now` in seconds, of any clock that only rises.
        Raises: LogRefused: nothing was placed; Changed.
        """
        ended = (await self._desk.one(LogEnded())).before if self._bound else 0
        after = self.low
        if now - self._swept_at >= SWEEP_S:
            after, self._swept_at = 0, now
        # Read after it was asked what has ended: what had ended by then is seen by now.
        rows = await self._desk.many(LogPending(after, BATCH))
        if rows:
            await self._placed(rows)
        self._raise_low(rows, ended)
        return len(rows)

    async def _placed(self, rows: list[Pending]) -> None:
        """Place what has no place yet, and take all of it from the queue, in one transaction."""
        fresh = to_place(rows)
        ends = await self._ends_of({row.tenant_id for row in fresh})
        positions: list[int] = []
        prevs: list[bytes] = []
        leaves: list[bytes] = []
        for row in fresh:
            position, prev = ends.get(row.tenant_id, (0, NOTHING))
            position += 1
            # What is fresh has a hash.
            leaf = leaf_bytes(str(row.tenant_id), position, row.entry_hash or b"", prev)
            hashed = leaf_hash(leaf)
            ends[row.tenant_id] = (position, hashed)
            positions.append(position)
            prevs.append(prev)
            leaves.append(hashed)
        done = await self._desk.one(
            LogPlace(
                self._next,
                [row.tenant_id for row in fresh],
                positions,
                [row.audit_id for row in fresh],
                prevs,
                leaves,
                [row.seq for row in rows],
            )
        )
        if done.placed < len(fresh):
            raise Changed
        if done.removed < len(rows):
            log.warning("%d rows of the queue went by another hand", len(rows) - done.removed)
        self._next += len(fresh)
        self.unsealed += leaves
        self._ends |= ends
        number = max(rows[-1].seq, self._next_bound[0] if self._next_bound else 0)
        self._next_bound = (number, done.transaction)
        if self._bound is None:
            self._bound, self._next_bound = self._next_bound, None

    async def _ends_of(self, tenants: set[UUID]) -> dict[UUID, End]:
        """Give where the logs of these tenants end, in a dictionary of their own."""
        unknown = [tenant for tenant in tenants if tenant not in self._ends]
        if unknown:
            for end in await self._desk.many(LogEnds(unknown, len(unknown))):
                self._ends[end.tenant_id] = (end.pos, end.leaf_hash)
        return {tenant: self._ends[tenant] for tenant in tenants if tenant in self._ends}

    def _raise_low(self, rows: list[Pending], ended: int) -> None:
        """Pass over numbers that nobody can bring any more: their transactions have ended."""
        if self._bound is None:
            return
        number, transaction = self._bound
        if ended < transaction:
            return
        # Of a full batch there may be more behind its end.
        self.low = max(self.low, min(number, rows[-1].seq) if len(rows) == BATCH else number)
        self._bound, self._next_bound = self._next_bound, None


def to_place(rows: list[Pending]) -> list[Pending]:
    """Give the entries that have no place yet, each once; they are as they were written.

    Raises: LogRefused.
    """
    fresh: dict[tuple[UUID, UUID], Pending] = {}
    for row in rows:
        key = (row.tenant_id, row.audit_id)
        if row.placed or key in fresh:
            log.warning("entry %s of tenant %s stands in the queue again", *key[::-1])
        elif row.entry_hash is None:
            raise LogRefused(
                "missing-entry",
                f"Row {row.seq} of audit.pending is for the entry {row.audit_id} of tenant "
                f"{row.tenant_id}, and there is no such entry.",
                RESTORE,
            )
        elif not row.intact:
            raise LogRefused(
                "entry-hash",
                f"The entry {row.audit_id} of tenant {row.tenant_id} was changed after it was "
                "written, or written by no trigger: its hash is not that of what it says.",
                RESTORE,
            )
        else:
            fresh[key] = row
    return list(fresh.values())
