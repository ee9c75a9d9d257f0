"""Whatever random tenants do in whatever order, nobody ever sees a row of somebody else."""

import os
import secrets
import sys
from random import Random

import pytest

from service.repository.base import Repository
from tests.factories import make_tenant
from tests.postgres import Server
from tests.rls.wandering import Wanderer
from tests.sessions import Connection, connections

pytestmark = [pytest.mark.database, pytest.mark.rls]


@pytest.mark.parametrize(
    "count", [1_000, pytest.param(10_000, marks=[pytest.mark.nightly, pytest.mark.timeout(600)])]
)
async def test_random_operations_meet_no_foreign_row(
    cluster: Server,
    database: str,
    repository: Repository,
    owner: Repository,
    superuser: Connection,
    count: int,
) -> None:
    """Ten tenants with two agents each, one pool and one session for all of them."""
    seed = int(os.environ.get("PLANT_TEST_WANDERING_SEED", secrets.randbits(32)))
    sys.stdout.write(f"PLANT_TEST_WANDERING_SEED={seed}\n")
    tenants = [await make_tenant(owner) for _ in range(10)]
    async with connections(cluster, database) as opened:
        wanderer = Wanderer(Random(seed), tenants, repository, await opened("app"))
        await wanderer.wander(count)
    stolen = await superuser.fetchval(
        "SELECT count(*) FROM app.base_entity WHERE description = 'stolen'"
    )
    done = wanderer.done

    assert [] == wanderer.foreign, seed
    assert 0 == stolen
    # It was no idle walk: every kind of operation went well for some, and was refused to others.
    assert min(done["create"], done["statement"], done["rows"], done["edit"]) > count // 50
    assert min(done["amend refused"], done["step refused"], done["create refused"]) > count // 200
    assert min(done["amend"], done["step"], done["rows seen by hand"]) > 0
