"""Entities by the ids that their callers gave them: find, create, make them what is sent."""

from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import web

from service.errors import (
    ExternalIdTaken,
    FieldError,
    InvalidBody,
    MalformedRequest,
    NotFound,
    PreconditionRequired,
)
from service.http.answers import document
from service.http.bodies import read_json
from service.http.caller import Caller, caller
from service.http.conflicts import Refused, explained
from service.http.reading import REPOSITORY, reading
from service.http.request import if_none_match, raw_query
from service.http.writing import Write
from service.model.decode import payload
from service.model.etag import if_none_match as condition_of
from service.model.external_ids import path_fault
from service.model.kinds import KINDS, Kind
from service.model.query import BAD_ESCAPE, parameters
from service.repository.entities import EntityByExternalId, EntityPut, Written

CONDITION: Final = (
    "Send If-None-Match: * to create it, or If-Match with its ETag to change it: GET tells which."
)


class ExternalIds:
    """The handlers of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def routes(self) -> list[web.RouteDef]:
        """List the routes of this kind."""
        path = f"/v1/{self._kind.path}/by-external-id/{{external_id:(?s:.+)}}"
        return [web.get(path, self.read), web.put(path, self.put)]

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Return the entity that has an external id."""
        who = await caller(request, "read")
        parameters(raw_query(request))
        condition = if_none_match(request)
        external_id = _of_path(request)
        found = None
        if path_fault(external_id) is None:
            query = EntityByExternalId(self._kind.name, external_id)
            found = await reading(request).maybe(query, who.context)
        if found is None:
            raise self._absent()
        return document(found.document, found.etag, condition)

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Create the entity that has an external id, or make it what is sent."""
        who = await caller(request, "write")
        parameters(raw_query(request), body=self._kind.put)
        write = Write(request, request.app[REPOSITORY], who)
        is_new = _is_new(request)
        etags = None if is_new else self._etags(write)
        body = await read_json(request, self._kind.put)
        external_id = self._named(request, body)
        sent = payload(body)
        query = EntityPut(
            self._kind.name,
            external_id,
            etags,
            is_new,
            sent.decode(),
            write.request_json(sent),
        )
        row = await self._done(request, who, write, query, body)
        return write.answer(row, f"/v1/{self._kind.path}/{row.id}")

    async def _done(
        self,
        request: web.Request,
        who: Caller,
        write: Write,
        query: EntityPut,
        body: msgspec.Struct,
    ) -> Written:
        async def explain(conflict: Refused) -> Refused:
            return await self._explained(request, who, conflict, query, body)

        try:
            return await write.done(query, explain)
        except ExternalIdTaken as taken:
            if not query.is_new or "existing_id" not in taken.extensions:
                raise
            # Somebody else has just created it: as if they had come first.
            return await write.done(query, explain)
        except NotFound:
            if query.is_new or "If-Match" in request.headers:
                raise
            raise PreconditionRequired(CONDITION) from None

    async def _explained(
        self,
        request: web.Request,
        who: Caller,
        conflict: Refused,
        query: EntityPut,
        body: msgspec.Struct,
    ) -> Refused:
        repository = request.app[REPOSITORY]
        whole = msgspec.structs.replace(body, external_id=query.external_id)
        identity = None
        if not query.is_new:
            found = await repository.maybe(
                EntityByExternalId(self._kind.name, query.external_id), who.context
            )
            identity = str(msgspec.json.decode(found.document)["id"]) if found else None
        return await explained(conflict, repository, who.context, self._kind, whole, identity)

    def _etags(self, write: Write) -> str | None:
        try:
            return write.etags()
        except PreconditionRequired:
            raise PreconditionRequired(CONDITION) from None

    def _named(self, request: web.Request, body: msgspec.Struct) -> str:
        """Give the external id of the path, which that of the body may repeat.

        Raises: InvalidBody, MalformedRequest.
        """
        external_id = _of_path(request)
        fault = path_fault(external_id, getattr(body, "external_id", None))
        if fault is not None:
            raise InvalidBody(
                f"/external_id {fault.message}.",
                errors=[FieldError("/external_id", fault.rule, fault.message)],
            )
        return external_id

    def _absent(self) -> NotFound:
        return NotFound(f"No {self._kind.title} with this external id is visible to you.")


def _of_path(request: web.Request) -> str:
    """Give the external id of the path; the framework takes an escape that is none for itself.

    Raises: MalformedRequest.
    """
    raw = request.raw_path.partition("?")[0].encode("utf-8", "surrogateescape")
    try:
        unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedRequest("The path is not UTF-8 in percent encoding.") from None
    if BAD_ESCAPE.search(raw):
        raise MalformedRequest("The path has a % that two hexadecimal digits do not follow.")
    return request.match_info["external_id"]


def _is_new(request: web.Request) -> bool:
    """Say whether the request means to create.

    Raises: MalformedRequest, PreconditionRequired.
    """
    condition = condition_of(request.headers.get("If-None-Match"))
    if condition is None:
        return False
    if "If-Match" in request.headers:
        raise MalformedRequest("If-Match and If-None-Match exclude each other: send one.")
    if not condition.any:
        raise PreconditionRequired(CONDITION)
    return True


def routes() -> list[web.RouteDef]:
    """List the routes of all kinds."""
    return [route for kind in KINDS.values() for route in ExternalIds(kind).routes()]
