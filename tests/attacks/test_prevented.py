"""What is refused before there is anything to notice, whoever tries it without DDL."""

from collections.abc import Iterable

import pytest

from tests.attacks.prepared import Prepared
from tests.attacks.site import Site
from tests.sessions import Connection, Savepoint, acting, become

pytestmark = pytest.mark.database

DENIED = "42501"
APPEND_ONLY = "PL013"
LOG = ("audit.entry", "audit.payload", "audit.position", "audit.checkpoint", "audit.incarnation")
APPEND = """
SELECT audit.append_entry(
    uuidv7(), 'skill', uuidv7(), 1, 'create', 'a', 'k', now(), '{}', sha256('x'), NULL
)
"""
SHORTENED = "UPDATE audit.tile SET nodes = substr(nodes, 33) WHERE level = 0 AND index = 1"
BY_APP = (
    *((f"UPDATE {table} SET tenant_id = tenant_id", DENIED) for table in LOG[:3]),
    *((f"DELETE FROM {table}", DENIED) for table in (*LOG, "audit.tile", "audit.pending")),
    *((f"TRUNCATE {table}", DENIED) for table in LOG),
    ("INSERT INTO audit.entry SELECT * FROM audit.entry", DENIED),
    ("INSERT INTO audit.pending (tenant_id, audit_id) VALUES (uuidv7(), uuidv7())", DENIED),
    ("UPDATE audit.tile SET nodes = nodes", DENIED),
    ("UPDATE app.base_entity SET document = '{}'", DENIED),
    ("UPDATE app.skill_entity SET category = 'technical'", DENIED),
    ("DELETE FROM app.base_entity", DENIED),
    ("ALTER TABLE audit.entry DISABLE TRIGGER ALL", DENIED),
    ("SET session_replication_role = replica", DENIED),
    (APPEND, DENIED),
)
BY_WORKER = (
    ("UPDATE audit.position SET pos = pos", DENIED),
    ("DELETE FROM audit.position", DENIED),
    ("DELETE FROM audit.checkpoint", DENIED),
    ("UPDATE audit.checkpoint SET size = size", DENIED),
    (SHORTENED, APPEND_ONLY),
    ("DELETE FROM audit.tile", DENIED),
    ("UPDATE audit.entry SET actor = 'nobody'", DENIED),
    ("UPDATE app.base_entity SET name = 'another'", DENIED),
    ("UPDATE app.amendment SET status = status", DENIED),
)
# Without taking triggers away a superuser is refused too, as a replica as well.
BY_SUPERUSER = (
    *((f"UPDATE {table} SET tenant_id = tenant_id", APPEND_ONLY) for table in LOG[:3]),
    *((f"DELETE FROM {table}", APPEND_ONLY) for table in (*LOG, "audit.tile")),
    *((f"TRUNCATE {table}", APPEND_ONLY) for table in LOG),
    ("UPDATE audit.tile SET nodes = sha256(nodes)", APPEND_ONLY),
    ("DELETE FROM app.base_entity", APPEND_ONLY),
    ("TRUNCATE audit.pending", APPEND_ONLY),
)


async def states(session: Connection, statements: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Try each; gives with what it is refused."""
    tried = Savepoint(session)
    return {statement: await tried.state(statement) for statement, _ in statements}


async def test_by_the_service(site: Site, prepared: Prepared) -> None:
    """plant_app has no way to the log but through its functions."""
    app = await site.connect("app")
    async with acting(app, prepared.tenant.author):
        assert dict(BY_APP) == await states(app, BY_APP)


async def test_by_the_worker(site: Site) -> None:
    """plant_worker adds to the log's order and changes nothing of it."""
    worker = await site.connect("worker")
    async with worker.transaction():
        assert dict(BY_WORKER) == await states(worker, BY_WORKER)


async def test_by_a_superuser_as_a_replica(site: Site) -> None:
    """The triggers fire always: it takes DDL to be rid of them."""
    async with site.superuser.transaction():
        await site.superuser.execute("SET LOCAL session_replication_role = replica")
        assert dict(BY_SUPERUSER) == await states(site.superuser, BY_SUPERUSER)


async def test_a_replica_writes_into_the_log(site: Site, prepared: Prepared) -> None:
    """What a superuser writes as a replica is logged like anything else."""
    async with site.superuser.transaction():
        await site.superuser.execute("SET LOCAL session_replication_role = replica")
        await become(site.superuser, prepared.other.author)
        await site.superuser.execute(
            "UPDATE app.base_entity SET governance_notes = 'Seen.' WHERE id = $1", prepared.victim
        )
    versions = await site.superuser.fetchval(
        "SELECT count(*) FROM audit.entry WHERE entity_id = $1", prepared.victim
    )

    assert 6 == versions


async def test_of_another_tenant_nothing_is_seen(site: Site, prepared: Prepared) -> None:
    """Entries, payloads and positions are the tenant's own."""
    app = await site.connect("app")
    async with acting(app, prepared.tenant.author):
        for table in LOG[:3]:
            rows = await app.fetch(f"SELECT DISTINCT tenant_id FROM {table}")

            assert [prepared.tenant.id] == [row["tenant_id"] for row in rows], table
