"""POST /v1/imports: NDJSON in, one line of outcome for each line, totals last."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final, get_args

import msgspec
from aiohttp import web

from service.errors import (
    InvalidParameter,
    MalformedRequest,
    OwnWork,
    Problem,
    Unauthenticated,
)
from service.http import sent
from service.http.bodies import LARGE
from service.http.caller import AUTHENTICATOR, Caller, caller, require
from service.http.clock import CLOCK
from service.http.counted import counted
from service.http.leaving import ending_with_client
from service.http.problems import report
from service.http.reading import REPOSITORY
from service.http.request import KEYS_ARE_MADE, NDJSON, bearer, check_media, raw_query, request_id
from service.http.upload import Upload
from service.http.writing import prefers_rollback
from service.model.query import parameters
from service.repository.base import Context
from service.usecases.absent import Handling
from service.usecases.importing import Import
from service.usecases.lines import LINE_BYTES_MAX
from service.usecases.outcomes import Reported

ALLOWED: Final = {"as": ("active",), "absent": get_args(Handling)}
"""Query parameters and their values."""


CERTIFIER: Final = "Certifier-Authorization"
"""The header with the second key."""

UNKNOWN: Final = f"The certifier's key is unknown, expired or revoked. {KEYS_ARE_MADE}"

NO_TRIAL: Final = (
    "An import cannot be tried: leave `Prefer: tx=rollback` out, or send an entity by itself. "
    "Nothing was done."
)

NO_SECOND: Final = (
    f"The header {CERTIFIER} goes with `as=active` only: leave it out, or ask for that. "
    "Nothing was done."
)


async def imports(request: web.Request) -> web.StreamResponse:
    """Import NDJSON; the answer is 200 with NDJSON, whatever becomes of single lines."""
    who = await caller(request, "write")
    given = parameters(raw_query(request), single=tuple(ALLOWED))
    chosen = {name: _chosen(name, values[0]) for name, values in given.items()}
    as_active = "as" in chosen
    if "absent" in chosen:
        # It names what the import has not given.
        require(who.identity, "read")
    if prefers_rollback(request.headers.getall("Prefer", ())):
        # It would be done for good, line by line, while its sender takes it for a trial.
        raise MalformedRequest(NO_TRIAL)
    if CERTIFIER in request.headers and not as_active:
        # Its sender means what comes in to be in force, and it would all be drafts.
        raise MalformedRequest(NO_SECOND)
    check_media(request, NDJSON)
    context = await _certified(request, who) if as_active else who.context
    run = Import(
        request.app[REPOSITORY],
        context,
        as_active=as_active,
        absent=chosen.get("absent"),
        large=request.app[LARGE],
    )
    # It commits by the chunk.
    sent.begin(request)
    # Whatever happens here, the connection of the import and its place come back at once.
    with ending_with_client(request):
        lines = _lines(Upload(request.content, request.app[CLOCK]))
        async with aclosing(run.run(lines)) as outcomes:
            return await _answered(request, run, outcomes)


async def _answered(
    request: web.Request, run: Import, outcomes: AsyncGenerator[list[Reported], None]
) -> web.StreamResponse:
    # The first chunk decides whether there is an answer at all; after it, it is 200.
    first: list[Reported] = await anext(outcomes, [])
    answer = web.StreamResponse(headers={"Content-Type": NDJSON[0], "Cache-Control": "no-store"})
    await answer.prepare(request)
    encoder = msgspec.json.Encoder()
    try:
        await answer.write(encoder.encode_lines(first))
        async for chunk in outcomes:
            await answer.write(encoder.encode_lines(chunk))
        await answer.write(encoder.encode({"totals": run.totals}) + b"\n")
    except Problem as problem:
        # 200 is out: an answer without totals is incomplete, and the last line says why.
        report(problem, request_id(request), request.method, "/v1/imports")
        await answer.write(encoder.encode({"problem": problem.members()}) + b"\n")
    await answer.write_eof()
    return answer


def _chosen(name: str, value: str) -> Any:
    """Check the value of a parameter.

    Raises: InvalidParameter.
    """
    if value not in ALLOWED[name]:
        raise InvalidParameter(
            f"{name} must be {' or '.join(ALLOWED[name])}.",
            extensions={"parameter": name, "allowed": list(ALLOWED[name])},
        )
    return value


async def _certified(request: web.Request, who: Caller) -> Context:
    """Add the second identity that an import as active needs.

    Raises: Unauthenticated, ScopeMissing, OwnWork.
    """
    key = bearer(request, CERTIFIER)
    # A key of another tenant is told apart from none by nothing; Authorization itself was good.
    refusal = Unauthenticated.unasked(UNKNOWN)
    try:
        # Looked up anew: with a key that was revoked just now every line would be refused.
        with counted(request).aside():
            certifier = await request.app[AUTHENTICATOR].identity(key, anew=True)
    except Unauthenticated:
        raise refusal from None
    if certifier.tenant_id != who.identity.tenant_id:
        raise refusal
    require(certifier, "certify", header=CERTIFIER)
    if certifier.governance_agent_id == who.identity.governance_agent_id:
        raise OwnWork
    return msgspec.structs.replace(who.context, certifier_key_id=str(certifier.key_id))


async def _lines(upload: Upload) -> AsyncIterator[bytes]:
    """Cut the body into lines as it comes; a line that is too long is cut off, not kept."""
    rest = b""
    skipping = False
    try:
        while piece := await upload.piece():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if not skipping:
                    yield line
                skipping = False
            if len(rest) > LINE_BYTES_MAX:
                if not skipping:
                    yield rest
                rest, skipping = b"", True
            await asyncio.sleep(0)
    except web.RequestPayloadError:
        raise MalformedRequest("The body is not framed as its headers say.") from None
    if rest and not skipping:
        yield rest


def routes() -> list[web.RouteDef]:
    """List the routes of imports."""
    return [web.post("/v1/imports", imports)]
