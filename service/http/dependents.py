"""GET /v1/{kinds}/{id}/dependents: what would break."""

from typing import Final
from uuid import UUID

import msgspec
from aiohttp import web

from service.errors import NotFound
from service.http.answers import joined
from service.http.caller import caller
from service.http.clock import CLOCK
from service.http.entities import CURSORS
from service.http.reading import reading
from service.http.request import path_id, raw_query
from service.model.kinds import KINDS, Kind
from service.model.query import page_query
from service.repository.entities import EntityById, EntityDependents

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
        identity, codec = path_id(request), request.app[CURSORS]
        listing = query.listing(who.context.tenant_id, self._kind.name, identity, "dependents")
        before = FIRST
        if query.cursor is not None:
            (before,) = codec.decode(query.cursor, listing, request.app[CLOCK].now())
        repository = reading(request)
        rows = await repository.many(
            EntityDependents(self._kind.name, identity, before, query.limit + 1), who.context
        )
        if not rows:
            found = await repository.maybe(EntityById(self._kind.name, identity), who.context)
            if found is None:
                raise NotFound(f"No {self._kind.title} with this id is visible to you.")
        page, cursor, link = rows[: query.limit], None, None
        if len(rows) > query.limit:
            cursor = codec.encode(listing, (str(page[-1].id),), request.app[CLOCK].now())
            path = f"/v1/{self._kind.path}/{identity}/dependents"
            link = f'<{path}?limit={query.limit}&cursor={cursor}>; rel="next"'
        items = (msgspec.json.encode(row).decode() for row in page)
        return joined(items, b'"next_cursor":' + msgspec.json.encode(cursor), link)


def routes() -> list[web.RouteDef]:
    """List the routes of all kinds."""
    return [
        web.get(f"/v1/{kind.path}/{{id:[^/]+}}/dependents", Dependents(kind).list)
        for kind in KINDS.values()
    ]
