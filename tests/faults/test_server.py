"""Faults of the whole server: a back end that crashes, a restart."""

import asyncio
import os
import signal

import pytest

from service.database.embedded import EmbeddedServer
from tests.bench import waiting_backends
from tests.factories import Tenant
from tests.faults.aftermath import scene
from tests.faults.locks import READS, holding, paused
from tests.postgres import Server


async def test_a_back_end_killed_with_kill_9(
    process: EmbeddedServer, cluster: Server, database: str, tenant: Tenant
) -> None:
    """The server drops every session and recovers by itself, and so does the service."""
    async with scene(cluster, database, tenant) as found:
        kept = [await found.create() for _ in range(3)]
        async with holding(found, READS) as session:
            write = asyncio.create_task(found.create())
            read = asyncio.create_task(found.api.get("/v1/skills"))
            pids = await waiting_backends(session, 2)
            os.kill(pids[0], signal.SIGKILL)
            answers = [await write, await read]
        assert {201} == {answer.status for answer in kept}
        assert [504, 503] == [answer.status for answer in answers]
        await found.whole()
    server = process.running()
    assert server is not None
    assert "ready" == server.state


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
async def test_a_server_that_is_restarted(
    process: EmbeddedServer, cluster: Server, database: str, tenant: Tenant, how: signal.Signals
) -> None:
    """In order, at once, or killed: what was acknowledged is there, and everything works again."""
    async with scene(cluster, database, tenant) as found:
        kept = await found.create()
        async with holding(found, READS) as session:
            write = asyncio.create_task(found.create())
            read = asyncio.create_task(found.api.get("/v1/skills"))
            await waiting_backends(session, 2)
            server = process.running()
            assert server is not None
            # Whoever holds the lock goes last, or its end would let the others through.
            with paused(session.get_server_pid()):
                os.kill(server.pid, how)
                answers = [await write, await read]
        away = await found.create()
        await asyncio.to_thread(process.revive)
        assert [504, 503] == [answer.status for answer in answers]
        assert away.status in {503, 504}
        assert kept.body == (await found.api.get(f"/v1/skills/{kept.json['id']}")).body
        await found.whole()
