"""Single links of a document: one skill of a job role or an agent, one agent of a team.

A link belongs to the entity whose document shows it: its entity tag is asked for, its version
changes. A team shows no members: whose team it is stands in the agent.
"""

from typing import Final

import msgspec
from aiohttp import web

from service.http.bodies import read_json
from service.http.caller import caller
from service.http.conflicts import explained
from service.http.reading import REPOSITORY
from service.http.request import path_id, raw_query
from service.http.writing import Write
from service.model.decode import payload
from service.model.links import LINKED, Linked
from service.model.query import parameters
from service.repository.entities import EntityLink

NONE: Final = b"null"
"""A link that is not there."""


class Links:
    """The handlers of one sort of link."""

    def __init__(self, linked: Linked) -> None:
        self._linked = linked

    def routes(self) -> list[web.RouteDef]:
        """List the routes of this sort."""
        path = self._linked.path.replace("}", ":[^/]+}")
        return [web.put(path, self.put), web.delete(path, self.delete)]

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Make the link, or change what it says; where it is so already nothing is written."""
        return await self._write(request, wanted=True)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Remove the link."""
        return await self._write(request, wanted=False)

    async def _write(self, request: web.Request, *, wanted: bool) -> web.StreamResponse:
        linked = self._linked
        who = await caller(request, "write")
        parameters(raw_query(request), body=linked.body if wanted else None)
        repository = request.app[REPOSITORY]
        write = Write(request, repository, who)
        identity = path_id(request, linked.own_id, linked.kind)
        target = path_id(request, linked.target_id, linked.target)
        etags = write.etags()
        link = await self._said(request) if wanted else NONE
        query = EntityLink(
            linked.kind.name,
            identity,
            etags,
            linked.target.name,
            target,
            link.decode(),
            write.request_json(link),
        )
        row = await write.done(
            query,
            lambda conflict: explained(
                conflict, repository, who.context, linked.kind, _NOTHING, identity
            ),
        )
        return write.answer(row)

    async def _said(self, request: web.Request) -> bytes:
        """Read what the link says beside who is linked.

        Raises: what `read_json` raises.
        """
        if not request.can_read_body:
            return payload(self._linked.body())
        return payload(await read_json(request, self._linked.body))


class _Nothing(msgspec.Struct):
    """No field of a body."""


_NOTHING: Final = _Nothing()


def routes() -> list[web.RouteDef]:
    """List the routes of all sorts."""
    return [route for linked in LINKED for route in Links(linked).routes()]
