"""Which labels are embedded and written together, and how far the log is done with them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from msgspec import Struct

from service.repository.labels import Due

LABELS: Final = 128
"""Of one batch, give or take one entity: their rows are locked while they are written."""


class Mark(Struct, frozen=True):
    """How far one has come: a position of the tenant's log, and a number of the queue."""

    pos: int
    seq: int = 0


class Batch(Struct, frozen=True):
    """Entities whose labels are written in one transaction; `due` has those with a text."""

    until: Mark
    ids: list[UUID]
    versions: list[int]
    due: list[Due]


def batches(rows: Sequence[Due], after: Mark, count: int) -> Iterator[Batch]:
    """Cut what was read behind a mark: whole entities, in the order of the log.

    `count` is how many lines were asked for: of as many, the last entity may lack some, and is
    left for the next time.
    """
    groups = [list(group) for _, group in groupby(rows, lambda row: row.entity_id)]
    groups = [group for group in groups if group[0].entity_id is not None]
    rest = groups.pop() if len(rows) == count and len(groups) > 1 else None
    taken: list[list[Due]] = []
    for place, group in enumerate(groups):
        taken.append(group)
        following = groups[place + 1] if place + 1 < len(groups) else rest
        if following is None:
            yield _batch(taken, Mark(rows[0].until_pos, rows[0].until_seq))
        elif sum(map(len, taken)) >= LABELS:
            yield _batch(taken, _before(following[0], rows[0], after))
            taken = []
    if taken and rest is not None:
        yield _batch(taken, _before(rest[0], rows[0], after))
    if not groups:
        yield _batch([], Mark(rows[0].until_pos, rows[0].until_seq))


def _before(row: Due, first: Due, after: Mark) -> Mark:
    """Give the mark behind which an entity comes up first."""
    if row.pos is not None:
        return Mark(row.pos - 1, after.seq)
    return Mark(first.until_pos, (row.seq or 1) - 1)


def _batch(groups: list[list[Due]], until: Mark) -> Batch:
    entities = {row.entity_id: row.version for row, *_ in groups if row.entity_id}
    needing = {one: version for one, version in entities.items() if version is not None}
    return Batch(
        until=until,
        ids=list(needing),
        versions=list(needing.values()),
        due=[row for group in groups for row in group if row.label is not None],
    )
