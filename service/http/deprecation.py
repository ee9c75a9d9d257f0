"""What is to go tells each who still asks for it: since when, until when, and what instead.

Source: https://www.rfc-editor.org/rfc/rfc9745, https://www.rfc-editor.org/rfc/rfc8594
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Final

from aiohttp import web

from service.openapi.operation import Deprecation, Operation

DEPRECATED: Final = web.AppKey("deprecated", Mapping[tuple[str, str], Mapping[str, str]])
"""Fields of answers by method and path."""


def fields(operations: Iterable[Operation]) -> dict[tuple[str, str], dict[str, str]]:
    """Write the fields of those operations that are to go."""
    return {
        (one.method, one.path): _fields(one.deprecated)
        for one in operations
        if one.deprecated is not None
    }


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Put them on an answer, whatever it says."""
    every, resource = request.app[DEPRECATED], request.match_info.route.resource
    if not every or resource is None:
        return
    method = "GET" if request.method == "HEAD" else request.method
    told = every.get((method, resource.canonical), {})
    for name, value in told.items():
        response.headers.add(name, value)


def _fields(deprecation: Deprecation) -> dict[str, str]:
    return {
        "Deprecation": f"@{int(_begin(deprecation.since).timestamp())}",
        "Sunset": format_datetime(_begin(deprecation.sunset), usegmt=True),
        "Link": f'<{deprecation.link}>; rel="deprecation"',
    }


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
