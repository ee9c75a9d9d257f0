"""A body that may take any time, but has to go on: who sends it keeps others waiting."""

import asyncio
from typing import Final

from aiohttp import StreamReader

from service.errors import MalformedRequest
from service.http.clock import Clock

PACE_S: Final = 30.0
PACE_BYTES: Final = 64 * 1024
"""What has to come, or the end of the body, in each `PACE_S` that the service waits for it."""


class Upload:
    """Reads the body of a request."""

    def __init__(self, content: StreamReader, clock: Clock) -> None:
        self._content = content
        self._clock = clock
        self._left_s = PACE_S
        self._bytes = 0

    async def piece(self) -> bytes:
        """Read on; nothing at the end.

        Raises: MalformedRequest.
        """
        begun = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._left_s):
                piece = await self._content.readany()
        except TimeoutError:
            raise MalformedRequest(
                f"Less than {PACE_BYTES:,} bytes of the body came in {PACE_S:g} seconds, "
                "and not its end. Send faster, or what is ready at once."
            ) from None
        self._bytes += len(piece)
        # Only the time counts that the sender needed.
        self._left_s -= self._clock.monotonic() - begun
        if self._bytes >= PACE_BYTES:
            self._left_s, self._bytes = PACE_S, 0
        return piece
