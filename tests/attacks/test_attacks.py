"""Every attack of docs/attacks.md, done as whoever can, and the levels that notice it."""

from pathlib import Path

import pytest

from service.verify.damage import DAMAGES
from tests.attacks.levels import Levels
from tests.attacks.page import page
from tests.attacks.prepared import Prepared
from tests.attacks.site import Site
from tests.attacks.table import ATTACKS, Attack

pytestmark = pytest.mark.database

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.deed.__name__)
async def test_is_noticed(attack: Attack, levels: Levels, site: Site, prepared: Prepared) -> None:
    """Each level says what it can know, and no more; what is found names where and who."""
    await attack.deed(site, prepared)
    database, host, held = await levels.database(), await levels.host(), await levels.held()

    assert attack.database == set(database.damages), database.lines()
    assert attack.database | attack.host == set(host.damages), host.lines()
    assert attack.database | attack.held == set(held.damages), held.lines()
    assert attack.bundle == await levels.bundle()
    assert attack.sealer == await levels.sealer()
    # Without anything from outside it is never called intact, whatever was found.
    assert ("tampered" if attack.database else "unknown") == database.word
    for finding in database.findings:
        assert finding.damage in DAMAGES
        assert finding.who in str(finding)
    if attack.version is not None:
        named = {(one.place.entity, one.place.version) for one in database.findings}
        assert (prepared.victim, attack.version) in named


async def test_nothing_was_done(levels: Levels, prepared: Prepared) -> None:
    """A log that nobody touched is intact at every level, and the sealer goes on."""
    found = await levels.database()

    assert [] == found.findings
    assert ["unknown", 1] == [found.word, len(found.unchecked)]
    for verdict in (await levels.host(), await levels.held(), await levels.held(prepared.latest)):
        assert ("intact", [], 0) == (verdict.word, verdict.unchecked, verdict.exit_code)
    assert found.counts["entries"] == found.counts["positions"] == prepared.sizes[2]
    assert (8, 17) == (found.counts["pruned"], found.counts["erased"])
    assert 1 == found.counts["cosignatures"]
    assert [f"signed that the log had {prepared.sizes[1]} entries"] == [
        note.partition("has ")[2] for note in found.notes
    ]
    assert await levels.bundle() is None
    assert await levels.sealer() is None


def test_every_kind_of_damage_has_an_attack() -> None:
    """None is on the list that nothing brings about."""
    seen = {kind for one in ATTACKS for kind in one.database | one.host | one.held}

    assert DAMAGES.keys() == seen


def test_the_page_is_up_to_date() -> None:
    """docs/attacks.md is what `python -m tests.attacks.page` writes."""
    assert page() == PAGE.read_text(encoding="utf-8")
