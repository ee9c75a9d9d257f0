"""Reads of several statements: one snapshot, or the anomalies that READ COMMITTED lets in.

What reads in several statements runs at REPEATABLE READ: exports and compliance. Each scenario is
played twice, over `Pool.transaction` and over a pool that lowers every level to READ COMMITTED.
What reads a list page by page has no snapshot: there the order of ids, or the time asked for,
holds what a reader relies on.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.repository.base import Context, Repository
from service.repository.history import EntitiesAsOf, HistoryNow
from service.repository.lists import LAST_ID, listed, start
from service.settings import Settings
from service.usecases import exporting
from service.usecases.compliance import compliance
from service.usecases.history import WALK_MAX
from tests.factories import skill_body, unique
from tests.isolation.acts import change, exported, job_role, make, move, skill
from tests.isolation.arena import Arena, Lowered, arena_on
from tests.postgres import Server

pytestmark = pytest.mark.database

Then = Callable[[], Awaitable[object]]


@pytest_asyncio.fixture(loop_scope="module")
async def lowered(
    cluster: Server, database: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Arena]:
    """Have the schema as it is, and no level above READ COMMITTED."""
    async with arena_on(cluster, database, catalog, settings, Lowered) as found:
        yield found


class Interrupted(Repository):
    """A repository where something happens before the first check of compliance."""

    def __init__(self, arena: Arena, then: Then) -> None:
        super().__init__(arena.repository.catalog, arena.pool)
        self._then: Then | None = then

    async def page(self, *arguments: Any, **how: Any) -> list[Any]:
        """Let it happen once, then read."""
        then, self._then = self._then, None
        if then:
            await then()
        return await super().page(*arguments, **how)


async def failing(arena: Arena, kind: str, identity: str, then: Then) -> list[str]:
    """Ask for compliance with something that happens in the midst; the checks that fail."""
    context: Context = arena.tenant.author.context
    found = await compliance(Interrupted(arena, then), context, kind, identity)
    assert found
    return [check.id for check in found.checks if not check.passed]


async def half_filled(arena: Arena) -> list[str]:
    """Ask for the compliance of a job role that gets its seniority in the midst of it."""
    role = await job_role(arena, await skill(arena, "active"), seniority_level=None)

    async def fill() -> None:
        async with arena.pool.transaction() as other:
            await change(arena, other, "job_role", role, seniority_level="mid")

    return await failing(arena, "job_role", role, fill)


class TestNonRepeatableRead:
    """A row that was read says the same when it is read again."""

    async def test_compliance_judges_what_it_found(self, arena: Arena) -> None:
        """The job role had no seniority when it was found: that is what is told of this time."""
        assert ["L1-ROLE-3"] == await half_filled(arena)

    async def test_lowered_it_judges_another_version(self, lowered: Arena) -> None:
        """At READ COMMITTED the verdict is not on what was found at `checked_at`."""
        assert [] == await half_filled(lowered)


async def born_meanwhile(arena: Arena) -> tuple[bool, bool]:
    """Export while a skill and a job role come into being; whether each is there."""
    known = await skill(arena)
    born: list[str] = []

    async def bear() -> None:
        async with arena.pool.transaction() as other:
            made = await make(arena, other, "skill", skill_body())
            body = {"name": unique("role"), "description": "x", "required_skills": []}
            role = await make(arena, other, "job_role", body)
            born.extend((str(made.id), str(role.id)))

    found = await exported(arena, bear)
    assert known in found
    one, two = (identity in found for identity in born)
    return one, two


@pytest.fixture
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read one entity in each piece of an export."""
    monkeypatch.setattr(exporting, "PAGE", 1)


@pytest.mark.usefixtures("_small_pieces")
class TestPhantom:
    """A range that was begun has no newcomers."""

    async def test_an_export_has_no_newcomers(self, arena: Arena) -> None:
        """Neither in the kind that is being read nor in one that comes later."""
        assert (False, False) == await born_meanwhile(arena)

    async def test_lowered_it_has(self, lowered: Arena) -> None:
        """At READ COMMITTED what was born after the beginning is in it."""
        assert (True, True) == await born_meanwhile(lowered)


async def changed_together(arena: Arena) -> tuple[str, str]:
    """Export while a skill, already read, and a role change in one transaction; what is told."""
    one = await skill(arena, governance_notes="old")
    role = await job_role(arena, one, governance_notes="old")

    async def change_both() -> None:
        async with arena.pool.transaction() as other:
            await change(arena, other, "skill", one, governance_notes="new")
            await change(arena, other, "job_role", role, governance_notes="new")

    found = await exported(arena, change_both)
    return found[one]["governance_notes"], found[role]["governance_notes"]


async def gone_meanwhile(arena: Arena) -> list[str]:
    """Ask for the compliance of a role whose skill is archived, and the role too, in the midst."""
    needed = await skill(arena, "active")
    role = await job_role(arena, needed, status="active")

    async def archive_both() -> None:
        async with arena.pool.transaction() as other:
            await move(arena, other, "job_role", role, "archived")
            await move(arena, other, "skill", needed, "archived")

    return await failing(arena, "job_role", role, archive_both)


@pytest.mark.usefixtures("_small_pieces")
class TestReadSkew:
    """What changed together is read together."""

    async def test_an_export_shows_both_or_neither(self, arena: Arena) -> None:
        """Here neither: its snapshot is older."""
        assert ("old", "old") == await changed_together(arena)

    async def test_lowered_it_shows_one(self, lowered: Arena) -> None:
        """At READ COMMITTED the skill is of before the change and the role of after it."""
        assert ("old", "new") == await changed_together(lowered)

    async def test_compliance_finds_no_fault_that_never_was(self, arena: Arena) -> None:
        """A role in force whose skill is archived: no moment was like that."""
        assert [] == await gone_meanwhile(arena)

    async def test_lowered_compliance_finds_it(self, lowered: Arena) -> None:
        """At READ COMMITTED the role that was found and the skill of later are judged together."""
        assert ["L1-ROLE-2"] == await gone_meanwhile(lowered)


async def as_of(arena: Arena, moment: datetime) -> list[tuple[str, str]]:
    """List the skills as they were: ids and documents."""
    query = EntitiesAsOf("skill", moment, LAST_ID, 200, WALK_MAX)
    rows = await arena.repository.many(query, arena.tenant.author.context)
    return [(str(row.id), str(row.document)) for row in rows]


async def page(arena: Arena, after: tuple[str, ...], count: int) -> list[str]:
    """Read one page of the newest skills."""
    context = arena.tenant.author.context
    rows = await listed(arena.repository, context, "skill", {}, after, count, WALK_MAX)
    return [str(row.id) for row in rows]


async def stir(arena: Arena, known: list[str]) -> None:
    """Make a skill, change one and archive one."""
    async with arena.pool.transaction() as other:
        await make(arena, other, "skill", skill_body())
        await change(arena, other, "skill", known[0], governance_notes="stirred")
        await move(arena, other, "skill", known[1], "archived")


class TestWithoutASnapshot:
    """Lists are statements of their own, at READ COMMITTED."""

    async def test_a_time_in_the_past_is_repeatable(self, arena: Arena) -> None:
        """What was committed and stamped later is in no list of an earlier time."""
        known = [await skill(arena) for _ in range(4)]
        now = (await arena.repository.one(HistoryNow(), arena.tenant.author.context)).now
        before = await as_of(arena, now)
        await stir(arena, known)

        assert known[::-1] == [identity for identity, _ in before]
        assert before == await as_of(arena, now)

    async def test_the_present_is_not(self, arena: Arena) -> None:
        """The same list without a time has the newcomer: a phantom, and meant to be."""
        known = [await skill(arena) for _ in range(4)]
        before = await page(arena, start("id"), 200)
        await stir(arena, known)

        assert [*before] == (await page(arena, start("id"), 200))[1:]

    async def test_pages_neither_repeat_nor_miss_what_was_there(self, arena: Arena) -> None:
        """The place of a row in the order of ids never changes, whatever happens between pages."""
        known = [await skill(arena) for _ in range(6)]
        seen = await page(arena, start("id"), 2)
        for _ in range(2):
            await stir(arena, [known[0], known.pop(2)])
            seen += await page(arena, (seen[-1],), 2)

        assert 6 == len(set(seen))
        assert set(known) < set(seen)
