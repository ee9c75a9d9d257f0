"""GET /v1/exports: the documents of one snapshot as NDJSON, count and digest last."""

from contextlib import aclosing
from typing import Final

from aiohttp import hdrs, web

from service.errors import InvalidParameter
from service.http.caller import caller
from service.http.protocol import ending_with_client
from service.http.reading import reading
from service.http.request import NDJSON, accepted, raw_query
from service.model.query import parameters
from service.usecases.exporting import export

FORMATS: Final = ("entities",)


async def exports(request: web.Request) -> web.StreamResponse:
    """Export what the caller sees; a stream without its last line is incomplete."""
    who = await caller(request, "read")
    wanted = parameters(raw_query(request), single=("format",)).get("format", ["entities"])[0]
    if wanted not in FORMATS:
        raise InvalidParameter(
            f"format must be {' or '.join(FORMATS)}.",
            extensions={"parameter": "format", "allowed": list(FORMATS)},
        )
    media = accepted(request, *NDJSON)
    answer = web.StreamResponse(headers={"Content-Type": media, "Cache-Control": "no-store"})
    if request.method == hdrs.METH_HEAD:
        # A stream writes whatever it is given: behind the headers of HEAD nothing may stand.
        await answer.prepare(request)
        return answer
    with ending_with_client(request):
        async with aclosing(export(reading(request), who.context)) as pages:
            async for _, lines in pages:
                if not answer.prepared:
                    # The first page decides whether there is an answer at all; after it, it is 200.
                    await answer.prepare(request)
                await answer.write(lines)
    await answer.write_eof()
    return answer


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [web.get("/v1/exports", exports)]
