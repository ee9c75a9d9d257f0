"""GET /v1/{kinds}/{id}/dependents: what would break."""

from operator import attrgetter
from typing import Final
from uuid import UUID

from aiohttp import web

from service.errors import NotFound
from service.http.caller import caller
from service.http.paging import paged, place_of
from service.http.reading import reading
from service.http.request import path_id, raw_query
from service.model.kinds import KINDS, Kind
from service.model.query import page_query
from service.repository.dependents import EntityDependents
from service.repository.entities import EntityById

FIRST: Final = str(UUID(int=2**128 - 1))
"""Newer than all others."""


class Dependents:
    """The handler of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of those that refer to an entity, newest first."""
        who = await caller(request, "read")
        query = page_query(raw_query(request))
        identity = path_id(request)
        listing = query.listing(who.context.tenant_id, self._kind.name, identity, "dependents")
        before = place_of(request, query, listing) or FIRST
        repository = reading(request)
        rows = await repository.many(
            EntityDependents(self._kind.name, identity, before, query.limit + 1), who.context
        )
        if not rows:
            found = await repository.maybe(EntityById(self._kind.name, identity), who.context)
            if found is None:
                raise NotFound(self._kind.absent)
        path = f"/v1/{self._kind.path}/{identity}/dependents"
        return paged(request, query, listing, path, rows, attrgetter("id"))


def routes() -> list[web.RouteDef]:
    """List the routes of all kinds."""
    return [
        web.get(f"/v1/{kind.path}/{{id:[^/]+}}/dependents", Dependents(kind).list)
        for kind in KINDS.values()
    ]
