"""GET /v1/governance-agents: the names of those whose ids stand in documents and in the log."""

import msgspec
from aiohttp import web

from service.http.answers import looked_up, shown
from service.http.caller import caller
from service.http.reading import reading
from service.http.request import raw_query
from service.model.query import id_list
from service.repository.keys import GovernanceAgentsById


async def many(request: web.Request) -> web.StreamResponse:
    """Return the names of up to 100 governance agents of the tenant, and which ids are missing."""
    who = await caller(request, "read")
    ids = id_list(raw_query(request))
    rows = await reading(request).many(GovernanceAgentsById(list(ids)), who.context)
    found = {str(row.id): msgspec.json.encode(row).decode() for row in rows}
    return shown(looked_up(ids, found))


def routes() -> list[web.RouteDef]:
    """List the route."""
    return [web.get("/v1/governance-agents", many)]
