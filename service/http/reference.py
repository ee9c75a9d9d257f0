"""What the service says about itself, to anyone: the description, the reference, the problems.

It is loaded and written in a thread when someone asks: that takes 50 ms, in which others are
served, and 6 MB, which a service of whom nobody asks it does not need.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from service.http.answers import revalidated
from service.http.rates import take_by_address
from service.http.request import raw_query
from service.model.query import parameters

if TYPE_CHECKING:
    from service.pages.layout import Page

CACHED: Final = "public, no-cache"
"""The same for everyone, and asked for again, since another release may answer."""


async def openapi(request: web.Request) -> web.Response:
    """Return the description."""
    return _answer(request, await asyncio.to_thread(_description), "application/json", {})


async def docs(request: web.Request) -> web.Response:
    """Return the reference."""
    return _page(request, await asyncio.to_thread(_reference))


async def errors(request: web.Request) -> web.Response:
    """Return the catalogue of problems, at the address that every `type` names."""
    return _page(request, await asyncio.to_thread(_catalogue))


def _description() -> bytes:
    from service.openapi.document import served

    return served()


def _reference() -> "Page":
    from service.pages.reference import reference

    return reference()


def _catalogue() -> "Page":
    from service.pages.catalogue import catalogue

    return catalogue()


def _page(request: web.Request, page: "Page") -> web.Response:
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
