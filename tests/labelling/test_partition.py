"""A partition of its own for a tenant: filled, indexed and attached, and served as before."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio

from service.labelling.partition import Partition
from service.repository.base import Repository
from tests.erasing import erased
from tests.factories import (
    Tenant,
    active_skill,
    amend,
    create,
    raise_to,
    skill_body,
    step,
)
from tests.labelling.ground import Counted, Worker
from tests.sessions import Connect, Connection, acting

LABELS = """
SELECT tableoid::regclass::text AS place, entity_id, source, label, embedder, private_to
FROM app.entity_label WHERE tenant_id = $1 ORDER BY entity_id, source, label
"""


def place(tenant: Tenant) -> str:
    """Name the table that a tenant's partition is."""
    return f"app.entity_label_{tenant.id.hex}"


@pytest_asyncio.fixture(loop_scope="module")
async def partition(owner: Repository, labeller: Worker, tenant: Tenant) -> Partition:
    """Have what makes the tenant's partition."""
    return Partition(owner, labeller.labels(tenant, Counted()), tenant.id)


async def test_labels_move_into_it(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    other_tenant: Tenant,
    labeller: Worker,
    partition: Partition,
) -> None:
    """All of the tenant's and nobody else's; the other's stay where they were."""
    for one in (tenant, other_tenant):
        await active_skill(repository, one, aliases=["Two"])
        await labeller.embedded(one, Counted())
    before = await superuser.fetch(LABELS, tenant.id)
    moved = await partition.made()
    after = await superuser.fetch(LABELS, tenant.id)

    assert 3 == moved == len(after)
    assert [tuple(row)[1:] for row in before] == [tuple(row)[1:] for row in after]
    assert {place(tenant)} == {row["place"] for row in after}
    assert {"app.entity_label_default"} == {
        row["place"] for row in await superuser.fetch(LABELS, other_tenant.id)
    }
    assert await partition.there()


async def test_it_is_guarded_and_indexed_as_the_others(
    superuser: Connection, tenant: Tenant, partition: Partition
) -> None:
    """Row security forced, the trigger always, three indexes, open to nobody, no statistics."""
    await partition.made()
    found = await superuser.fetchrow(
        """
        SELECT relrowsecurity AND relforcerowsecurity AS secured, relowner::regrole::text AS owner,
            (SELECT array_agg(tgenabled::text) FROM pg_trigger
                WHERE tgrelid = pg_class.oid AND NOT tgisinternal) AS triggers,
            (SELECT count(*) FROM pg_index INNER JOIN pg_inherits ON inhrelid = indexrelid
                WHERE indrelid = pg_class.oid AND indisvalid) AS indexes,
            (SELECT count(*) FROM pg_constraint
                WHERE conrelid = pg_class.oid AND contype IN ('c', 'f')) AS constraints,
            (SELECT count(*) FROM pg_constraint
                WHERE conrelid = 'app.entity_label_default'::regclass
                    AND contype IN ('c', 'f')) AS expected,
            (SELECT array_agg(DISTINCT attstattarget) FROM pg_attribute
                WHERE attrelid = pg_class.oid
                    AND attname IN ('label', 'text_sha256', 'embedding_384', 'lexical_384')
            ) AS targets,
            (SELECT array_agg(DISTINCT attstorage::text) FROM pg_attribute
                WHERE attrelid = pg_class.oid
                    AND attname IN ('embedding_384', 'lexical_384')) AS storage,
            relacl::text AS acl
        FROM pg_class WHERE oid = $1::text::regclass
        """,
        place(tenant),
    )

    assert found
    assert (True, "plant_owner", ["A"], 3) == tuple(found)[:4]
    assert found["expected"] == found["constraints"]
    assert ([0], ["p"]) == (found["targets"], found["storage"])
    assert "plant_rules" not in found["acl"]


async def test_a_large_tenant_is_embedded_into_it(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    labeller: Worker,
    partition: Partition,
) -> None:
    """Each entity once, however often the log names it; who brings a vector comes afterwards."""
    made = await active_skill(repository, tenant, aliases=["Two"])
    draft = await create(repository, tenant.author, "skill", skill_body())
    brought = skill_body(embedding_384=[1.0, *[0.0] * 383])
    brings = await create(repository, tenant.author, "skill", brought)
    told: list[int] = []
    written = await partition.embedded(told.append)
    rows = await superuser.fetch(LABELS, tenant.id)
    rest = await labeller.embedded(tenant, Counted())
    after = await superuser.fetch(LABELS, tenant.id)

    assert 5 == written == sum(told) == len(rows)
    assert {made.id, draft.id} == {row["entity_id"] for row in rows}
    agent = tenant.author.context.governance_agent_id
    assert {agent} == {str(row["private_to"]) for row in rows if row["entity_id"] == draft.id}
    assert {None} == {row["private_to"] for row in rows if row["entity_id"] == made.id}
    assert 3 == rest
    assert {place(tenant)} == {row["place"] for row in after}
    assert 3 == sum(row["entity_id"] == brings.id for row in after)
    assert 0 == await labeller.embedded(tenant, Counted())


class Meddling(Partition):
    """Lets something happen between the indexes and the attaching."""

    meddle: Callable[[], Any]

    async def _long(self, query: Any) -> Any:
        found = await super()._long(query)
        if type(query).__name__ == "LabelPartitionIndex":
            await self.meddle()
        return found


@pytest_asyncio.fixture(loop_scope="module")
async def meddling(owner: Repository, labeller: Worker, tenant: Tenant) -> Meddling:
    """Have a partition that something happens to."""
    return Meddling(owner, labeller.labels(tenant, Counted()), tenant.id)


async def test_what_was_erased_meanwhile_is_not_in_it(
    repository: Repository, superuser: Connection, tenant: Tenant, meddling: Meddling
) -> None:
    """The table had a copy of the text; the partition has none."""
    made = await active_skill(repository, tenant, name="Secret", aliases=["Hush"])
    await step(repository, tenant.author, "skill", made.id, "archived")

    async def erase() -> None:
        await erased(repository, tenant.author, "skill", made.id)

    meddling.meddle = erase
    await meddling.embedded(lambda _: None)

    assert [] == await superuser.fetch(LABELS, tenant.id)


async def test_what_changed_meanwhile_is_not_in_it(
    repository: Repository, superuser: Connection, tenant: Tenant, meddling: Meddling,
    labeller: Worker,
) -> None:  # fmt: skip
    """Texts of before go, a draft that was submitted is nobody's secret; the rest comes after."""
    made = await create(repository, tenant.author, "skill", skill_body(name="One"))

    async def change() -> None:
        await amend(repository, tenant.author, "skill", made.id, {"name": "Two"})
        await raise_to(repository, tenant, "skill", made.id, "under_review")

    meddling.meddle = change
    await meddling.embedded(lambda _: None)
    before = await superuser.fetch(LABELS, tenant.id)
    await labeller.embedded(tenant, Counted())
    after = await superuser.fetch(LABELS, tenant.id)

    assert [("description", None)] == [(row["source"], row["private_to"]) for row in before]
    assert ["What it is.", "Two"] == [row["label"] for row in after]


async def test_what_was_broken_off_is_begun_again(
    repository: Repository, superuser: Connection, tenant: Tenant, meddling: Meddling
) -> None:
    """A table that nothing became of is dropped, and served by nobody until then."""
    await active_skill(repository, tenant)

    async def fail() -> None:
        raise OSError("the disk")

    async def nothing() -> None:
        pass

    meddling.meddle = fail
    with pytest.raises(OSError, match="the disk"):
        await meddling.embedded(lambda _: None)
    between = await superuser.fetch(LABELS, tenant.id)
    meddling.meddle = nothing
    await meddling.embedded(lambda _: None)

    assert [] == between
    assert 2 == len(await superuser.fetch(LABELS, tenant.id))


async def test_a_second_one_is_refused(tenant: Tenant, partition: Partition) -> None:
    """It would drop the first."""
    await partition.made()
    with pytest.raises(Exception, match="has a partition"):
        await partition.made()


async def test_row_security_holds_in_it(
    repository: Repository,
    tenant: Tenant,
    other_tenant: Tenant,
    labeller: Worker,
    partition: Partition,
    connect: Connect,
) -> None:
    """The tenant reads its labels through the table, the other none, and nobody the partition."""
    await active_skill(repository, tenant)
    await labeller.embedded(tenant, Counted())
    await partition.made()
    session = await connect()
    counts = []
    for actor in (tenant.author, other_tenant.author):
        async with acting(session, actor):
            counts.append(await session.fetchval("SELECT count(*) FROM app.entity_label"))
    async with acting(session, tenant.author):
        plan = await session.fetchval("EXPLAIN (FORMAT json) SELECT FROM app.entity_label")
        refused = await session.fetchval(
            "SELECT has_table_privilege('plant_app', $1, 'SELECT')", place(tenant)
        )

    assert [2, 0] == counts
    assert json.loads(plan)
    assert refused is False
