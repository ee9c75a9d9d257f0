"""Whether the service lives and is ready, what it counts, and who the caller is."""

import hmac
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from service.errors import Problem, Unauthenticated, Unavailable
from service.http.caller import caller
from service.http.metrics import METRICS
from service.http.rates import LEFT, Left
from service.http.reading import REPOSITORY
from service.http.request import raw_query
from service.http.tokens import TOKENS
from service.labelling.standing import LabelStanding
from service.model.query import parameters
from service.repository.keys import HealthPing
from service.sealing.standing import Standing

METRICS_TOKEN: Final = web.AppKey("metrics_token", str)
STANDING: Final = web.AppKey("standing", Standing)
LABELS: Final = web.AppKey("labels", LabelStanding)


async def live(_: web.Request) -> web.Response:
    """Tell that the process answers."""
    return _json({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Tell whether the database answers too, 503 when it does not; how log and labels stand."""
    standing: dict[str, Any] = {
        "log": request.app[STANDING].shown(),
        "labels": request.app[LABELS].shown(),
    }
    issued = request.app.get(TOKENS)
    if issued is not None:
        standing["tokens"] = {"keys": issued.keys.count, "failing": issued.keys.failing}
    try:
        await request.app[REPOSITORY].one(HealthPing())
    except Problem as problem:
        members = {"status": "not ready", "database": problem.detail, **standing}
        answer = _json(members, status=503)
        answer.headers["Retry-After"] = str(problem.retry_after_s or Unavailable.retry_after_s)
        return answer
    return _json({"status": "ok", "database": "ok", **standing})


async def metrics(request: web.Request) -> web.Response:
    """Return counters in the text format of Prometheus."""
    token = request.app[METRICS_TOKEN]
    given = request.headers.get("Authorization")
    if token and not _opens(given or "", token):
        refused = Unauthenticated.unasked if given is None else Unauthenticated
        raise refused("/metrics needs the token of PLANT_METRICS_TOKEN.")
    body = generate_latest(request.app[METRICS].registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _opens(given: str, token: str) -> bool:
    """Compare as bytes: a token may be any printable ASCII, and a header may be anything."""
    scheme, _, value = given.encode("utf-8", "surrogateescape").partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(value.strip(), token.encode())


async def me(request: web.Request) -> web.Response:
    """Tell whose key this is and what it may do."""
    identity = (await caller(request)).identity
    parameters(raw_query(request))
    return _json(
        {
            "tenant": {"id": identity.tenant_id, "name": identity.tenant_name},
            "governance_agent": {
                "id": identity.governance_agent_id,
                "name": identity.governance_agent_name,
            },
            "key": {
                "id": identity.key_id,
                "expires_at": _time(identity.expires_at),
                "last_used_at": _time(identity.last_used_at),
            },
            "scopes": identity.scopes,
            "rate_limit": _rate_limit(request.get(LEFT)),
        }
    )


def _rate_limit(left: Left | None) -> dict[str, int] | None:
    if left is None:
        return None
    return {
        "requests": left.rate.requests,
        "window_s": left.rate.window_s,
        "remaining": left.requests,
    }


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at else None


def _json(members: dict[str, Any], *, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(members),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def routes() -> list[web.RouteDef]:
    """List the routes that need no kind."""
    return [
        web.get("/livez", live),
        web.get("/readyz", ready),
        web.get("/metrics", metrics),
        web.get("/v1/me", me),
    ]
