"""The address that `plant serve` answers at: bound before all else, listened on at the end."""

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from service.http.site import Site
from service.refusal import Refusal
from service.settings import Settings

BACKLOG: Final = 512


class PortTaken(Refusal):
    """Something else listens there."""


def bound(settings: Settings) -> socket.socket:
    """Take the address first: the rest is worth doing only when it is free.

    Raises: PortTaken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise _taken(settings, error) from None
    return listener


@asynccontextmanager
async def serving(
    settings: Settings, runner: web.AppRunner, listener: socket.socket
) -> AsyncIterator[None]:
    """Answer what comes to an address that is bound.

    Raises: PortTaken.
    """
    await runner.setup()
    try:
        try:
            await Site(runner, listener, backlog=BACKLOG).start()
        except OSError as error:
            # Two that bound at the same moment: the address is taken by who listens first.
            raise _taken(settings, error) from None
        yield
    finally:
        await runner.cleanup()


def _taken(settings: Settings, error: OSError) -> PortTaken:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"Something else listens on {where}.",
            "Stop it, or choose another port: PLANT_PORT=8081.",
        )
    return PortTaken(
        f"Plant cannot listen on {where}: {error.strerror or error}.",
        "Check PLANT_HOST and PLANT_PORT.",
    )
