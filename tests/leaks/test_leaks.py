"""Nothing gets from one tenant to another, whatever becomes of requests; and what does is found.

`python -m tests.leaks` goes on for as long as it is told.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from service.catalog.function import context, create
from service.catalog.load import Catalog
from service.database.batcher import Batcher
from service.database.pool import Pool
from service.repository.base import Repository
from service.settings import Settings
from tests.chaos.ground import Stage
from tests.factories import Tenant, make_tenant
from tests.leaks.run import FAULTS, TENANTS, Plan, Result, run
from tests.leftovers import SETTINGS, leftovers
from tests.postgres import Server
from tests.proxy import Proxy
from tests.sessions import Connection

pytestmark = [pytest.mark.database, pytest.mark.security, pytest.mark.timeout(300)]

OPERATIONS = 5_000
Ready = tuple[Stage, list[Tenant]]
Spoil = Callable[[Stage, Catalog], None]


@asynccontextmanager
async def staged(cluster: Server, database: str, owner: Repository) -> AsyncIterator[Ready]:
    """Have tenants in a database, and a way to it."""
    tenants = [await make_tenant(owner) for _ in range(TENANTS)]
    async with Proxy.to(cluster.url("app", database)) as way:
        yield Stage(cluster, database, way), tenants


@pytest_asyncio.fixture(loop_scope="module")
async def ready(
    cluster: Server, template: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Ready]:
    """Have a database for this test alone: what is spoilt there stays there."""
    name = await asyncio.to_thread(cluster.clone, template)
    pool = Pool(cluster.url("owner", name), settings, name="owner")
    await pool.open()
    try:
        async with staged(cluster, name, Repository(catalog, pool)) as found:
            yield found
    finally:
        await pool.close()
        await asyncio.to_thread(cluster.drop, name)


async def test_nothing_of_another_tenant_and_nothing_left(ready: Ready) -> None:
    """Some thousand requests with hang-ups, cancellations, faults and errors among them."""
    seed = secrets.randbits(32)
    print(f"--seed {seed}")  # noqa: T201
    stage, tenants = ready
    result = await run(stage, tenants, Plan(seed=seed, operations=OPERATIONS))

    assert [] == result.broken
    assert [] == result.nothing
    assert {fault.__name__ for fault in FAULTS} == set(result.faults)


SET = "current_setting('app.tenant_id', true)"


def of_session(stage: Stage, catalog: Catalog) -> None:
    """Let every function set its context for the session, not for the transaction."""
    for statement in catalog.values():
        if statement.call == "function" and statement.role == "app":
            right = context(len(statement.params))
            wrong = right.replace(", true)", ", false)")
            stage.cluster.run(create(statement).replace(right, wrong), stage.database)


def of_the_one_before(stage: Stage, catalog: Catalog) -> None:
    """Let a read take the tenant that is set already: in a batch, that of the first."""
    statement = catalog["entity_by_id"]
    right = context(len(statement.params))
    first = "pg_catalog.set_config('app.tenant_id', $3, true)"
    wrong = right.replace(first, first.replace("$3", f"coalesce(nullif({SET}, ''), $3)"))
    assert right != wrong
    stage.cluster.run(create(statement).replace(right, wrong), stage.database)


def of_the_one_born_before(stage: Stage, catalog: Catalog) -> None:
    """Let a creation be of whoever is set already: in a batch, of the first."""
    statement = catalog["skill_create"]
    right = context(len(statement.params))
    wrong = right
    # All three: a key that is not the agent's is refused.
    for place, setting in enumerate(("tenant_id", "governance_agent_id", "key_id"), 3):
        known = f"coalesce(nullif(current_setting('app.{setting}', true), ''), ${place})"
        wrong = wrong.replace(f"'app.{setting}', ${place}", f"'app.{setting}', {known}")
    assert 3 == wrong.count("coalesce")
    stage.cluster.run(create(statement).replace(right, wrong), stage.database)


def beside_the_rows(stage: Stage, catalog: Catalog) -> None:
    """Let a list set its context beside its tables, in whatever order that is planned."""
    statement = catalog["entities_newest"]
    right = context(len(statement.params))
    wrong = f"\nWITH ctx AS MATERIALIZED ({right.strip().rstrip(';')})\n"
    text = create(statement).replace(right, wrong)
    spoilt = text.replace("FROM app.base_entity", "FROM ctx CROSS JOIN app.base_entity", 1)
    assert text != spoilt
    stage.cluster.run(spoilt, stage.database)


@pytest.mark.parametrize(
    "spoil,words",
    [
        (of_session, "app.tenant_id is"),
        (of_the_one_before, "something of|is not there|lacks|404"),
        (of_the_one_born_before, "born|something of"),
        (beside_the_rows, "something of|lacks"),
    ],
)
async def test_a_context_that_outlives_its_statement_is_found(
    ready: Ready, catalog: Catalog, spoil: Spoil, words: str
) -> None:
    """What is set for too long, or not set anew, shows within some thousand requests."""
    stage, tenants = ready
    result = await run(
        stage,
        tenants,
        Plan(seed=7, operations=OPERATIONS),
        spoil=lambda: spoil(stage, catalog),
    )

    assert [one for one in result.broken if re.search(words, one)], result


async def test_answers_that_are_mixed_up_are_found(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch whose first and last get each other's rows."""
    send = Batcher._send  # noqa: SLF001

    async def mixed(self: Batcher, connection: Any, batch: list[Any]) -> None:
        waiters = [one.rows for one in batch]
        batch[0].rows, batch[-1].rows = waiters[-1], waiters[0]
        await send(self, connection, batch)

    monkeypatch.setattr(Batcher, "_send", mixed)
    result = await run(*ready, Plan(seed=7, operations=OPERATIONS))

    assert result.broken


async def test_a_connection_that_has_kept_something_is_found(
    cluster: Server, database: str, settings: Settings
) -> None:
    """A setting, a limit, a role or a transaction."""
    pool = Pool(cluster.url("owner", database), settings, name="kept")
    await pool.open()
    try:
        async with pool.connection() as connection:
            assert [] == await leftovers(connection)
            await connection.execute("SET app.step_reason = 'why'; SET lock_timeout = '7s'")
            await connection.execute("SET ROLE plant_writer; BEGIN")
            found = await leftovers(connection)
            await connection.execute("ROLLBACK; RESET ROLE; RESET ALL")
    finally:
        await pool.close()

    assert {
        "app.step_reason is why",
        "it acts as plant_writer",
        "it is in a transaction",
        "lock_timeout is 7000",
    } == set(found)


async def test_every_setting_of_ours_is_looked_for(superuser: Connection) -> None:
    """Whatever a function of the database sets or asks for by a name of app.… is among them."""
    named = await superuser.fetch(
        "SELECT DISTINCT (regexp_matches(prosrc, '(?:config|setting)[(].app[.]([a-z_]+)', 'g'))[1]"
        " FROM pg_proc"
    )

    assert {*SETTINGS} == {row[0] for row in named}


def test_a_run_that_met_nothing_says_so() -> None:
    """What was never cut short shows nothing."""
    empty = Result(
        seed=1, seconds=0.0, operations={}, answered=0, errors={}, hung_up=0, cancelled=0,
        faults={}, cut_short=0, together=0, born=0, asked=0, rounds=0, broken=[],
    )  # fmt: skip

    assert 10 == len(empty.nothing)
