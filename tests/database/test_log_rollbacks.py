"""What of the log is there again when its migrations were undone and done again."""

import pytest

from service.migrate.runner import apply, roll_back
from service.repository.base import Repository
from tests.factories import Tenant, active_skill, create, skill_body
from tests.placed import place_all
from tests.postgres import Server
from tests.pruning import DIGEST, prune
from tests.sessions import Connection, acting

pytestmark = [pytest.mark.database, pytest.mark.migrations]

QUEUE = """
SELECT entry.audit_id FROM audit.pending INNER JOIN audit.entry USING (tenant_id, audit_id)
ORDER BY pending.seq
"""
GONE = "SELECT app.document_gone(audit_id) FROM audit.position WHERE tenant_id = $1 ORDER BY pos"
NEXT = "SELECT version, transaction_id::text, archive, digest FROM audit.prune ORDER BY version"


async def test_0025_knows_again_what_was_pruned(
    repository: Repository, superuser: Connection, tenant: Tenant, cluster: Server, database: str
) -> None:
    """The log tells: which documents went, to which file, and that is continued."""
    await active_skill(repository, tenant)
    await place_all(superuser)
    await prune(superuser, tenant.id, 3)
    url = cluster.url("owner", database)
    roll_back(url, to="0024.erasure")
    apply(url)
    async with acting(superuser, tenant.author):
        gone = [row[0] for row in await superuser.fetch(GONE, tenant.id)]
    await create(repository, tenant.author, "skill", skill_body())
    await place_all(superuser)
    done = await prune(superuser, tenant.id, 4)
    known = await superuser.fetch(NEXT)

    assert [f"pruned {DIGEST.hex()} archive.proof"] * 3 == gone[:3]
    assert gone[3:] in ([None], [None, None])
    assert 2 == done.version
    assert (1, "0", "archive.proof", DIGEST) == tuple(known[0])


async def test_0022_lets_what_had_a_place_wait_again_in_its_order(
    repository: Repository, superuser: Connection, tenant: Tenant, cluster: Server, database: str
) -> None:
    """Before what waits already: no version comes before the one that it follows on."""
    for _ in range(3):
        await create(repository, tenant.author, "skill", skill_body())
    await superuser.execute(
        "DELETE FROM audit.pending USING audit.position WHERE position.audit_id = pending.audit_id"
    )
    await place_all(superuser)
    await superuser.execute("DELETE FROM audit.pending")
    placed = await superuser.fetch("SELECT audit_id FROM audit.position ORDER BY log_index")
    await active_skill(repository, tenant)
    waiting = await superuser.fetch(QUEUE)
    url = cluster.url("owner", database)
    roll_back(url, to="0021.own_drafts")
    queue = await superuser.fetch(QUEUE)
    apply(url)

    assert len(placed) >= 3
    assert len(waiting) > 3
    assert [row[0] for row in (*placed, *waiting)] == [row[0] for row in queue]
    assert 0 == await superuser.fetchval("SELECT count(*) FROM audit.position")
