"""The routes of the five kinds: create, read, list, change, step."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from msgspec import UNSET

from service.http import contents
from service.http.answers import document, shown
from service.http.bodies import read_json
from service.http.caller import caller
from service.http.conflicts import explained, stepping
from service.http.contents import Entity
from service.http.cursors import CURSORS
from service.http.reading import REPOSITORY, reading
from service.http.request import MERGE_PATCH, if_none_match, path_id, raw_query
from service.http.similar import refuses_similar, similar_to
from service.http.writing import Write
from service.model.decode import payload
from service.model.documents import StatusStep
from service.model.history import moment
from service.model.kinds import KINDS, Kind
from service.model.query import parameters
from service.repository.entities import AMEND, CREATE, EntityStep
from service.usecases.history import document_then

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Kinds:
    """The handlers of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def routes(self) -> list[web.RouteDef]:
        """List the routes of this kind."""
        path = f"/v1/{self._kind.path}"
        return [
            web.post(path, self.create),
            web.get(path, self.list),
            web.get(f"{path}/{{id:[^/]+}}", self.read),
            web.patch(f"{path}/{{id:[^/]+}}", self.amend),
            web.post(f"{path}/{{id:[^/]+}}/status", self.step),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Create an entity as a draft of the caller's governance agent."""
        who = await caller(request, "write")
        refuses = refuses_similar(request, who, self._kind.create)
        repository = request.app[REPOSITORY]
        write = Write(request, repository, who)
        body = await read_json(request, self._kind.create)
        sent = payload(body)
        query = CREATE[self._kind.name](sent.decode(), write.request_json(sent))
        similar = await similar_to(request, who, self._kind, body) if refuses else None
        if similar is not None and not await write.was_done(query):
            raise similar
        row = await write.done(
            query,
            lambda conflict: explained(conflict, repository, who.context, self._kind, body),
        )
        return write.answer(row, f"/v1/{self._kind.path}/{row.id}")

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Return an entity as it is now, or as it was."""
        who = await caller(request, "read")
        then = moment(raw_query(request))
        condition = if_none_match(request)
        identity, repository = path_id(request), reading(request)
        if then is not None:
            was = await document_then(repository, who.context, self._kind, identity, then)
            return document(was.document, was.etag, condition)
        now = await contents.entity(repository, who.context, Entity(self._kind, identity))
        return shown(now, condition)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of entities, filtered, newest first or by name."""
        who = await caller(request, "read")
        raw, cursors = raw_query(request), request.app[CURSORS]
        return shown(await contents.page(reading(request), who.context, self._kind, raw, cursors))

    async def amend(self, request: web.Request) -> web.StreamResponse:
        """Change an entity by a JSON Merge Patch."""
        who = await caller(request, "write")
        parameters(raw_query(request), body=self._kind.patch)
        repository = request.app[REPOSITORY]
        write = Write(request, repository, who)
        identity = path_id(request)
        etags = write.etags()
        body = await read_json(request, self._kind.patch, MERGE_PATCH)
        sent = payload(body)
        row = await write.done(
            AMEND[self._kind.name](identity, etags, sent.decode(), write.request_json(sent)),
            lambda conflict: explained(
                conflict, repository, who.context, self._kind, body, identity
            ),
        )
        return write.answer(row)

    async def step(self, request: web.Request) -> web.StreamResponse:
        """Take one life-cycle step."""
        who = await caller(request, "write", "certify")
        parameters(raw_query(request), body=StatusStep)
        repository = request.app[REPOSITORY]
        write = Write(request, repository, who)
        identity = path_id(request)
        etags = write.etags()
        body = await read_json(request, StatusStep)
        successor = body.successor_id if body.successor_id is not UNSET else None
        query = EntityStep(
            self._kind.name,
            identity,
            etags,
            body.to,
            body.reason,
            str(successor) if successor else None,
            write.request_json(payload(body)),
        )
        row = await write.done(
            query, lambda conflict: stepping(conflict, repository, who, self._kind, identity)
        )
        return write.answer(row)


async def many(request: web.Request) -> web.StreamResponse:
    """Return up to 100 entities of any kind, and which ids are missing."""
    who = await caller(request, "read")
    return shown(await contents.several(reading(request), who.context, raw_query(request)))


def routes() -> list[web.RouteDef]:
    """List the routes of all kinds."""
    own = [route for kind in KINDS.values() for route in Kinds(kind).routes()]
    return [*own, web.get("/v1/entities", many)]
