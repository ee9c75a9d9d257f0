"""What a page of a list reads where hundreds have the value that is asked for: what it holds.

Counts of rows, never times; which rows these are tests/database/test_list_statements.py shows.
"""

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.repository.base import Repository
from tests.database.test_plans import planned, values
from tests.factories import Tenant, make_tenant
from tests.plans import explained
from tests.sessions import Connection, acting
from tests.triggers import asleep

pytestmark = pytest.mark.database

MANY = 200
"""Of each kind; every value that a filter may ask for half of them have."""
COUNT = 2
"""Rows of a page, and values that are asked for."""

CROWD = """
SET LOCAL session_replication_role = replica;

CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS
SELECT id, entity_type, row_number() OVER (PARTITION BY entity_type ORDER BY id) AS nth
FROM (
    SELECT uuidv7() AS id, kind.name AS entity_type
    FROM unnest(ARRAY['skill', 'industry', 'job_role', 'team', 'agent']) AS kind (name)
    CROSS JOIN generate_series(1, {many})
) AS made;
CREATE TEMPORARY TABLE whose ON COMMIT DROP AS
SELECT crowd.*, shared.entity_type AS of_type, shared.id AS shared_id
FROM crowd INNER JOIN crowd AS shared ON shared.nth = 1 + crowd.nth % 2;

INSERT INTO app.base_entity (
    tenant_id, id, entity_type, external_id, name, description, status, created_at, updated_at,
    version_hash, last_entry_id, governance_agent_id, document
)
SELECT '{tenant}', id, entity_type, 'e' || nth,
    entity_type || ' ' || chr(97 + (nth % 2)::integer) || nth, 'One of many.', 'active', now(),
    now(), sha256(uuid_send(id)), uuidv7(), '{agent}', '{{}}'
FROM crowd;
INSERT INTO app.entity_tag
SELECT '{tenant}', id, entity_type, 't' || 1 + nth % 2 FROM crowd;
INSERT INTO app.skill_entity
SELECT '{tenant}', id, (ARRAY['technical', 'soft_skill'])[1 + nth % 2]
FROM crowd WHERE entity_type = 'skill';
INSERT INTO app.industry_entity
SELECT '{tenant}', id, 's' || 1 + nth % 2, 'c' || nth, 1
FROM crowd WHERE entity_type = 'industry';
INSERT INTO app.job_role_entity
SELECT '{tenant}', id, (ARRAY['mid', 'senior'])[1 + nth % 2], shared_id
FROM whose WHERE entity_type = 'job_role' AND of_type = 'industry';
INSERT INTO app.team_entity
SELECT '{tenant}', id, role.shared_id, industry.shared_id
FROM whose AS role INNER JOIN whose AS industry USING (id, entity_type)
WHERE entity_type = 'team' AND role.of_type = 'job_role' AND industry.of_type = 'industry';
INSERT INTO app.agent_entity
SELECT '{tenant}', id, role.shared_id, industry.shared_id, team.shared_id
FROM whose AS role
INNER JOIN whose AS industry USING (id, entity_type)
INNER JOIN whose AS team USING (id, entity_type)
WHERE entity_type = 'agent' AND role.of_type = 'job_role' AND industry.of_type = 'industry'
    AND team.of_type = 'team';
INSERT INTO app.job_role_skill
SELECT '{tenant}', id, shared_id, 'essential'
FROM whose WHERE entity_type = 'job_role' AND of_type = 'skill';
INSERT INTO app.agent_skill
SELECT '{tenant}', id, shared_id FROM whose WHERE entity_type = 'agent' AND of_type = 'skill';
INSERT INTO app.entity_parent
SELECT '{tenant}', id, shared_id, entity_type FROM whose WHERE of_type = entity_type AND nth > 2;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(owner: Repository, superuser: Connection) -> Tenant:
    """Have a tenant of which half refer to one of each kind and half to another, and statistics."""
    tenant = await make_tenant(owner)
    agent = tenant.author.context.governance_agent_id
    async with asleep(superuser, "app.base_entity"):
        await superuser.execute(CROWD.format(tenant=tenant.id, agent=agent, many=MANY))
    await superuser.execute("VACUUM ANALYZE")
    return tenant


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_a_page_looks_up_no_entity_that_it_does_not_hold(
    app: Connection, catalog: Catalog, superuser: Connection, crowd: Tenant, mode: str
) -> None:
    """Of each value as many as the page may hold, however many have it; one filter or several."""
    given = await values(superuser, crowd)
    given |= {"count": COUNT, "prefixes": ["skill a", "skill b"]}
    # An external id is one entity's.
    shared = (one for one in planned(catalog) if "external_id" not in one.name)
    lists = [one for one in shared if one.path.startswith("list/")]
    pages, read = {}, {}
    for statement in lists:
        own = dict(statement.settings).get("plan_cache_mode", mode)
        async with acting(app, crowd.reader):
            await app.execute(f"SET LOCAL plan_cache_mode = {own}")
            plan = await explained(app, statement, given, ", ANALYZE")
        pages[statement.name] = plan.top["Actual Rows"]
        read[statement.name] = sum(
            node["Actual Rows"] * node["Actual Loops"]
            for node in plan.nodes()
            if node.get("Relation Name") == "base_entity"
        )

    assert len(lists) > 25
    assert {COUNT} == set(pages.values())
    # Of two values each; a list by name reads them once more, to ask them the other filters.
    assert {} == {name: rows for name, rows in read.items() if rows > 2 * 2 * (COUNT + 1)}
