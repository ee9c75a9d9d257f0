"""What the properties are shown with: sessions, pools of any size, worlds, and what is left."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec import structs

from service.database.pool import Pool
from service.repository.base import Repository
from service.settings import Settings
from tests.amending import amended, propose
from tests.erasing import erased
from tests.factories import (
    Tenant,
    World,
    create,
    industry_body,
    job_role_body,
    make_tenant,
    make_world,
    skill_body,
)
from tests.placed import place_all
from tests.postgres import Server
from tests.pruning import prune
from tests.sessions import Connect, Connection, connections

Open = Callable[..., Awaitable[Pool]]
FILLED = (
    """
    INSERT INTO app.idempotency
    SELECT $1, $2, 'POST', '/v1/skills', 'k', sha256('k'), 201, '{{}}' WHERE $3::uuid IS NOT NULL
    """,
    """
    INSERT INTO app.import_line (tenant_id, import_id, line, governance_agent_id, kind, body)
    SELECT $1, $3, 1, $2, 'skill', '{{}}'
    """,
    """
    INSERT INTO app.entity_label
    SELECT $1, $3, 0, 'skill', 'name', 'n', sha256('n'), 'test', {vector}, {vector}
    WHERE $2::uuid IS NOT NULL
    """,
    """
    INSERT INTO app.label_cursor (tenant_id, embedder, pos)
    SELECT $1, 'test', 1 WHERE num_nonnulls($2::uuid, $3::uuid) = 2
    """,
    """
    INSERT INTO audit.restoration (tenant_id, governance_agent_id, key_id) SELECT $1, $2, $3
    """,
)
"""Rows of what no write of an entity makes: $1 tenant, $2 governance agent, $3 skill."""


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


@pytest.fixture(scope="module")
def app_url(cluster: Server, database: str) -> str:
    """Give the address of the module's database for the service."""
    return cluster.url("app", database)


@pytest_asyncio.fixture(loop_scope="module")
async def open_pool(app_url: str, settings: Settings) -> AsyncIterator[Open]:
    """Open pools of plant_app, whose settings may differ; each is closed at the end."""
    async with AsyncExitStack() as stack:

        async def opened(name: str = "app", *, url: str | None = None, **changed: Any) -> Pool:
            chosen = structs.replace(settings, **changed)
            pool = Pool(url or app_url, chosen, name=name)
            stack.push_async_callback(pool.close)
            await pool.open()
            return pool

        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settled(owner: Repository) -> Tenant:
    """Have a tenant for the whole module, in which tests leave nothing that others look at."""
    return await make_tenant(owner)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(repository: Repository, settled: Tenant) -> World:
    """Have one active entity of each kind in the module's tenant."""
    return await make_world(repository, settled)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full(
    repository: Repository, superuser: Connection, settled: Tenant, world: World
) -> World:
    """Have rows of every shape in every table: there is something to break everywhere."""
    author = settled.author
    vector = json.dumps([1.0] + [0.0] * 383)
    every = {"external_id": "x", "tags": ["a"], "embedding_384": json.loads(vector)}
    skill = skill_body(parent_ids=[world.skill], **every)
    coded = industry_body(scheme="s", code="c", level=1, **every)
    role = job_role_body([world.skill], industry_id=world.industry)
    for kind, body in (("skill", skill), ("industry", coded), ("job_role", role)):
        await create(repository, author, kind, body)
    await amended(repository, settled, "skill", world.skill, {"description": "Certified."})
    await propose(repository, author, "skill", world.skill, {"description": "Open."})
    gone = await create(repository, author, "skill", skill_body())
    await erased(repository, author, "skill", gone.id)
    for statement in FILLED:
        await superuser.execute(
            statement.format(vector=f"'{vector}'::public.vector"),
            settled.id,
            UUID(author.context.governance_agent_id),
            UUID(world.skill),
        )
    await place_all(superuser)
    await prune(superuser, settled.id, 1)
    return world
