"""Accepts the connections of all who wait, in each turn of the loop.

uvloop by itself accepts one in a turn. While the turns are long, whoever connects and hangs up
fills the queue of the kernel faster than it is emptied, and everybody else waits behind them.
"""

import asyncio
import logging
import socket
from typing import Final, cast

from aiohttp import web

log = logging.getLogger(__name__)

REST_S: Final = 1.0
"""How long nothing is accepted after an error, as that of a process without free descriptors."""


class Site(web.BaseSite):
    """Gives a runner what a bound socket has, at most `backlog` in a turn; its end closes it."""

    def __init__(self, runner: web.BaseRunner, listener: socket.socket, backlog: int = 128) -> None:
        super().__init__(runner, backlog=backlog)
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self._name = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._protocols = cast("web.Server", runner.server)
        self._loop = asyncio.get_running_loop()
        self._rest: asyncio.TimerHandle | None = None
        self._begun: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """Say where it listens."""
        return self._name

    async def start(self) -> None:
        """Listen, and accept from now on.

        Raises: OSError.
        """
        await super().start()
        self._listener.setblocking(False)
        self._listener.listen(self._backlog)
        self._loop.add_reader(self._listener.fileno(), self._accept)

    async def stop(self) -> None:
        """Accept nothing more; what was accepted is the server's afterwards."""
        await super().stop()
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        if self._begun:
            await asyncio.wait(self._begun)

    def _accept(self) -> None:
        for _ in range(self._backlog):
            try:
                connection, _address = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                # This one has gone already; others may wait behind it.
                continue
            except OSError as error:
                self._pause(error)
                return
            task = self._loop.create_task(self._connect(connection))
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)

    async def _connect(self, connection: socket.socket) -> None:
        """Make a transport of a connection: it owns the socket then, without blocking or delay."""
        try:
            await self._loop.connect_accepted_socket(self._protocols, connection)
        except OSError:
            # Its client has gone: nobody is there to be told.
            connection.close()

    def _pause(self, error: OSError) -> None:
        """Let the kernel keep those who wait: it would call again at once, and in vain."""
        log.warning("no connection is accepted for %g s: %s", REST_S, error.strerror or error)
        loop, listener = self._loop, self._listener.fileno()
        loop.remove_reader(listener)
        self._rest = loop.call_later(REST_S, loop.add_reader, listener, self._accept)
