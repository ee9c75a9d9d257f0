"""Connections are accepted as they come, on both loops, until the site is stopped."""

import asyncio
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import pytest
from aiohttp import web

from service.cli.listening import serving
from service.cli.running import loop_factory
from service.http.site import Site
from service.settings import Settings
from tests.bench import WAIT_S, until

FASTER = loop_factory()
LOOPS: Final = {"asyncio": asyncio.SelectorEventLoop} | ({"uvloop": FASTER} if FASTER else {})
MANY: Final = 100
TURNS: Final = 6
"""Of the loop, from a connection in the kernel's queue to one of the server: one is to accept."""

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Run a test on each of the loops; whatever a loop is told of as an error fails it."""

    def runs(test: Coroutine[Any, Any, None]) -> None:
        told: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.get_loop().set_exception_handler(lambda _loop, context: told.append(context))
            runner.run(asyncio.wait_for(test, WAIT_S))
        assert [] == told

    return runs


class Listener(socket.socket):
    """A listening socket that counts what it gives, and whose first clients may be gone."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        super().__init__(family)
        self.given = 0
        self.gone = 0
        self.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))

    def accept(self) -> tuple[socket.socket, Any]:
        """Give a connection, unless it is gone."""
        found = super().accept()
        self.given += 1
        if self.given <= self.gone:
            found[0].close()
            raise ConnectionAbortedError
        return found


class Deaf:
    """A loop that connects nobody."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connect: Callable[..., Any]) -> None:
        self._loop = loop
        self.connect_accepted_socket = connect

    def __getattr__(self, name: str) -> Any:
        """Do all else as the loop does."""
        return getattr(self._loop, name)


def families() -> Iterator[socket.AddressFamily]:
    """Give the kinds of addresses that this machine has."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError), Listener(family):
            yield family


async def told(request: web.Request) -> web.Response:
    """Tell what the socket of a connection is set to."""
    transport = request.transport
    assert transport is not None
    found = transport.get_extra_info("socket")
    assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert not os.get_blocking(found.fileno())
    return web.Response(text=str(request.remote))


@asynccontextmanager
async def site(listener: Listener) -> AsyncIterator[web.AppRunner]:
    """Serve as `plant serve` does."""
    app = web.Application()
    app.router.add_get("/", told)
    runner = web.AppRunner(app, access_log=None)
    async with serving(Settings(), runner, listener):
        yield runner


def connections(runner: web.AppRunner) -> int:
    """Count the connections of the server."""
    assert runner.server is not None
    return len(runner.server.connections)


def connected(listener: Listener) -> socket.socket:
    """Connect, which the kernel alone answers."""
    client = socket.socket(listener.family)
    client.connect(listener.getsockname())
    client.setblocking(False)
    return client


async def answered(client: socket.socket) -> str:
    """Ask for the one page and give what comes."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    found = b""
    while piece := await loop.sock_recv(client, 4096):
        found += piece
    return found.decode()


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let the process open nothing more."""
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as next_one:
        limit = next_one.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


def test_all_who_wait_are_accepted_in_one_turn(run: Run) -> None:
    """A hundred that connected while the loop was at work do not take a hundred turns."""

    async def test() -> None:
        with Listener() as listener, ExitStack() as clients:
            async with site(listener) as runner:
                for _ in range(MANY):
                    clients.enter_context(connected(listener))
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                assert MANY == connections(runner)

    run(test())


@pytest.mark.parametrize("family", list(families()))
def test_what_is_accepted_is_answered(run: Run, family: socket.AddressFamily) -> None:
    """Without delay and without blocking, from an address of either kind."""

    async def test() -> None:
        with Listener(family) as listener:
            async with site(listener) as runner:
                with connected(listener) as client:
                    answer = await answered(client)
                assert answer.startswith("HTTP/1.1 200")
                assert answer.endswith(listener.getsockname()[0])
                (found,) = runner.sites
                host, port = listener.getsockname()[:2]
                assert found.name in {f"http://{host}:{port}", f"http://[{host}]:{port}"}

    run(test())


def test_a_client_that_has_gone_harms_nobody(run: Run) -> None:
    """One reset its connection before it was accepted; of others the kernel says they are gone."""

    async def test() -> None:
        with Listener() as listener:
            listener.gone = MANY
            async with site(listener) as runner:
                for _ in range(MANY):
                    connected(listener).close()
                with connected(listener) as reset:
                    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                with connected(listener) as client:
                    for _ in range(TURNS):
                        await asyncio.sleep(0)
                    assert MANY + 2 == listener.given
                    assert (await answered(client)).startswith("HTTP/1.1 200")

                async def left() -> int:
                    return connections(runner)

                await until(left, lambda count: count == 0)

    run(test())


def test_a_client_that_goes_while_it_is_being_connected(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket is closed, and nobody is told."""

    async def test() -> None:
        loop = asyncio.get_running_loop()
        taken: list[socket.socket] = []

        async def gone(_protocols: object, connection: socket.socket) -> None:
            taken.append(connection)
            raise OSError

        with Listener() as listener:
            runner = web.AppRunner(web.Application())
            await runner.setup()
            site = Site(runner, listener)
            monkeypatch.setattr(site, "_loop", Deaf(loop, gone))
            await site.start()
            with connected(listener) as client:
                assert b"" == await loop.sock_recv(client, 1)
            assert -1 == taken[0].fileno()
            await runner.cleanup()

    run(test())


def test_without_descriptors_it_rests(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """It says so, is not called again and again, and goes on by itself."""

    async def test() -> None:
        with Listener() as listener:
            async with site(listener):
                with connected(listener) as client:
                    with no_descriptors():
                        for _ in range(MANY):
                            await asyncio.sleep(0)
                    lines = [one for one in caplog.records if one.name == "service.http.site"]
                    assert 0 < len(lines) < TURNS
                    assert logging.WARNING == lines[0].levelno
                    assert "1 s: Too many open files" in lines[0].getMessage()
                    assert 0 == listener.given
                    assert (await answered(client)).startswith("HTTP/1.1 200")

    run(test())


def test_while_it_rests_it_can_be_stopped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing wakes it afterwards."""
    monkeypatch.setattr("service.http.site.REST_S", 0.01)

    async def test() -> None:
        with Listener() as listener:
            async with site(listener):
                with connected(listener), no_descriptors():
                    for _ in range(TURNS):
                        await asyncio.sleep(0)
            # A timer that was begun later ends later.
            await asyncio.sleep(0.02)
        assert 0 == listener.given

    run(test())


def test_nobody_connects_after_the_end(run: Run) -> None:
    """The address is free again, and who was connected is not any more."""

    async def test() -> None:
        with Listener() as listener:
            address = listener.getsockname()
            async with site(listener) as runner:
                with connected(listener) as client:
                    while not connections(runner):  # noqa: ASYNC110 - nobody is told
                        await asyncio.sleep(0)
                    await runner.cleanup()
                    assert b"" == await asyncio.get_running_loop().sock_recv(client, 1)
                with socket.socket() as late, pytest.raises(ConnectionRefusedError):
                    late.connect(address)

    run(test())


def test_another_may_follow(run: Run) -> None:
    """It gets the descriptor of the one before, of which the loop knows nothing any more."""

    async def test() -> None:
        descriptors = set()
        for _ in range(2):
            with Listener() as listener:
                descriptors.add(listener.fileno())
                async with site(listener):
                    with connected(listener) as client:
                        assert (await answered(client)).startswith("HTTP/1.1 200")
        assert 1 == len(descriptors)

    run(test())


def test_who_was_accepted_is_the_servers_when_it_stops(run: Run) -> None:
    """The server is what ends a connection; none is left between the two."""

    async def test() -> None:
        with Listener() as listener:
            async with site(listener) as runner:
                with connected(listener):
                    while not listener.given:  # noqa: ASYNC110 - nobody is told
                        await asyncio.sleep(0)
                    assert 0 == connections(runner)
                    (found,) = runner.sites
                    await found.stop()
                    assert 1 == connections(runner)

    run(test())
