"""The amendment of an entity in force: propose, read, step, withdraw.

The resource is the open one, of which an entity has one at most. Its entity tags are its own; only
the patch that opens it names the entity's.
"""

from typing import Final

from aiohttp import web

from service.errors import NotFound
from service.http.answers import document, entry_header, rehearsed
from service.http.bodies import read_json
from service.http.caller import caller
from service.http.conflicts import certifying, explained
from service.http.reading import REPOSITORY, reading
from service.http.request import MERGE_PATCH, if_none_match, path_id, raw_query
from service.http.writing import Write
from service.model.amendments import AmendmentStatusStep
from service.model.decode import payload
from service.model.etag import quoted
from service.model.kinds import KINDS, Kind
from service.model.query import parameters
from service.repository.amendments import AmendmentByEntity, AmendmentPropose, AmendmentStep

ENTITY_ETAG: Final = "Entity-ETag"
"""Header of a certification: the entity's own new tag, beside the amendment's in ETag."""


class Amendments:
    """The handlers of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def routes(self) -> list[web.RouteDef]:
        """List the routes of this kind."""
        path = f"/v1/{self._kind.path}/{{id:[^/]+}}/amendment"
        return [
            web.get(path, self.read),
            web.patch(path, self.propose),
            web.delete(path, self.withdraw),
            web.post(f"{path}/status", self.step),
        ]

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Return the open amendment of an entity."""
        who = await caller(request, "read")
        parameters(raw_query(request))
        condition = if_none_match(request)
        query = AmendmentByEntity(self._kind.name, path_id(request))
        found = await reading(request).maybe(query, who.context)
        if found is None:
            raise NotFound(f"No open amendment of this {self._kind.title} is visible to you.")
        return document(found.document, found.etag, condition)

    async def propose(self, request: web.Request) -> web.StreamResponse:
        """Open an amendment by a JSON Merge Patch, or change one's own open draft."""
        who = await caller(request, "write")
        parameters(raw_query(request), body=self._kind.patch)
        repository = request.app[REPOSITORY]
        write = Write(request, repository, who)
        identity = path_id(request)
        etags = write.etags()
        body = await read_json(request, self._kind.patch, MERGE_PATCH)
        sent = payload(body)
        query = AmendmentPropose(
            self._kind.name, identity, etags, sent.decode(), write.request_json(sent)
        )
        row = await write.done(
            query,
            lambda conflict: explained(
                conflict, repository, who.context, self._kind, body, identity
            ),
        )
        return write.answer(row, f"/v1/{self._kind.path}/{identity}/amendment")

    async def step(self, request: web.Request) -> web.StreamResponse:
        """Take one step; certifying makes the amendment's content the entity's."""
        who = await caller(request, "write", "certify")
        parameters(raw_query(request), body=AmendmentStatusStep)
        repository = request.app[REPOSITORY]
        write = Write(request, repository, who)
        identity = path_id(request)
        etags = write.etags()
        body = await read_json(request, AmendmentStatusStep)
        again = write.request_json(payload(body))
        query = AmendmentStep(self._kind.name, identity, etags, body.to, body.reason, again)
        row = await write.done(
            query,
            lambda conflict: certifying(conflict, repository, who, self._kind, identity, body.to),
        )
        answer = write.answer(row)
        if row.entity_etag is not None:
            answer.headers[ENTITY_ETAG] = quoted(row.entity_etag)
        return answer

    async def withdraw(self, request: web.Request) -> web.StreamResponse:
        """Withdraw an amendment, which only its author may."""
        who = await caller(request, "write")
        parameters(raw_query(request))
        repository = request.app[REPOSITORY]
        write = Write(request, repository, who)
        identity = path_id(request)
        query = AmendmentStep(self._kind.name, identity, write.etags(), "withdrawn", None)
        row = await write.done(
            query,
            lambda conflict: certifying(
                conflict, repository, who, self._kind, identity, "withdrawn"
            ),
        )
        if write.dry:
            return rehearsed(row)
        return web.Response(status=204, headers=entry_header(row))


def routes() -> list[web.RouteDef]:
    """List the routes of all kinds."""
    return [route for kind in KINDS.values() for route in Amendments(kind).routes()]
