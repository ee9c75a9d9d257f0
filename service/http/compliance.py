"""GET /v1/{kinds}/{id}/compliance: each check with its verdict and what violates it."""

import msgspec
from aiohttp import web

from service.errors import NotFound
from service.http.caller import caller
from service.http.reading import reading
from service.http.request import path_id, raw_query
from service.model.kinds import KINDS, Kind
from service.model.query import parameters
from service.usecases.compliance import compliance


class _Compliance:
    """The handler of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Tell which checks an entity meets."""
        who = await caller(request, "read")
        parameters(raw_query(request))
        identity = path_id(request)
        found = await compliance(reading(request), who.context, self._kind.name, identity)
        if found is None:
            raise NotFound(self._kind.absent)
        return web.json_response(
            body=msgspec.json.encode(found), headers={"Cache-Control": "no-store"}
        )


def routes() -> list[web.RouteDef]:
    """List the routes of all kinds."""
    return [
        web.get(f"/v1/{kind.path}/{{id:[^/]+}}/compliance", _Compliance(kind).read)
        for kind in KINDS.values()
    ]
