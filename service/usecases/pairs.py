"""Pairs: what of a kind may be there twice, everything being compared with everything.

Of what is near the database is asked again at the end, so that scores, and what may be seen, are
what it says then. No connection is kept in between.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from service.embedding.comparison import available
from service.model.search import HALF_A_DIGIT, NOT_ARCHIVED, rounded
from service.repository.base import Context, Repository
from service.repository.entities import EntitiesById
from service.repository.search import NAMES, Pair, SearchPairs
from service.usecases.duplicates import Duplicates
from service.usecases.pair_candidates import Asked, Candidates, compared, looked_up
from service.usecases.places import place

COMPARED_MAX: Final = 200_000
"""Labels that are compared in memory: 350 MB, and half a minute of a processor."""

AT_ONCE: Final = 1
"""Kinds that a process compares at a time."""

SCORED: Final = 200_000
"""Pairs of labels that one statement scores: some tenths of a second."""

SHOWN: Final = 20
"""Pairs whose documents are read at once."""


class Shown(Struct, frozen=True):
    """A pair with the documents of both."""

    one: str
    other: str
    pair: Pair


class Found(Struct, frozen=True):
    """The nearest pairs, best first; exact: everything was compared with everything."""

    pairs: list[Pair]
    exact: bool


class Pairs:
    """Finds pairs by what duplicates are found by."""

    def __init__(self, duplicates: Duplicates) -> None:
        self._duplicates = duplicates
        self._in_memory = available()

    async def find(
        self,
        repository: Repository,
        context: Context,
        kind: str,
        limit: int,
        least: float | None = None,
    ) -> Found:
        """Find the nearest pairs of a kind.

        Raises: Unavailable.
        """
        taken = repository.comparisons
        with place(taken, context.tenant_id, "comparisons", most=AT_ONCE, each=AT_ONCE):
            least = await self._duplicates.least(repository, context, least)
            asked = Asked(repository, context, kind, least - HALF_A_DIGIT, limit)
            found = None
            if self._in_memory:
                found = await compared(self._duplicates, asked, COMPARED_MAX)
            if found is None:
                found = await looked_up(self._duplicates, asked)
            scored = [pair async for pair in self._scored(asked, found)]
        pairs = [pair for pair in scored if rounded(pair.score) >= least]
        pairs.sort(key=lambda pair: (-pair.score, pair.one_id, pair.other_id))
        return Found(pairs[:limit], found.exact)

    async def _scored(self, asked: Asked, found: Candidates) -> AsyncIterator[Pair]:
        """Ask the database how near the candidates are."""
        for part in _parts(found):
            rows = await asked.repository.many(
                SearchPairs(
                    [one for one, _ in part],
                    [other for _, other in part],
                    asked.kind,
                    NOT_ARCHIVED,
                    self._duplicates.search.models,
                    NAMES,
                    self._duplicates.words,
                    asked.least,
                ),
                asked.context,
            )
            for row in rows:
                yield row


def _parts(found: Candidates) -> list[list[tuple[UUID, UUID]]]:
    """Divide candidates into parts that one statement can score in good time."""
    parts: list[list[tuple[UUID, UUID]]] = []
    room = 0
    for one, other in sorted(found.pairs):
        # One that came meanwhile has labels that nobody counted.
        cost = max(1, found.labels[one]) * max(1, found.labels[other])
        room -= cost
        if room < 0:
            parts.append([])
            room = SCORED - cost
        parts[-1].append((one, other))
    return parts


async def shown(
    repository: Repository, context: Context, pairs: Sequence[Pair]
) -> AsyncGenerator[list[Shown], None]:
    """Read the documents of pairs, some at a time; what is gone meanwhile is left out.

    Raises: Unavailable.
    """
    for start in range(0, len(pairs), SHOWN):
        part = pairs[start : start + SHOWN]
        documents: dict[UUID, str] = {}
        wanted = {one for pair in part for one in (pair.one_id, pair.other_id)}
        while wanted:
            rows = await repository.many(EntitiesById(sorted(map(str, wanted))), context)
            # Those for which there was no room are asked for again.
            documents |= {row.id: row.document for row in rows if row.document is not None}
            wanted = {row.id for row in rows if row.document is None}
        yield [
            Shown(documents[pair.one_id], documents[pair.other_id], pair)
            for pair in part
            if pair.one_id in documents and pair.other_id in documents
        ]
