"""Statements of a verification: the indexes by which they read a log and a registry by pages."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.database.pool import Pool
from service.repository.base import Repository
from service.settings import Settings
from service.verify.question import LAST_ID, NO_ID
from tests.factories import Tenant, create, industry_body, make_tenant, skill_body
from tests.placed import place_all
from tests.plans import explained
from tests.postgres import Server
from tests.sessions import Connection, acting

pytestmark = pytest.mark.database

COUNT = 2_000
CREATE = """
SELECT count(*)
FROM app.{}_create(
    (SELECT array_agg(uuidv7()) FROM generate_series(1, $1::int)), $2::jsonb[], 'draft'
)
"""
OF_NAME: dict[str, object] = {
    "after_tenant": NO_ID,
    "first_tenant": NO_ID,
    "last_tenant": LAST_ID,
    "after_id": NO_ID,
    "after_witness": "",
    "count": 100,
    "sealed": 4 * COUNT - 100,
}
"""Values of parameters by their name; of the others the first page's."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def many(repository: Repository, owner: Repository, superuser: Connection) -> list[Tenant]:
    """Have two tenants of two thousand skills and as many industries, each entry with its place."""
    others = [json.dumps(industry_body()) for _ in range(COUNT)]
    tenants = [await make_tenant(owner) for _ in range(2)]
    for one in tenants:
        parent = await create(repository, one.author, "skill", skill_body())
        bodies = [
            json.dumps(skill_body(tags=["a"], parent_ids=[str(parent.id)])) for _ in range(COUNT)
        ]
        async with repository.pool.connection() as session, acting(session, one.author):
            await session.execute(CREATE.format("skill"), COUNT, bodies)
            await session.execute(CREATE.format("industry"), COUNT, others)
    await place_all(superuser)
    await superuser.execute("DELETE FROM audit.pending")
    await superuser.execute("VACUUM ANALYZE")
    return tenants


@pytest_asyncio.fixture(loop_scope="module")
async def worker(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Connection]:
    """Have a connection as `plant audit verify` has, with its settings."""
    pool = Pool(cluster.url("worker", database), settings, name="worker")
    await pool.open()
    async with pool.connection() as connection:
        yield connection
    await pool.close()


async def test_a_verification_reads_by_the_indexes_that_its_statements_name(
    worker: Connection, catalog: Catalog, many: list[Tenant]
) -> None:
    """A page costs what a page has, wherever in the log it begins."""
    theirs = [one for one in catalog.values() if one.plan and one.name.startswith("verify_")]
    wrong = {}
    for mode in ("force_generic_plan", "force_custom_plan"):
        async with worker.transaction():
            await worker.execute(f"SET LOCAL plan_cache_mode = {mode}")
            for statement in theirs:
                given = {param.name: OF_NAME.get(param.name, 0) for param in statement.params} | {
                    "tenant_id": str(many[0].id)
                }
                names = {param.name for param in statement.params}
                told = {name: value for name, value in given.items() if name in names}
                found = (await explained(worker, statement, told)).indexes
                if not set(statement.plan) <= found:
                    wrong[statement.name, mode] = found

    assert len(theirs) > 10
    assert {} == wrong


async def test_links_are_looked_up_one_by_one(
    worker: Connection, catalog: Catalog, many: list[Tenant]
) -> None:
    """An anti join may be a merge of a tenant's links with all of its entities: quadratic."""
    statement = catalog["verify_stray_links"]
    given = {param.name: OF_NAME[param.name] for param in statement.params}

    plan = await explained(worker, statement, given, ", ANALYZE")

    joins = {node["Join Type"] for node in plan.nodes() if "Join Type" in node}
    assert ({"Left"}, 0) == (joins, plan.top["Actual Rows"])


async def test_a_page_of_entries_reads_no_more_than_a_page_of_each_table(
    worker: Connection, catalog: Catalog, many: list[Tenant]
) -> None:
    """Else each page would read the log to its end."""
    statement = catalog["verify_entries"]
    given = {param.name: OF_NAME[param.name] for param in statement.params}

    plan = await explained(worker, statement, given, ", ANALYZE")

    read = {
        node["Relation Name"]: node["Actual Rows"] * node["Actual Loops"]
        for node in plan.nodes()
        if node["Actual Loops"] and "Relation Name" in node
    }
    assert dict.fromkeys(("entry", "payload", "position"), OF_NAME["count"]) == read
