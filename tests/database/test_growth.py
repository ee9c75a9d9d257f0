"""What a statement touches does not grow with the rows that are there, but by its indexes' height.

In the suite from 3,000 entities to 20,000, by night from 10,000 to 1,000,000. Blocks and rows are
counted, never times.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from msgspec import Struct

from service.catalog.load import Catalog
from service.catalog.statement import Statement
from service.database.pool import Pool
from service.repository.base import Repository
from service.settings import Settings
from tests.database.test_plans import BEGIN, PAGE, planned, planted, values
from tests.factories import Tenant, make_tenant, skill_body
from tests.plans import Plan, explained
from tests.postgres import Server
from tests.sessions import Connection, acting

pytestmark = pytest.mark.database

OTHERS = 2_000
"""Entities of other kinds than skills that are planted with any number of these."""

SIZES = [
    pytest.param((3_000, 20_000), id="to 20,000"),
    pytest.param(
        (10_000, 1_000_000),
        id="to 1,000,000",
        marks=[pytest.mark.nightly, pytest.mark.timeout(3_600)],
    ),
]
LATE = BEGIN + timedelta(days=1_000)
"""After everything that is planted, a minute from entity to entity."""

HEIGHTS = """
SELECT relname, (public.bt_metap(relnamespace::regnamespace || '.' || relname)).level
FROM pg_class
INNER JOIN pg_am ON pg_am.oid = relam
WHERE amname = 'btree' AND relkind = 'i' AND relnamespace::regnamespace::text IN ('app', 'audit')
"""
"""Levels of each index above its leaves: a look-up touches a block of each, and a leaf."""

POINTS = {
    "amendment_by_entity": 1,
    "amendment_of_entity": 1,
    "amendment_open": 1,
    "compliance_subject": 1,
    "entity_by_external_id": 1,
    "entity_by_id": 1,
    "entity_id_by_external_id": 1,
    "entity_id_by_name": 1,
    "industry_id_by_code": 1,
    # The entry of a version, and its payload.
    "entity_as_of": 2,
    "entity_version": 2,
    "entity_versions": 2,
    "entities_by_external_id": 2,
    "entities_by_id": 20,
}
"""So many look-ups each of these takes; the last two were asked for two and for twenty."""

BEYOND_MAX = 4
"""Blocks of one look-up besides those of its index above the leaves."""

WALKS = {"entities_count", "entities_as_of_by_status", "entities_as_of_walked"}
"""They go through what they count, or as far as they may, which test_plans.py bounds."""

OF_OTHER_ROWS = {
    # The amendment that is asked for is another entity's.
    "amendment_of_entity",
    # What has a vector of its own is told from what has none.
    "export_embeddings",
    # Labels of two names that are alike.
    "search_pair_labels",
    *WALKS,
}
"""They are asked for what they have to leave out; all others give every row that they read."""

CURRENT = {"amendment", "entity", "list"}
"""Folders of the statements that read what is there now."""

WRITE_MAX = 150
"""Blocks of one change: the rows, the log, and a look-up in each index of both."""


class Measured(Struct, frozen=True):
    """Statements of the catalogue at one size, by name.

    called: blocks of the statements that are functions of the database, as the service calls them.
    """

    plans: dict[str, Plan]
    heights: dict[str, int]
    called: dict[str, int]
    writes: dict[str, int]

    def above(self, name: str) -> int:
        """Count the blocks above the leaves that a statement's look-ups had to touch."""
        return sum(
            times * self.heights[index] for index, times in self.plans[name].searches.items()
        )

    def beyond(self, name: str) -> int:
        """Count the blocks that it touched besides these."""
        return self.plans[name].blocks - self.above(name)


Grown = tuple[Measured, Measured]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SIZES)
async def grown(
    request: pytest.FixtureRequest,
    cluster: Server,
    template: str,
    catalog: Catalog,
    settings: Settings,
) -> AsyncIterator[Grown]:
    """Have every statement measured in a database that is small, and again when it has grown."""
    database = await asyncio.to_thread(cluster.clone, template)
    superuser = await asyncpg.connect(cluster.url("superuser", database))
    pools = [Pool(cluster.url(role, database), settings, name=role) for role in ("owner", "app")]
    for pool in pools:
        await pool.open()
    try:
        await superuser.execute("CREATE EXTENSION pageinspect")
        owner = Repository(catalog, pools[0])
        async with pools[1].connection() as app:
            small, large = [
                await _measured(
                    app, catalog, superuser, await _planted(owner, superuser, size), size
                )
                for size in request.param
            ]
            yield small, large
    finally:
        for pool in pools:
            await pool.close()
        await superuser.close()
        await asyncio.to_thread(cluster.drop, database)


async def _planted(owner: Repository, superuser: Connection, size: int) -> Tenant:
    """Have one more tenant, with so many entities."""
    tenant = await make_tenant(owner)
    await planted(superuser, tenant, skills=size - OTHERS, versions=1)
    await superuser.execute("VACUUM ANALYZE")
    return tenant


async def _measured(
    app: Connection, catalog: Catalog, superuser: Connection, tenant: Tenant, size: int
) -> Measured:
    """Ask every statement as the one who sees all of the tenant's drafts."""
    first, context = size - OTHERS + 1, tenant.author.context.arguments
    given = await values(superuser, tenant)
    # What is there at this size. Of a time long ago a list passes by all that came since: that
    # is its price, and bounded elsewhere.
    given |= {"version": 1, "scheme": f"s{first % 3}", "code": f"c{first}", "as_of": LATE}
    plans, called = {}, {}
    for statement in planned(catalog):
        mode = dict(statement.settings).get("plan_cache_mode", "force_generic_plan")
        async with acting(app, tenant.author):
            await app.execute(f"SET LOCAL plan_cache_mode = {mode}")
            # Twice: the first time a session reads the catalogue too.
            await explained(app, statement, given, ", ANALYZE, BUFFERS")
            plans[statement.name] = await explained(app, statement, given, ", ANALYZE, BUFFERS")
        if statement.call == "function":
            arguments = (*(given[one.name] for one in statement.params), *context)
            for _ in range(2):
                called[statement.name] = await _touched(app, statement, arguments)
    heights = {row["relname"]: row["level"] for row in await superuser.fetch(HEIGHTS)}
    return Measured(plans, heights, called, await _written(app, catalog, tenant))


async def _touched(app: Connection, statement: Statement, arguments: tuple[object, ...]) -> int:
    """Count the blocks of one call, everything below it included."""
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.query}"
    return Plan(await app.fetchval(explain, *arguments)).blocks


async def _written(app: Connection, catalog: Catalog, tenant: Tenant) -> dict[str, int]:
    """Count what a change touches, called as the service calls it, triggers and log included."""
    found: dict[str, int] = {}
    context = tenant.author.context.arguments
    for _ in range(3):
        transaction = app.transaction()
        await transaction.start()
        body = json.dumps(skill_body(tags=["t1"]))
        (row,) = await app.fetch(catalog["skill_create"].query, body, None, *context)
        patch = json.dumps({"tags": ["t2"]})
        calls: dict[str, tuple[Any, ...]] = {
            "skill_create": (json.dumps(skill_body(tags=["t1"])), None),
            "skill_amend": (row["id"], None, patch, None),
            "entity_step": ("skill", row["id"], None, "under_review", "r", None, None),
        }
        for name, arguments in calls.items():
            found[name] = await _touched(app, catalog[name], (*arguments, *context))
        await transaction.rollback()
    return found


def test_a_look_up_touches_four_blocks_beyond_the_height_of_its_index(grown: Grown) -> None:
    """At either size: a leaf and the row, and no more than two others."""
    over = {
        (name, place): measured.beyond(name)
        for place, measured in enumerate(grown)
        for name, times in POINTS.items()
        if measured.beyond(name) > BEYOND_MAX * times
    }

    assert {} == over


def test_a_call_touches_what_its_statement_touches(grown: Grown, catalog: Catalog) -> None:
    """At either size: context and function add nothing to what the text of the file reads.

    Of the statements on the log some take a look-up more.
    """
    more = {
        (name, place): blocks - measured.plans[name].blocks
        for place, measured in enumerate(grown)
        for name, blocks in measured.called.items()
    }
    current = {name for name in catalog if catalog[name].path.split("/")[0] in CURRENT}
    look_up = BEYOND_MAX + max(grown[1].heights.values())

    assert len(more) > 80
    assert {} == {
        key: blocks
        for key, blocks in more.items()
        if blocks > (0 if key[0] in current else look_up)
    }


def test_a_page_is_bounded_by_its_rows(grown: Grown) -> None:
    """At either size: so many look-ups as there are rows on it and filters, each a leaf and a row.

    And what the scans before them pass by: of two values a page each, if each lies elsewhere.
    """
    wrong = {}
    for place, measured in enumerate(grown):
        for name, plan in measured.plans.items():
            searches = plan.searches.total()
            if name in WALKS or name in POINTS:
                continue
            if searches > 3 * (PAGE + 5) or measured.beyond(name) > 2 * (searches + PAGE + 10):
                wrong[name, place] = (searches, measured.beyond(name))

    assert {} == wrong


def test_what_is_touched_grows_by_the_height_of_the_index(grown: Grown) -> None:
    """Of as many look-ups each touches a block more for each level that its index has won.

    Nothing else for a look-up; rows of a page, which share blocks where there are few, one each.
    """
    small, large = grown
    more = {
        name: large.beyond(name) - small.beyond(name)
        for name, plan in small.plans.items()
        if plan.searches.total() == large.plans[name].searches.total() and name not in WALKS
    }

    assert len(more) > 35
    assert {*POINTS} <= {*more}
    assert {} == {
        name: blocks for name, blocks in more.items() if blocks > (0 if name in POINTS else PAGE)
    }


def test_no_row_is_read_and_thrown_away(grown: Grown) -> None:
    """Each statement gives every row that it reads, when the caller may see all that there is."""
    wrong = {
        (name, place): plan.removed
        for place, measured in enumerate(grown)
        for name, plan in measured.plans.items()
        # Further filters are asked of the rows that the first has found.
        if plan.removed and name not in OF_OTHER_ROWS and not name.endswith("_matching")
    }

    assert {} == wrong


def test_a_change_touches_what_it_touched_when_there_was_little(grown: Grown) -> None:
    """Rows, tags, log and their indexes: at most a level more in each of thirty look-ups."""
    small, large = grown
    more = {name: blocks - small.writes[name] for name, blocks in large.writes.items()}

    assert {} == {name: blocks for name, blocks in large.writes.items() if blocks > WRITE_MAX}
    assert {} == {name: blocks for name, blocks in more.items() if blocks > 30}
