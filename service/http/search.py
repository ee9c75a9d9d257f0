"""POST /v1/search: what is near to a text or a vector."""

from typing import Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct

from service.http.answers import JSON, PRIVATE, require_room
from service.http.bodies import read_json
from service.http.caller import caller
from service.http.reading import reading
from service.http.request import raw_query
from service.model.query import parameters
from service.model.search import SearchBody, rounded
from service.repository.search import Hit
from service.usecases.search import Found, Search

SEARCH: Final = web.AppKey("search", Search)

_BODY: Final = web.RequestKey("searched", Struct)

T = TypeVar("T", bound=Struct)


async def search(request: web.Request) -> web.StreamResponse:
    """Find entities by a text, a vector or both."""
    who = await caller(request, "read")
    parameters(raw_query(request), body=SearchBody)
    asked = await read_once(request, SearchBody)
    engine = request.app[SEARCH]
    found = await engine.search(reading(request), who.context, asked)
    require_room([hit.document for hit in found.hits])
    items = ",".join(item_of(hit, _parts(hit)) for hit in found.hits)
    return answer_of(items, _rest(found, engine.model))


async def read_once(request: web.Request, wanted: type[T]) -> T:
    """Read the body once: what a replica could not answer is asked again."""
    known = request.get(_BODY)
    if isinstance(known, wanted):
        return known
    body = await read_json(request, wanted)
    kept: Struct = body
    request[_BODY] = kept
    return body


def _parts(hit: Hit) -> str:
    parts = {
        name: None if part is None else rounded(part)
        for name, part in (("vector", hit.vector), ("lexical", hit.lexical))
    }
    return f'"parts":{msgspec.json.encode(parts).decode()},'


def item_of(hit: Hit, parts: str = "") -> str:
    """Write an item around the document as it is."""
    score, label = rounded(hit.score), msgspec.json.encode(hit.label).decode()
    return f'{{"entity":{hit.document},"score":{score!r},{parts}"matched_label":{label}}}'


def _rest(found: Found, model: str) -> bytes:
    rest = {"mode": found.mode, "exact": found.exact, "model": model}
    return b"," + msgspec.json.encode(rest)[1:-1]


def answer_of(items: str, rest: bytes = b"") -> web.Response:
    """Answer with items, and what stands beside them."""
    body = b'{"items":[' + items.encode() + b"]" + rest + b"}"
    return web.Response(body=body, content_type=JSON, headers={"Cache-Control": PRIVATE})


def routes() -> list[web.RouteDef]:
    """List the routes of search."""
    return [web.post("/v1/search", search)]
