"""Entries with their documents and places, one by one: every hash computed from the bytes."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

from service.proof.diagnosis import leaf_prefix
from service.proof.tiles import HEIGHT
from service.repository.verify_rows import EntryRow
from service.verify.damage import Place, found
from service.verify.verdict import Verdict

NO_DOCUMENT: Final = "The entry has no document: its row is gone."
NO_ENTRY: Final = "The entry {} that belongs here is gone."
STRAY: Final = "A document is of the entry {}, which is not there."
Span = tuple[int, int]


class Entries:
    """Checks entries in any order.

    Shapes: `pruned` has, for tenants, the position up to which their documents were pruned;
    `times` has the earliest and the latest time of each stretch of 256 indexes of the log, in
    microseconds; `unplaced` counts entries without a position.
    """

    def __init__(self, verdict: Verdict, pruned: Mapping[UUID, int]) -> None:
        self._verdict = verdict
        self._pruned = pruned
        self._tenant: UUID | None = None
        self._prefix = ""
        self.times: dict[int, Span] = {}
        self.count = self.documents = self.erased = self.pruned_count = self.unplaced = 0

    def check(self, rows: Sequence[EntryRow]) -> None:
        """Check some."""
        self.count += len(rows)
        for row in rows:
            if row.tenant_id != self._tenant:
                self._tenant = row.tenant_id
                self._prefix = leaf_prefix(str(row.tenant_id))
            if row.entry_hash is None:
                self._without_entry(row)
                continue
            entry, payload = row.entry, row.payload
            if entry is None or sha256(entry.encode()).digest() != row.entry_hash:
                self._verdict.add(found("entry", place(row)))
            if payload is None:
                self._without_document(row)
            elif entry is not None and sha256(payload).hexdigest() != entry[-133:-69]:
                self._verdict.add(found("document", place(row)))
            else:
                self.documents += 1
            if row.log_index is None:
                self.unplaced += 1
            else:
                self._check_leaf(row, row.entry_hash)

    def _check_leaf(self, row: EntryRow, entry_hash: bytes) -> None:
        before = (row.tenant_prev or b"").hex()
        leaf = f'{self._prefix}{row.pos},"{entry_hash.hex()}","{before}"]'
        if sha256(leaf.encode()).digest() != row.leaf_hash:
            self._verdict.add(found("position", place(row)))
        if row.at_us is not None and row.log_index is not None:
            block = row.log_index >> HEIGHT
            first, last = self.times.get(block, (row.at_us, row.at_us))
            self.times[block] = (min(first, row.at_us), max(last, row.at_us))

    def _without_document(self, row: EntryRow) -> None:
        if not row.kept:
            self._verdict.add(found("document", place(row), NO_DOCUMENT))
        elif row.erased:
            self.erased += 1
        elif row.erased is not None and (row.pos or 0) <= self._pruned.get(row.tenant_id, -1):
            # Of the present version, which nothing follows, the document is never pruned.
            self.pruned_count += 1
        else:
            self._verdict.add(found("erasure", place(row)))

    def _without_entry(self, row: EntryRow) -> None:
        damage, words = ("missing", NO_ENTRY) if row.pos is not None else ("stray", STRAY)
        self._verdict.add(found(damage, place(row), words.format(row.audit_id)))


def place(row: EntryRow) -> Place:
    """Say where a row stands, as far as the entry can be read."""
    try:
        said = msgspec.json.decode(row.entry or "")
        kind, entity, version = said[2], said[3], said[4]
    except (msgspec.DecodeError, RecursionError, IndexError, TypeError, KeyError):
        kind = entity = version = None
    return Place(
        tenant=str(row.tenant_id),
        kind=kind,
        entity=entity,
        version=version,
        position=row.pos,
        log_index=row.log_index,
    )
