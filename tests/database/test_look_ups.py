"""Look-ups in a database where nothing was written and nothing counted: each has its index."""

import pytest

from tests.plans import Plan
from tests.sessions import Connection

pytestmark = pytest.mark.database

LAST = "ffffffff-ffff-7fff-bfff-ffffffffffff"
# What is looked up by equal columns, and in which order it is found: by lists, by functions, and
# by foreign keys whose target goes.
LOOKED_UP = (
    ("app.api_key", "key_hash = '\\x00'", ""),
    ("app.api_key", "{tenant} AND governance_agent_id = {id}", ""),
    ("app.idempotency", "created_at < now()", ""),
    ("app.base_entity", "{tenant} AND entity_type = 'skill' AND external_id = 'x'", ""),
    ("app.base_entity", "{tenant} AND entity_type = 'skill'", "id DESC"),
    ("app.base_entity", "{tenant} AND entity_type = 'skill' AND status = 'active'", "id DESC"),
    ("app.base_entity", "{tenant} AND entity_type = 'skill'", "name_key, id DESC"),
    ("app.base_entity", "{tenant} AND entity_type = 'skill' AND private_to = {id}", "id DESC"),
    ("app.base_entity", "{tenant} AND governance_agent_id = {id}", "id DESC"),
    ("app.entity_tag", "{tenant} AND entity_type = 'skill' AND tag = 'x'", "entity_id DESC"),
    ("app.skill_entity", "{tenant} AND category = 'x'", "id DESC"),
    ("app.industry_entity", "{tenant} AND scheme = 'x'", "id DESC"),
    ("app.job_role_entity", "{tenant} AND seniority_level = 'mid'", "id DESC"),
    ("app.job_role_entity", "{tenant} AND industry_id = {id}", "id DESC"),
    ("app.team_entity", "{tenant} AND job_role_id = {id}", "id DESC"),
    ("app.team_entity", "{tenant} AND industry_id = {id}", "id DESC"),
    ("app.agent_entity", "{tenant} AND job_role_id = {id}", "id DESC"),
    ("app.agent_entity", "{tenant} AND industry_id = {id}", "id DESC"),
    ("app.agent_entity", "{tenant} AND team_id = {id}", "id DESC"),
    ("app.amendment", "{tenant} AND entity_id = {id} AND status IN ('draft', 'under_review')", ""),
    ("app.amendment", ("{tenant} AND entity_id = {id} AND base_version = 1"
                       " AND status = 'certified'"), ""),
    ("app.amendment", ("{tenant} AND entity_id = {id}"
                       " AND status IN ('certified', 'rejected', 'withdrawn')"), ""),
    ("app.amendment", "{tenant} AND governance_agent_id = {id}", "id DESC"),
    ("audit.erasure", "{tenant} AND transaction_id = '5'", ""),
    ("app.import_line", "{tenant} AND import_id = {id} AND chunk > 0", "chunk"),
    ("app.import_line", ("{tenant} AND import_id = {id} AND kind = 'skill'"
                         " AND external_id = 'x'"), ""),
)  # fmt: skip


@pytest.mark.parametrize("table,condition,order", LOOKED_UP)
async def test_a_look_up_reads_what_it_asks_for_in_order(
    superuser: Connection, table: str, condition: str, order: str
) -> None:
    """Where nothing is known of the rows, too: an index has every condition and the order."""
    asked = condition.format(tenant=f"tenant_id = '{LAST}'", id=f"'{LAST}'")
    ordered = f" ORDER BY {order} LIMIT 1" if order else ""
    async with superuser.transaction():
        for way in ("seqscan", "bitmapscan", "sort"):
            await superuser.execute(f"SET LOCAL enable_{way} = off")
        text = await superuser.fetchval(
            f"EXPLAIN (FORMAT JSON) SELECT * FROM {table} WHERE {asked}{ordered}"
        )
    nodes = [node for node in Plan(text).nodes() if node["Node Type"] != "Limit"]

    assert ["Index Scan"] == [node["Node Type"] for node in nodes]
    assert "Filter" not in nodes[0]
