"""Random transactions over `Pool.transaction` that append to lists and read them, at every level.

Two stores: the notes of skills, written as the service writes them, at READ COMMITTED; and lists
in a table of the test, since entities change at no other level. Where a level lets an anomaly in,
the search has to find it: else it would find nothing anywhere. At SERIALIZABLE cycles are told and
not counted against us: PostgreSQL 18 has been seen to let one through in some 400,000 commits.
Interleavings are the server's; the seed of what is done is shown when a test fails.
"""

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any, Protocol

import pytest
from msgspec import Struct

from service.catalog.load import Catalog
from service.database.pool import Isolation
from service.errors import Problem
from service.repository.retries import TRIES_MAX, pause_s
from service.settings import Settings
from service.sqlstate import is_database_failure, retry_kind
from tests.isolation.acts import change, etag_of, see, skill
from tests.isolation.arena import Arena, Torn, arena_on, without
from tests.isolation.list_append import (
    Append,
    Found,
    History,
    Outcome,
    Read,
    Transaction,
    Values,
    look,
)
from tests.isolation.opponents import hasty
from tests.isolation.test_lost_updates import FOR_CHANGE, LOCK
from tests.postgres import Server
from tests.sessions import Connection

pytestmark = pytest.mark.database

log = logging.getLogger(__name__)

CLIENTS = 6
LISTS = 3
OPERATIONS_MAX = 4
UNDONE_OF = 10
"""One of so many transactions is undone by its own client."""

ROUNDS_MAX = 40
"""Rounds in which an anomaly has to be found that a level lets in; most need one or two."""

CYCLES_OF = 50_000
"""Commits at SERIALIZABLE among which the server may let one cycle pass."""


class Undone(Exception):  # noqa: N818 - what is undone is no error
    """Ends a transaction without effect."""


class Store(Protocol):
    """Where lists are kept."""

    async def fresh(self) -> list[str]:
        """Have empty lists; their keys."""

    async def append(self, connection: Connection, key: str, value: int) -> None:
        """Put a value at the end of a list."""

    async def read(self, connection: Connection, key: str) -> Values:
        """Read a list."""


class Notes:
    """Lists as the notes of skills: read, then changed under the tag that was read."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena

    async def fresh(self) -> list[str]:
        """Make skills without notes."""
        return [await skill(self._arena) for _ in range(LISTS)]

    async def append(self, connection: Connection, key: str, value: int) -> None:
        """Read tag and notes, and write one number more."""
        etag = await etag_of(self._arena, "skill", key, connection)
        values = (*await self.read(connection, key), value)
        notes = " ".join(map(str, values))
        await change(self._arena, connection, "skill", key, etag=etag, governance_notes=notes)

    async def read(self, connection: Connection, key: str) -> Values:
        """Read the numbers of the notes."""
        notes = (await see(self._arena, "skill", key, connection))["governance_notes"] or ""
        return tuple(int(number) for number in notes.split())


class Rows:
    """Lists as arrays of a table that this module makes."""

    TABLE = "CREATE TABLE public.list (key text PRIMARY KEY, items integer[] NOT NULL DEFAULT '{}')"
    GRANT = "GRANT SELECT, UPDATE ON public.list TO plant_app"

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._number = itertools.count()

    async def fresh(self) -> list[str]:
        """Make rows without items."""
        turn = random.getrandbits(64)
        keys = [f"{turn}/{next(self._number)}" for _ in range(LISTS)]
        insert = "INSERT INTO public.list (key) SELECT unnest($1::text[])"
        await self._arena.superuser.execute(insert, keys)
        return keys

    async def append(self, connection: Connection, key: str, value: int) -> None:
        """Add an item."""
        update = "UPDATE public.list SET items = items || $2::integer WHERE key = $1"
        await connection.execute(update, key, value)

    async def read(self, connection: Connection, key: str) -> Values:
        """Read the items."""
        items = await connection.fetchval("SELECT items FROM public.list WHERE key = $1", key)
        return tuple(items)


class Plan(Struct, frozen=True):
    """What a transaction is about to do: lists, each to read (0) or to append a value to."""

    steps: tuple[tuple[str, int], ...]
    undone: bool


class Workload:
    """Clients that run random transactions over a pool, each repeated as a whole when it fails."""

    def __init__(self, arena: Arena, store: Store, isolation: Isolation, seed: int) -> None:
        self._arena = arena
        self._store = store
        self._isolation = isolation
        self._seed = seed
        self._round = 0
        self.commits = 0

    async def round(self, each: int) -> Found:
        """Let each client run so many transactions on fresh lists, and look at what came of it."""
        self._round += 1
        keys = await self._store.fresh()
        numbers = itertools.count(1)
        history: list[Transaction] = []
        await asyncio.gather(
            *(self._client(client, each, keys, numbers, history) for client in range(CLIENTS))
        )
        async with self._arena.pool.transaction() as last:
            final = {key: await self._store.read(last, key) for key in keys}
        self.commits += sum(one.outcome == "committed" for one in history)
        return look(History(history, final))

    async def _client(
        self,
        client: int,
        each: int,
        keys: list[str],
        numbers: Iterator[int],
        history: list[Transaction],
    ) -> None:
        drawn = random.Random(f"{self._seed}/{self._round}/{client}")
        for _ in range(each):
            chosen = drawn.choices(keys, k=drawn.randint(1, OPERATIONS_MAX))
            steps = tuple((key, next(numbers) * drawn.randrange(2)) for key in chosen)
            plan = Plan(steps, undone=not drawn.randrange(UNDONE_OF))
            history.append(await self._tried(plan))

    async def _tried(self, plan: Plan) -> Transaction:
        """Run a transaction; as the repository does, what had no effect is repeated as a whole."""
        for attempt in range(1, TRIES_MAX + 1):
            done: list[Append | Read] = []
            outcome: Outcome = "aborted"
            try:
                with suppress(Undone):
                    async with self._arena.pool.transaction(isolation=self._isolation) as own:
                        await self._run(own, plan, done)
                    outcome = "committed"
            except Exception as error:
                if not is_database_failure(error) and not isinstance(error, Problem):
                    raise
                if retry_kind(error) and attempt < TRIES_MAX:
                    await asyncio.sleep(pause_s(attempt))
                    continue
            return Transaction(tuple(done), outcome)
        raise AssertionError  # the last attempt returns

    async def _run(self, connection: Connection, plan: Plan, done: list[Append | Read]) -> None:
        for key, value in plan.steps:
            if value:
                # What may have been written counts as written until it is known to be undone.
                done.append(Append(key, value))
                await self._store.append(connection, key, value)
            else:
                done.append(Read(key, await self._store.read(connection, key)))
        if plan.undone:
            raise Undone


@pytest.fixture(scope="module")
def database(cluster: Server, template: str) -> Iterator[str]:
    """Have a database where deadlocks are looked for at once, with a table of lists."""
    with hasty(cluster, template) as name:
        for statement in (Rows.TABLE, Rows.GRANT):
            cluster.run(statement, database=name)
        yield name


@pytest.fixture
def seed() -> int:
    """Draw the seed of what is done; it is shown when the test fails."""
    drawn = random.getrandbits(32)
    log.warning("seed of the workload: %s", drawn)
    return drawn


Sought = Callable[[Found], Any]


async def until_found(workload: Workload, sought: Sought, each: int = 40) -> Found:
    """Go on until what a level lets in is found; fails when it never is."""
    for _ in range(ROUNDS_MAX):
        found = await workload.round(each)
        if sought(found):
            return found
        assert {} == found.broken
    pytest.fail(f"not found in {workload.commits} commits")


class TestControls:
    """What each level lets in is found: the search sees."""

    async def test_read_committed_has_read_skew(self, arena: Arena, seed: int) -> None:
        """G-single, and nothing worse."""
        workload = Workload(arena, Rows(arena), "read_committed", seed)
        found = await until_found(workload, lambda one: one.single)

        assert {} == found.broken

    async def test_repeatable_read_has_write_skew(self, arena: Arena, seed: int) -> None:
        """G2-item, and no read skew beside it."""
        workload = Workload(arena, Rows(arena), "repeatable_read", seed)
        found = await until_found(workload, lambda one: one.skew)

        assert {} == found.broken
        assert [] == found.single

    async def test_what_is_no_transaction_has_everything(
        self, cluster: Server, database: str, catalog: Catalog, settings: Settings, seed: int
    ) -> None:
        """Statement by statement, what is undone stays and what is not the end is read."""
        async with arena_on(cluster, database, catalog, settings, Torn) as torn:
            found = await Workload(torn, Rows(torn), "read_committed", seed).round(40)

        assert {"aborted_read", "intermediate_read"} <= set(found.broken)

    async def test_a_lock_less_loses_notes(self, open_arena: Arena, seed: int) -> None:
        """Without the lock that comes before the tag is compared, what was acknowledged is gone."""
        await without(open_arena.superuser, FOR_CHANGE, f"{LOCK} OF base_entity")
        workload = Workload(open_arena, Notes(open_arena), "read_committed", seed)

        assert (await until_found(workload, lambda one: one.lost, each=10)).lost


LEVELS: list[Isolation] = ["read_committed", "repeatable_read", "serializable"]


class TestPromises:
    """Nothing acknowledged is lost or doubled, nothing undone is seen: no G0, no G1, anywhere."""

    async def test_notes_of_skills(self, arena: Arena, seed: int) -> None:
        """Written by the service's own statements, at the level they name."""
        workload = Workload(arena, Notes(arena), "read_committed", seed)
        found = await workload.round(25)

        assert {} == found.broken
        assert workload.commits > CLIENTS

    @pytest.mark.parametrize("isolation", LEVELS)
    async def test_lists(self, arena: Arena, isolation: Isolation, seed: int) -> None:
        """At every level that the helper offers; above READ COMMITTED no read skew either."""
        workload = Workload(arena, Rows(arena), isolation, seed)
        found = await workload.round(80)

        assert {} == found.broken
        assert isolation == "read_committed" or [] == found.single
        assert workload.commits > CLIENTS


@pytest.mark.nightly
class TestLong:
    """The same for minutes."""

    SECONDS = 120.0

    @pytest.mark.parametrize("isolation", LEVELS)
    async def test_lists(self, arena: Arena, isolation: Isolation, seed: int) -> None:
        """Cycles at SERIALIZABLE are told; more than the server is known for are ours."""
        workload = Workload(arena, Rows(arena), isolation, seed)
        until, cycles = monotonic() + self.SECONDS, 0
        while monotonic() < until:
            found = await workload.round(100)
            assert {} == found.broken
            assert isolation == "read_committed" or [] == found.single
            cycles += len(found.skew)
        log.warning("%s: %s cycles in %s commits", isolation, cycles, workload.commits)

        assert isolation != "serializable" or cycles <= 1 + workload.commits / CYCLES_OF

    async def test_notes_of_skills(self, arena: Arena, seed: int) -> None:
        """By the service's own statements."""
        workload = Workload(arena, Notes(arena), "read_committed", seed)
        until = monotonic() + self.SECONDS
        while monotonic() < until:
            assert {} == (await workload.round(50)).broken
