"""The time that requests go by, in one place: cursors and remembered keys grow old by it."""

import time
from datetime import UTC, datetime
from typing import Final

from aiohttp import web


class Clock:
    """Tells the time."""

    def now(self) -> datetime:
        """Return the time of day, for what is compared with stored times."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow, for how long something is remembered."""
        return time.monotonic()


CLOCK: Final = web.AppKey("clock", Clock)
