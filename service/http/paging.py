"""A page of what belongs to one entity, joined from its rows, with the way to the next one."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from aiohttp import web

from service.http.answers import joined, shown
from service.http.cursors import CURSORS
from service.model.cursor import Listing
from service.model.query import PageQuery

R = TypeVar("R")


def place_of(request: web.Request, query: PageQuery, listing: Listing) -> str | None:
    """Give where the page before ended; None for the first one.

    Raises: InvalidCursor, CursorExpired.
    """
    if query.cursor is None:
        return None
    (place,) = request.app[CURSORS].decode(query.cursor, listing)
    return place


def paged(
    request: web.Request,
    query: PageQuery,
    listing: Listing,
    path: str,
    rows: Sequence[R],
    place: Callable[[R], object],
    show: Callable[[R], object] = lambda row: row,
) -> web.Response:
    """Answer with rows, of which one more than a page has was asked for."""
    page, cursor, link = rows[: query.limit], None, None
    if len(rows) > query.limit:
        cursor = request.app[CURSORS].encode(listing, (str(place(page[-1])),))
        link = f'<{path}?limit={query.limit}&cursor={cursor}>; rel="next"'
    items = (msgspec.json.encode(show(row)).decode() for row in page)
    return shown(joined(items, b'"next_cursor":' + msgspec.json.encode(cursor), link))
