"""Duplicates: what may be the same as an entity, or as one that would be called so."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from service.errors import NotFound
from service.model.search import NOT_ARCHIVED
from service.model.vector import unit, wire
from service.repository.base import Context, Repository
from service.repository.entities import EntitiesById
from service.repository.search import NAMES, Hit, Label, SearchLabels, TenantSimilar
from service.usecases.breadth import Filters
from service.usecases.probes import WORDS, Probe, Probes, asker
from service.usecases.search import Search

COMPARED_MAX: Final = 16
"""Texts of which vectors are made for one request: a name and the first aliases."""

AT_ONCE: Final = 64
"""Labels that one statement compares with those of all others: under a second where all of ten
thousand are compared."""

LABELS_MAX: Final = 256
"""Of one entity: its name, two hundred aliases, and a caller's vector."""

SAME_MEANING: Final = 0.929
SAME_WORDS: Final = 0.9
"""From which score on two are taken for the same, with a model and without. Of a hundred other
names of a skill of ESCO so many lead to it: 59 and 42. Of a hundred skills so many are taken for
another one by their name, besides one or two that have the very same label: 4 and 4. How that is
measured: bench/relevance/duplicates.py."""


class Duplicates:
    """Finds what may be there twice, by what `search` compares."""

    def __init__(self, search: Search) -> None:
        self.search = search
        without = search.meaning is None
        self.words = 1.0 if without else WORDS
        """What likeness of characters counts beside that of meaning."""
        default = SAME_WORDS if without else SAME_MEANING
        self._similar_min = default if search.similar_min is None else search.similar_min

    async def of_entity(
        self,
        repository: Repository,
        context: Context,
        identity: str,
        limit: int,
        least: float | None = None,
    ) -> list[Hit]:
        """Find what may be the same as an entity, among others of its kind.

        Raises: NotFound, Unavailable.
        """
        rows = await repository.many(EntitiesById([identity]), context)
        if not rows:
            raise NotFound("No entity with this id is visible to you.")
        entity: dict[str, Any] = msgspec.json.decode(rows[0].document or "")
        each = self.probes(await repository.many(SearchLabels(identity, LABELS_MAX), context))
        meant = self.search.meaning is None or any(probe.vector is not None for probe in each)
        if not each or not meant:
            # Its labels are not embedded yet, or by another model: they are still spelled so.
            each += await self._computed(context, [entity["name"], *entity["aliases"]])
        least = await self.least(repository, context, least)
        kind = entity["entity_type"]
        return (await self.same(repository, context, kind, each, limit, least, identity))[0]

    async def of_names(
        self,
        repository: Repository,
        context: Context,
        kind: str,
        texts: Sequence[str],
        limit: int,
        *,
        embedding: Sequence[float] | None = None,
        least: float | None = None,
    ) -> list[Hit]:
        """Find what may be the same as one of a kind that is called so, or has this vector.

        Raises: Unavailable.
        """
        each = await self._computed(context, texts, embedding)
        least = await self.least(repository, context, least)
        return (await self.same(repository, context, kind, each, limit, least))[0]

    async def least(
        self, repository: Repository, context: Context, asked: float | None = None
    ) -> float:
        """Give the score from which on two are the same: as asked for, else the tenant's."""
        if asked is not None:
            return asked
        own = (await repository.one(TenantSimilar(), context)).similar_min
        return self._similar_min if own is None else own

    async def same(
        self,
        repository: Repository,
        context: Context,
        kind: str,
        each: Sequence[Probe],
        limit: int,
        least: float,
        but_id: str | None = None,
    ) -> tuple[list[Hit], bool]:
        """Find what is called like this, and say whether everything was compared.

        Raises: Unavailable.
        """
        filters = Filters(kinds=(kind,), statuses=NOT_ARCHIVED)
        best: dict[UUID, Hit] = {}
        exact = True
        for start in range(0, len(each), AT_ONCE):
            probes = Probes(
                each=each[start : start + AT_ONCE],
                models=self.search.models,
                sources=NAMES,
                words=self.words,
                around=0.0,
                but_id=but_id,
            )
            hits, whole = await self.search.nearest(
                repository, context, filters, probes, limit, least
            )
            exact = exact and whole
            for hit in hits:
                if hit.id not in best or best[hit.id].score < hit.score:
                    best[hit.id] = hit
        found = sorted(best.values(), key=lambda hit: (-hit.score, hit.id))
        return found[:limit], exact

    def probes(self, labels: Iterable[Label]) -> list[Probe]:
        """Make what an entity is compared by: all that it is called, as far as it is embedded."""
        models = self.search.models
        return [
            Probe(label.embedding_384 if label.embedder in models else None, label.lexical_384)
            for label in labels
        ]

    async def _computed(
        self, context: Context, texts: Iterable[str], embedding: Sequence[float] | None = None
    ) -> list[Probe]:
        """Make what names are compared by: a caller's vector wins over computed ones."""
        texts = list(texts)[:COMPARED_MAX]
        spelled = await asyncio.to_thread(lambda: [self.search.lexical(text) for text in texts])
        meaning = self.search.meaning
        if embedding:
            meant: list[bytes | None] = [None] * len(texts)
            return [Probe(wire(unit(embedding)), None), *map(Probe, meant, spelled)]
        if meaning is None:
            return [Probe(None, lexical) for lexical in spelled]
        whose = asker(context)
        return [
            Probe(wire(await meaning.vector(text, whose)), lexical)
            for text, lexical in zip(texts, spelled, strict=True)
        ]
