"""Several processes on one log: one leads, any may be killed at any moment."""

import asyncio
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from service.database.lone import Lone
from service.errors import Unavailable
from service.sealing.background import Background
from service.sealing.standing import Standing
from tests.bench import until
from tests.factories import amend
from tests.sealing.checked import sound
from tests.sealing.ground import Ground
from tests.servers import BARE, PLANT
from tests.sessions import Connection

pytestmark = pytest.mark.database

PATIENT: Final = {
    f"PLANT_{name}_TIMEOUT_MS": "60000" for name in ("LOCK", "STATEMENT", "COMMAND", "REQUEST")
}
WORKERS: Final = "SELECT pid FROM pg_stat_activity WHERE application_name = 'plant worker'"
LEADERS: Final = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid::bigint << 32 | objid::bigint = hashtextextended('plant log leader', 0)
"""
WAITS: Final = """
SELECT query FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'
"""
OPEN: Final = """
SELECT
    (SELECT count(*) FROM audit.entry)
    - (SELECT coalesce(max(size), 0) FROM audit.checkpoint)
"""
# A commit that waits: what it wrote is whole, and nobody sees it yet.
AT_COMMIT: Final = """
CREATE FUNCTION audit.held() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NULL; END';
GRANT EXECUTE ON FUNCTION audit.held() TO plant_worker;
CREATE CONSTRAINT TRIGGER held AFTER INSERT ON audit.{table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION audit.held();
ALTER TABLE audit.{table} ENABLE ALWAYS TRIGGER held
"""
NO_MORE: Final = "DROP TRIGGER held ON audit.{table}; DROP FUNCTION audit.held()"

# Where a leader is stopped: by which lock, in which statement, with entries that wait or without.
STEPS: Final = {
    "looks at the queue": ("LOCK audit.pending", "log_pending", 0),
    "places": ("LOCK audit.position IN SHARE MODE", "log_place", 3),
    "has placed, and commits": ("position", "log_place", 3),
    "waits to sign": (
        "SELECT pg_advisory_xact_lock(hashtextextended('plant log turn', 0))", "log_turn", 3,
    ),
    "looks for the last checkpoint": ("LOCK audit.incarnation", "log_head", 3),
    "writes tiles": ("LOCK audit.tile IN SHARE MODE", "log_grow", 3),
    "writes the checkpoint": ("LOCK audit.checkpoint IN SHARE MODE", "log_seal", 3),
    "has sealed, and commits": ("checkpoint", "COMMIT", 3),
}  # fmt: skip


class Worker:
    """A `plant worker`, and its session."""

    def __init__(self, process: subprocess.Popen[str], backend: int) -> None:
        self.process = process
        self.backend = backend

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()


Start = Callable[[], Awaitable[Worker]]


def spawn(environ: dict[str, str]) -> subprocess.Popen[str]:
    """Start the command."""
    return subprocess.Popen([*PLANT, "worker"], env=environ, stderr=subprocess.PIPE, text=True)


@asynccontextmanager
async def workers(ground: Ground) -> AsyncIterator[Start]:
    """Give a function that starts one; what still runs is ended in order."""
    started: list[subprocess.Popen[str]] = []
    environ = BARE | PATIENT | ground.cluster.environ(ground.database)
    environ["PLANT_DATA_DIR"] = str(ground.settings.data_dir)

    async def start() -> Worker:
        known = {pid for (pid,) in await ground.superuser.fetch(WORKERS)}
        process = await asyncio.to_thread(spawn, environ)
        started.append(process)

        async def fresh() -> set[int]:
            assert process.poll() is None, process.communicate()[1]
            return {pid for (pid,) in await ground.superuser.fetch(WORKERS)} - known

        return Worker(process, (await until(fresh, bool)).pop())

    try:
        yield start
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.communicate(timeout=30)


async def leading(superuser: Connection) -> set[int]:
    """Give the sessions that lead."""
    return {pid for (pid,) in await superuser.fetch(LEADERS)}


async def settled(superuser: Connection) -> None:
    """Wait until everything that was written is sealed."""
    await until(lambda: superuser.fetchval(OPEN), lambda left: left == 0)


@asynccontextmanager
async def held(ground: Ground, how: str) -> AsyncIterator[None]:
    """Hold a lock, or let commits after writes to a table wait."""
    holder = await ground.connect("superuser")
    planted = " " not in how
    if planted:
        await ground.superuser.execute(AT_COMMIT.format(table=how))
    async with holder.transaction():
        await holder.execute("SELECT pg_advisory_xact_lock(77)" if planted else how)
        yield
    if planted:
        await ground.superuser.execute(NO_MORE.format(table=how))


async def killed_at(ground: Ground, worker: Worker, step: str, *, ended: bool) -> None:
    """Kill the leader at a step; what it had sent ends with it, or goes on without it."""
    how, statement, count = STEPS[step]
    async with held(ground, how):
        await ground.fill(count)

        async def waiting() -> str:
            return str(await ground.superuser.fetchval(WAITS, worker.backend))

        said = await until(waiting, lambda query: statement in query)
        assert statement in said
        worker.kill()
        if ended:
            await ground.superuser.fetchval("SELECT pg_terminate_backend($1, 5000)", worker.backend)


@pytest.mark.parametrize("ended", [True, False], ids=["and its session", "and not its session"])
async def test_a_leader_may_be_killed_at_every_step(ground: Ground, *, ended: bool) -> None:
    """Whoever follows finds whole what was there, and goes on: no hole, no fork, nothing twice."""
    async with workers(ground) as start:
        leader, follower = await start(), await start()
        await ground.fill(1)
        await settled(ground.superuser)
        for step in STEPS:
            assert {leader.backend} == await leading(ground.superuser)
            await killed_at(ground, leader, step, ended=ended)
            await ground.fill(1)
            await settled(ground.superuser)
            leader, follower = follower, await start()

        written = 1 + sum(count + 1 for _, _, count in STEPS.values())
        assert written == await sound(ground.superuser)
        assert 1 == await ground.superuser.fetchval("SELECT count(*) FROM audit.incarnation")


async def test_a_leader_killed_before_it_wrote_the_state(ground: Ground) -> None:
    """The database has one checkpoint more than the state knows: the next leader takes it along."""
    state = ground.settings.data_dir / "sealer.json"
    async with workers(ground) as start:
        leader = await start()
        await ground.fill(2)
        await settled(ground.superuser)
        older = await until(read(state), lambda text: b'"size": 2' in text)
        await ground.fill(2)
        await settled(ground.superuser)
        leader.kill()
        state.write_bytes(older)
        await start()
        await until(read(state), lambda text: b'"size": 4' in text)
        await ground.fill(1)
        await settled(ground.superuser)

    assert 5 == await sound(ground.superuser)


def read(path: Path) -> Callable[[], Awaitable[bytes]]:
    """Give what reads a file that is there by and by."""

    def text() -> bytes:
        return path.read_bytes() if path.exists() else b""

    return lambda: asyncio.to_thread(text)


async def test_four_at_once_over_random_writes(ground: Ground) -> None:
    """One leads, leaders die; writers create and change meanwhile."""
    random_ = random.Random(6)
    made = await ground.write(5)
    written = 5

    async def change() -> None:
        nonlocal written
        for turn in range(40):
            if random_.random() < 0.5:
                await ground.write(1)
            else:
                one = random_.choice(made)
                patch = {"description": f"{turn} {random_.random()}"}
                await amend(ground.app, ground.tenant.author, "skill", one.id, patch)
            written += 1

    async with workers(ground) as start:
        four = {(one := await start()).backend: one for _ in range(4)}
        work = asyncio.gather(*(change() for _ in range(4)))
        for _ in range(3):
            # Of one that was killed the session may be there for a moment.
            (leader,) = await until(
                lambda: leading(ground.superuser), lambda found: found <= four.keys() and found
            )
            four.pop(leader).kill()
        await work
        await settled(ground.superuser)
        assert four.keys() == await leading(ground.superuser)

    assert written == await sound(ground.superuser)


async def test_it_ends_in_order_and_leaves_nothing_open(ground: Ground) -> None:
    """On SIGTERM what was written before is sealed by the one who leads; the exit code is 0."""
    async with workers(ground) as start:
        worker = await start()
        await until(lambda: leading(ground.superuser), lambda found: found == {worker.backend})
        await settled(ground.superuser)
        await ground.fill(50)
        worker.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(worker.process.wait, 30)

    assert 0 == code
    assert 50 == await sound(ground.superuser)


async def test_a_leader_that_hangs_loses_its_lock(ground: Ground, monkeypatch: Any) -> None:
    """A session that says nothing for a while is ended by the server; another one leads then."""
    monkeypatch.setattr("service.database.lone.SILENT_S", 1)
    one, other = await ground.process(), await ground.process()
    assert await one.leads()
    assert not await other.leads()
    begun = time.monotonic()
    await until(other.leads, bool)

    assert 10 > time.monotonic() - begun

    async def ended() -> bool:
        return not one.lone.is_open

    # What the server says last comes before the end of the connection.
    await until(ended, bool)
    with pytest.raises(Unavailable, match="no connection"):
        await one.leader.turn()


async def test_without_a_login_it_says_so_and_harms_nobody(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """The service goes on; what is to be set is named, once."""
    process = await ground.process()
    url = process.lone._url.replace(":test-", ":wrong-")  # noqa: SLF001
    process.desk.lone = Lone(url, ground.settings, name="worker")
    standing, stop = Standing(), asyncio.Event()
    task = asyncio.create_task(Background(process.desk, ground.settings, standing).run(stop))
    await until(messages(caplog), lambda said: any("PLANT_WORKER_DATABASE_URL" in m for m in said))
    stop.set()
    await task

    assert "off" == standing.role
    assert 1 == sum("is not let in" in one for one in caplog.messages)


def messages(caplog: pytest.LogCaptureFixture) -> Callable[[], Awaitable[list[str]]]:
    """Give what was logged so far."""

    async def found() -> list[str]:
        return caplog.messages

    return found


async def test_followers_report(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    """Who does not lead says how far the log is, and raises the alarm when nobody goes on."""
    leader = await ground.process()
    assert await leader.leads()
    await ground.fill(1)
    await leader.until_sealed(1)
    await ground.fill(1)
    await ground.past_triggers(
        "UPDATE audit.entry SET at = at - interval '7 seconds'", "audit.entry"
    )
    other = await ground.process()
    standing, stop = Standing(), asyncio.Event()
    task = asyncio.create_task(Background(other.desk, ground.settings, standing).run(stop))

    async def shown() -> dict[str, Any]:
        return standing.shown()

    found = await until(shown, lambda now: now["positions"] == 1)
    stop.set()
    await task

    assert ("follower", 1) == (found["role"], found["size"])
    assert 7 <= found["waiting_s"] < 60
    assert any("has waited" in one for one in caplog.messages)
