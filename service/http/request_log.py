"""One line for each request that was answered: which route, how it ended, whose it was.

It has ids and no text of anybody: the route and not the path, which may have a client's own words
in it; neither query nor header nor body. Requests refused at the door are counted and told
together (`door`).

Source: https://www.w3.org/TR/trace-context/ for `traceparent`.
"""

import logging
import re
import secrets
from typing import Any, Final, NamedTuple

from aiohttp import web

from service.http.log_lines import LOGGER, Lines
from service.http.request import request_id
from service.repository.base import Context

log = logging.getLogger(LOGGER)

WHO: Final = web.RequestKey("who", Context)
SLUG: Final = web.RequestKey("slug", str)
"""Of the problem that it was answered with."""

_TRACE: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NOTHING: Final = {"0" * 32, "0" * 16}


class Answered(NamedTuple):
    """A request that was answered; `slug` is that of the problem, if it was one."""

    method: str
    route: str
    status: int
    seconds: float
    request_id: str
    traceparent: str
    who: Context | None
    slug: str | None


def wanted() -> bool:
    """Say whether there is a log."""
    return log.isEnabledFor(logging.INFO)


def tell(request: web.Request, route: str, status: int, seconds: float) -> None:
    """Write the line, unless the log is off."""
    if not wanted():
        return
    write(
        Answered(
            request.method,
            route,
            status,
            seconds,
            request_id(request),
            request.headers.get("traceparent", ""),
            request.get(WHO),
            request.get(SLUG),
        )
    )


def write(answered: Answered) -> None:
    """Write the line of a request."""
    for handler in log.handlers:
        if isinstance(handler, Lines):
            if handler.form == "text":
                handler.put_words(_words(answered))
            else:
                handler.put(_members(answered))
            return
    log.info(_words(answered), extra={"members": _members(answered)})


def _words(answered: Answered) -> str:
    who = answered.who
    text = (
        f"method={answered.method} route={answered.route} status={answered.status} "
        f"ms={round(answered.seconds * 1000, 3)} request_id={answered.request_id}"
    )
    if who is not None:
        text += (
            f" tenant_id={who.tenant_id} governance_agent_id={who.governance_agent_id} "
            f"key_id={who.key_id}"
        )
    if answered.slug is not None:
        text += f" problem={answered.slug}"
    if answered.traceparent:
        text += "".join(f" {name}={id_}" for name, id_ in traced(answered.traceparent).items())
    return text


def _members(answered: Answered) -> dict[str, Any]:
    who = answered.who
    members: dict[str, Any] = {
        "method": answered.method,
        "route": answered.route,
        "status": answered.status,
        "ms": round(answered.seconds * 1000, 3),
        "request_id": answered.request_id,
    }
    if who is not None:
        members |= {
            "tenant_id": who.tenant_id,
            "governance_agent_id": who.governance_agent_id,
            "key_id": who.key_id,
        }
    if answered.slug is not None:
        members["problem"] = answered.slug
    if answered.traceparent:
        members |= traced(answered.traceparent)
    return members


def traced(traceparent: str) -> dict[str, str]:
    """Give the trace of a request and its own span in it; nothing for what is none."""
    found = _TRACE.fullmatch(traceparent)
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return {}
    if _NOTHING & {found[2], found[3]}:
        return {}
    return {"trace_id": found[2], "parent_id": found[3], "span_id": secrets.token_hex(8)}
