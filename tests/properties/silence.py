"""A server that takes connections and never says a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """Listen on the loopback; gives an address of a database there."""
    writers: list[asyncio.StreamWriter] = []

    def taken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    listener = await asyncio.start_server(taken, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield f"postgresql://plant_app@127.0.0.1:{port}/plant?sslmode=disable"
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()
        await listener.wait_closed()
