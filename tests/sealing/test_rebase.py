"""A database that is not what was signed goes on under a new name, and says what was found."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.database.embedded import embedded_server
from service.database.place import wheel_programs
from service.migrate.runner import apply
from service.sealing.examination import Tip
from service.sealing.rebase import propose, rebase
from service.sealing.refused import LogRefused
from service.settings import Settings
from tests.postgres import Server
from tests.sealing.checked import sound
from tests.sealing.ground import Ground, ground_on
from tests.sealing.test_refusals import (
    again,
    cluster_of_state,
    forked,
    key_gone,
    places_gone,
    signed_by_another,
    state_unreadable,
    tail_cut,
    three,
    tile_flipped,
)
from tests.servers import copy, plant, settings_with_room

pytestmark = pytest.mark.database


def command(
    cluster: Server, database: str, data_dir: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as an operator does."""
    environ = cluster.environ(database)
    return plant(data_dir, "audit", "rebase", *words, PLANT_DATA_DIR=str(data_dir), **environ)


async def taken_up(ground: Ground) -> Tip | None:
    """Do what the command does, as another process; None: it finds nothing wrong."""
    other = await ground.process()
    proposal = await propose(other.desk, other.keyring, other.file, None)
    if proposal is None:
        return None
    return await rebase(other.desk, other.keyring, other.file, proposal)


async def lives(ground: Ground) -> list[tuple[int, str, int, bool]]:
    """Read the incarnations: number, name, size, whether something was given up."""
    rows = await ground.superuser.fetch("SELECT * FROM audit.incarnation ORDER BY incarnation")
    return [
        (row["incarnation"], row["origin"], row["size"], row["given_up"] is not None)
        for row in rows
    ]


def test_a_dump_restored_into_a_new_cluster_goes_on_as_a_new_incarnation(
    cluster: Server, fresh: str, tmp_path: Path
) -> None:
    """The sealer sees another cluster and refuses; taken up again the tree is kept and grows."""

    async def before() -> str:
        async with ground_on(cluster, fresh, tmp_path) as ground:
            process = await ground.process()
            await ground.fill(300)
            await process.until_sealed(300)
            assert process.state
            return process.state.origin

    origin = asyncio.run(before())
    programs = wheel_programs()
    dump = tmp_path / "plant.dump"
    url = cluster.url("superuser", fresh)
    subprocess.run([programs / "pg_dump", "-Fc", "-f", dump, url], check=True)
    with settings_with_room() as settings, embedded_server(settings) as server:
        other = Server(server.url("postgres"))
        made = other.create("roles")
        apply(other.url("owner", made))
        other.let_in(made)
        restored = other.create("restored")
        subprocess.run(
            [programs / "pg_restore", "--exit-on-error", "-d",
             other.url("superuser", restored), dump],
            check=True,
        )  # fmt: skip
        apply(other.url("owner", restored))

        async def refused() -> str:
            async with ground_on(other, restored, tmp_path) as ground:
                return await (await ground.process()).refused()

        assert "system-identifier" == asyncio.run(refused())
        done = command(other, restored, tmp_path, "--yes", "--json")
        assert 0 == done.returncode, done.stderr
        answer = json.loads(done.stdout)
        assert (f"{origin}/inc2", 2, 300) == tuple(
            answer[name] for name in ("origin", "incarnation", "size")
        )
        assert answer["given_up"].startswith(f"{origin}\n300\n")

        async def after() -> list[Any]:
            async with ground_on(other, restored, tmp_path) as ground:
                process = await ground.process()
                await ground.write(2)
                await process.until_sealed(302)
                assert 302 == await sound(ground.superuser)
                return await lives(ground)

        assert [(1, origin, 0, False), (2, f"{origin}/inc2", 300, True)] == asyncio.run(after())


@pytest.fixture
def stopped() -> Iterator[Settings]:
    """Have a data directory that is nobody else's, whose server does not run."""
    with settings_with_room() as settings:
        with embedded_server(settings):
            pass
        yield settings


def test_an_older_copy_of_the_data_directory_is_refused(stopped: Settings, tmp_path: Path) -> None:
    """What was sealed since the copy was made is known outside; taken up again, it is given up."""

    async def write(server: Server, database: str, sealed: int) -> None:
        async with ground_on(server, database, tmp_path) as ground:
            process = await ground.process()
            await process.leader.turn()
            await ground.fill(sealed - process.standing.size)
            await process.until_sealed(sealed)

    with embedded_server(stopped) as running:
        server = Server(running.url("postgres"))
        database = server.create("log")
        apply(server.url("owner", database))
        server.let_in(database)
        asyncio.run(write(server, database, 3))
    older = copy(stopped, stopped.data_dir.with_name("older"))
    with embedded_server(stopped) as running:
        asyncio.run(write(Server(running.url("postgres")), database, 5))
    signed = (tmp_path / "sealer.json").read_bytes()
    with embedded_server(older) as running:
        server = Server(running.url("postgres"))

        async def look(*, rebased: bool) -> str | None:
            async with ground_on(server, database, tmp_path) as ground:
                process = await ground.process()
                if not rebased:
                    return await process.refused()
                await ground.fill(1)
                await process.until_sealed(4)
                assert 4 == await sound(ground.superuser)
                assert [(1, 0), (2, 3)] == [(one[0], one[2]) for one in await lives(ground)]
                return None

        assert "rollback" == asyncio.run(look(rebased=False))
        no = command(server, database, tmp_path)
        assert (1, signed) == (no.returncode, (tmp_path / "sealer.json").read_bytes())
        assert "Repeat it with --yes" in no.stderr
        yes = command(server, database, tmp_path, "--yes")
        assert 0 == yes.returncode, yes.stderr
        assert "at 5 entries" in yes.stdout
        asyncio.run(look(rebased=True))


async def test_a_log_that_is_sound_is_left_alone(ground: Ground) -> None:
    """There is nothing to take up again."""
    await three(ground, await ground.process())

    assert await taken_up(ground) is None
    assert 1 == len(await lives(ground))


@pytest.mark.parametrize(
    "attack,reason",
    [
        (tail_cut, "rollback"),
        (forked, "fork"),
        (cluster_of_state, "system-identifier"),
        (state_unreadable, "state"),
        (signed_by_another, "key"),
    ],
)
async def test_a_leader_that_refuses_goes_on_by_itself_once_it_is_taken_up_again(
    ground: Ground, attack: Any, reason: str
) -> None:
    """It holds its lock all the while: whoever takes the log up again takes a turn between."""
    process = await ground.process()
    assert await process.leads()
    await three(ground, process)
    await attack(ground, process)
    process.leader = again(process)
    assert reason == await process.refused()
    tip = await taken_up(ground)
    assert tip
    size = tip.checkpoint.size
    await ground.fill(1)
    if attack is tail_cut:
        # Entries whose places were cut off have lost their row of the queue too.
        await ground.past_triggers(
            "DELETE FROM audit.entry WHERE NOT EXISTS (SELECT FROM audit.position"
            " WHERE position.audit_id = entry.audit_id) AND NOT EXISTS (SELECT FROM audit.pending"
            " WHERE pending.audit_id = entry.audit_id)",
            "audit.entry",
        )
    process.standing.refused = None
    await process.until_sealed(size + 1)

    assert size + 1 == await sound(ground.superuser)
    assert [1, 2] == [one[0] for one in await lives(ground)]


@pytest.mark.parametrize("attack", [tile_flipped, places_gone, key_gone])
async def test_damage_is_not_signed_over(ground: Ground, attack: Any) -> None:
    """A tree that is damaged, or no key: there is nothing that could be signed."""
    process = await ground.process()
    await three(ground, process)
    await attack(ground, process)

    with pytest.raises(LogRefused):
        await taken_up(ground)

    assert 1 == len(await lives(ground))


async def test_a_log_that_was_taken_up_elsewhere_is_followed(
    ground: Ground, tmp_path: Path
) -> None:
    """Another host's state is of the incarnation before: the key that signed says it may go on."""
    first, second = [await ground.process(sealer_state=tmp_path / name) for name in ("a", "b")]
    await three(ground, first)
    await second.leader.turn()
    await cluster_of_state(ground, first)
    proposal = await propose(first.desk, first.keyring, first.file, None)
    assert proposal
    await rebase(first.desk, first.keyring, first.file, proposal)
    await ground.write(1)
    await second.until_sealed(4)

    assert second.state
    assert (2, 4) == (second.state.incarnation, second.state.size)


async def test_a_log_gets_another_name(ground: Ground) -> None:
    """PLANT_LOG_ORIGIN names the new incarnation, which is the second one all the same."""
    await three(ground, await ground.process(log_origin="log.example/one"))
    other = await ground.process(log_origin="log.example/two")
    assert "origin" == await other.refused()
    proposal = await propose(other.desk, other.keyring, other.file, "log.example/two")
    assert proposal
    await rebase(other.desk, other.keyring, other.file, proposal)

    assert ["log.example/one", "log.example/two/inc2"] == [one[1] for one in await lives(ground)]
