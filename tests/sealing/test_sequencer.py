"""Places: in the order of the queue, without holes, whatever commits when."""

import asyncio
import json

import pytest

from service.repository.sealing import LogPending
from service.sealing import sequencer as sequencing
from service.sealing.sequencer import Sequencer
from tests.factories import amend, step
from tests.sealing.checked import sound
from tests.sealing.ground import Ground, critical
from tests.sessions import acting

pytestmark = pytest.mark.database

CREATE = """
SELECT app.skill_create(
    ARRAY[uuidv7()],
    ARRAY[jsonb_build_object('name', $1::text, 'description', 'd', 'category', 'technical')],
    'draft'
)
"""
ORDER = """
SELECT payload.body::json ->> 'name' FROM audit.position
INNER JOIN audit.payload USING (tenant_id, audit_id) ORDER BY log_index
"""


async def test_every_entry_gets_a_place_and_is_sealed(ground: Ground) -> None:
    """Versions, other tenants and the queue: all of it stands in one tree and each in its chain."""
    process = await ground.process()
    assert await process.leads()
    for made in await ground.write(3):
        await amend(ground.app, ground.tenant.author, "skill", made.id, {"description": "New."})
        await step(ground.app, ground.tenant.author, "skill", made.id, "under_review")
    await ground.fill(300)
    await process.until_sealed(309)

    assert 309 == await sound(ground.superuser)
    state = process.state
    assert state
    assert (309, 1) == (state.size, state.incarnation)


async def test_the_log_begins_with_a_signed_nothing(ground: Ground) -> None:
    """Key, origin, first checkpoint and state are there before the first entry."""
    process = await ground.process()
    await process.until_sealed(0)
    key = ground.settings.data_dir / "signing.key"

    assert 0 == await sound(ground.superuser)
    assert [0o600] * 2 == [path.stat().st_mode & 0o777 for path in (key, process.file.path)]
    row = await ground.superuser.fetchrow("SELECT * FROM audit.incarnation")
    assert row
    assert (1, 0, None) == (row["incarnation"], row["size"], row["given_up"])
    assert process.state
    assert row["origin"] == process.state.origin
    assert row["origin"].startswith("plant.local/")


async def test_what_commits_later_with_a_lower_number_is_not_lost(ground: Ground) -> None:
    """Numbers are drawn before transactions commit: late ones come behind, none is passed over."""
    process = await ground.process()
    late, undone = [await ground.connect("app") for _ in range(2)]
    async with acting(late, ground.tenant.author):
        await late.fetch(CREATE, "late")
        async with acting(undone, ground.tenant.author):
            await undone.fetch(CREATE, "undone")
            await ground.write(2)
            await process.until_sealed(2)
            await undone.execute("ROLLBACK; BEGIN")
        await ground.write(1)
        await process.until_sealed(3)
        # Once more, so that what it passes over would be settled by now.
        await process.leader.turn()
    await process.until_sealed(4)

    assert 4 == await sound(ground.superuser)
    names = [name for (name,) in await ground.superuser.fetch(ORDER)]
    assert "late" == names[-1]
    assert "undone" not in names


async def test_the_mark_follows_only_what_has_ended(ground: Ground) -> None:
    """Rows of the queue are passed over once nobody can bring a lower number any more."""
    process = await ground.process()
    await process.until_sealed(0)
    found = Sequencer(process.desk, 0, [])
    slow = await ground.connect("app")
    async with acting(slow, ground.tenant.author):
        await slow.fetch(CREATE, "slow")
        await ground.write(3)
        assert 3 == await found.place(0.0)
        for _ in range(3):
            assert 0 == await found.place(0.0)
        assert 0 == found.low
    assert 1 == await found.place(0.0)
    last = await ground.superuser.fetchval("SELECT last_value FROM audit.pending_seq_seq")
    async with asyncio.timeout(30):
        while found.low < last:
            assert 0 == await found.place(0.0)

    assert last == found.low
    assert 4 == await ground.superuser.fetchval("SELECT count(*) FROM audit.position")


async def test_the_mark_is_not_believed_for_ever(ground: Ground) -> None:
    """Every minute the whole queue is read: a row below the mark is late, and not lost."""
    process = await ground.process()
    await process.until_sealed(0)
    found = Sequencer(process.desk, 0, [])
    await ground.fill(1)
    found.low = 1_000_000
    assert 1 == await found.place(1_000.0)
    await ground.fill(1)
    assert 0 == await found.place(1_000.0 + sequencing.SWEEP_S - 1)
    assert 1 == await found.place(1_000.0 + sequencing.SWEEP_S)


async def test_a_snapshot_held_elsewhere_costs_nothing(ground: Ground) -> None:
    """Dead rows that a back-up keeps alive are not read again and again."""
    process = await ground.process()
    backup = await ground.connect("superuser")
    async with backup.transaction(isolation="repeatable_read"):
        await backup.fetch("SELECT count(*) FROM audit.pending")
        await ground.fill(5_000)
        await process.until_sealed(5_000)
        await ground.fill(1)
        await process.until_sealed(5_001)
        async with asyncio.timeout(30):
            while process.leader._found[0].low < 5_001:  # type: ignore[index] # noqa: SLF001
                await process.leader.turn()
        text = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + ground.app.catalog["log_pending"].text
        worker = await ground.connect("worker")
        await worker.execute("SET enable_seqscan = off")
        read = []
        for after in (0, 5_001):
            plan = json.loads(await worker.fetchval(text, after, sequencing.BATCH))
            node = plan[0]["Plan"]
            read.append(node["Shared Hit Blocks"] + node["Shared Read Blocks"])

    assert read[1] <= 5
    assert read[0] > 30


async def test_rollbacks_leave_gaps_in_the_queue_and_none_in_the_log(ground: Ground) -> None:
    """Numbers that were drawn and given up are nothing to wait for."""
    process = await ground.process()
    session = await ground.connect("app")
    for number in range(6):
        async with acting(session, ground.tenant.author):
            await session.fetch(CREATE, f"undone {number}")
            await session.execute("ROLLBACK; BEGIN")
        await ground.write(1)
    drawn = await ground.superuser.fetchval("SELECT last_value FROM audit.pending_seq_seq")
    await process.until_sealed(6)

    assert 12 == drawn
    assert 6 == await sound(ground.superuser)


async def test_an_entry_that_stands_in_the_queue_again_is_placed_once(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """A second row for it is taken away, and said."""
    process = await ground.process()
    await ground.write(1)
    again = "INSERT INTO audit.pending (tenant_id, audit_id) SELECT tenant_id, audit_id FROM "
    await ground.superuser.execute(again + "audit.pending")
    await process.until_sealed(1)
    await ground.superuser.execute(again + 'audit."position"')
    await ground.write(1)
    await process.until_sealed(2)

    assert 2 == await sound(ground.superuser)
    assert 2 == sum("stands in the queue again" in one for one in caplog.messages)


async def test_writers_of_one_entity_are_placed_in_the_order_of_its_versions(
    ground: Ground,
) -> None:
    """Many change few entities while places are given: version, time and place agree."""
    process = await ground.process()
    made = await ground.write(3)

    async def change(number: int) -> None:
        for turn in range(8):
            identity = made[(number + turn) % 3].id
            patch = {"description": f"{number} {turn}"}
            await amend(ground.app, ground.tenant.author, "skill", identity, patch)

    work = asyncio.gather(*(change(number) for number in range(6)))
    while not work.done():
        await process.leader.turn()
        await asyncio.sleep(0)
    await work
    await process.until_sealed(51)

    assert 51 == await sound(ground.superuser)


async def test_a_long_queue_is_caught_up(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty thousand entries behind, in batches, with every hash checked, sealed on the way."""
    await ground.fill(20_000)
    process = await ground.process()
    await process.until_sealed(20_000)

    assert 20_000 == await sound(ground.superuser)
    assert 3 <= process.standing.seals
    assert [] == await process.desk.many(LogPending(0, 1))
    assert [] == [one for one in critical(caplog.records) if "waited" not in one]


@pytest.mark.nightly
@pytest.mark.timeout(900)
async def test_a_very_long_queue_is_caught_up(ground: Ground) -> None:
    """Four hundred thousand entries behind."""
    for _ in range(20):
        await ground.fill(20_000)
    process = await ground.process()
    async with asyncio.timeout(300):
        while process.standing.size < 400_000:
            await process.leader.turn()
            assert process.standing.refused is None

    assert 400_000 == await sound(ground.superuser)
