"""The leader of the log through faults of the server: killed, restarted, cut off."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from service.database.embedded import EmbeddedServer
from service.database.lone import Lone
from service.sealing.background import Background
from service.sealing.standing import Standing
from tests.bench import until
from tests.postgres import Server
from tests.proxy import Proxy
from tests.sealing.checked import sound
from tests.sealing.ground import ground_on

SEALED = """
SELECT (SELECT count(*) FROM audit.entry) = (SELECT max(size) FROM audit.checkpoint)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have one place for key and state: the module has one log."""
    return tmp_path_factory.mktemp("log")


async def test_a_leader_goes_on_after_the_server_was_killed_and_the_way_was_cut(
    process: EmbeddedServer, cluster: Server, database: str, data_dir: Path
) -> None:
    """It connects again, finds its place, and seals what was written meanwhile."""
    standing, stop = Standing(), asyncio.Event()
    async with Proxy.to(cluster.url("worker", database)) as way:
        async with ground_on(cluster, database, data_dir) as ground:
            desk = (await ground.process()).desk
            desk.lone = Lone(way.url, ground.settings, name="worker")
            task = asyncio.create_task(Background(desk, ground.settings, standing).run(stop))
            await ground.fill(10)
            await until(lambda: ground.superuser.fetchval(SEALED), bool)
            way.cut()
            await ground.fill(10)
            await until(lambda: ground.superuser.fetchval(SEALED), bool)
            server = process.running()
            assert server is not None
            os.kill(server.pid, signal.SIGQUIT)
            await until(lambda: off(standing), bool)
            await asyncio.to_thread(process.revive)
        async with ground_on(cluster, database, data_dir) as ground:
            await ground.fill(10)
            await until(lambda: ground.superuser.fetchval(SEALED), bool)
            stop.set()
            await task

            assert standing.size == await sound(ground.superuser)


async def off(standing: Standing) -> bool:
    """Tell whether it takes no part just now."""
    return standing.role == "off"


async def test_a_leader_that_cannot_work_says_how_long_entries_wait(
    cluster: Server, database: str, data_dir: Path
) -> None:
    """Whatever keeps its statements from ending, here a lock that any session may hold."""
    standing, stop = Standing(), asyncio.Event()
    lock = "hashtextextended('plant log turn', 0)"
    async with ground_on(cluster, database, data_dir) as ground:
        desk = (await ground.process()).desk
        other = await ground.connect("readonly")
        await other.execute(f"SELECT pg_advisory_lock({lock})")
        await ground.fill(1)
        task = asyncio.create_task(Background(desk, ground.settings, standing).run(stop))

        async def waiting() -> object:
            return standing.shown()["waiting_s"]

        await until(waiting, bool)
        await other.execute(f"SELECT pg_advisory_unlock({lock})")
        await until(lambda: ground.superuser.fetchval(SEALED), bool)
        stop.set()
        await task

        assert standing.size == await sound(ground.superuser)


async def test_a_server_that_is_away_at_the_start(
    cluster: Server, database: str, data_dir: Path
) -> None:
    """The work begins once there is a server."""
    standing, stop = Standing(), asyncio.Event()
    async with (
        Proxy.to(cluster.url("worker", database)) as way,
        ground_on(cluster, database, data_dir) as ground,
    ):
        way.refusing = True
        desk = (await ground.process()).desk
        desk.lone = Lone(way.url, ground.settings, name="worker")
        task = asyncio.create_task(Background(desk, ground.settings, standing).run(stop))
        await asyncio.sleep(0)
        assert "off" == standing.role
        way.refusing = False

        async def leads() -> bool:
            return standing.role == "leader"

        await until(leads, bool)
        stop.set()
        await task
