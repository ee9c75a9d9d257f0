"""Which pairs of a kind may be near: everything compared in memory, or looked up one by one.

In memory it takes numpy and 1.7 KB for each label. Without it, and of more labels than memory is
spent on, each entity is looked up as by its id, which takes minutes where the other takes seconds.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from heapq import nlargest
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

from msgspec import Struct

from service.embedding.comparison import Comparison
from service.model.query import LIMIT_MAX
from service.model.search import NOT_ARCHIVED
from service.model.vector import unwired
from service.repository.base import Context, Repository
from service.repository.search import NAMES, PairLabel, SearchPairLabels
from service.usecases.duplicates import Duplicates
from service.usecases.probes import Probe

PAGE: Final = 200
"""Entities whose labels are read at once: some 2 MB."""

LOOKED_UP: Final = 20
"""What an entity is near to, at first; as many as an answer has when these are not all."""

FIRST: Final = "00000000-0000-0000-0000-000000000000"
"""Below every id."""


class Asked(Struct, frozen=True):
    """What is compared, for whom, and how many pairs are wanted."""

    repository: Repository
    context: Context
    kind: str
    least: float
    limit: int


class Candidates(Struct, frozen=True):
    """Pairs that may be near, the smaller id first, and how many labels each entity has."""

    pairs: set[tuple[UUID, UUID]]
    labels: Counter[UUID]
    exact: bool


async def compared(duplicates: Duplicates, asked: Asked, labels_max: int) -> Candidates | None:
    """Compare all labels with all; None: there are more than that.

    Raises: Unavailable.
    """
    ids: list[UUID] = []
    labels = Counter[UUID]()
    pairs: set[tuple[UUID, UUID]] = set()
    async with AsyncExitStack() as stack:
        # By meaning, and by words, which have to be nearer as they count for less.
        spaces = [
            await stack.enter_async_context(Comparison.begun(least, asked.limit))
            for least in (asked.least, asked.least / duplicates.words)
        ]
        async for page in _pages(duplicates, asked):
            labels.update(row.id for row in page)
            if labels.total() > labels_max:
                return None
            known = len(ids)
            ids += dict.fromkeys(row.id for row in page)
            owners = dict(zip(ids[known:], range(known, len(ids)), strict=True))
            for space, vectors in zip(spaces, zip(*map(_vectors, page), strict=True), strict=True):
                given = [
                    (owners[row.id], unwired(vector))
                    for row, vector in zip(page, vectors, strict=True)
                    if vector is not None
                ]
                await space.add([owner for owner, _ in given], [vector for _, vector in given])
        for near in await asyncio.gather(*(space.nearest() for space in spaces)):
            pairs.update((ids[one], ids[other]) for one, other, _ in near)
    return Candidates(pairs, labels, exact=True)


async def looked_up(duplicates: Duplicates, asked: Asked) -> Candidates:
    """Look for what is near to each entity, one after the other.

    Raises: Unavailable.
    """
    best: dict[tuple[UUID, UUID], float] = {}
    labels = Counter[UUID]()
    least, exact = asked.least, True
    async for page in _pages(duplicates, asked):
        labels.update(row.id for row in page)
        for identity, rows in groupby(page, attrgetter("id")):
            near, whole = await _near(duplicates, asked, identity, rows, least)
            exact = exact and whole
            best |= near
        if len(best) > 4 * asked.limit:
            best = dict(nlargest(2 * asked.limit, best.items(), key=lambda pair: pair[1]))
            least = min(best.values())
    return Candidates(set(best), labels, exact)


def _vectors(row: PairLabel) -> tuple[bytes | None, bytes | None]:
    return row.vector, row.lexical


async def _pages(duplicates: Duplicates, asked: Asked) -> AsyncIterator[list[PairLabel]]:
    """Read what the entities of a kind are called, each whole, in the order of their ids."""
    after = FIRST
    while page := await asked.repository.many(
        SearchPairLabels(
            asked.kind,
            NOT_ARCHIVED,
            duplicates.search.models,
            NAMES,
            after,
            PAGE,
        ),
        asked.context,
    ):
        after = str(page[-1].id)
        yield page


async def _near(
    duplicates: Duplicates,
    asked: Asked,
    identity: UUID,
    rows: Iterable[PairLabel],
    least: float,
) -> tuple[dict[tuple[UUID, UUID], float], bool]:
    """Find what an entity is near to, and whether that is all."""
    each = [Probe(row.vector, row.lexical) for row in rows]
    each = [probe for probe in each if probe != Probe(None, None)]
    if not each:
        return {}, True
    where = (asked.repository, asked.context, asked.kind, each)
    hits, exact = await duplicates.same(*where, LOOKED_UP, least, str(identity))
    if len(hits) == LOOKED_UP:
        hits, exact = await duplicates.same(*where, LIMIT_MAX, least, str(identity))
    pairs = {_pair(identity, hit.id): hit.score for hit in hits}
    return pairs, exact and len(hits) < LIMIT_MAX


def _pair(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    return (one, other) if one < other else (other, one)
