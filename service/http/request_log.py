"""One line for each request that was answered: which route, how it ended, whose it was.

It has ids and no text of anybody: the route and not the path, which may have a client's own words
in it; neither query nor header nor body. Requests refused at the door are counted and told
together (`door`).

Source: https://www.w3.org/TR/trace-context/ for `traceparent`.
"""

import logging
import re
import secrets
from typing import Any, Final

from aiohttp import web

from service.http.request import request_id
from service.repository.base import Context

log = logging.getLogger(__name__)

WHO: Final = web.RequestKey("who", Context)
SLUG: Final = web.RequestKey("slug", str)
"""Of the problem that it was answered with."""

_TRACE: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NOTHING: Final = {"0" * 32, "0" * 16}


def tell(request: web.Request, route: str, status: int, seconds: float) -> None:
    """Write the line, unless the log is off."""
    if not log.isEnabledFor(logging.INFO):
        return
    members: dict[str, Any] = {
        "method": request.method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 3),
        "request_id": request_id(request),
    }
    who = request.get(WHO)
    if who is not None:
        members |= {
            "tenant_id": who.tenant_id,
            "governance_agent_id": who.governance_agent_id,
            "key_id": who.key_id,
        }
    if SLUG in request:
        members["problem"] = request[SLUG]
    members |= traced(request.headers.get("traceparent", ""))
    words = " ".join(f"{name}={value}" for name, value in members.items())
    log.info(words, extra={"members": members})


def traced(traceparent: str) -> dict[str, str]:
    """Give the trace of a request and its own span in it; nothing for what is none."""
    found = _TRACE.fullmatch(traceparent)
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return {}
    if _NOTHING & {found[2], found[3]}:
        return {}
    return {"trace_id": found[2], "parent_id": found[3], "span_id": secrets.token_hex(8)}
