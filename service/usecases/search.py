"""Search: what is asked becomes vectors, the database finds what is near to them.

Compared are only vectors of one model. A vector of the caller's own is comparable to those that
callers gave to entities, and, unless they say otherwise, to the service's.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct

from service.errors import FieldError, InvalidBody, NotFound
from service.model.search import (
    IN_FORCE,
    KINDS,
    NOT_ARCHIVED,
    SearchBody,
    several,
)
from service.model.vector import unit, wire
from service.repository.base import Context, Repository
from service.repository.entities import EntitiesById
from service.repository.search import (
    NAMES,
    Hit,
    SearchExact,
    SearchLabels,
    SearchNear,
    TenantSimilar,
)
from service.usecases.breadth import Breadths, Filters
from service.usecases.probes import CALLER, Meaning, Probe, Probes, Words, asker

Mode = Literal["hybrid", "vector", "lexical"]

COMPARED_MAX: Final = 16
"""Names of one entity that are held against those of all others: its name and its first aliases."""

LABELS_MAX: Final = 256
"""Of one entity: its name, two hundred aliases, and a caller's vector."""

SAME_MEANING: Final = 0.93
SAME_WORDS: Final = 0.9
"""From which score on two are taken for the same, with a model and without. Of a hundred skills of
ESCO so many are taken for another one: 5 and 5; of a hundred other names of one it is found by: 58
and 42."""

NEAR_MIN: Final = 60
NEAR_FACTOR: Final = 6
"""Labels that an index is asked for: so many for each entity that is wanted, of which several may
be of one."""
WIDER: Final = 8
"""How many times as many when that gave too few entities."""


class Found(Struct, frozen=True):
    """The hits, best first; exact: everything was compared."""

    hits: list[Hit]
    mode: Mode
    exact: bool


class Search:
    """Finds entities by meaning and by words; without `meaning` by words alone.

    `model` names whose vectors `meaning` gives.
    """

    def __init__(
        self,
        words: Words,
        meaning: Meaning | None,
        model: str,
        *,
        exact_max: int,
        similar_min: float | None,
        monotonic: Callable[[], float],
    ) -> None:
        self.model = model
        self._words = words
        self._meaning = meaning
        default = SAME_WORDS if meaning is None else SAME_MEANING
        self._similar_min = default if similar_min is None else similar_min
        self._breadths = Breadths(exact_max, monotonic)

    async def search(self, repository: Repository, context: Context, asked: SearchBody) -> Found:
        """Find what is nearest to what was asked.

        Raises: InvalidBody for a model that is not known here, Unavailable.
        """
        models = self._models(None if asked.model is UNSET else str(asked.model))
        vector = lexical = None
        if not isinstance(asked.text, msgspec.UnsetType):
            lexical = self._lexical(asked.text)
        if not isinstance(asked.embedding_384, msgspec.UnsetType):
            vector = wire(unit(asked.embedding_384))
        elif self._meaning is not None and not isinstance(asked.text, msgspec.UnsetType):
            vector = wire(await self._meaning.vector(asked.text, asker(context)))
        probes = Probes(each=[Probe(vector, lexical)], models=models)
        filters = Filters(
            kinds=several(asked.kinds, KINDS),
            statuses=several(asked.status, IN_FORCE),
            categories=several(asked.category),
            tags=several(asked.tag),
            industry_ids=several(asked.industry_id),
        )
        least = -1.0 if isinstance(asked.min_score, msgspec.UnsetType) else asked.min_score
        hits, exact = await self._nearest(repository, context, filters, probes, asked.limit, least)
        mode: Mode = "lexical" if vector is None else "vector" if lexical is None else "hybrid"
        return Found(hits, mode, exact)

    async def duplicates(
        self, repository: Repository, context: Context, identity: str, limit: int
    ) -> list[Hit]:
        """Find what may be the same as an entity, among others of its kind.

        Raises: NotFound, Unavailable.
        """
        rows = await repository.many(EntitiesById([identity]), context)
        if not rows:
            raise NotFound("No entity with this id is visible to you.")
        entity: dict[str, Any] = msgspec.json.decode(rows[0].document or "")
        labels = await repository.many(SearchLabels(identity, LABELS_MAX), context)
        known = {CALLER, self.model}
        each = [
            Probe(
                label.embedding_384 if label.embedder in known else None,
                label.lexical_384 if self._meaning is None else None,
            )
            for label in labels
        ]
        each = [probe for probe in each if probe != Probe(None, None)][:COMPARED_MAX]
        if not each:
            # Its labels are not embedded yet, or by another model.
            each = await self._probes(context, [entity["name"], *entity["aliases"]])
        return await self._same(repository, context, entity["entity_type"], each, limit, identity)

    async def duplicates_of(
        self,
        repository: Repository,
        context: Context,
        kind: str,
        texts: Sequence[str],
        limit: int,
        embedding: Sequence[float] | None = None,
    ) -> list[Hit]:
        """Find what may be the same as one of a kind that is called so, or has this vector.

        Raises: Unavailable.
        """
        each = await self._probes(context, texts, embedding)
        return await self._same(repository, context, kind, each, limit)

    async def _same(
        self,
        repository: Repository,
        context: Context,
        kind: str,
        each: Sequence[Probe],
        limit: int,
        but_id: str | None = None,
    ) -> list[Hit]:
        own = (await repository.one(TenantSimilar(), context)).similar_min
        least = self._similar_min if own is None else own
        probes = Probes(
            each=each,
            models=self._models(None),
            sources=NAMES,
            words=1.0,
            around=0.0,
            but_id=but_id,
        )
        filters = Filters(kinds=(kind,), statuses=NOT_ARCHIVED)
        return (await self._nearest(repository, context, filters, probes, limit, least))[0]

    async def _probes(
        self, context: Context, texts: Iterable[str], embedding: Sequence[float] | None = None
    ) -> list[Probe]:
        """Make what names are compared by: a caller's vector wins over computed ones."""
        texts = list(texts)[:COMPARED_MAX]
        if self._meaning is None:
            each = [Probe(None, self._lexical(text)) for text in texts]
            return [*each, Probe(wire(unit(embedding)), None)] if embedding else each
        if embedding:
            return [Probe(wire(unit(embedding)), None)]
        whose = asker(context)
        return [Probe(wire(await self._meaning.vector(text, whose)), None) for text in texts]

    async def _nearest(
        self,
        repository: Repository,
        context: Context,
        filters: Filters,
        probes: Probes,
        count: int,
        least: float,
    ) -> tuple[list[Hit], bool]:
        """Find the nearest entities that score so much at least, and whether that is all of them.

        By the indexes when much is asked about; what they give too little of is compared whole.
        """
        asked: tuple[Any, ...] = (
            *msgspec.structs.astuple(filters),
            [probe.vector for probe in probes.each],
            [probe.lexical for probe in probes.each],
            probes.models,
            probes.sources,
            probes.but_id,
            probes.words,
            probes.around,
            count,
        )
        near = max(NEAR_MIN, NEAR_FACTOR * count)
        if not await self._breadths.is_small(repository, context, filters):
            for wide in (near, WIDER * near):
                hits = await repository.many(SearchNear(*(*asked, wide)), context)
                if len(hits) == count or (hits and hits[-1].score < least):
                    return [hit for hit in hits if hit.score >= least], False
        hits = await repository.many(SearchExact(*asked), context)
        return [hit for hit in hits if hit.score >= least], True

    def _lexical(self, text: str) -> bytes:
        return wire(self._words.embed([text]))

    def _models(self, asked: str | None) -> tuple[str, ...]:
        """Name whose vectors are compared.

        Raises: InvalidBody.
        """
        known = (CALLER,) if self._meaning is None else (self.model, CALLER)
        if asked is not None and asked not in known:
            message = f"must be {' or '.join(known)}"
            raise InvalidBody(
                f"/model {message}.",
                errors=[FieldError("/model", "one-of", message)],
                extensions={"allowed": list(known)},
            )
        return (CALLER,) if asked == CALLER else known
