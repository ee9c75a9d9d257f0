"""Cursors of this service, by its secret and its clock."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from service.http.clock import Clock
from service.model.cursor import CursorCodec, Listing


class Cursors:
    """Makes cursors as of now, and reads those that are not too old now."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._codec = CursorCodec(secret)
        self._clock = clock

    def encode(self, listing: Listing, position: Sequence[str]) -> str:
        """Make the cursor of the place behind a row of a list."""
        return self._codec.encode(listing, position, self._clock.now())

    def decode(self, token: str, listing: Listing) -> tuple[str, ...]:
        """Read the position from a cursor of this listing.

        Raises: InvalidCursor, CursorExpired.
        """
        return self._codec.decode(token, listing, self._clock.now())


CURSORS: Final = web.AppKey("cursors", Cursors)
