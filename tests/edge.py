"""Clients that take nothing, send by drops or go away, and the service that they meet."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from service.http.app import build_app
from service.http.clock import Clock
from service.http.reading import REPOSITORY
from service.http.runner import Runner
from service.http.site import Site
from service.repository.base import Repository
from service.settings import Settings
from tests.bench import until
from tests.factories import Actor, skill_body

SMALL = 4096
"""Bytes that the kernel keeps for a socket: what is not read soon waits in the service."""

WIDE = "\U00020000"
"""A character of four bytes."""


class Served:
    """A running service, and what its tests look at."""

    def __init__(self, url: str, runner: Runner) -> None:
        self.url = url
        self.app = runner.app
        self.repository: Repository = runner.app[REPOSITORY]
        self._runner = runner

    async def taken(self) -> tuple[int, int, int]:
        """Count the connections to the database, imports and exports that are under way."""
        found = self.repository
        lent = found.pool.statistics.in_use + found.reads.statistics.in_use
        return lent, found.imports.total(), found.exports.total()

    @property
    def connections(self) -> list[web.RequestHandler]:
        """Give the connections on which a client still is."""
        server = self._runner.server
        found = server.connections if server else []
        return [one for one in found if one.transport is not None]

    @property
    def requests(self) -> list[web.BaseRequest]:
        """Give the requests that have a handler at work."""
        found: list[Any] = self.connections
        requests = [one._current_request for one in found]  # noqa: SLF001
        return [one for one in requests if one is not None]

    async def clients(self) -> int:
        """Count the connections on which a client still is."""
        return len(self.connections)

    async def end(self) -> None:
        """End the service; leaving its context afterwards does nothing more."""
        await self._runner.cleanup()

    async def free(self) -> None:
        """Wait until nothing is under way."""
        await until(self.taken, lambda taken: taken == (0, 0, 0))


@asynccontextmanager
async def served(
    settings: Settings,
    app_url: str,
    clock: Clock | None = None,
    *,
    buffer: int = SMALL,
    replica_url: str | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """Serve with small buffers in the kernel; the options are those of aiohttp's runner."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    app = build_app(settings, app_url, clock, replica_url)
    runner = Runner(app, access_log=None, shutdown_timeout=5, **options)
    await runner.setup()
    try:
        await Site(runner, listener).start()
        yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", runner)
    finally:
        await runner.cleanup()


class Wire:
    """A connection whose client reads only when it is told to."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._loop = asyncio.get_running_loop()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["Wire"]:
        """Connect."""
        parts = urlsplit(url)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, (parts.hostname, parts.port))
            yield cls(connection)

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        await self._loop.sock_sendall(self._socket, data)

    async def ask(
        self, actor: Actor, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send the head of a request."""
        given = {"Host": "plant", "Authorization": f"Bearer {actor.key}", **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {v}" for name, v in given.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def read(self) -> bytes:
        """Read what is there, at least a byte; nothing at the end."""
        return await self._loop.sock_recv(self._socket, 1 << 20)

    async def rest(self) -> bytes:
        """Read to the end."""
        found = b""
        while piece := await self.read():
            found += piece
        return found

    async def answered(self) -> bool:
        """Say whether anything has come, without reading it."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def reset(self) -> None:
        """Go away without a word: the other side is told that the connection is broken."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self._socket.close()


def large_skill(**fields: Any) -> dict[str, Any]:
    """Make the body of a skill whose document has some 320 KB."""
    return skill_body(
        description=WIDE * 10_000,
        governance_notes=WIDE * 10_000,
        aliases=[f"{number:03}{WIDE * 252}" for number in range(200)],
        custom_attributes={"filling": "x" * 32_000},
        **fields,
    )
