"""Sessions as a role, a tenant full of one word, and another that must not hear it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from service.repository.base import Repository
from tests.factories import Tenant, make_tenant, make_world
from tests.postgres import Server
from tests.rls.marked import Marked, marked
from tests.sessions import Connect, Connection, connections


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(repository: Repository, owner: Repository, superuser: Connection) -> Marked:
    """Have a tenant full of a word, sampled by ANALYZE."""
    made = await marked(repository, owner, superuser)
    await superuser.execute("ANALYZE")
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mine(repository: Repository, owner: Repository, other: Marked) -> Tenant:
    """Have the tenant of the session, with rows of its own."""
    tenant = await make_tenant(owner)
    await make_world(repository, tenant)
    return tenant
