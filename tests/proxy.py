"""What stands between a service and its database: it counts, cuts, and loses what comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

END_OF_TRIP = b"SQH"
"""Sync and Query, each answered by one ReadyForQuery, and Flush, for whose answer asyncpg waits
when it prepares: each is one round trip."""

STATEMENT = b"EQ"
"""Execute and Query: each runs one statement."""


class Proxy:
    """The way to one database.

    trips: round trips that were begun. statements: what was to be run in them.
    losing: what the server says is thrown away. refusing: whoever connects is turned away.
    delay_s: so long each thing that it says takes.
    """

    def __init__(self, url: str) -> None:
        self._there = url
        self._here = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self.trips = 0
        self.statements = 0
        self.losing = False
        self.refusing = False
        self.delay_s = 0.0

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Self]:
        """Listen for connections to the database at this address."""
        proxy = cls(url)
        listener = await asyncio.start_server(proxy._served, "127.0.0.1", 0)
        proxy._here = listener.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            listener.close()
            proxy.cut()
            await listener.wait_closed()

    @property
    def url(self) -> str:
        """Give the address that leads through here."""
        parts = urlsplit(self._there)
        login = parts.netloc.rpartition("@")[0]
        where = f"{login}@127.0.0.1:{self._here}"
        return urlunsplit(parts._replace(netloc=where, query="sslmode=disable"))

    def cut(self) -> None:
        """End every connection, in the middle of whatever it does."""
        for writer in self._writers:
            writer.transport.abort()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            there = None if self.refusing else await self._connected()
            if there is not None:
                await self._passed(reader, writer, *there)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _passed(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        self._writers.add(server_writer)
        try:
            await asyncio.gather(
                self._asked(reader, server_writer), self._answered(server_reader, writer)
            )
        finally:
            self._writers.discard(server_writer)
            server_writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Connect to the server; nothing when that is away."""
        parts = urlsplit(self._there)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        host = query.get("host") or parts.hostname or ""
        port = int(query.get("port") or parts.port or 5432)
        try:
            if host.startswith("/"):
                return await asyncio.open_unix_connection(Path(host) / f".s.PGSQL.{port}")
            return await asyncio.open_connection(host, port)
        except OSError:
            return None

    async def _asked(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        """Pass on message by message; only the first has no letter in front."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            letter = b""
            while True:
                length = await reader.readexactly(4)
                rest = await reader.readexactly(int.from_bytes(length) - 4)
                self.trips += letter != b"" and letter in END_OF_TRIP
                self.statements += letter != b"" and letter in STATEMENT
                server.write(letter + length + rest)
                await server.drain()
                letter = await reader.readexactly(1)
        server.close()

    async def _answered(self, server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while said := await server.read(65536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if not self.losing:
                    writer.write(said)
                    await writer.drain()
        writer.close()
