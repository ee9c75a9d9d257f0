"""What is not as it was left is refused: nothing is placed, nothing is signed, the way out is said.

Each as whoever can do it: a superuser who takes triggers away, or the host of the files.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec import structs

from service.proof.keys import format_seeds, new_seed
from service.sealing.leader import Leader
from tests.postgres import Server
from tests.sealing.checked import sound
from tests.sealing.ground import Ground, Process, critical, ground_on

pytestmark = pytest.mark.database

Attack = Callable[[Ground, Process], Awaitable[None]]
CHECKPOINTS = "audit.checkpoint"
POSITIONS = "audit.position"


async def three(ground: Ground, process: Process) -> None:
    """Seal an entry, and then two more."""
    for sealed in (1, 3):
        await ground.write(sealed - process.standing.size)
        await process.until_sealed(sealed)


async def entry_changed(ground: Ground, _: Process) -> None:
    """Another actor, in an entry that waits for its place."""
    await ground.write(1)
    await ground.past_triggers(
        "UPDATE audit.entry SET actor = 'nobody' WHERE audit_id IN"
        " (SELECT audit_id FROM audit.pending)",
        "audit.entry",
    )


async def entry_raw(ground: Ground, _: Process) -> None:
    """An entry that no trigger wrote, with a hash of its own choice."""
    await ground.superuser.execute(
        "INSERT INTO audit.entry SELECT tenant_id, uuidv7(), entity_type, entity_id, version + 1,"
        " operation, actor, key, at, payload_hash, entry_hash, sha256('x') FROM audit.entry LIMIT 1"
    )
    await ground.superuser.execute(
        "INSERT INTO audit.pending (tenant_id, audit_id) SELECT tenant_id, audit_id"
        " FROM audit.entry WHERE entry_hash = sha256('x')"
    )


async def entry_gone(ground: Ground, _: Process) -> None:
    """A row of the queue without its entry."""
    await ground.write(1)
    await ground.past_triggers(
        "DELETE FROM audit.entry WHERE audit_id IN (SELECT audit_id FROM audit.pending)",
        "audit.entry",
    )


async def tail_cut(ground: Ground, _: Process) -> None:
    """The last checkpoint and what it sealed are gone, places and all."""
    await ground.past_triggers(
        """
        WITH kept AS (SELECT max(size) AS size FROM audit.checkpoint WHERE size < 3),
        checkpoints AS (DELETE FROM audit.checkpoint USING kept WHERE checkpoint.size > kept.size),
        tiles AS (UPDATE audit.tile SET nodes = substr(nodes, 1, 32 * kept.size::integer) FROM kept)
        DELETE FROM audit.position USING kept WHERE log_index >= kept.size
        """,
        CHECKPOINTS, POSITIONS, "audit.tile",
    )  # fmt: skip


async def database_gone(ground: Ground, _: Process) -> None:
    """The log is gone as a whole."""
    tables = ("incarnation", "cosignature", "checkpoint", "tile", "position")
    for table in tables:
        await ground.past_triggers(f"TRUNCATE audit.{table}", f"audit.{table}")


async def forked(ground: Ground, process: Process) -> None:
    """What the state says was signed is not what the database has, with the right key."""
    state = process.file.read()
    assert state
    signer = process.keyring.signers(state.origin)[0]
    from service.proof.checkpoint import Checkpoint, sign_checkpoint

    other = Checkpoint(state.origin, state.size, bytes(32))
    note = sign_checkpoint(other, [signer])
    process.file.write(structs.replace(state, root=other.root.hex(), note=note))


async def tile_flipped(ground: Ground, _: Process) -> None:
    """A bit of a stored hash is another one."""
    await ground.past_triggers(
        "UPDATE audit.tile SET nodes = set_byte(nodes, 5, get_byte(nodes, 5) # 1)", "audit.tile"
    )


async def tile_gone(ground: Ground, _: Process) -> None:
    """There is no tree."""
    await ground.past_triggers("DELETE FROM audit.tile", "audit.tile")


async def places_gone(ground: Ground, _: Process) -> None:
    """Entries are sealed whose places are gone."""
    await ground.past_triggers("DELETE FROM audit.position WHERE log_index >= 1", POSITIONS)


async def place_changed(ground: Ground, process: Process) -> None:
    """Places that are given and not sealed are of another entry's hash."""
    await ground.write(2)
    await process.leader.turn()
    await ground.past_triggers(
        "UPDATE audit.position SET tenant_prev = sha256('x') WHERE log_index = 4", POSITIONS
    )


async def place_missing(ground: Ground, process: Process) -> None:
    """A hole among the places that are not sealed."""
    await ground.write(3)
    await process.leader.turn()
    await ground.past_triggers("DELETE FROM audit.position WHERE log_index = 4", POSITIONS)


async def checkpoint_changed(ground: Ground, _: Process) -> None:
    """The row says another size than the note that is signed."""
    await ground.past_triggers(
        "UPDATE audit.checkpoint SET root = sha256('x') WHERE size = 3", CHECKPOINTS
    )


async def checkpoints_gone(ground: Ground, _: Process) -> None:
    """The present incarnation has no checkpoint at all."""
    await ground.past_triggers("DELETE FROM audit.checkpoint", CHECKPOINTS)


async def signed_by_another(ground: Ground, process: Process) -> None:
    """The keys are others than those that signed."""
    assert process.keyring.path
    process.keyring.path.write_text(format_seeds([new_seed()]))


async def key_gone(ground: Ground, process: Process) -> None:
    """There is no key any more."""
    assert process.keyring.path
    process.keyring.path.unlink()


async def key_unreadable(ground: Ground, process: Process) -> None:
    """The file of the keys is not one."""
    assert process.keyring.path
    process.keyring.path.write_text("not a key\n")


async def state_unreadable(ground: Ground, process: Process) -> None:
    """Half of the state is there."""
    process.file.path.write_bytes(process.file.path.read_bytes()[:100])


async def state_altered(ground: Ground, process: Process) -> None:
    """The state says another size than its own note."""
    state = json.loads(process.file.path.read_bytes())
    process.file.path.write_text(json.dumps(state | {"size": 1}))


async def state_of_another(ground: Ground, process: Process) -> None:
    """The state is that of another log."""
    state = process.file.read()
    assert state
    origin = "elsewhere.example/log"
    note = state.note.replace(state.origin, origin)
    process.file.write(structs.replace(state, origin=origin, note=note))


async def cluster_changed(ground: Ground, _: Process) -> None:
    """The log was written in another cluster."""
    await ground.past_triggers(
        "UPDATE audit.incarnation SET system_identifier = 1", "audit.incarnation"
    )


async def cluster_of_state(ground: Ground, process: Process) -> None:
    """The state knows another cluster, whatever the database says."""
    state = process.file.read()
    assert state
    process.file.write(structs.replace(state, system_identifier=1))


ATTACKS: dict[Attack, tuple[str, str]] = {
    entry_changed: ("entry-hash", "was changed after it was written"),
    entry_raw: ("entry-hash", "written by no trigger"),
    entry_gone: ("missing-entry", "there is no such entry"),
    tail_cut: ("rollback", "entries that were sealed are gone"),
    database_gone: ("rollback", "the database has no log"),
    forked: ("fork", "another history than was signed for 3 entries"),
    tile_flipped: ("tiles", "another root than was signed for 3 entries"),
    tile_gone: ("tiles", "Tile 0 of level 0 has 0 hashes"),
    places_gone: ("positions", "3 entries are sealed, and only 1 have a place"),
    place_changed: ("positions", "index 4, was changed after it was given"),
    place_missing: ("positions", "No entry has the index 4"),
    checkpoint_changed: ("checkpoint", "beside a signed note of 3"),
    checkpoints_gone: ("checkpoint", "has no checkpoint"),
    signed_by_another: ("key", "No key here has signed the last checkpoint"),
    key_gone: ("key", "there is no key in"),
    key_unreadable: ("key", "cannot be read"),
    state_unreadable: ("state", "is not one that was written by Plant"),
    state_altered: ("state", "is not one that was written by Plant"),
    state_of_another: ("origin", "elsewhere.example/log"),
    cluster_changed: ("system-identifier", "was dumped and restored"),
    cluster_of_state: ("system-identifier", "was dumped and restored"),
}
PLACES = "SELECT count(*), (SELECT count(*) FROM audit.checkpoint) FROM audit.position"


def again(process: Process) -> Leader:
    """Let a process look at everything anew, as after a lost connection."""
    process.standing.refused = None
    return Leader(process.desk, process.keyring, process.file, None, process.standing)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: str(attack.__name__))
async def test_a_leader_that_begins_refuses(
    ground: Ground, caplog: pytest.LogCaptureFixture, attack: Attack
) -> None:
    """It names the reason and the way out once, and leaves everything as it is."""
    process = await ground.process()
    await three(ground, process)
    await attack(ground, process)
    process.leader = again(process)
    before = await ground.superuser.fetchrow(PLACES)
    reason, words = ATTACKS[attack]

    assert reason == await process.refused()
    await process.leader.turn()
    (said,) = [one for one in critical(caplog.records) if "is not continued" in one]
    assert f"({reason})" in said
    assert words in said
    assert before == await ground.superuser.fetchrow(PLACES)
    assert 2 == process.standing.refusals[reason]


@pytest.mark.parametrize(
    "attack",
    [entry_changed, entry_raw, entry_gone, tail_cut, database_gone, tile_flipped, places_gone,
     checkpoint_changed, checkpoints_gone, key_gone, signed_by_another, forked,
     state_unreadable, cluster_of_state],
    ids=lambda attack: str(attack.__name__),
)  # fmt: skip
async def test_a_leader_at_work_refuses(ground: Ground, attack: Attack) -> None:
    """It notices with the next entry, without having begun anew."""
    process = await ground.process()
    await three(ground, process)
    await attack(ground, process)
    await ground.write(1)

    assert ATTACKS[attack][0] == await process.refused()
    assert 4 > await ground.superuser.fetchval(
        "SELECT coalesce(max(size), 0) FROM audit.checkpoint"
    )


@pytest.mark.parametrize("attack", [entry_changed, key_gone, state_unreadable, place_changed])
async def test_it_goes_on_once_it_is_put_right(
    ground: Ground, caplog: pytest.LogCaptureFixture, attack: Attack
) -> None:
    """What was there is put back, and the log goes on by itself."""
    process = await ground.process()
    await three(ground, process)
    assert process.keyring.path
    files = {path: path.read_bytes() for path in (process.file.path, process.keyring.path)}
    for table in ("entry", "position"):
        await ground.superuser.execute(f"CREATE TABLE kept_{table} AS TABLE audit.{table}")
    await attack(ground, process)
    process.leader = again(process)
    await process.refused()
    for path, content in files.items():
        path.write_bytes(content)
    await ground.past_triggers(
        f"UPDATE audit.entry SET actor = key WHERE actor = 'nobody';"
        f"UPDATE audit.entry SET actor = '{ground.tenant.author.context.governance_agent_id}'"
        " WHERE actor = key",
        "audit.entry",
    )
    await ground.past_triggers(
        "UPDATE audit.position SET tenant_prev = before.leaf_hash FROM audit.position AS before"
        " WHERE before.log_index = 3 AND position.log_index = 4",
        POSITIONS,
    )
    count = await ground.superuser.fetchval("SELECT count(*) FROM audit.entry")
    process.standing.refused = None
    await process.until_sealed(count)

    assert count == await sound(ground.superuser)


async def test_a_state_that_is_lost_is_found_again_with_a_warning(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Without it the database is believed, as far as its signature and tiles go."""
    process = await ground.process()
    await ground.write(3)
    await process.until_sealed(3)
    was = process.state
    process.file.path.unlink()
    process.leader = again(process)
    await process.leader.turn()

    assert was == process.state
    assert any("there is no state of the sealer" in one for one in caplog.messages)


async def test_a_state_that_is_behind_is_taken_along(ground: Ground) -> None:
    """A crash after the database has kept a checkpoint leaves a state that is older."""
    process = await ground.process()
    await ground.write(3)
    await process.until_sealed(3)
    older = process.file.path.read_bytes()
    await ground.write(3)
    await process.until_sealed(6)
    newer = process.state
    process.file.path.write_bytes(older)
    process.leader = again(process)
    await process.leader.turn()

    assert newer == process.state


async def test_a_state_that_cannot_be_written_is_refused(ground: Ground) -> None:
    """What was signed and cannot be kept outside is not passed over."""
    process = await ground.process()
    await process.until_sealed(0)
    # Where the draft of the file is to be made there is something else.
    blocked = process.file.path.with_name("sealer.json.new")
    blocked.mkdir()
    await ground.write(1)

    assert "state" == await process.refused()
    blocked.rmdir()
    process.standing.refused = None
    await process.until_sealed(1)
    assert 1 == await sound(ground.superuser)


async def test_one_state_for_two_databases_forks_neither(
    cluster: Server, fresh: str, tmp_path: Path
) -> None:
    """Of two copies that share a state the one that signs first goes on, the other is refused."""
    async with ground_on(cluster, fresh, tmp_path) as first:
        await three(first, await first.process())
    copy = await asyncio.to_thread(cluster.clone, fresh)
    try:
        async with (
            ground_on(cluster, fresh, tmp_path) as first,
            ground_on(cluster, copy, tmp_path) as second,
        ):
            one, two = await first.process(), await second.process()
            for process in (one, two):
                await process.leader.turn()
            await first.write(1)
            await one.until_sealed(4)
            signed = one.state
            await second.write(2)

            assert "rollback" == await two.refused()
            assert signed == two.state
            assert 4 == await sound(first.superuser)
            assert 3 == await sound(second.superuser, complete=False)
    finally:
        await asyncio.to_thread(cluster.drop, copy)


async def test_another_name_is_refused(ground: Ground) -> None:
    """PLANT_LOG_ORIGIN names a log when it begins; another name needs another incarnation."""
    process = await ground.process(log_origin="log.example/one")
    await process.until_sealed(0)
    assert process.state
    assert "log.example/one" == process.state.origin
    other = await ground.process(log_origin="log.example/two")

    assert "origin" == await other.refused()
