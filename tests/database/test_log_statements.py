"""Statements on checkpoints and tiles, which are of no tenant: what they find, by which index."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.database.lone import Lone
from service.repository.base import Repository
from service.repository.proof import ProofCheckpoint, ProofCheckpointOfSize, ProofTiles
from service.settings import Settings
from tests.plans import explained
from tests.postgres import Server
from tests.sessions import Connection

pytestmark = pytest.mark.database

CHECKPOINTS = """
INSERT INTO audit.checkpoint (size, incarnation, origin, root, note)
SELECT size * (3 - incarnation), incarnation, 'log', sha256(''), incarnation || '/' || size
FROM generate_series(1, 2) AS incarnation CROSS JOIN generate_series(1, $1::bigint) AS size
"""
TILES = """
INSERT INTO audit.tile (level, index, nodes)
SELECT level, index, sha256((level || '/' || index)::bytea)
FROM generate_series(0, 2) AS level CROSS JOIN generate_series(0, $1::bigint >> 8 * level) AS index
"""
COUNT = 10_000
OF_TYPE: dict[str, object] = {
    "bigint": 5,
    "bigint[]": [1, 2],
    "integer": 1,
    "integer[]": [0, 1],
    "text": "w",
    "timestamptz": datetime(2030, 1, 1, tzinfo=UTC),
    "uuid": str(UUID(int=1)),
    "uuid[]": [str(UUID(int=1)), str(UUID(int=2))],
}
"""A value of each type that statements of the leader take."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _many(superuser: Connection) -> None:
    """Have ten thousand checkpoints in each of two incarnations, and as many tiles."""
    await superuser.execute(CHECKPOINTS, COUNT)
    await superuser.execute(TILES, COUNT)
    await superuser.execute("VACUUM ANALYZE audit.checkpoint, audit.tile")


@pytest_asyncio.fixture(loop_scope="module")
async def worker(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Connection]:
    """Have the leader's connection, with its settings."""
    lone = Lone(cluster.url("worker", database), settings, name="worker of a test")
    await lone.open()
    yield lone.connection
    await lone.close()


async def test_the_latest_is_of_the_last_incarnation(repository: Repository) -> None:
    """However small its log is beside that of the one before."""
    found = await repository.maybe(ProofCheckpoint())

    assert found
    assert (2, COUNT, f"2/{COUNT}", "") == (
        found.incarnation,
        found.size,
        found.note,
        found.cosignatures,
    )


async def test_one_of_a_size_is_of_its_incarnation(repository: Repository) -> None:
    """A size that only another incarnation has sealed is not found."""
    for incarnation, size, note in ((1, 2 * COUNT, f"1/{COUNT}"), (2, 7, "2/7"), (1, 7, None)):
        found = await repository.maybe(ProofCheckpointOfSize(incarnation, size))
        assert note == (found and found.note)


async def test_tiles_are_found_as_pairs(repository: Repository) -> None:
    """Level by level with its index, and those alone that are there."""
    rows = await repository.many(ProofTiles([0, 1, 2, 2, 0], [COUNT, 3, 0, 3, COUNT + 1]))

    assert [(0, COUNT), (1, 3), (2, 0)] == [(row.level, row.index) for row in rows]
    assert [] == await repository.many(ProofTiles([], []))


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_each_is_read_by_its_key(app: Connection, catalog: Catalog, mode: str) -> None:
    """A checkpoint and six tiles are found in a few blocks among thousands."""
    given: dict[str, object] = {
        "incarnation": 1,
        "size": 5_000,
        "levels": [0, 0, 0, 1, 1, 2],
        "indexes": [1, 5_000, COUNT, 3, 39, 0],
    }
    found = {}
    async with app.transaction():
        await app.execute(f"SET LOCAL plan_cache_mode = {mode}")
        for name in ("proof_checkpoint", "proof_checkpoint_of_size", "proof_tiles"):
            await explained(app, catalog[name], given, ", ANALYZE, BUFFERS")
            plan = await explained(app, catalog[name], given, ", ANALYZE, BUFFERS")
            found[name] = plan.indexes
            assert plan.blocks <= 6 * 4, name
            assert 0 == plan.removed, name

    assert {
        "proof_checkpoint": {"checkpoint_pkey", "cosignature_pkey"},
        "proof_checkpoint_of_size": {"checkpoint_pkey", "cosignature_pkey"},
        "proof_tiles": {"tile_pkey"},
    } == found


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_the_leader_reads_by_the_indexes_that_its_statements_name(
    worker: Connection, catalog: Catalog, mode: str
) -> None:
    """What plant_worker runs over all tenants is read whole nowhere."""
    theirs = [
        one
        for one in catalog.values()
        if one.plan and one.role == "worker" and not one.name.startswith("verify_")
    ]
    wrong = {}
    async with worker.transaction():
        await worker.execute(f"SET LOCAL plan_cache_mode = {mode}")
        for statement in theirs:
            given = {param.name: OF_TYPE[param.type] for param in statement.params}
            found = (await explained(worker, statement, given)).indexes
            if not set(statement.plan) <= found:
                wrong[statement.name] = found

    assert len(theirs) > 3
    assert {} == wrong
