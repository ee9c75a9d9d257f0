"""What the chaos run breaks: a server, the way to it, a service as a process, tenants."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import asyncpg

from service.catalog.load import load
from service.database.embedded import EmbeddedServer, embedded_server
from service.database.pool import Pool
from service.migrate.runner import apply
from service.repository.base import Repository
from service.settings import Settings
from tests.bench import until
from tests.factories import Tenant, make_tenant
from tests.postgres import Server
from tests.proxy import Proxy
from tests.servers import BARE, PLANT, settings_with_room

TENANTS = 20
DEADLINES = {
    "PLANT_POOL_MIN": "4",
    "PLANT_POOL_MAX": "14",
    "PLANT_ACQUIRE_TIMEOUT_MS": "2000",
    "PLANT_CONNECT_TIMEOUT_MS": "1000",
    "PLANT_LOCK_TIMEOUT_MS": "500",
    "PLANT_STATEMENT_TIMEOUT_MS": "1000",
    "PLANT_COMMAND_TIMEOUT_MS": "1300",
    "PLANT_REQUEST_TIMEOUT_MS": "2500",
}
"""Short, so that what has to wait for a deadline is soon over; but all clients may wait for a
connection at once, or the refusals of a busy service would look like a fault that is not over."""


class Service:
    """`plant serve` on a port that it keeps, however often it dies."""

    def __init__(self, directory: Path, environ: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._directory = directory
        self._environ = {**BARE, **environ, "PLANT_PORT": str(port)}
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start and wait until it is ready."""
        await asyncio.to_thread(self._spawn)
        await until(self._ready, bool)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        assert self._process is not None
        self.send(how)
        return await asyncio.to_thread(self._process.wait, 30)

    def log(self) -> str:
        """Give everything that it has said."""
        return (self._directory / "service.log").read_text(encoding="utf-8")

    def _spawn(self) -> None:
        with (self._directory / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*PLANT, "serve"], cwd=self._directory, env=self._environ, stdout=log, stderr=log
            )

    async def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-2000:]
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(self.url + "/readyz") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientError:
            return False


class Stage:
    """A database and the way to it of a service."""

    def __init__(self, cluster: Server, database: str, way: Proxy) -> None:
        self.cluster = cluster
        self.database = database
        self.way = way

    @asynccontextmanager
    async def superuser(self) -> AsyncIterator[asyncpg.Connection]:
        """Connect as superuser, past service and proxy."""
        session = await asyncpg.connect(self.cluster.url("superuser", self.database))
        try:
            yield session
        finally:
            if not session.is_closed():
                session.terminate()

    async def working(self, count: int = 1) -> list[int]:
        """Wait until so many sessions of the service work on something; gives their pids."""
        async with self.superuser() as session:

            async def found() -> list[int]:
                rows = await session.fetch(
                    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'plant app%' "
                    "AND datname = $1 AND state <> 'idle'",
                    self.database,
                )
                return [row["pid"] for row in rows]

            pids: list[int] = await until(found, lambda pids: len(pids) >= count)
            return pids

    async def connects(self) -> bool:
        """Say whether the server takes a session."""
        try:
            async with self.superuser():
                return True
        except (OSError, asyncpg.PostgresError):
            return False


class Ground(Stage):
    """Everything that can be broken, and a way past it."""

    def __init__(
        self, process: EmbeddedServer, cluster: Server, database: str, way: Proxy, service: Service
    ) -> None:
        super().__init__(cluster, database, way)
        self.process = process
        self.service = service
        self.tenants: list[Tenant] = []

    async def end_server(self, how: signal.Signals) -> None:
        """Send the server a signal and wait until it is gone."""
        found = self.process.running()
        assert found is not None
        os.kill(found.pid, how)

        async def gone() -> bool:
            return self.process.running() is None

        await until(gone, bool)

    async def revive(self) -> None:
        """Start the server that has ended."""
        await asyncio.to_thread(self.process.revive)


class Staged(NamedTuple):
    """A stage on a server of its own, with tenants and the settings that it was made with."""

    stage: Stage
    process: EmbeddedServer
    settings: Settings
    tenants: list[Tenant]


@asynccontextmanager
async def staged(tenants: int = TENANTS) -> AsyncIterator[Staged]:
    """Have a migrated server, a way to it, and tenants with their keys."""
    with settings_with_room() as settings:
        process = await asyncio.to_thread(_entered, settings)
        try:
            cluster = await asyncio.to_thread(Server, process.server.url("postgres"))
            database = await asyncio.to_thread(_migrated, cluster)
            made = await _tenants(cluster.url("owner", database), settings, tenants)
            async with Proxy.to(cluster.url("app", database)) as way:
                stage = Stage(cluster, database, way)
                yield Staged(stage, process.server, settings, made)
        finally:
            await asyncio.to_thread(process.leave)


@asynccontextmanager
async def ground(*, proxied: bool = True, **environ: str) -> AsyncIterator[Ground]:
    """Have a stage and a service as a process upon it."""
    async with staged() as (stage, process, settings, tenants):
        places = stage.cluster.environ(stage.database)
        if proxied:
            places["PLANT_APP_DATABASE_URL"] = stage.way.url
        service = Service(settings.data_dir.parent, {**places, **DEADLINES, **environ})
        found = Ground(process, stage.cluster, stage.database, stage.way, service)
        found.tenants = tenants
        await service.start()
        try:
            yield found
        finally:
            await service.end()


class _Held:
    """An embedded server that is used: its context is entered and left in threads."""

    def __init__(self, settings: Settings) -> None:
        self._context = embedded_server(settings)
        self.server = self._context.__enter__()

    def leave(self) -> None:
        self._context.__exit__(None, None, None)


def _entered(settings: Settings) -> _Held:
    return _Held(settings)


def _migrated(cluster: Server) -> str:
    name = cluster.create("chaos")
    apply(cluster.url("owner", name))
    cluster.let_in(name)
    return name


async def _tenants(url: str, settings: Settings, count: int) -> list[Tenant]:
    pool = Pool(url, settings, name="owner")
    await pool.open()
    try:
        owner = Repository(load(), pool)
        return [await make_tenant(owner) for _ in range(count)]
    finally:
        await pool.close()
