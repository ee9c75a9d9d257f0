"""What is broken, each kind as one function: it breaks, tells when it did, and heals.

The time that something stays broken is drawn around the deadlines of the service, so that some
requests outlast it and others do not.
"""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import TypeVar

import asyncpg

from tests.bench import until
from tests.chaos.calls import Calls
from tests.chaos.ground import Ground, Stage

Strike = Callable[[], object]
Fault = Callable[[Ground, Calls, random.Random, Strike], Awaitable[None]]
F = TypeVar("F", bound=Fault)
KINDS: dict[str, Fault] = {}
SLOTS = 200
"""More sessions than the server takes."""

CANCEL = """
SELECT pg_cancel_backend(pid)
FROM pg_stat_activity
WHERE application_name LIKE 'plant app%' AND datname = $1 AND state = 'active'
"""


def kind(fault: F) -> F:
    """Have a kind of fault under the name of its function."""
    KINDS[fault.__name__] = fault
    return fault


@kind
async def session_terminated(
    ground: Stage, calls: Calls, draw: random.Random, strike: Strike
) -> None:
    """The server ends a session in the middle of its work."""
    pid = draw.choice(await ground.working())
    async with ground.superuser() as session:
        strike()
        await session.execute("SELECT pg_terminate_backend($1)", pid)


@kind
async def statement_cancelled(
    ground: Stage, calls: Calls, draw: random.Random, strike: Strike
) -> None:
    """The server cancels what every session does."""
    async with ground.superuser() as session:

        async def cancelled() -> int:
            strike()
            return len(await session.fetch(CANCEL, ground.database))

        await until(cancelled, lambda count: count >= 2)


@kind
async def session_killed(ground: Stage, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """A back end crashes: the server drops everybody and recovers."""
    pid = draw.choice(await ground.working())
    strike()
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    await until(ground.connects, bool)


@kind
async def session_stopped(ground: Stage, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """A back end stands still with what it holds."""
    pid = draw.choice(await ground.working())
    strike()
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(draw.uniform(0.2, 1.5))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


async def _server_ends(ground: Ground, strike: Strike, how: signal.Signals) -> None:
    await ground.working(2)
    strike()
    await ground.end_server(how)
    await ground.revive()


@kind
async def server_restarted(
    ground: Ground, calls: Calls, draw: random.Random, strike: Strike
) -> None:
    """The server is shut down in order, and started."""
    await _server_ends(ground, strike, signal.SIGINT)


@kind
async def server_stopped_at_once(
    ground: Ground, calls: Calls, draw: random.Random, strike: Strike
) -> None:
    """The server is shut down without an end of what it does, and started."""
    await _server_ends(ground, strike, signal.SIGQUIT)


@kind
async def server_killed(ground: Ground, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """The server is killed, and started."""
    await _server_ends(ground, strike, signal.SIGKILL)


@kind
async def connections_cut(ground: Stage, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """The network drops every connection of the service to the server."""
    await ground.working(2)
    strike()
    ground.way.cut()


@kind
async def network_silent(ground: Stage, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """Nothing that the server says arrives, until the connections are given up."""
    await ground.working(2)
    strike()
    ground.way.losing = True
    await asyncio.sleep(draw.uniform(0.3, 2))
    ground.way.cut()
    ground.way.losing = False


@kind
async def network_refusing(
    ground: Stage, calls: Calls, draw: random.Random, strike: Strike
) -> None:
    """Connections are dropped and nobody who connects gets through."""
    await ground.working(2)
    strike()
    ground.way.refusing = True
    ground.way.cut()
    await asyncio.sleep(draw.uniform(0.2, 1))
    ground.way.refusing = False


@kind
async def network_slow(ground: Stage, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """Whatever the server says comes late."""
    await ground.working(2)
    strike()
    ground.way.delay_s = draw.uniform(0.05, 0.4)
    await asyncio.sleep(draw.uniform(0.5, 1.5))
    ground.way.delay_s = 0


@kind
async def replies_lost_after_commit(
    ground: Stage, calls: Calls, draw: random.Random, strike: Strike
) -> None:
    """Changes are committed, and the connections are cut before anybody hears of it."""
    async with ground.superuser() as session:

        async def entries() -> int:
            return int(await session.fetchval("SELECT count(*) FROM audit.entry"))

        await ground.working(2)
        ground.way.losing = True
        strike()
        before = await entries()
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await until(entries, lambda found: found > before)
        ground.way.cut()
        ground.way.losing = False


async def _locked(ground: Stage, draw: random.Random, strike: Strike, what: str) -> None:
    async with ground.superuser() as session:
        await ground.working()
        await session.execute("BEGIN")
        await session.execute(f"LOCK TABLE {what}")
        strike()
        await asyncio.sleep(draw.uniform(0.2, 1.5))
        await session.execute("ROLLBACK")


@kind
async def table_locked(ground: Stage, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """Somebody holds the table that every request needs, for longer than lock_timeout or not."""
    await _locked(ground, draw, strike, "app.base_entity IN ACCESS EXCLUSIVE MODE")


@kind
async def log_locked(ground: Stage, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """Somebody holds the log: changes wait after they have locked their rows."""
    await _locked(ground, draw, strike, "audit.entry IN EXCLUSIVE MODE")


@kind
async def plans_invalidated(
    ground: Stage, calls: Calls, draw: random.Random, strike: Strike
) -> None:
    """A column comes and goes: prepared statements that return the row must be planned anew."""
    async with ground.superuser() as session:
        await ground.working()
        strike()
        await session.execute("SET lock_timeout = '5s'")
        await session.execute("ALTER TABLE app.skill_entity ADD COLUMN chaos int")
        await session.execute("ALTER TABLE app.skill_entity DROP COLUMN chaos")


@kind
async def slots_taken(ground: Stage, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """Connections are cut, and others take every place that the server has."""
    async with AsyncExitStack() as stack:
        await ground.working(2)
        strike()
        ground.way.cut()
        for _ in range(SLOTS):
            try:
                await stack.enter_async_context(ground.superuser())
            except asyncpg.PostgresError:
                break
        await asyncio.sleep(draw.uniform(0.2, 1))


@kind
async def clients_hang_up(ground: Stage, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """Whoever waits for an answer goes away."""
    await ground.working(2)
    strike()
    calls.hang_up()


@kind
async def service_killed(ground: Ground, calls: Calls, draw: random.Random, strike: Strike) -> None:
    """The service is killed, and started."""
    await ground.working(2)
    strike()
    await ground.service.end(signal.SIGKILL)
    await ground.service.start()


@kind
async def service_restarted(
    ground: Ground, calls: Calls, draw: random.Random, strike: Strike
) -> None:
    """The service is told to end, ends what it does, and is started."""
    await ground.working(2)
    strike()
    code = await ground.service.end(signal.SIGTERM)
    if code != 0:
        calls.breaks(f"the service that was told to end did so with {code}")
    await ground.service.start()


@kind
async def service_stopped(
    ground: Ground, calls: Calls, draw: random.Random, strike: Strike
) -> None:
    """The service stands still with what it holds."""
    await ground.working(2)
    strike()
    ground.service.send(signal.SIGSTOP)
    await asyncio.sleep(draw.uniform(0.3, 1.5))
    ground.service.send(signal.SIGCONT)
