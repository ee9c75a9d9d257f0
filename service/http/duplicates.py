"""POST /v1/search/duplicates: what may be there twice, by an entity, a text or a whole kind."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from service.http.accept import accepted
from service.http.answers import JSON, PRIVATE, require_room
from service.http.caller import Caller, caller
from service.http.deadline import extend
from service.http.leaving import ending_with_client
from service.http.reading import reading, unhurried
from service.http.request import NDJSON, raw_query
from service.http.search import answer_of, item_of, read_once
from service.model.query import parameters
from service.model.search import LIMIT_DEFAULT, PAIRS_DEFAULT, DuplicatesBody, rounded
from service.usecases.duplicates import Duplicates
from service.usecases.pairs import Found, Pairs, Shown, shown

DUPLICATES: Final = web.AppKey("duplicates", Duplicates)
PAIRS: Final = web.AppKey("pairs", Pairs)

PAIRS_S: Final = 3_600.0
"""How long the pairs of a kind may take: seconds in memory, minutes where they are looked up."""


async def duplicates(request: web.Request) -> web.StreamResponse:
    """Find what may be the same as an entity, or as one that a text would name, or all pairs."""
    who = await caller(request, "read")
    parameters(raw_query(request), body=DuplicatesBody)
    asked = await read_once(request, DuplicatesBody)
    engine, repository = request.app[DUPLICATES], reading(request)
    least = None if isinstance(asked.min_score, UnsetType) else asked.min_score
    limit = LIMIT_DEFAULT if isinstance(asked.limit, UnsetType) else asked.limit
    if asked.id is not UNSET:
        hits = await engine.of_entity(repository, who.context, str(asked.id), limit, least)
    elif asked.text is not UNSET:
        kind, texts = str(asked.kind), [str(asked.text)]
        hits = await engine.of_names(repository, who.context, kind, texts, limit, least=least)
    else:
        return await _pairs(request, who, asked, least)
    require_room([hit.document for hit in hits])
    return answer_of(",".join(map(item_of, hits)))


async def _pairs(
    request: web.Request, who: Caller, asked: DuplicatesBody, least: float | None
) -> web.StreamResponse:
    """Answer with the pairs of a kind, as they are read; without its end it is incomplete."""
    media = accepted(request, JSON, *NDJSON)
    limit = PAIRS_DEFAULT if isinstance(asked.limit, UnsetType) else asked.limit
    repository = reading(request)
    answer = web.StreamResponse(headers={"Content-Type": media, "Cache-Control": PRIVATE})
    extend(request, PAIRS_S)
    unhurried(request)
    with ending_with_client(request):
        found = await request.app[PAIRS].find(
            repository, who.context, str(asked.kind), limit, least
        )
        async with aclosing(shown(repository, who.context, found.pairs)) as parts:
            async for piece in _pieces(found, parts, lines=media != JSON):
                if not answer.prepared:
                    # The first documents decide whether there is an answer at all.
                    await answer.prepare(request)
                await answer.write(piece)
    await answer.write_eof()
    return answer


async def _pieces(
    found: Found, parts: AsyncIterator[list[Shown]], *, lines: bool
) -> AsyncIterator[bytes]:
    """Write pairs as lines, or as the items of an object, and behind them how many there were."""
    count = 0
    between = "\n" if lines else ","
    head = "" if lines else '{"items":['
    async for part in parts:
        yield (head + between.join(map(_item, part))).encode()
        head = between
        count += len(part)
    closing = msgspec.json.encode({"count": count, "exact": found.exact})
    if lines:
        yield (b"\n" if count else b"") + closing + b"\n"
    else:
        yield (b"" if count else head.encode()) + b"]," + closing[1:]


def _item(shown: Shown) -> str:
    """Write an item around the documents as they are."""
    labels = msgspec.json.encode([shown.pair.one_label, shown.pair.other_label]).decode()
    score = rounded(shown.pair.score)
    return f'{{"a":{shown.one},"b":{shown.other},"score":{score!r},"labels":{labels}}}'


def routes() -> list[web.RouteDef]:
    """List the routes of duplicates."""
    return [web.post("/v1/search/duplicates", duplicates)]
