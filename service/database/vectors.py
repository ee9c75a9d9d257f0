"""How vectors travel: as bytes in the server's own binary form, never as text."""

from __future__ import annotations

from typing import Any

import asyncpg


async def carry_vectors(connection: asyncpg.Connection[Any]) -> None:
    """Let a connection take and give vectors as bytes; costs one look at the server's types."""
    await connection.set_type_codec(
        "vector", schema="public", encoder=bytes, decoder=bytes, format="binary"
    )
