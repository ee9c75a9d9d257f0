"""What the service says about itself, to anyone: the description, the reference, the problems."""

from typing import Final

from aiohttp import web

from service.http.answers import revalidated
from service.http.rates import take_by_address
from service.http.request import raw_query
from service.model.query import parameters
from service.openapi.document import served
from service.pages.catalogue import catalogue
from service.pages.layout import Page
from service.pages.reference import reference

CACHED: Final = "public, no-cache"
"""The same for everyone, and asked for again, since another release may answer."""


async def openapi(request: web.Request) -> web.Response:
    """Return the description."""
    return _answer(request, served(), "application/json", {})


async def docs(request: web.Request) -> web.Response:
    """Return the reference."""
    return _page(request, reference())


async def errors(request: web.Request) -> web.Response:
    """Return the catalogue of problems, at the address that every `type` names."""
    return _page(request, catalogue())


def _page(request: web.Request, page: Page) -> web.Response:
    more = {
        "Content-Security-Policy": page.policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return _answer(request, page.body, "text/html", more)


def _answer(request: web.Request, body: bytes, media: str, more: dict[str, str]) -> web.Response:
    take_by_address(request)
    parameters(raw_query(request))
    answer = revalidated(request, body, media, CACHED)
    answer.headers.update(more)
    return answer


def routes() -> list[web.RouteDef]:
    """List the routes that tell about the others."""
    return [
        web.get("/openapi.json", openapi),
        web.get("/docs", docs),
        web.get("/docs/errors", errors),
    ]
