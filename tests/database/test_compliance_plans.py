"""Checks of a long history: what they look at grows with it, not with its square.

Counts of rows that the nodes of a plan handle, never times.
"""

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.repository.base import Repository
from tests.factories import Tenant, active_skill, make_tenant
from tests.plans import explained
from tests.sessions import Connection, acting

pytestmark = pytest.mark.database

SHORT, LONG = 1_000, 2_000
"""Entries of an entity: from its activation on a change by its author and an amendment in turn."""

# Written beneath the triggers, which would take some ten seconds for what they do not change here.
HISTORY = """
ALTER TABLE app.amendment DISABLE TRIGGER USER;
INSERT INTO app.amendment (
    tenant_id, entity_id, entity_type, base_version, patch, status, version_hash,
    last_entry_id, governance_agent_id, created_at, updated_at, document
)
SELECT tenant_id, id, entity_type, turn.version - 1, '{{}}', 'certified', version_hash, uuidv7(),
    '{author}', now(), now(), '{{}}'
FROM app.base_entity CROSS JOIN generate_series(6, {count}, 2) AS turn (version)
WHERE id = '{id}';
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_10_guard;
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_20_erasure;
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_90_log;
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_91_erasure;
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_append_only;

INSERT INTO audit.entry
SELECT tenant_id, uuidv7(), 'amendment', id, step.version, step.operation,
    step.actor, step.actor, now(), version_hash, version_hash, version_hash
FROM app.amendment CROSS JOIN (
    VALUES (1, 'create', '{author}'), (2, 'submit', '{author}'), (3, 'certify', '{certifier}')
) AS step (version, operation, actor)
WHERE entity_id = '{id}';

INSERT INTO audit.entry
SELECT tenant_id, uuidv7(), entity_type, id, turn.version,
    CASE turn.version % 2 WHEN 0 THEN 'certify' ELSE 'amend' END,
    CASE turn.version % 2 WHEN 0 THEN '{certifier}' ELSE '{author}' END,
    CASE turn.version % 2 WHEN 0 THEN '{certifier_key}' ELSE '{author_key}' END,
    now(), version_hash, version_hash, version_hash
FROM app.base_entity CROSS JOIN generate_series(5, {count}) AS turn (version)
WHERE id = '{id}';
INSERT INTO audit.payload
SELECT tenant_id, audit_id, uuid_send(audit_id), '{{}}' FROM audit.entry
WHERE entity_id = '{id}' AND version > 4;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aged(
    repository: Repository, owner: Repository, superuser: Connection
) -> tuple[Tenant, dict[int, str]]:
    """Have skills with a long history, and with one twice as long."""
    tenant = await make_tenant(owner)
    skills = {}
    for count in (SHORT, LONG):
        skills[count] = str((await active_skill(repository, tenant)).id)
        await superuser.execute(
            HISTORY.format(
                id=skills[count],
                count=count,
                author=tenant.author.context.governance_agent_id,
                certifier=tenant.certifier.context.governance_agent_id,
                author_key=tenant.author.context.key_id,
                certifier_key=tenant.certifier.context.key_id,
            )
        )
    await superuser.execute("ANALYZE")
    return tenant, skills


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("name", ["l0_02", "l0_04", "l0_05"])
async def test_a_history_twice_as_long_is_twice_the_work(
    repository: Repository,
    catalog: Catalog,
    aged: tuple[Tenant, dict[int, str]],
    name: str,
    mode: str,
) -> None:
    """Each entry costs a number of rows of its own, however many came before it."""
    tenant, skills = aged
    rows = {}
    for count, skill in skills.items():
        async with repository.pool.connection() as app, acting(app, tenant.reader):
            await app.execute(f"SET LOCAL plan_cache_mode = {mode}")
            plan = await explained(app, catalog[name], {"id": skill}, ", ANALYZE, BUFFERS")
        rows[count] = plan.rows

    assert rows[SHORT] >= SHORT
    assert rows[LONG] <= 2.1 * rows[SHORT]
    assert rows[LONG] <= 40 * LONG
