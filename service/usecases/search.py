"""Search: what is asked becomes vectors, the database finds what is near to them.

Compared are only vectors of one model. A vector of the caller's own is comparable to those that
callers gave to entities, and, unless they say otherwise, to the service's.
"""

import math
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct

from service.errors import FieldError, InvalidBody
from service.model.search import IN_FORCE, KINDS, SearchBody, rounded, several
from service.model.vector import unit, wire
from service.repository.base import Context, Repository
from service.repository.search import Hit, SearchExact, SearchNear
from service.usecases.breadth import Breadth, Breadths, Filters
from service.usecases.probes import CALLER, Meaning, Probe, Probes, Words, asker

Mode = Literal["hybrid", "vector", "lexical"]

NEAR_MIN: Final = 50
NEAR_FACTOR: Final = 5
"""Labels that an index is asked for: so many for each entity that is wanted, of which several may
be of one."""
NEAR_AMONG: Final = 100_000
"""Labels of a table up to which so many do. In a larger one the nearest to a probe are more alike,
and an index misses more of them."""
MORE_ALONE: Final = 1.0
MORE_PAST_OTHERS: Final = 2.5
"""How many times as many more of ten times the labels: where an index leads to nothing else, and
where it leads past others, by which it comes late to some of the nearest."""
ENOUGH: Final = 1.2
"""How many entities these labels have to be of, for each that is wanted."""
WIDER: Final = (1, 3, 9)
"""How many times as many, one after the other, while that gave too few."""


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
        self.meaning = meaning
        self.similar_min = similar_min
        self._breadths = Breadths(exact_max, monotonic)

    async def search(self, repository: Repository, context: Context, asked: SearchBody) -> Found:
        """Find what is nearest to what was asked.

        Raises: InvalidBody for a model that is not known here, Unavailable.
        """
        models = self._models(asked)
        vector = lexical = None
        if not isinstance(asked.text, msgspec.UnsetType):
            lexical = self.lexical(asked.text)
        if not isinstance(asked.embedding_384, msgspec.UnsetType):
            vector = wire(unit(asked.embedding_384))
        elif self.meaning is not None and not isinstance(asked.text, msgspec.UnsetType):
            vector = wire(await self.meaning.vector(asked.text, asker(context)))
        probes = Probes(each=[Probe(vector, lexical)], models=models)
        filters = Filters(
            kinds=several(asked.kinds, KINDS),
            statuses=several(asked.status, IN_FORCE),
            categories=several(asked.category),
            tags=several(asked.tag),
            industry_ids=several(asked.industry_id),
        )
        least = -1.0 if isinstance(asked.min_score, msgspec.UnsetType) else asked.min_score
        hits, exact = await self.nearest(repository, context, filters, probes, asked.limit, least)
        mode: Mode = "lexical" if vector is None else "vector" if lexical is None else "hybrid"
        return Found(hits, mode, exact)

    async def nearest(
        self,
        repository: Repository,
        context: Context,
        filters: Filters,
        probes: Probes,
        count: int,
        least: float,
    ) -> tuple[list[Hit], bool]:
        """Find the nearest entities that score so much at least, and whether that is all of them.

        By the indexes when much is asked about: for more labels where the nearest are of few; what
        they have too little of is compared whole. That one scores less than `least` ends nothing:
        it says how far one of the lists has come, and another may still be full of what is nearer.
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
        breadth = await self._breadths.of(repository, context, filters)
        if not breadth.small:
            near = _near(count, breadth)
            lists = sum(probe.lists for probe in probes.each)
            # To compare all is sooner than to look further for many.
            for wider in WIDER if len(probes.each) == 1 else WIDER[:1]:
                hits = await repository.many(SearchNear(*(*asked, wider * near)), context)
                compared, labels = hits[0].led if hits else [0, 0]
                # A list that is not full has no more, or ended among what it leads past.
                trusted = breadth.alone or labels == lists * wider * near
                if trusted and compared >= ENOUGH * count:
                    return [hit for hit in hits if rounded(hit.score) >= least], False
                if not trusted or labels < wider * near:
                    break
        best = await repository.many(SearchExact(*asked), context)
        return [hit for hit in best if rounded(hit.score) >= least], True

    def lexical(self, text: str) -> bytes:
        """Give what a text is compared by in its characters."""
        return wire(self._words.embed([text]))

    @property
    def models(self) -> tuple[str, ...]:
        """Name whose vectors are comparable here."""
        return (CALLER,) if self.meaning is None else (self.model, CALLER)

    def _models(self, asked: SearchBody) -> tuple[str, ...]:
        """Name whose vectors are compared; without a model its name stands for none.

        Raises: InvalidBody.
        """
        known: dict[str | None, tuple[str, ...]] = {None: self.models, CALLER: (CALLER,)}
        if self.meaning is not None:
            known[self.model] = (self.model,)
        elif asked.embedding_384 is UNSET:
            known[self.model] = ()
        model = None if isinstance(asked.model, msgspec.UnsetType) else asked.model
        if model in known:
            return known[model]
        allowed = [name for name in (self.model, CALLER) if name in known]
        message = f"must be {' or '.join(allowed)}"
        raise InvalidBody(
            f"/model {message}.",
            errors=[FieldError("/model", "one-of", message)],
            extensions={"allowed": allowed},
        )


def _near(count: int, breadth: Breadth) -> int:
    tenfold = math.log10(max(1.0, breadth.among / NEAR_AMONG))
    more = MORE_ALONE if breadth.alone else MORE_PAST_OTHERS
    return math.ceil((1 + more * tenfold) * max(NEAR_MIN, NEAR_FACTOR * count))
