"""Places in the log, in their order: no hole in the log of all, none in a tenant's, every link."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from service.proof.entry import NOTHING
from service.repository.verify_rows import PositionRow
from service.verify.damage import Place, found
from service.verify.verdict import Verdict

GAPS_SHOWN_MAX: Final = 100
"""Of one hole; what is missing further on is counted with them."""

BEGINNING: Final = (0, NOTHING)


class Order:
    """Walks along places; `next` is the index that comes next."""

    def __init__(self, verdict: Verdict, *, whole: bool) -> None:
        self._verdict = verdict
        self._whole = whole
        self._ends: dict[UUID, tuple[int, bytes]] = {}
        self.next = 0
        self.count = 0

    def along(self, rows: Sequence[PositionRow]) -> dict[int, bytes]:
        """Check the next places; gives the leaf hash that stands at each index."""
        self.count += len(rows)
        for row in rows:
            if row.log_index < self.next:
                self._verdict.add(found("order", _place(row), "It stands before its predecessor."))
            elif self._whole:
                self._gap(row.log_index)
            self.next = row.log_index + 1
            position, leaf = self._ends.get(row.tenant_id, BEGINNING)
            if row.pos != position + 1:
                self._verdict.add(
                    found("position", _place(row), f"Position {position} stands before it.")
                )
            elif row.tenant_prev != leaf:
                self._verdict.add(
                    found("position", _place(row), "It does not name the tenant's leaf before.")
                )
            self._ends[row.tenant_id] = (row.pos, row.leaf_hash)
        return {row.log_index: row.leaf_hash for row in rows}

    def _gap(self, index: int) -> None:
        for missing in range(self.next, min(index, self.next + GAPS_SHOWN_MAX)):
            self._verdict.add(
                found("missing", Place(log_index=missing), "Nothing stands at this index.")
            )


def _place(row: PositionRow) -> Place:
    return Place(tenant=str(row.tenant_id), position=row.pos, log_index=row.log_index)
