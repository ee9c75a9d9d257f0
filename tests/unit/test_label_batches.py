"""Which labels are embedded together: whole entities, and a mark that passes none of them."""

import random
from collections.abc import Sequence
from uuid import UUID

import pytest

from service.labelling.batch import LABELS, Batch, Mark, batches
from service.repository.labels import Due

COUNT = 600


def lines(sizes: Sequence[int], waiting_from: int) -> list[Due]:
    """Make what the statement reads: entities with so many labels, the last ones without a place.

    A size of 0 is an entity that needs nothing.
    """
    placed = min(waiting_from, len(sizes))
    found = []
    for number, size in enumerate(sizes):
        pos = number + 1 if number < waiting_from else None
        seq = None if pos else 100 + number
        version = 1 if size else None
        label = "label" if size else None
        found += [
            Due(
                until_pos=placed, until_seq=100 + len(sizes), pos=pos, seq=seq,
                entity_id=UUID(int=number + 1), entity_type="skill", version=version,
                source=label, label=label, digest=b"", embedder=label,
            )
            for _ in range(max(size, 1))
        ]  # fmt: skip
    return found


def passed(batch: Batch, row: Due) -> bool:
    """Say whether a batch's mark is at or behind the entry at which an entity comes up."""
    return row.pos <= batch.until.pos if row.pos is not None else (row.seq or 0) <= batch.until.seq


@pytest.mark.parametrize("seed", range(40))
def test_no_entity_is_lost_or_halved(seed: int) -> None:
    """After each batch the mark has passed what was taken and nothing else."""
    chance = random.Random(seed)
    sizes = [chance.choice([0, 1, 2, 7, 40, 202]) for _ in range(chance.randint(1, 60))]
    every = lines(sizes, chance.randint(0, len(sizes)))
    rows = every[:COUNT]
    cut = list(batches(rows, Mark(0, 100), COUNT))
    taken = [row for batch in cut for row in batch.due]

    entities = list(dict.fromkeys(row.entity_id for row in taken))
    for entity in entities:
        wanted = [row for row in every if row.entity_id == entity]
        assert wanted == [row for row in taken if row.entity_id == entity]
    for place, batch in enumerate(cut):
        done = {row.entity_id for earlier in cut[: place + 1] for row in earlier.due}
        for row in every:
            if row.label is not None and passed(batch, row):
                assert row.entity_id in done
        # One entity goes in whatever its size, and no second one once there are enough.
        before_last = [row for row in batch.due if row.entity_id != batch.ids[-1]]
        assert len(before_last) < LABELS


def test_all_of_it_goes_when_all_was_read() -> None:
    """The last mark is as far as the entries were looked at."""
    rows = lines([1, 2, 3], 3)
    (batch,) = batches(rows, Mark(0), COUNT)

    assert 6 == len(batch.due)
    assert Mark(3, 103) == batch.until


def test_entities_that_need_nothing_move_the_mark() -> None:
    """Nothing is written of them."""
    (batch,) = batches(lines([0, 0], 2), Mark(0), COUNT)

    assert ([], [], Mark(2, 102)) == (batch.ids, batch.due, batch.until)


def test_nothing_new_moves_nothing() -> None:
    """One line without an entity."""
    line = Due(
        until_pos=7, until_seq=9, pos=None, seq=None, entity_id=None, entity_type=None,
        version=None, source=None, label=None, digest=None, embedder=None,
    )  # fmt: skip
    (batch,) = batches([line], Mark(7, 9), COUNT)

    assert ([], Mark(7, 9)) == (batch.ids, batch.until)
