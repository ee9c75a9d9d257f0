"""How much a search is about: counted in the database, and remembered for some seconds."""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from service.model.search import IN_FORCE, KINDS
from service.repository.base import Context, Repository
from service.repository.search import SearchBreadth, SearchScale

REMEMBERED_S: Final = 30.0
REMEMBERED_MAX: Final = 4_096
"""Filters of tenants; what was asked for longest ago goes first."""
SCALE: Final = 50_000
"""Labels of a table from which on more of them are compared whole. To compare n labels takes as
long as n. To be led to a few of them past all others takes as long as the number of all divided by
n. So both take equally long at a multiple of the square root of all: by what a tenth of 100,000
labels took (a tenant's 6 and 19 ms, a filter's 15 and 20 ms), at 5,700 and 7,400 of these."""


class Filters(Struct, frozen=True, kw_only=True):
    """What a search is about; an empty filter is none, kinds and states are always named."""

    kinds: tuple[str, ...]
    statuses: tuple[str, ...]
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    industry_ids: tuple[str, ...] = ()


class Breadth(Struct, frozen=True):
    """Whether all is compared, and among how many labels an index would lead to it.

    `among` is SCALE, twice as many, or twice that and so on: the last that is there.
    alone: the index leads past no other tenant's, nor what a filter leaves out but that of states.
    """

    small: bool
    among: int
    alone: bool


UNKNOWN: Final = (-math.inf, Breadth(small=False, among=0, alone=False))

_Key = tuple[str, str, Filters]


class Breadths:
    """Tells whether so little is asked about that all of it can be compared.

    `most` is how many labels that may be, in a table of SCALE; less than 0 for none at all.

    What is remembered may be wrong by now: then a search is slower than it could be, never wrong.
    """

    def __init__(self, most: int, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._monotonic = monotonic
        self._known: OrderedDict[_Key, tuple[float, Breadth]] = OrderedDict()

    async def of(self, repository: Repository, context: Context, filters: Filters) -> Breadth:
        """Say whether no more labels belong to it than are compared sooner than looked up."""
        # Another governance agent has other drafts.
        key = (context.tenant_id, context.governance_agent_id, filters)
        now = self._monotonic()
        until, breadth = self._known.get(key, UNKNOWN)
        if until <= now:
            breadth = await self._counted(repository, context, filters)
            self._known[key] = (now + REMEMBERED_S, breadth)
            while len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return breadth

    async def _counted(self, repository: Repository, context: Context, filters: Filters) -> Breadth:
        scale = await repository.one(SearchScale(), context)
        # In steps: whether all was compared tells callers how many labels others have.
        doubled = math.floor(math.log2(max(1.0, scale.labels / SCALE)))
        most = max(-1, self._most * 2 ** (doubled // 2))
        counted = await repository.one(
            SearchBreadth(
                filters.kinds,
                filters.statuses,
                filters.categories,
                filters.tags,
                filters.industry_ids,
                most + 1,
            ),
            context,
        )
        alone = scale.own and _unfiltered(filters)
        return Breadth(counted.labels <= most, SCALE * 2**doubled, alone)


def _unfiltered(filters: Filters) -> bool:
    named = set(filters.kinds), set(filters.statuses)
    return named == (set(KINDS), set(IN_FORCE)) and not (
        filters.categories or filters.tags or filters.industry_ids
    )
