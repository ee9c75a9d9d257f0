"""Plans of matching: near skills come from the indexes of vectors, links from theirs."""

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.repository.base import Repository
from tests.database.test_plans import planted
from tests.factories import Tenant, make_tenant
from tests.labels import MODEL, meaning
from tests.matching import embed
from tests.plans import explained
from tests.sessions import Connection, acting

pytestmark = pytest.mark.database

ID = "00000000-0000-7000-8000-000000000000"
VECTOR = str(list(meaning("mend wooden vessels")))
GIVEN: dict[str, object] = {
    "vectors": [VECTOR, VECTOR],
    "lexicals": [VECTOR, VECTOR],
    "texts": ["a", "b"],
    "leasts": [0.7, 0.7],
    "models": [MODEL],
    "words": 0.95,
    "count": 6,
    "near": 60,
    "places": [1, 2],
    "ids": [ID, ID],
    "similarities": [1.0, 0.5],
    "covered": [ID],
    "best": [1.0],
    "job_role_id": ID,
    "needed": [ID, ID],
    "held": [ID, ID],
}
INDEXES = {
    "match_skills": {"entity_label_default_pkey"},
    "match_skills_exact": {"entity_label_default_pkey"},
    "match_skills_near": {
        "entity_label_default_embedding_384_idx",
        "entity_label_default_lexical_384_idx",
    },
    "match_job_roles": {"job_role_skill_skill_idx", "job_role_skill_pkey"},
    "match_agents": {"job_role_skill_skill_idx", "agent_skill_skill_idx"},
}
BY_VECTOR = {"entity_label_default_embedding_384_idx", "entity_label_default_lexical_384_idx"}
"""No tenant stands in these: it is asked of each row that they give."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grown(owner: Repository, superuser: Connection) -> Tenant:
    """Have a tenant with some of each kind, with labels and statistics."""
    tenant = await make_tenant(owner)
    await planted(superuser, tenant, skills=500, versions=1)
    await embed(superuser, tenant.id, kind="skill")
    await superuser.execute("VACUUM ANALYZE")
    return tenant


@pytest.mark.parametrize("name", sorted(INDEXES))
async def test_each_statement_has_its_indexes(
    app: Connection, catalog: Catalog, grown: Tenant, name: str
) -> None:
    """And what has the tenant in its index is read by it."""
    statement = catalog[name]
    async with acting(app, grown.reader):
        await app.execute("SELECT '[1]'::public.vector")
        await app.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        for setting, value in statement.settings:
            await app.execute(f"SET LOCAL {setting} = '{value}'")
        plan = await explained(app, statement, GIVEN)

    assert INDEXES[name] <= plan.indexes
    assert set() == set(plan.loose) - BY_VECTOR
