"""Dirty writes and dirty reads: what another transaction has in hand is not touched and not seen.

PostgreSQL rules these out at every level. What could let them in is our own helper: a
transaction that is none. Each scenario is therefore played twice, over `Pool.transaction` and
over a pool whose transactions commit statement by statement, where the anomaly is there.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.repository.history import EntityAsOf, EntityVersions, HistoryNow
from service.repository.lists import listed, start
from service.settings import Settings
from service.usecases.exporting import export
from service.usecases.history import WALK_MAX
from tests.isolation.acts import change, see, skill
from tests.isolation.arena import Arena, Torn, arena_on, beside
from tests.postgres import Server
from tests.sessions import Connection

pytestmark = pytest.mark.database


class Undone(Exception):  # noqa: N818 - what is undone is no error
    """Ends a transaction without effect."""


@pytest_asyncio.fixture(loop_scope="module")
async def torn(
    cluster: Server, database: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Arena]:
    """Have the schema as it is, and transactions that are none."""
    async with arena_on(cluster, database, catalog, settings, Torn) as found:
        yield found


async def two_writers(arena: Arena) -> tuple[str, str]:
    """Let two transactions write the same two skills; gives whose writes remain."""
    ids = [await skill(arena) for _ in range(2)]

    async def second(connection: Connection) -> None:
        for identity in ids:
            await change(arena, connection, "skill", identity, governance_notes="second")

    async with arena.pool.transaction() as first:
        await change(arena, first, "skill", ids[0], governance_notes="first")
        other = await beside(arena, second)
        if not await other.waits_for(arena, first):
            await other.task
        await change(arena, first, "skill", ids[1], governance_notes="first")
    await other.task
    one, two = [(await see(arena, "skill", each))["governance_notes"] for each in ids]
    return one, two


class TestDirtyWrite:
    """G0."""

    async def test_the_writes_of_two_transactions_do_not_mix(self, arena: Arena) -> None:
        """Who comes second to one row waits, and its writes remain in both."""
        assert ("second", "second") == await two_writers(arena)

    async def test_without_a_transaction_they_mix(self, torn: Arena) -> None:
        """One row has what the first wrote, the other what the second wrote."""
        assert ("second", "first") == await two_writers(torn)


async def by_id(arena: Arena, identity: str) -> str:
    """Read the notes of the entity."""
    return str((await see(arena, "skill", identity))["governance_notes"])


async def by_list(arena: Arena, identity: str) -> str:
    """Read the notes from a list of what is newest."""
    context = arena.tenant.author.context
    rows = await listed(arena.repository, context, "skill", {}, start("id"), 200, WALK_MAX)
    (found,) = [row.document for row in rows if str(row.id) == identity]
    return str(json.loads(str(found))["governance_notes"])


async def by_time(arena: Arena, identity: str) -> str:
    """Read the notes as they are by now in the log."""
    context = arena.tenant.author.context
    now = (await arena.repository.one(HistoryNow(), context)).now
    found = await arena.repository.maybe(EntityAsOf("skill", identity, now), context)
    assert found
    return str(json.loads(str(found.document))["governance_notes"])


async def by_versions(arena: Arena, identity: str) -> str:
    """Count the changes that the log knows."""
    query = EntityVersions("skill", identity, 1_000, 200)
    rows = await arena.repository.many(query, arena.tenant.author.context)
    return str(len(rows) - 1)


async def by_export(arena: Arena, identity: str) -> str:
    """Read the notes from an export."""
    parts = [lines async for _, lines in export(arena.repository, arena.tenant.author.context)]
    documents = [json.loads(line) for line in b"".join(parts).splitlines()]
    (found,) = [one for one in documents if one.get("id") == identity]
    return str(found["governance_notes"])


Reading = Callable[[Arena, str], Awaitable[str]]
READINGS: list[Reading] = [by_id, by_list, by_time, by_versions, by_export]


async def seen_while(arena: Arena, read: Reading, *, undone: bool) -> list[str]:
    """Read before a transaction, after each of its two writes, and after its end."""
    identity = await skill(arena, governance_notes="0")
    seen = [await read(arena, identity)]
    with suppress(Undone):
        async with arena.pool.transaction() as writer:
            for note in "12":
                await change(arena, writer, "skill", identity, governance_notes=note)
                seen.append(await read(arena, identity))
            if undone:
                raise Undone
    return [*seen, await read(arena, identity)]


@pytest.mark.parametrize("read", READINGS)
class TestDirtyRead:
    """G1a and G1b, in every way that the service reads."""

    async def test_nobody_reads_what_is_undone_later(self, arena: Arena, read: Reading) -> None:
        """Aborted read: a change that ends in ROLLBACK was never there."""
        assert ["0", "0", "0", "0"] == await seen_while(arena, read, undone=True)

    async def test_nobody_reads_what_is_not_the_end(self, arena: Arena, read: Reading) -> None:
        """Intermediate read: of two changes in one transaction only the last is ever seen."""
        assert ["0", "0", "0", "2"] == await seen_while(arena, read, undone=False)

    async def test_without_a_transaction_everything_is_read(
        self, torn: Arena, read: Reading
    ) -> None:
        """Statement by statement the first change is seen, and nothing is undone."""
        assert ["0", "1", "2", "2"] == await seen_while(torn, read, undone=True)


async def each_reads_the_other(arena: Arena) -> list[str]:
    """Let two transactions each write one skill and then read the other's."""
    ids = [await skill(arena, governance_notes="0") for _ in range(2)]
    seen = []
    async with arena.pool.transaction() as first, arena.pool.transaction() as second:
        both = (first, second)
        for connection, identity in zip(both, ids, strict=True):
            await change(arena, connection, "skill", identity, governance_notes="1")
        for connection, identity in zip(both, reversed(ids), strict=True):
            found = await see(arena, "skill", identity, connection)
            seen.append(str(found["governance_notes"]))
    return seen


class TestCircularRead:
    """G1c."""

    async def test_two_transactions_do_not_read_from_each_other(self, arena: Arena) -> None:
        """Neither sees what the other has in hand."""
        assert ["0", "0"] == await each_reads_the_other(arena)

    async def test_without_a_transaction_they_do(self, torn: Arena) -> None:
        """Each reads the other's write: no order of the two explains that."""
        assert ["1", "1"] == await each_reads_the_other(torn)
