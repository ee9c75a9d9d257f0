"""What a search is about: of a tenant with far more drafts than entities in force, the latter.

Each entity once, however often its kind or its state is given.
"""

from uuid import UUID

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.repository.base import Repository
from tests.factories import Actor, Tenant, make_tenant
from tests.plans import explained
from tests.sessions import Connection, acting, become
from tests.triggers import asleep

pytestmark = pytest.mark.database

IN_FORCE = 40
DRAFTS = 4_000
OTHERS = 20
"""Other tenants, with a tenth as much of each."""

# Written beneath the triggers, which cost most of the time and are no matter here.
SEED = """
INSERT INTO app.base_entity (
    tenant_id, id, entity_type, name, description, status, created_at, updated_at, version_hash,
    last_entry_id, governance_agent_id, document
)
SELECT $1, made.id, 'skill', 'skill ' || made.number, 'Seeded.', made.status, now(), now(),
    sha256(uuid_send(made.id)), uuidv7(), $2, json_build_object('id', made.id)
FROM (
    SELECT uuidv7() AS id, number, CASE WHEN number <= $3 THEN 'active' ELSE 'draft' END AS status
    FROM generate_series(1, $3::integer + $4::integer) AS number
    ORDER BY sha256(number::text::bytea)
) AS made
"""
# One label of each entity in force.
LABELS = """
INSERT INTO app.entity_label (
    tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder,
    embedding_384, lexical_384
)
SELECT tenant_id, id, 0, entity_type, 'name', name, sha256(''), 'm/1', vector, vector
FROM app.base_entity
CROSS JOIN (SELECT ('[1' || repeat(',0', 383) || ']')::public.vector) AS given (vector)
WHERE tenant_id = $1 AND status = 'active'
"""
CANDIDATES = "SELECT id FROM app.search_candidates($1, $2, $3, $4, $5)"
FILTERS: dict[str, object] = {
    "kinds": ["skill", "job_role"],
    "statuses": ["certified", "active", "deprecated"],
    "categories": [],
    "tags": [],
    "industry_ids": [],
}
REPEATED: dict[str, object] = FILTERS | {
    "kinds": ["skill", "job_role", "skill"],
    "statuses": ["active", "certified", "active", "deprecated", "active"],
}
EXACT: dict[str, object] = {
    "vectors": ["[" + ", ".join(["0.05"] * 384) + "]"],
    "lexicals": ["[" + ", ".join(["0.05"] * 384) + "]"],
    "models": ["caller"],
    "sources": ["caller"],
    "but_id": None,
    "words": 0.95,
    "around": 0.05,
    "count": 10,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def drafting(owner: Repository, superuser: Connection) -> Tenant:
    """Have a tenant with a hundred drafts for each entity in force, among others."""
    tenants = [await make_tenant(owner) for _ in range(1 + OTHERS)]
    async with asleep(superuser, "app.base_entity"):
        await superuser.execute("SET LOCAL session_replication_role = replica")
        for number, tenant in enumerate(tenants):
            agent = UUID(tenant.author.context.governance_agent_id)
            part = 10 if number else 1
            await superuser.execute(SEED, tenant.id, agent, IN_FORCE // part, DRAFTS // part)
    await superuser.execute("VACUUM (ANALYZE) app.base_entity")
    return tenants[0]


@pytest.mark.parametrize("given", [FILTERS, REPEATED], ids=["once", "repeated"])
@pytest.mark.parametrize("name", ["search_breadth", "search_exact"])
async def test_drafts_are_not_read_by_a_search_for_what_is_in_force(
    app: Connection, catalog: Catalog, drafting: Tenant, name: str, given: dict[str, object]
) -> None:
    """No row is thrown away, and no more blocks are touched than there are entities in force."""
    statement = catalog[name]
    more: dict[str, object] = {"most": 5_000}
    arguments = given | (more if name == "search_breadth" else EXACT)
    actor: Actor = drafting.author
    async with acting(app, actor):
        for setting, value in statement.settings:
            await app.execute(f"SET LOCAL {setting} = '{value}'")
        plan = await explained(app, statement, arguments, ", ANALYZE, BUFFERS")
    read = [
        float(node["Actual Rows"]) * float(node["Actual Loops"])
        for node in plan.nodes()
        if node.get("Relation Name") == "base_entity" and node["Actual Loops"] > 0
    ]

    assert IN_FORCE == round(sum(read))
    assert 0 == plan.removed
    assert plan.blocks < 5 * IN_FORCE


@pytest.mark.parametrize("given", [FILTERS, REPEATED], ids=["once", "repeated"])
@pytest.mark.parametrize("role", ["plant_app", "plant_readonly"])
async def test_what_is_in_force_is_a_candidate_once(
    superuser: Connection, drafting: Tenant, role: str, given: dict[str, object]
) -> None:
    """Whoever may ask, and whatever is repeated."""
    async with acting(superuser, drafting.author):
        await superuser.execute(f"SET LOCAL ROLE {role}")
        rows = await superuser.fetch(CANDIDATES, *given.values())

    assert IN_FORCE == len(rows) == len({row["id"] for row in rows})


async def test_what_is_not_said_is_no_candidate(app: Connection, drafting: Tenant) -> None:
    """A kind or a state that is NULL is that of nothing."""
    async with acting(app, drafting.author):
        for kinds, states in (([None], ["active"]), (["skill"], [None, None]), ([], ["active"])):
            assert [] == await app.fetch(CANDIDATES, kinds, states, [], [], [])


@pytest.mark.parametrize("given", [FILTERS, REPEATED], ids=["once", "repeated"])
async def test_a_label_counts_once(
    superuser: Connection, catalog: Catalog, drafting: Tenant, given: dict[str, object]
) -> None:
    """A search that repeats what it asks for is as broad as one that does not."""
    undone = superuser.transaction()
    await undone.start()
    try:
        await superuser.execute(LABELS, drafting.id)
        await become(superuser, drafting.author)
        await superuser.execute("SET LOCAL ROLE plant_app")
        text = catalog["search_breadth"].text
        labels = await superuser.fetchval(text, *given.values(), 5_000)
    finally:
        await undone.rollback()

    assert IN_FORCE == labels
