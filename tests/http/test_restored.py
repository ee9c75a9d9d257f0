"""What was restored over HTTP: its history begins with the restoration, and goes on from there."""

from urllib.parse import quote

import asyncpg
import pytest

from service.repository.base import Repository
from tests.api import Api
from tests.factories import Tenant, active_skill, amend
from tests.labels import embed
from tests.leader import Sealer
from tests.restoring import come_back, exported, make_empty, named, restored

pytestmark = pytest.mark.database


async def test_its_history_begins_with_the_restoration(
    repository: Repository, owner: Repository, tenant: Tenant, api: Api, sealer: Sealer
) -> None:
    """At the version that it had: before there is none, whatever its times say; then as ever."""
    made = await active_skill(repository, tenant)
    written = await amend(repository, tenant.author, "skill", made.id, {"tags": ["old"]})
    stream = await exported(repository, tenant.author.context)
    into = await make_empty(owner)
    await restored(repository, into, stream, named(tenant))
    there = api.of(await come_back(owner, into))
    path = f"/v1/skills/{made.id}"
    before = await there.get(path)
    await sealer.seal()
    receipt = await there.get(f"{path}/receipt?wait=10")
    changed = await there.patch(path, {"tags": ["new"]}, before.etag)
    versions = (await there.get(f"{path}/versions")).json["items"]
    first = versions[-1]
    moment = quote(before.json["updated_at"])

    assert written.version == before.json["version"]
    assert [(6, "amend", "active"), (5, "restore", "active")] == [
        (one["version"], one["operation"], one["status"]) for one in versions
    ]
    assert (into.admin.context.governance_agent_id, into.admin.context.key_id) == (
        first["governance_agent_id"],
        first["key_id"],
    )
    assert first["at"] > before.json["updated_at"]
    assert [404, 404, 200, 200] == [
        (await there.get(path + asked)).status
        for asked in (
            f"?as_of={moment}",
            "?version=4",
            "?version=5",
            f"?as_of={quote(first['at'])}",
        )
    ]
    assert [] == (await there.get(f"/v1/skills?as_of={moment}")).json["items"]
    assert "/tags" in {
        one["path"] for one in (await there.get(f"{path}/diff?from=5&to=6")).json["patch"]
    }
    assert (200, 200) == (receipt.status, changed.status)
    assert '"restore"' in receipt.json["entry"]


async def test_it_is_found_by_search(
    repository: Repository,
    owner: Repository,
    tenant: Tenant,
    api: Api,
    superuser: asyncpg.Connection,
) -> None:
    """Its labels get their vectors as those of every write do."""
    made = await active_skill(repository, tenant, name="Underwater basket weaving")
    stream = await exported(repository, tenant.author.context)
    into = await make_empty(owner)
    await restored(repository, into, stream, named(tenant))
    back = await come_back(owner, into)
    await embed(superuser, back.id, model=None)
    answer = await api.of(back).post("/v1/search", {"text": "underwater basket weaving"})

    assert [str(made.id)] == [one["entity"]["id"] for one in answer.json["items"]]
    assert ["Underwater basket weaving"] == [one["matched_label"] for one in answer.json["items"]]
