"""How much a search is about: counted in the database, and remembered for some seconds."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from service.repository.base import Context, Repository
from service.repository.search import SearchBreadth

REMEMBERED_S: Final = 30.0
REMEMBERED_MAX: Final = 4_096
"""Filters of tenants; what was asked for longest ago goes first."""


class Filters(Struct, frozen=True, kw_only=True):
    """What a search is about; an empty filter is none, kinds and states are always named."""

    kinds: tuple[str, ...]
    statuses: tuple[str, ...]
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    industry_ids: tuple[str, ...] = ()


class Breadths:
    """Tells whether so little is asked about that all of it can be compared.

    What is remembered may be wrong by now: then a search is slower than it could be, never wrong.
    """

    def __init__(self, most: int, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._monotonic = monotonic
        self._known: OrderedDict[tuple[str, str, Filters], tuple[float, bool]] = OrderedDict()

    async def is_small(self, repository: Repository, context: Context, filters: Filters) -> bool:
        """Say whether no more labels than the setting says belong to it."""
        # Another governance agent has other drafts.
        key = (context.tenant_id, context.governance_agent_id, filters)
        now = self._monotonic()
        until, small = self._known.get(key, (0.0, False))
        if until <= now:
            counted = await repository.one(
                SearchBreadth(
                    filters.kinds,
                    filters.statuses,
                    filters.categories,
                    filters.tags,
                    filters.industry_ids,
                    self._most + 1,
                ),
                context,
            )
            small = counted.labels <= self._most
            self._known[key] = (now + REMEMBERED_S, small)
            while len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return small
