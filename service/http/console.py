"""The console's files, to anyone: what they show is asked of the API, with the reader's own key."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from service.console.files import POLICY, START, File, files
from service.errors import NotFound
from service.http.answers import revalidated
from service.http.rates import take_by_address
from service.http.reference import CACHED
from service.http.request import raw_query
from service.model.query import parameters

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def page(request: web.Request) -> web.Response:
    """Return the page."""
    return _answer(request, files()[START])


async def part(request: web.Request) -> web.Response:
    """Return a file that the page loads; /console/ leads to the page."""
    name = request.match_info["file"]
    if not name:
        take_by_address(request)
        return web.Response(status=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": "/console"})
    found = files().get(name)
    if found is None:
        raise NotFound("The console has no such file. It begins at /console.")
    return _answer(request, found)


def _answer(request: web.Request, file: File) -> web.Response:
    take_by_address(request)
    parameters(raw_query(request))
    answer = revalidated(request, file.body, file.media, CACHED)
    answer.headers.update(HEADERS)
    return answer


def routes() -> list[web.RouteDef]:
    """List the routes of the console."""
    return [
        web.get("/console", page),
        web.get("/console/{file:[^/]*}", part),
    ]
