"""GET /v1/exports: the documents of one snapshot, or the log that proves them, as a stream."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from aiohttp import hdrs, web

from service.errors import InvalidParameter
from service.http.accept import accepted
from service.http.caller import Caller, caller, require
from service.http.leaving import ending_with_client
from service.http.log import TREE
from service.http.reading import reading
from service.http.request import NDJSON, raw_query
from service.model.log import sizes
from service.model.query import parameters
from service.usecases.exporting import export
from service.usecases.proving import proven

ENTITIES: Final = "entities"
PROOF: Final = "proof"
FORMATS: Final = (ENTITIES, PROOF)
TEXT: Final = ("text/plain",)


async def exports(request: web.Request) -> web.StreamResponse:
    """Export what the caller sees; a stream without its last line is incomplete."""
    who = await caller(request, "read")
    given = parameters(raw_query(request), single=("format",), repeated=("since",))
    wanted = given.get("format", [ENTITIES])[0]
    if wanted not in FORMATS:
        raise InvalidParameter(
            f"format must be {' or '.join(FORMATS)}.",
            extensions={"parameter": "format", "allowed": list(FORMATS)},
        )
    since = sizes(given.get("since", []), "since")
    if wanted == ENTITIES and since:
        raise InvalidParameter(
            "since goes with format=proof only.", extensions={"parameter": "since"}
        )
    if wanted == PROOF:
        # It has the entries of drafts that are not the caller's, too.
        require(who.identity, "audit")
    media = accepted(request, *(NDJSON if wanted == ENTITIES else TEXT))
    answer = web.StreamResponse(headers={"Content-Type": media, "Cache-Control": "no-store"})
    if wanted == PROOF:
        answer.charset = "utf-8"
    if request.method == hdrs.METH_HEAD:
        # A stream writes whatever it is given: behind the headers of HEAD nothing may stand.
        await answer.prepare(request)
        return answer
    with ending_with_client(request):
        async with aclosing(_lines(request, who, wanted, since)) as pages:
            async for _, lines in pages:
                if not answer.prepared:
                    # The first page decides whether there is an answer at all; after it, it is 200.
                    await answer.prepare(request)
                await answer.write(lines)
    await answer.write_eof()
    return answer


def _lines(
    request: web.Request, who: Caller, wanted: str, since: tuple[int, ...]
) -> AsyncGenerator[tuple[int, bytes], None]:
    repository = reading(request)
    if wanted == PROOF:
        return proven(repository, who.context, request.app[TREE], since)
    return export(repository, who.context)


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [web.get("/v1/exports", exports)]
