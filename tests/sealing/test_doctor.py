"""What `plant doctor` says of the log: who leads it, what waits, what a leader would refuse."""

import asyncpg
import pytest
from msgspec import structs

from service.catalog.load import load
from service.database.pool import Pool
from service.doctor.check import Check
from service.doctor.log import log, look_at
from service.repository.base import Repository
from service.settings import Settings
from tests.postgres import Server
from tests.sealing.ground import Ground, Process
from tests.sealing.test_refusals import ATTACKS, Attack, three

pytestmark = pytest.mark.database

LEAD = "SELECT pg_advisory_lock(hashtextextended('plant log leader', 0))"
EARLIER = """
UPDATE audit.entry SET at = at - interval '20 seconds', entry_hash = sha256(audit.entry_bytes(
    tenant_id, entity_type, entity_id, version, operation, actor, key,
    at - interval '20 seconds', payload_hash, prev_hash))
WHERE audit_id IN (SELECT audit_id FROM audit.pending)
"""


async def looked(ground: Ground, settings: Settings | None = None) -> Check:
    """Look at the log with the files of the leader, or others."""
    given = settings or ground.settings
    url = ground.cluster.url("worker", ground.database)
    return log(await look_at(given, Repository(load(), Pool(url, given)), url))


async def at_work(ground: Ground) -> Process:
    """Have three entries sealed by a process that leads."""
    process = await ground.process()
    assert await process.leads()
    await three(ground, process)
    return process


def kept(ground: Ground) -> dict[str, bytes]:
    """Read the files of the data directory."""
    return {path.name: path.read_bytes() for path in ground.settings.data_dir.iterdir()}


async def test_before_it_begins(ground: Ground) -> None:
    """Where nothing was written there is nothing to say, and no file is made."""
    found = await looked(ground)

    assert ("good", "it has not begun: the first service does that") == (found.status, found.found)
    assert {} == kept(ground)


async def test_a_log_that_goes_on(ground: Ground) -> None:
    """It is named, and whether somebody leads; looking makes nobody the leader."""
    process = await at_work(ground)
    led = await looked(ground)
    await process.lone.close()
    idle = [await looked(ground) for _ in range(2)]
    state = process.state

    assert state
    assert ("good", "good", "good") == (led.status, *(one.status for one in idle))
    assert f"{state.origin}: all 3 entries are sealed; a process leads" == led.found
    words = "all 3 entries are sealed; nobody leads, and nothing waits"
    assert [f"{state.origin}: {words}"] * 2 == [one.found for one in idle]


async def test_who_leads_another_database_does_not_count(
    ground: Ground, cluster: Server, database: str
) -> None:
    """The lock of one database is not that of another."""
    process = await at_work(ground)
    await process.lone.close()
    other = await asyncpg.connect(cluster.url("superuser", database))
    try:
        await other.execute(LEAD)
        found = await looked(ground)
    finally:
        await other.close()

    assert "nobody leads, and nothing waits" in found.found


async def test_nobody_leads_while_something_waits(ground: Ground) -> None:
    """Without a place or with one: the way out starts somebody."""
    process = await at_work(ground)
    await ground.write(1)
    await process.lone.close()
    waiting = await looked(ground)
    again = await ground.process()
    await again.until_sealed(4)
    await ground.write(1)
    await again.leader.turn()
    await again.lone.close()
    placed = await looked(ground)

    assert ("warning", "warning") == (waiting.status, placed.status)
    assert waiting.found.startswith("nobody leads, and an entry has waited ")
    assert waiting.found.endswith("; all 3 entries are sealed")
    assert "nobody leads; 4 of 5 entries are sealed" == placed.found
    for found in (waiting, placed):
        assert "plant worker" in str(found.way_out)


async def test_what_waits_for_long_though_somebody_leads(ground: Ground) -> None:
    """Lag is a warning from five seconds on; before that it is the leader's work."""
    await at_work(ground)
    await ground.write(1)
    early = await looked(ground)
    await ground.past_triggers(EARLIER, "audit.entry")
    late = await looked(ground)

    assert ("good", "warning") == (early.status, late.status)
    assert late.found.startswith("a process leads, and an entry has waited 2")
    assert "/readyz" in str(late.way_out)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: str(attack.__name__))
async def test_what_a_leader_refuses_is_broken(ground: Ground, attack: Attack) -> None:
    """The same reason and words, and a way out; nothing is changed by looking."""
    process = await at_work(ground)
    await attack(ground, process)
    files = kept(ground)
    found = await looked(ground)
    reason, words = ATTACKS[attack]

    assert "bad" == found.status
    assert found.found.startswith(f"it is not continued ({reason}): ")
    assert words in found.found
    assert found.way_out
    assert files == kept(ground)


async def test_another_name_is_broken(ground: Ground) -> None:
    """PLANT_LOG_ORIGIN was changed after the log had begun."""
    await at_work(ground)
    found = await looked(ground, structs.replace(ground.settings, log_origin="else.example/log"))

    assert "bad" == found.status
    assert found.found.startswith("it is not continued (origin): ")


async def test_a_state_that_is_missing(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    """It is named, and how to live on without it; nothing is said beside."""
    process = await at_work(ground)
    process.file.path.unlink()
    caplog.clear()
    found = await looked(ground)

    assert "warning" == found.status
    assert f"{process.file.path} is missing" in found.found
    assert "PLANT_SEALER_STATE" in str(found.way_out)
    assert [] == caplog.messages
    assert not process.file.path.exists()


async def test_a_key_that_others_may_read(ground: Ground) -> None:
    """It works, and whoever reads it can sign."""
    process = await at_work(ground)
    path = process.keyring.path
    assert path
    path.chmod(0o640)
    found = await looked(ground)

    assert ("warning", f"Close it: chmod 600 {path}") == (found.status, found.way_out)


async def test_keys_in_the_setting_lie_nowhere(ground: Ground) -> None:
    """There is no file of which to ask who may read it."""
    process = await at_work(ground)
    assert process.keyring.path
    lines = process.keyring.path.read_text().splitlines()
    process.keyring.path.chmod(0o644)
    found = await looked(ground, structs.replace(ground.settings, signing_key=lines[-1]))

    assert "good" == found.status


def test_where_nobody_can_ask() -> None:
    """What keeps plant_worker out is said by other checks."""
    found = log(None)

    assert ("warning", True) == (found.status, "see logins" in found.found)
