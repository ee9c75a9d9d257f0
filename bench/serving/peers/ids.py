"""Ids that rise with time, as the server's own `uuidv7()` makes them."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """Make an id of this millisecond."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)
