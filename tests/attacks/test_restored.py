"""A database that was brought back, a history that went two ways, and what cannot be noticed."""

from pathlib import Path

import pytest

from service.proof.checkpoint import open_checkpoint
from service.proof.tiles import consistency_tiles, prove_consistency
from service.sealing.rebase import propose, rebase
from service.sealing.sequencer import Sequencer
from service.verify import log as verified_log
from service.verify.compare import Proof, at_once, by_proof
from service.verify.pinned import Pinned
from tests.attacks.levels import Levels
from tests.attacks.log_deeds import rewrite, wiped_and_begun_again
from tests.attacks.prepared import Prepared
from tests.attacks.site import Site
from tests.factories import create, skill_body

pytestmark = pytest.mark.database


@pytest.fixture
def levels_then(restored: Site, prepared: Prepared, pinned: Pinned, tmp_path: Path) -> Levels:
    """Have what can be asked of the database that was brought back."""
    return Levels(restored, prepared, pinned, tmp_path)


async def write(site: Site, prepared: Prepared, count: int) -> None:
    """Write something else than was written then."""
    app = await site.repository("app")
    for _ in range(count):
        await create(app, prepared.tenant.author, "skill", skill_body())


async def test_an_old_backup(levels_then: Levels, prepared: Prepared) -> None:
    """It agrees with itself; the state of the sealer and a later checkpoint say what is gone."""
    database, host = await levels_then.database(), await levels_then.host()
    held, early = await levels_then.held(prepared.latest), await levels_then.held()

    assert ("unknown", {}) == (database.word, database.damages)
    assert {"rollback"} == set(host.damages) == set(held.damages)
    assert str(prepared.sizes[2]) in str(held.findings[0])
    # Who kept only what the back-up has too cannot know that there was more.
    assert ("intact", {}) == (early.word, early.damages)
    assert "rollback" == await levels_then.sealer()


async def test_an_old_backup_goes_on(
    restored: Site, levels_then: Levels, prepared: Prepared
) -> None:
    """Forced, with the sealer's state removed: another history grows, and who held on sees it."""
    restored.process.file.path.unlink()
    await write(restored, prepared, 6)
    await restored.seal()
    database, host = await levels_then.database(), await levels_then.host()
    held = await levels_then.held(prepared.latest)

    assert {} == database.damages == host.damages
    assert {"fork"} == set(held.damages)


async def test_an_old_backup_is_taken_up_again(
    restored: Site, levels_then: Levels, prepared: Prepared
) -> None:
    """Said openly, under a new name: all agrees, and who holds what was given up is told so."""
    desk, keyring, file = restored.process.desk, restored.keyring, restored.process.file
    proposal = await propose(desk, keyring, file, None)
    assert proposal
    await rebase(desk, keyring, file, proposal)
    await write(restored, prepared, 6)
    await restored.seal()
    host, early = await levels_then.host(), await levels_then.held()
    held = await levels_then.held(prepared.latest)

    assert ("intact", "intact") == (host.word, early.word), [*host.lines(), *early.lines()]
    assert {"rollback"} == set(held.damages)
    assert f"/inc2 with {prepared.sizes[1]}" in held.findings[0].message
    assert "given up" in held.findings[0].message
    assert await levels_then.sealer() is None


async def test_two_views(
    restored: Site, prepared: Prepared, pinned: Pinned, levels_then: Levels
) -> None:
    """One size with two roots, both signed: the two notes prove it to anybody."""
    restored.process.file.path.unlink()
    await write(restored, prepared, prepared.sizes[2] - prepared.sizes[1])
    await restored.seal()
    theirs, ours = await restored.note(), prepared.latest
    assert theirs
    found = at_once(pinned.open(theirs), pinned.open(ours))

    assert found
    assert ("forked", True, 1) == (found.word, found.transferable, found.exit_code)
    # Anybody who has the key and no database comes to the same.
    one, other = (
        open_checkpoint(note, pinned.of(pinned.open(note).origin)) for note in (theirs, ours)
    )
    assert (one.size, one.origin) == (other.size, other.origin)
    assert one.root != other.root
    assert {"fork"} == set((await levels_then.held(ours)).damages)


async def test_two_views_of_different_sizes(
    restored: Site, prepared: Prepared, pinned: Pinned
) -> None:
    """What the forked log can prove leads to its own past and not to the other's."""
    restored.process.file.path.unlink()
    await write(restored, prepared, 9)
    await restored.seal()
    rows = await restored.superuser.fetch("SELECT level, index, nodes FROM audit.tile")
    tiles = {(row["level"], row["index"]): row["nodes"] for row in rows}
    theirs, ours = await restored.note(), prepared.latest
    assert theirs
    now = pinned.open(theirs)

    def compared(note: str, *, by_log: bool) -> str:
        before = pinned.open(note)
        assert at_once(before, now) is None
        assert set(consistency_tiles(before.size, now.size)) <= set(tiles)
        hashes = prove_consistency(before.size, now.size, tiles)
        return by_proof(before, now, Proof(hashes, by_log=by_log)).word

    assert "consistent" == compared(prepared.held, by_log=True)
    assert "forked" == compared(ours, by_log=True)
    # A proof from anybody else may simply be a wrong one.
    assert "unknown" == compared(ours, by_log=False)


async def test_nobody_seals(
    site: Site, levels: Levels, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that wait are no damage; entries that wait for long are not called proven."""
    await write(site, prepared, 3)
    soon = await levels.host()
    monkeypatch.setattr(verified_log, "WAIT_S_MAX", 0.0)
    late = await levels.host()

    assert ("intact", 3) == (soon.word, soon.counts["not_sealed_yet"])
    assert ("unknown", {}, 2) == (late.word, late.damages, late.exit_code)
    assert "nobody has sealed" in late.unchecked[0]


async def test_a_log_that_nobody_has_signed(site: Site, levels: Levels, prepared: Prepared) -> None:
    """Nothing contradicts it, and nothing proves it."""
    await wiped_and_begun_again(site, prepared)
    found = await levels.database()

    assert ("unknown", {}) == (found.word, found.damages)
    assert ["nothing was signed here", "there is nothing from outside"] == [
        words
        for one in found.unchecked
        for words in ("nothing was signed here", "there is nothing from outside")
        if words in one
    ]


async def test_a_place_is_not_a_seal(site: Site, levels: Levels, prepared: Prepared) -> None:
    """What has its place and no signature yet is looked at, and counted with what waits."""
    await write(site, prepared, 3)
    sequencer = Sequencer(site.process.desk, prepared.sizes[2], [])
    assert 3 == await sequencer.place(0.0)
    found = await levels.host()

    assert ("intact", 3) == (found.word, found.counts["not_sealed_yet"])
    assert prepared.sizes[2] + 3 == found.counts["positions"]


async def test_before_the_first_seal(site: Site, levels: Levels, prepared: Prepared) -> None:
    """What is rewritten before it is sealed no level can tell, but who kept its Audit-Entry can."""
    app = await site.repository("app")
    answered = await create(app, prepared.tenant.author, "skill", skill_body())
    await rewrite(site, str(answered.id))
    await site.seal()
    written = await site.superuser.fetchrow(
        "SELECT entry_hash, body FROM audit.entry INNER JOIN audit.payload USING (audit_id)"
        " WHERE entity_id = $1",
        answered.id,
    )
    assert written

    assert {} == (await levels.host()).damages == (await levels.held()).damages
    assert await levels.sealer() is None
    assert "What it was." in written["body"] != answered.document
    assert written["entry_hash"] != answered.entry_hash
