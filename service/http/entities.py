"""The routes of the five kinds: create, read, list, change, step."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

import msgspec
from aiohttp import web
from msgspec import UNSET

from service.errors import InvalidParameter, NotFound
from service.http.answers import document, joined, looked_up
from service.http.caller import caller
from service.http.clock import CLOCK
from service.http.conflicts import explained, stepping
from service.http.reading import REPOSITORY, reading
from service.http.request import MERGE_PATCH, if_none_match, path_id, raw_query, read_json
from service.http.similar import refuses_similar, similar_to
from service.http.writing import Write
from service.model.cursor import CursorCodec
from service.model.decode import payload
from service.model.documents import StatusStep
from service.model.history import moment
from service.model.kinds import KINDS, Kind
from service.model.query import ListQuery, id_list, list_query, parameters
from service.repository.entities import (
    AMEND,
    CREATE,
    EntitiesById,
    EntityById,
    EntityStep,
)
from service.repository.lists import start
from service.usecases.history import document_then, page_of

CURSORS: Final = web.AppKey("cursors", CursorCodec)

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
        refuses = refuses_similar(request, who)
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
        found = await repository.maybe(EntityById(self._kind.name, identity), who.context)
        if found is None:
            raise self._absent()
        return document(found.document, found.etag, condition)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of entities, filtered, newest first or by name."""
        who = await caller(request, "read")
        query = list_query(raw_query(request), self._kind)
        codec = request.app[CURSORS]
        listing = query.listing(who.context.tenant_id)
        after = start(query.order)
        if query.cursor is not None:
            after = codec.decode(query.cursor, listing, request.app[CLOCK].now())
        page, place = await page_of(reading(request), who.context, query, after)
        cursor = place and codec.encode(listing, place, request.app[CLOCK].now())
        link = f'<{_next(query, cursor)}>; rel="next"' if cursor else None
        rest = b'"next_cursor":' + msgspec.json.encode(cursor)
        return joined((row.document for row in page), rest, link)

    async def amend(self, request: web.Request) -> web.StreamResponse:
        """Change an entity by a JSON Merge Patch."""
        who = await caller(request, "write")
        parameters(raw_query(request))
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
        parameters(raw_query(request))
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

    def _absent(self) -> NotFound:
        return NotFound(self._kind.absent)


def _next(query: ListQuery, cursor: str) -> str:
    pairs = [f"{name}={quote(value, safe='')}" for name, vs in query.pinned.items() for value in vs]
    pairs += [f"limit={query.limit}", f"cursor={cursor}"]
    return f"/v1/{query.kind.path}?{'&'.join(pairs)}"


async def many(request: web.Request) -> web.StreamResponse:
    """Return up to 100 entities of any kind, and which ids are missing."""
    who = await caller(request, "read")
    ids = id_list(raw_query(request))
    rows = await reading(request).many(EntitiesById(list(ids)), who.context)
    found = {str(row.id): row.document for row in rows}
    fit = sum(document is not None for document in found.values())
    if fit < len(found):
        # No third member: who does not know it would take what it names for missing.
        raise InvalidParameter(
            f"These entities are larger than an answer may be: {fit} of them fit. "
            "Ask for fewer at a time.",
            extensions={"parameter": "id", "fitting": fit},
        )
    return looked_up(ids, found)


def routes() -> list[web.RouteDef]:
    """List the routes of all kinds."""
    own = [route for kind in KINDS.values() for route in Kinds(kind).routes()]
    return [*own, web.get("/v1/entities", many)]
