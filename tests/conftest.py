"""A real PostgreSQL for every worker, a migrated template, a clone per module, a tenant per test.

Where the server comes from: PLANT_TEST_DATABASE_URL (a superuser's address), else a container when
PLANT_TEST_CONTAINERS=1, else the embedded server in a directory of its own.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.catalog.load import load as load_catalog
from service.database.pool import Pool
from service.migrate.runner import apply
from service.repository.base import Repository
from service.settings import Settings
from tests.api import Api, serving
from tests.factories import Actor, ActorWith, Tenant, make_actor, make_tenant
from tests.leader import Sealer
from tests.postgres import Server, server

for name in [name for name in os.environ if name.startswith("PLANT_")]:
    if not name.startswith("PLANT_TEST_"):
        del os.environ[name]

GROUPS = {
    "clients": "contract",
    "contract": "contract",
    "migrations": "migrations",
    "rls": "rls",
    "security": "security",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the folder they stand in and the fixtures they use."""
    root = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(root).parts[0]
        if folder in GROUPS:
            item.add_marker(GROUPS[folder])
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("database")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Server]:
    """Have the server of this worker."""
    with server() as found:
        yield found


@pytest.fixture(scope="session")
def template(cluster: Server) -> str:
    """Have a migrated database to clone: one of one's own, or the one that is given.

    PLANT_TEST_TEMPLATE names a database of that server; tests/sabotage gives broken ones.
    """
    given = os.environ.get("PLANT_TEST_TEMPLATE")
    if given:
        return given
    name = cluster.create("template")
    apply(cluster.url("owner", name))
    cluster.let_in(name)
    return name


@pytest.fixture(scope="module")
def database(cluster: Server, template: str) -> Iterator[str]:
    """Have a clone of the template for this module; its name."""
    name = cluster.clone(template)
    yield name
    cluster.drop(name)


@pytest.fixture
def temporary(cluster: Server, database: str) -> None:
    """Let the service's roles make temporary objects in the module's database.

    They may not, and nothing rests on that: what somebody tries with them is refused by more.
    """
    cluster.run(
        f"GRANT TEMPORARY ON DATABASE {database} TO plant_app, plant_worker, plant_readonly"
    )


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """Have the statements."""
    return load_catalog()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Have settings with a small pool."""
    return Settings(data_dir=tmp_path_factory.mktemp("data"), pool_min=1, pool_max=14)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def repository(
    cluster: Server, database: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Repository]:
    """Run statements as plant_app."""
    pool = Pool(cluster.url("app", database), settings)
    await pool.open()
    yield Repository(catalog, pool)
    await pool.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(
    cluster: Server, database: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Repository]:
    """Run statements as plant_owner."""
    pool = Pool(cluster.url("owner", database), settings, name="owner")
    await pool.open()
    yield Repository(catalog, pool)
    await pool.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def superuser(cluster: Server, database: str) -> AsyncIterator[asyncpg.Connection]:
    """Have a superuser's connection, for planting what the rules would refuse."""
    connection = await asyncpg.connect(cluster.url("superuser", database))
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def tenant(owner: Repository) -> Tenant:
    """Have a fresh tenant with an author, a certifier and another agent, each with a key."""
    return await make_tenant(owner)


@pytest_asyncio.fixture(loop_scope="module")
async def actor_with(owner: Repository, tenant: Tenant) -> ActorWith:
    """Make keys of other scopes, or for governance agents of other names, in the fresh tenant."""

    async def make(*scopes: str, name: str = "extra") -> Actor:
        return (await make_actor(owner, tenant.name, name, list(scopes)))[1]

    return make


@pytest_asyncio.fixture(loop_scope="module")
async def other_tenant(owner: Repository) -> Tenant:
    """Have a second fresh tenant."""
    return await make_tenant(owner)


@pytest.fixture(scope="module")
def sealer(cluster: Server, database: str, settings: Settings) -> Sealer:
    """Place and seal what the module's database has in its log, when told to."""
    return Sealer(cluster, database, settings)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service_url(cluster: Server, database: str, settings: Settings) -> AsyncIterator[str]:
    """Have the whole service on a real socket."""
    async with serving(settings, cluster.url("app", database)) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def api(service_url: str, tenant: Tenant) -> AsyncIterator[Api]:
    """Send requests as the author of a fresh tenant."""
    async with Api.open(service_url, tenant) as found:
        yield found
