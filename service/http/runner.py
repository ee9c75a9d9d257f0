"""Runs an application on a server whose connections are ours."""

from typing import Any, Final

from aiohttp import web

from service.http.door import Door
from service.http.patience import Unread
from service.http.protocol import Protocol

LINGERING_S: Final = 2.0
"""How long a refused upload is read and thrown away, so that its sender sees the answer."""


class Server(web.Server):
    """Makes our protocol for each connection of a server that aiohttp has set up."""

    def __init__(self, base: web.Server, app: web.Application) -> None:
        vars(self).update(vars(base))
        self._unread = Unread()
        self._door = Door(app, base.request_handler)
        self.request_handler = self._door

    def __call__(self) -> Protocol:
        """Make the protocol of a new connection."""
        return Protocol(self, self._unread, self._door, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on our protocol; otherwise as aiohttp's runner.

    Bodies come as they were sent: what is compressed is refused, not unpacked.
    """

    def __init__(self, app: web.Application, **options: Any) -> None:
        defaults = {"lingering_time": LINGERING_S, "auto_decompress": False}
        super().__init__(app, **(defaults | options))

    async def _make_server(self) -> web.Server:
        return Server(await super()._make_server(), self.app)
