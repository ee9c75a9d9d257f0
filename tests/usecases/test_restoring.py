"""An export goes back into an empty tenant, of which the next export is the same bytes."""

import json

import pytest

from service.repository.base import Repository
from tests.factories import Tenant
from tests.restoring import exported, make_empty, make_motley, named, restored

pytestmark = pytest.mark.database


async def test_export_restore_export_are_the_same_bytes(
    repository: Repository, owner: Repository, tenant: Tenant
) -> None:
    """All states, several parents, a parent behind its child, drafts, vectors: all is kept."""
    await make_motley(repository, tenant)
    first = await exported(repository, tenant.author.context)
    into = await make_empty(owner)
    count = await restored(repository, into, first, named(tenant))

    assert first == await exported(repository, into.as_(tenant.author))
    assert json.loads(first.splitlines()[-1])["count"] == count
