"""A connection of a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[Any]
else:
    _Connection = asyncpg.Connection


class Connection(_Connection):
    """A connection that keeps no state of a session and so needs no reset between users."""

    def get_reset_query(self) -> str:
        """Send nothing when the connection goes back: there is nothing to take away."""
        return ""
