"""How often a transaction is tried, and how long the pause before the next time is."""

import random
from typing import Final

TRIES_MAX: Final = 4
RETRY_S: Final = 0.02
"""Mean pause before the first repetition; it doubles and is drawn at random."""


def pause_s(attempt: int) -> float:
    """Draw the pause before a repetition: longer each time, never the same for two writers."""
    return random.uniform(0, 2 * RETRY_S * 2 ** (attempt - 1))  # noqa: S311 - jitter
