"""What is to go tells each who still asks for it: since when, until when, and what instead.

Source: https://www.rfc-editor.org/rfc/rfc9745, https://www.rfc-editor.org/rfc/rfc8594
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Final

from aiohttp import web

from service.openapi.deprecations import Deprecation

DEPRECATED: Final = web.AppKey("deprecated", Mapping[tuple[str, str], Mapping[str, str]])
"""Fields of answers by method and path."""


def fields(
    deprecations: Mapping[tuple[str, str], Deprecation],
) -> dict[tuple[str, str], dict[str, str]]:
    """Write the fields of the routes that are to go."""
    return {route: _fields(one) for route, one in deprecations.items()}


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
