"""GET /v1/counts: how many entities there are of each kind in each state."""

from typing import Final, get_args

import msgspec
from aiohttp import web

from service.http.answers import JSON, PRIVATE
from service.http.caller import caller
from service.http.reading import reading
from service.http.request import raw_query
from service.model.fields import Status
from service.model.kinds import KINDS
from service.model.query import parameters
from service.repository.counts import EntitiesCount

_KINDS: Final = tuple(kind.name for kind in KINDS.values())
_STATES: Final = get_args(Status)


async def counts(request: web.Request) -> web.StreamResponse:
    """Count what the caller may see; what there is none of is left out."""
    who = await caller(request, "read")
    parameters(raw_query(request))
    rows = await reading(request).many(EntitiesCount(_KINDS, _STATES), who.context)
    return web.Response(
        body=msgspec.json.encode({"items": rows}),
        content_type=JSON,
        headers={"Cache-Control": PRIVATE},
    )


def routes() -> list[web.RouteDef]:
    """List the route."""
    return [web.get("/v1/counts", counts)]
