"""Plans: which index a statement reads, how much it touches, and that this stays so.

Some 20,000 entities, most of one tenant's; counts of blocks and rows, never times.
"""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.catalog.statement import Statement
from service.database.pool import Pool
from service.model.idempotency import remembered
from service.repository.base import Repository
from service.settings import Settings
from service.usecases.history import WALK_MAX
from tests.factories import Actor, Tenant, make_tenant, skill_body, unique
from tests.plans import Plan, explained
from tests.postgres import Server
from tests.sessions import Connection, acting, become, connections
from tests.triggers import asleep

pytestmark = pytest.mark.database

SKILLS = 18_000
VERSIONS = 5
"""Of each entity, a draft first; three days apart, and a minute from entity to entity."""
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
HEIGHT = 2
"""Levels of a B-tree over so many rows, root included, leaves not."""
PAGE = 50
SHARED = {"checkpoint_pkey", "cosignature_pkey"}
"""Of the log of all tenants."""
OF_NO_TENANT = {"proof_checkpoint", "proof_checkpoint_of_size", "proof_tiles"}
LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"

# Written beneath the triggers, which cost most of the time and are no matter here.
SEED = """
SET LOCAL session_replication_role = replica;

CREATE TEMPORARY TABLE seed ON COMMIT DROP AS
SELECT
    uuidv7() AS id, number, entity_type,
    CASE WHEN number % 20 = 0 THEN 'draft' WHEN number % 7 = 0 THEN 'certified' ELSE 'active' END
        AS status
FROM (
    SELECT number, CASE
        WHEN number <= {skills} THEN 'skill'
        WHEN number <= {skills} + 200 THEN 'industry'
        WHEN number <= {skills} + 1200 THEN 'job_role'
        WHEN number <= {skills} + 1300 THEN 'team'
        ELSE 'agent' END AS entity_type
    FROM generate_series(1, {skills} + 2000) AS number
) AS numbered;

CREATE TEMPORARY TABLE place ON COMMIT DROP AS
SELECT id, entity_type, row_number() OVER (PARTITION BY entity_type ORDER BY number) AS nth
FROM seed;
CREATE INDEX ON place (entity_type, nth);

INSERT INTO app.base_entity (
    tenant_id, id, entity_type, external_id, name, description, status, created_at, updated_at,
    version_hash, last_entry_id, governance_agent_id, document
)
SELECT '{tenant}', id, entity_type, 'e' || number, entity_type || ' ' || md5(number::text),
    'Seeded.', status, now(), now(), sha256(uuid_send(id)), uuidv7(), '{agent}',
    json_build_object('id', id, 'tags', json_build_array('t' || number % 40), 'status', status,
        'category', 'technical', 'name', entity_type || ' ' || md5(number::text))
FROM seed;
INSERT INTO app.entity_tag
SELECT '{tenant}', id, entity_type, 't' || number % 40 FROM seed;
INSERT INTO app.skill_entity
SELECT '{tenant}', id,
    (ARRAY['technical', 'soft_skill', 'domain_expertise', 'certification'])[1 + number % 4]
FROM seed WHERE entity_type = 'skill';
INSERT INTO app.industry_entity
SELECT '{tenant}', id, 's' || number % 3, 'c' || number, 1
FROM seed WHERE entity_type = 'industry';
INSERT INTO app.job_role_entity
SELECT '{tenant}', seed.id, (ARRAY['junior', 'mid', 'senior'])[1 + number % 3], place.id
FROM seed INNER JOIN place ON place.entity_type = 'industry' AND place.nth = 1 + number % 200
WHERE seed.entity_type = 'job_role';
INSERT INTO app.team_entity
SELECT '{tenant}', seed.id, role.id, industry.id FROM seed
INNER JOIN place AS role ON role.entity_type = 'job_role' AND role.nth = 1 + number % 1000
INNER JOIN place AS industry
    ON industry.entity_type = 'industry' AND industry.nth = 1 + number % 200
WHERE seed.entity_type = 'team';
INSERT INTO app.agent_entity
SELECT '{tenant}', seed.id, role.id, industry.id, team.id FROM seed
INNER JOIN place AS role ON role.entity_type = 'job_role' AND role.nth = 1 + number % 1000
INNER JOIN place AS industry
    ON industry.entity_type = 'industry' AND industry.nth = 1 + number % 200
INNER JOIN place AS team ON team.entity_type = 'team' AND team.nth = 1 + number % 100
WHERE seed.entity_type = 'agent';
INSERT INTO app.job_role_skill
SELECT '{tenant}', seed.id, place.id, 'essential' FROM seed
CROSS JOIN generate_series(1, 20) AS turn
INNER JOIN place ON place.entity_type = 'skill' AND place.nth = 1 + (number * 20 + turn) % 400
WHERE seed.entity_type = 'job_role';
INSERT INTO app.agent_skill
SELECT '{tenant}', seed.id, place.id FROM seed
CROSS JOIN generate_series(1, 5) AS turn
INNER JOIN place ON place.entity_type = 'skill' AND place.nth = 1 + (number * 5 + turn) % 100
WHERE seed.entity_type = 'agent';
INSERT INTO app.entity_parent
SELECT '{tenant}', seed.id, place.id, seed.entity_type FROM seed
INNER JOIN place ON place.entity_type = seed.entity_type AND place.nth = 1 + number % 50
WHERE seed.entity_type = 'skill' AND seed.id <> place.id;

INSERT INTO app.amendment (
    tenant_id, entity_id, entity_type, base_version, patch, status, version_hash,
    last_entry_id, governance_agent_id, created_at, updated_at, document
)
SELECT '{tenant}', id, entity_type, 1 + turn,
    '{{}}', CASE WHEN turn = 1 THEN 'under_review' ELSE 'certified' END, sha256(uuid_send(id)),
    uuidv7(), '{agent}', now(), now(), '{{}}'
FROM seed CROSS JOIN generate_series(1, 3) AS turn WHERE status <> 'draft' AND number % 3 = 0;

INSERT INTO audit.entry
SELECT '{tenant}', uuidv7(), entity_type, id, version, 'amend', '{agent}', '{agent}',
    timestamptz '{begin}' + number * interval '1 minute' + (version - 1) * interval '3 days',
    sha256('payload'),
    CASE version WHEN 1 THEN decode(repeat('00', 32), 'hex') ELSE sha256('before') END,
    sha256(uuid_send(id))
FROM seed CROSS JOIN generate_series(1, {versions}) AS version;
INSERT INTO audit.payload
SELECT '{tenant}', audit_id, uuid_send(uuidv7()),
    json_build_object('id', entity_id, 'version', version, 'status',
        (ARRAY['draft', 'under_review', 'certified', 'active', 'active'])[version])::text,
    NULL, NULL, CASE version WHEN 1 THEN '{agent}'::uuid END
FROM audit.entry WHERE tenant_id = '{tenant}';
INSERT INTO audit.position
SELECT
    (SELECT coalesce(max(log_index), -1) FROM audit.position) + row_number() OVER place,
    '{tenant}', row_number() OVER place, audit_id, sha256('before'), sha256('leaf')
FROM audit.entry WHERE tenant_id = '{tenant}' WINDOW place AS (ORDER BY at, audit_id);
"""


async def planted(superuser: Connection, tenant: Tenant, *, skills: int, versions: int) -> None:
    """Give a tenant so many skills, of so many versions, and some of what else there is."""
    async with asleep(superuser, "app.base_entity"), asleep(superuser, "app.amendment"):
        await superuser.execute(
            SEED.format(
                tenant=tenant.id,
                agent=tenant.author.context.governance_agent_id,
                skills=skills,
                versions=versions,
                begin=BEGIN,
            )
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def big(owner: Repository, superuser: Connection) -> Tenant:
    """Have a tenant that holds nine tenths of all rows, another with few, and statistics."""
    tenant = await make_tenant(owner)
    small = await make_tenant(owner)
    for one, skills in ((tenant, SKILLS), (small, 15)):
        await planted(superuser, one, skills=skills, versions=VERSIONS)
    await superuser.execute("VACUUM ANALYZE")
    return tenant


async def values(superuser: Connection, tenant: Tenant) -> dict[str, object]:
    """Find arguments for which statements have much to do, by the name of the parameter."""

    async def ids(kind: str, count: int) -> list[str]:
        rows = await superuser.fetch(
            "SELECT id FROM app.base_entity WHERE tenant_id = $1 AND entity_type = $2"
            " AND status <> 'draft' ORDER BY id LIMIT $3",
            tenant.id,
            kind,
            count,
        )
        return [str(row["id"]) for row in rows]

    skill = (await ids("skill", 1))[0]
    name = await superuser.fetchval("SELECT name FROM app.base_entity WHERE id = $1", skill)
    amendment = await superuser.fetchval(
        "SELECT id FROM app.amendment WHERE tenant_id = $1 ORDER BY id LIMIT 1", tenant.id
    )
    return {
        "kind": "skill",
        "kinds": ["skill", "agent"],
        "id": skill,
        "amendment_id": amendment,
        "ids": await ids("skill", 20),
        "external_id": "e7",
        "external_ids": ["e7", "e8"],
        "name": name,
        "prefixes": ["skill 1", "skill ab"],
        "after_name": "",
        "after_id": LAST,
        "before": LAST,
        "after": "00000000-0000-0000-0000-000000000000",
        "count": PAGE,
        "scope": None,
        "scheme": "s1",
        "code": f"c{SKILLS + 1}",
        "statuses": ["certified", "active"],
        "tags": ["t1", "t2"],
        "categories": ["technical", "soft_skill"],
        "schemes": ["s1", "s2"],
        "seniority_levels": ["mid", "senior"],
        "skill_ids": await ids("skill", 2),
        "parent_ids": await ids("skill", 2),
        "industry_ids": await ids("industry", 2),
        "job_role_ids": await ids("job_role", 2),
        "team_ids": await ids("team", 2),
        "version": 3,
        "other_version": 5,
        "before_version": 2**31,
        "least_version": 1,
        "most_version": 2**31 - 1,
        "after_position": 40_000,
        "last_position": 2**62,
        "size": 2**62,
        "as_of": BEGIN + timedelta(days=365),
        "walk": WALK_MAX,
        "filters": json.dumps({"status": ["active", "certified"]}),
        "models": ["test", "caller"],
        "sources": ["name", "alias"],
        "words": True,
    }


def keyed(body: dict[str, Any]) -> str:
    """Write a request under a key of its own."""
    return remembered(str(body["name"]).replace(" ", "-"), "POST", "/v1/skills", "", b"")


def planned(catalog: Catalog) -> list[Statement]:
    """Give the statements of the service whose header names an index."""
    return [one for one in catalog.values() if one.plan and one.role == "app"]


WRITING = {"amendment_propose", "amendment_step", "entity_link", "entity_put", "entity_step"}
"""Calls of functions; entity_dependents reads nine tables, each by the index of its reference."""


def test_every_statement_that_reads_entities_names_its_index(catalog: Catalog) -> None:
    """Reads and lists name the index that drives them."""
    reading = {
        name
        for name, statement in catalog.items()
        if statement.path.split("/")[0] in {"amendment", "entity", "list", "history", "proof"}
        and name not in {*WRITING, "entity_dependents", "history_now", *OF_NO_TENANT}
    }

    assert reading <= {statement.name for statement in planned(catalog)}
    assert len(reading) > 35


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan", "auto"])
@pytest.mark.parametrize("tenant_when_planned", [True, False])
async def test_each_plan_has_its_index(
    app: Connection,
    catalog: Catalog,
    superuser: Connection,
    big: Tenant,
    mode: str,
    *,
    tenant_when_planned: bool,
) -> None:
    """With the tenant set or not, for these values or for any: the index that the header names.

    And every table is read by an index condition on the tenant: nothing is read whole.
    """
    given = await values(superuser, big)
    wrong = []
    async with app.transaction():
        if tenant_when_planned:
            await become(app, big.reader)
        for statement in planned(catalog):
            # What is planned for the filters at hand is so always.
            own = dict(statement.settings).get("plan_cache_mode")
            how = own if own == "force_custom_plan" else mode
            await app.execute(f"SET LOCAL plan_cache_mode = {how}")
            kinds = ["skill", "agent"] if statement.params[0].name == "kind" else [""]
            for kind in kinds:
                plan = await explained(app, statement, given | ({"kind": kind} if kind else {}))
                loose = set(plan.loose) - SHARED
                if not set(statement.plan) <= plan.indexes or loose:
                    wrong.append((statement.name, kind, sorted(plan.indexes), plan.loose))

    assert [] == wrong


async def test_what_is_touched_is_bounded(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant
) -> None:
    """Blocks grow with the answer, not with the tenant; nothing is read and thrown away."""
    given = await values(superuser, big)
    point = 4 + HEIGHT
    found: dict[str, tuple[int, float]] = {}
    for statement in planned(catalog):
        mode = dict(statement.settings).get("plan_cache_mode", "force_generic_plan")
        async with acting(app, big.reader):
            await app.execute(f"SET LOCAL plan_cache_mode = {mode}")
            # Twice: the first time a session reads the catalogue too.
            await explained(app, statement, given, ", ANALYZE, BUFFERS")
            plan = await explained(app, statement, given, ", ANALYZE, BUFFERS")
        found[statement.name] = (plan.blocks, plan.removed)
    bounds = {
        "entity_by_id": point,
        "amendment_by_entity": point,
        "amendment_open": point,
        "amendment_of_entity": point,
        "entity_id_by_external_id": point,
        "entity_id_by_name": point,
        "entity_version": 2 * point,
        "entity_as_of": 2 * point,
        # Every skill's beginning, in the index alone.
        "entities_as_of_walked": SKILLS // 60,
        "entity_versions": VERSIONS * point + point,
        "entity_version_pair": 4 * point,
        "industry_id_by_code": point,
        "entities_by_id": 20 * (2 + HEIGHT) + point,
        "entities_newest": PAGE + 20,
        # What it counts it reads, once, and nothing else.
        "entities_count": SKILLS,
        "entities_by_external_id": 2 * point,
        # Each row is looked up once more, to ask it the other filters.
        "entities_by_external_id_matching": 2 * (point + 1 + HEIGHT),
    }
    # One ordered scan for each of two values, and a look-up of each base row.
    page = 2 * (PAGE + 5) * (3 + HEIGHT) + 40
    over = {
        name: (blocks, bounds.get(name, page))
        for name, (blocks, _) in found.items()
        if blocks > bounds.get(name, page)
    }
    # A draft of another agent is passed over; one row in twenty is one. What does not meet the
    # other filters counts where it is asked for them and where it is left.
    wasted = {
        name: removed
        for name, (_, removed) in found.items()
        if removed > 2 * PAGE / 4 * (1 + name.endswith("_matching"))
    }

    assert {} == over
    assert {} == wasted


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_drafts_of_others_are_not_passed_over(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant, mode: str
) -> None:
    """A list of drafts goes along one's own: what it reads says nothing of how many others have."""
    given = await values(superuser, big) | {"statuses": ["draft", "active"]}
    drafts = await superuser.fetchval(
        "SELECT count(*) FROM app.base_entity WHERE tenant_id = $1 AND status = 'draft'", big.id
    )
    found = {}
    for actor in (big.reader, big.author):
        for statuses in (["draft"], ["draft", "active"]):
            async with acting(app, actor):
                await app.execute(f"SET LOCAL plan_cache_mode = {mode}")
                asked = given | {"statuses": statuses}
                await explained(app, catalog["entities_by_status"], asked, ", ANALYZE, BUFFERS")
                plan = await explained(
                    app, catalog["entities_by_status"], asked, ", ANALYZE, BUFFERS"
                )
            found[actor is big.author, len(statuses)] = (plan.top["Actual Rows"], plan.removed)
            assert plan.blocks <= len(statuses) * (PAGE + 5 + HEIGHT) + 20

    assert drafts > 10 * PAGE
    assert {
        (False, 1): (0, 0),
        (False, 2): (PAGE, 0),
        (True, 1): (PAGE, 0),
        (True, 2): (PAGE, 0),
    } == (found)


@pytest.mark.parametrize("depth", ["first", "middle", "last"])
async def test_deep_pages_cost_what_the_first_costs(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant, depth: str
) -> None:
    """A page far down is found by the key, not by counting."""
    given = await values(superuser, big)
    offset = {"first": 0, "middle": SKILLS // 2, "last": SKILLS - 6 * PAGE}[depth]
    before = await superuser.fetchval(
        "SELECT id FROM app.base_entity WHERE tenant_id = $1 AND entity_type = 'skill'"
        " ORDER BY id DESC OFFSET $2 LIMIT 1",
        big.id,
        offset,
    )
    for name in (
        "entities_newest",
        "entities_by_status",
        "skills_by_category",
        "entities_as_of",
        "entities_as_of_by_status",
    ):
        async with acting(app, big.reader):
            await app.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            plan = await explained(
                app, catalog[name], given | {"before": before}, ", ANALYZE, BUFFERS"
            )
        assert PAGE == plan.top["Actual Rows"]
        assert plan.blocks <= 2 * (PAGE + 5) * (3 + HEIGHT) + 40, name


async def test_filters_that_are_not_asked_for_cost_nothing(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant
) -> None:
    """With one more filter, of the state, a list reads what drives it and the entities."""
    given = await values(superuser, big)
    more = {}
    async with acting(app, big.reader):
        await app.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        for statement in planned(catalog):
            if statement.name.endswith("_matching"):
                plan = await explained(app, statement, given)
                more[statement.name] = plan.indexes - {*statement.plan, "base_entity_pkey"}

    assert 15 == len(more)
    assert {} == {name: indexes for name, indexes in more.items() if indexes}


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_the_past_is_read_in_order(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant, mode: str
) -> None:
    """100,000 entries: no statement on the log sorts them, hashes them, or reads them whole."""
    given = await values(superuser, big)
    entries = await superuser.fetchval("SELECT count(*) FROM audit.entry")
    wrong = []
    async with acting(app, big.reader):
        await app.execute(f"SET LOCAL plan_cache_mode = {mode}")
        for statement in planned(catalog):
            if statement.path.startswith("history/"):
                plan = await explained(app, statement, given)
                kinds = {node["Node Type"] for node in plan.nodes()}
                if kinds & {"Sort", "Incremental Sort", "Hash Join", "Merge Join", "Seq Scan"}:
                    wrong.append((statement.name, sorted(kinds)))

    assert entries > 100_000
    assert [] == wrong


async def test_what_is_younger_is_passed_over_in_the_index(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant
) -> None:
    """A list of long ago reads no entry of the thousands that were made since."""
    given = await values(superuser, big)
    for minutes, rows in ((0, 0), (PAGE // 2, PAGE // 2), (2 * PAGE, PAGE)):
        then = given | {"as_of": BEGIN + timedelta(minutes=minutes)}
        async with acting(app, big.author):
            await app.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            await explained(app, catalog["entities_as_of"], given)
            plan = await explained(app, catalog["entities_as_of"], then, ", ANALYZE, BUFFERS")
        (birth,) = [n for n in plan.nodes() if n.get("Index Name") == "entry_birth_idx"]
        assert rows == plan.top["Actual Rows"]
        assert "(at <= $2)" in birth["Index Cond"]
        # Some sixty of its entries lie in a block; a row that is listed has as many newer
        # versions as any.
        assert plan.blocks <= SKILLS // 60 + (PAGE + 5) * (3 + HEIGHT + VERSIONS + HEIGHT) + 40
        assert plan.removed <= PAGE * VERSIONS


async def test_a_state_that_nobody_had_is_looked_for_no_further_than_it_may(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant
) -> None:
    """A page of the past that finds nothing costs what it may look at, not what there is."""
    given = await values(superuser, big)
    walk = 500
    for name, more in (
        ("entities_as_of_by_status", {"statuses": ["gone"]}),
        # All of them drafts of the author's then, and hidden.
        ("entities_as_of", {"as_of": BEGIN + timedelta(days=2)}),
    ):
        async with acting(app, big.reader):
            await app.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            await explained(app, catalog[name], given)
            plan = await explained(
                app, catalog[name], given | more | {"walk": walk}, ", ANALYZE, BUFFERS"
            )
        assert 0 == plan.top["Actual Rows"]
        assert plan.blocks <= SKILLS // 60 + walk * 2 * (2 + HEIGHT + VERSIONS) + 40


async def test_a_second_filter_that_nothing_meets_is_asked_no_further_than_it_may(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant
) -> None:
    """A page of several filters costs what it may look at, not what the first of them finds."""
    walk = 100
    given = await values(superuser, big) | {"walk": walk, "prefixes": ["skill", "skill 1"]}
    wrong = {}
    for more in ({"status": ["archived"]}, {"tag": ["none"]}, {"parent_id": [LAST]}):
        given |= {"filters": json.dumps(more)}
        for statement in planned(catalog):
            if not {"filters", "walk"} <= {param.name for param in statement.params}:
                continue
            async with acting(app, big.reader):
                await app.execute("SET LOCAL plan_cache_mode = force_custom_plan")
                await explained(app, statement, given, ", ANALYZE, BUFFERS")
                plan = await explained(app, statement, given, ", ANALYZE, BUFFERS")
            steps = [n["Actual Rows"] for n in plan.nodes() if n["Node Type"] == "WindowAgg"]
            # Of two values each; a look-up of the entity, and one of its links.
            if plan.blocks > 2 * (walk + 5) * 2 * (2 + HEIGHT) + 40 or max(steps) > walk:
                wrong[statement.name, *more] = (plan.blocks, steps)

    assert {} == wrong


@pytest.mark.parametrize("filters", ['{"status": ["archived"]}', '{"external_id": ["e0"]}'])
async def test_of_states_that_differ_no_entity_is_looked_up_by_its_id(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant, filters: str
) -> None:
    """A list by name has the state, and the external id, in the row that drives it."""
    given = await values(superuser, big) | {"filters": filters, "walk": 1000}
    async with acting(app, big.reader):
        await explained(app, catalog["entities_by_name_matching"], given)
        plan = await explained(
            app, catalog["entities_by_name_matching"], given, ", ANALYZE, BUFFERS"
        )
    looked_up = [n for n in plan.nodes() if n.get("Index Name") == "base_entity_pkey"]

    assert [0] == [node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in looked_up]


@pytest.mark.parametrize("prefixes", [["skill"], ["skill", "skill a", "SKILL", "skill 12"]])
async def test_a_prefix_within_another_is_not_walked_again(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant, prefixes: list[str]
) -> None:
    """What begins with one of the prefixes is asked once, however many it begins with."""
    given = await values(superuser, big) | {"prefixes": prefixes, "walk": 500}
    async with acting(app, big.reader):
        plan = await explained(
            app,
            catalog["entities_by_name_matching"],
            given | {"filters": '{"tag": ["none"]}'},
            ", ANALYZE, BUFFERS",
        )
    walks = [n["Actual Loops"] for n in plan.nodes() if n["Node Type"] == "WindowAgg"]

    assert [1] == walks


async def planned_for_nobody(
    app: Connection, statement: Statement, given: dict[str, object], actor: Actor
) -> Plan:
    """Plan a statement while no tenant is set, keep that, and run it for somebody."""
    async with app.transaction():
        await app.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await explained(app, statement, given)
    async with acting(app, actor):
        await app.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        return await explained(app, statement, given, ", ANALYZE, BUFFERS")


async def test_a_plan_made_without_a_tenant_is_not_poisoned(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant
) -> None:
    """Planned while no tenant was set, kept, and used for the largest: still a few blocks."""
    given = await values(superuser, big)
    plan = await planned_for_nobody(app, catalog["entities_by_id"], given, big.reader)

    assert 20 == plan.top["Actual Rows"]
    assert plan.blocks <= 20 * (2 + HEIGHT) + 10
    assert 0 == plan.removed


async def test_a_policy_that_asks_for_each_row_poisons_it(
    app: Connection, catalog: Catalog, superuser: Connection, big: Tenant
) -> None:
    """Without the sub-query around what asks for the tenant: what the test above would find."""
    given = await values(superuser, big)
    policy = "ALTER POLICY base_entity_read ON app.base_entity USING"
    condition = await superuser.fetchval(
        "SELECT qual FROM pg_policies WHERE policyname = 'base_entity_read'"
    )
    inline, found = re.subn(r"\( SELECT (app\.\w+\(\)) AS \w+\)", r"\1", condition)
    await superuser.execute(f"{policy} ({inline})")
    try:
        plan = await planned_for_nobody(app, catalog["entities_by_id"], given, big.reader)
    finally:
        await superuser.execute(f"{policy} ({condition})")

    assert 2 == found
    assert 20 == plan.top["Actual Rows"]
    assert plan.blocks > 10 * (20 * (2 + HEIGHT) + 10)
    assert plan.removed > 0


async def test_functions_plan_as_their_files_do(
    cluster: Server, database: str, catalog: Catalog, superuser: Connection, big: Tenant
) -> None:
    """Inside q the same indexes are read, call after call, whoever the tenant is."""
    import asyncpg

    given = await values(superuser, big)
    heard: list[str] = []
    session = await asyncpg.connect(
        cluster.url("superuser", database), server_settings={"enable_seqscan": "off"}
    )
    try:
        await session.execute(
            "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;"
            " SET auto_explain.log_nested_statements = on; SET auto_explain.log_format = json;"
            " SET auto_explain.log_level = notice; SET ROLE plant_app;"
        )
        session.add_log_listener(lambda _, message: heard.append(message.message))
        wrong = {}
        for statement in planned(catalog):
            # Filters behind the index are functions of their own: their plans are no matter.
            marker = statement.text.strip().splitlines()[-1]
            for context in (("",) * 5, *[big.reader.context.arguments] * 6):
                heard.clear()
                arguments = [given[one.name] for one in statement.params]
                await session.fetch(statement.query, *arguments, *context)
                plans = [
                    Plan("[" + text[text.index("{") :] + "]")
                    for text in heard
                    if "{" in text and marker in json.loads(text[text.index("{") :])["Query Text"]
                ]
                used = {name for plan in plans for name in plan.indexes}
                loose = [name for plan in plans for name in plan.loose if name not in SHARED]
                if not set(statement.plan) <= used or loose:
                    wrong[statement.name] = (sorted(used), loose)
    finally:
        await session.close()

    assert {} == wrong


UNATTENDED = """
DO $$
DECLARE
    v_table text;
BEGIN
    FOR v_table IN
        SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('app', 'audit')
    LOOP
        EXECUTE 'ALTER TABLE ' || v_table || ' SET (autovacuum_enabled = off)';
    END LOOP;
END
$$
"""
"""No table of the service is looked after by autovacuum."""

CREATE = (
    "SELECT app.skill_create(ARRAY(SELECT uuidv7() FROM unnest($1::jsonb[])), $1::jsonb[], 'draft')"
)
TAKEN = """
SELECT FROM app.taken_among('{skill}', '{NULL}', '{x}', '{NULL}', '{NULL}', '{NULL}', '{NULL}')
"""


class TestFresh:
    """A database that fills from nothing keeps its look-ups by index."""

    CREATES = 3_000

    @pytest_asyncio.fixture(loop_scope="module", params=["never analysed", "vacuumed while empty"])
    async def fresh(
        self,
        cluster: Server,
        template: str,
        catalog: Catalog,
        settings: Settings,
        request: pytest.FixtureRequest,
    ) -> AsyncIterator[Repository]:
        """Have the service on an empty database, over one connection that keeps its plans."""
        import asyncio

        name = await asyncio.to_thread(cluster.clone, template)
        # The blocks that it touches would be counted, too, and what is analysed now is not fresh.
        await asyncio.to_thread(cluster.run, UNATTENDED, name)
        if request.param == "vacuumed while empty":
            await asyncio.to_thread(cluster.run, "VACUUM ANALYZE", name)
        pool = Pool(cluster.url("app", name), settings)
        await pool.open()
        try:
            yield Repository(catalog, pool)
        finally:
            await pool.close()
            await asyncio.to_thread(cluster.drop, name)

    @pytest_asyncio.fixture(loop_scope="module")
    async def newcomer(
        self, fresh: Repository, cluster: Server, catalog: Catalog, settings: Settings
    ) -> Tenant:
        """Have the first tenant there."""
        database = await self.database(fresh)
        keys = Pool(cluster.url("owner", database), settings, name="owner")
        await keys.open()
        tenant = await make_tenant(Repository(catalog, keys))
        await keys.close()
        return tenant

    async def test_nothing_grows_with_the_rows_that_are_there(
        self, fresh: Repository, catalog: Catalog, newcomer: Tenant
    ) -> None:
        """3,000 creates, and changes, steps and reads, with plans that were made while empty."""
        actor = newcomer.author
        async with fresh.pool.connection() as connection:
            await self.read(connection, catalog, actor, [actor.context.key_id] * 10)
            parents = await self.create(connection, catalog, actor, 20, [])
            await self.create(connection, catalog, actor, 200, parents)
            early = await self.touched(connection)
            await self.create(connection, catalog, actor, 300, parents)
            first = await self.touched(connection) - early
            made = await self.create(connection, catalog, actor, self.CREATES - 800, parents)
            late = await self.touched(connection)
            await self.create(connection, catalog, actor, 300, parents)
            last = await self.touched(connection) - late
            each = {}
            for name, calls in self.operations(catalog, newcomer, made[-20:]).items():
                before = await self.touched(connection)
                for query, arguments in calls:
                    await connection.fetch(query, *arguments)
                each[name] = (await self.touched(connection) - before) / len(calls)
            before = await self.touched(connection)
            await self.read(connection, catalog, actor, made[-20:])
            each["read"] = (await self.touched(connection) - before) / 20

        assert first > 300
        assert last <= 1.5 * first + 300, (first, last)
        # A change rewrites row, document, tags and the entries of nine indexes.
        assert {} == {name: blocks for name, blocks in each.items() if blocks > 200}, each

    async def test_what_is_taken_is_looked_up_by_its_key(
        self, fresh: Repository, cluster: Server, newcomer: Tenant
    ) -> None:
        """However many drafts others have, with a plan that was made while there were none."""
        bodies = [json.dumps(skill_body(external_id=unique("e"))) for _ in range(600)]
        async with connections(cluster, await self.database(fresh)) as connect:
            session = await connect("superuser")
            await self.taken(session, newcomer.certifier)
            async with acting(session, newcomer.author):
                # Nothing is counted meanwhile, as in an import.
                await session.execute("SET LOCAL app.importing = 'yes'")
                await session.execute(CREATE, bodies)
            before = await self.touched(session)
            await self.taken(session, newcomer.certifier)
            blocks = await self.touched(session) - before

        assert 0 < blocks / 10 < 20

    async def taken(self, session: Connection, actor: Actor) -> None:
        """Ask ten times for an external id that nobody has."""
        async with acting(session, actor):
            await session.execute("SET LOCAL ROLE plant_rules")
            for _ in range(10):
                assert [] == await session.fetch(TAKEN)

    def operations(
        self, catalog: Catalog, tenant: Tenant, ids: list[Any]
    ) -> dict[str, list[tuple[str, tuple[object, ...]]]]:
        """Write calls of each operation upon some skills."""
        amend, step = catalog["skill_amend"].query, catalog["entity_step"].query
        author, certifier = (actor.context.arguments for actor in (tenant.author, tenant.certifier))
        none = (None, None)
        patch = json.dumps({"tags": ["n"], "category": "soft_skill", "parent_ids": []})
        propose, take = catalog["amendment_propose"].query, catalog["amendment_step"].query
        text = json.dumps({"description": "Amended.", "tags": ["m"]})
        return {
            "amend": [(amend, (one, None, patch, None, *author)) for one in ids],
            "submit": [
                (step, ("skill", one, None, "under_review", "r", None, None, *author))
                for one in ids
            ],
            "certify": [
                (step, ("skill", one, None, "certified", "r", None, None, *certifier))
                for one in ids
            ],
            "propose": [(propose, ("skill", one, None, text, None, *author)) for one in ids],
            "review": [
                (take, ("skill", one, None, "under_review", "r", None, *author)) for one in ids
            ],
            "amended": [
                (take, ("skill", one, None, "certified", "r", None, *certifier)) for one in ids
            ],
            "archive": [
                (step, ("skill", one, None, "archived", "r", *none, *author)) for one in ids
            ],
        }

    async def read(
        self, connection: Connection, catalog: Catalog, actor: Actor, ids: list[Any]
    ) -> None:
        """Read entities, by id and by what a list would ask, as they are and as they were."""
        now = datetime.now(UTC)
        for one in ids:
            for name, arguments in (
                ("entity_by_id", ("skill", one)),
                ("entities_by_id", ([one],)),
                ("entities_by_external_id", ("skill", [str(one)], LAST, 5)),
                ("entities_by_parent", ("skill", [one], LAST, 5)),
                ("entities_by_tag", ("skill", [f"t{one}"], LAST, 5)),
                ("skills_by_category", (["technical"], LAST, 5)),
                ("entity_version", ("skill", one, 1)),
                ("entity_as_of", ("skill", one, now)),
                ("entity_versions", ("skill", one, 100, 5)),
                ("entity_version_pair", ("skill", one, 1, 2)),
                ("entities_as_of", ("skill", now, LAST, 5, 20)),
                ("entities_as_of_by_status", ("skill", now, LAST, 5, ["draft"], 20)),
            ):
                await connection.fetch(catalog[name].query, *arguments, *actor.context.arguments)

    async def database(self, fresh: Repository) -> str:
        """Name the database of a repository."""
        async with fresh.pool.connection() as connection:
            return str(await connection.fetchval("SELECT current_database()"))

    async def create(
        self,
        connection: Connection,
        catalog: Catalog,
        actor: Actor,
        count: int,
        parents: list[Any],
    ) -> list[Any]:
        """Create skills with tags and a parent through the function of the service, each keyed."""
        bodies = [
            skill_body(
                tags=["a", f"t{number}"],
                parent_ids=[str(one) for one in parents[number % 20 :][:1]],
                external_id=unique("e"),
            )
            for number in range(count)
        ]
        # Each its own call, many in one transaction: round trips are no matter here, but the
        # deadline of a call is.
        made = []
        for begin in range(0, count, 200):
            rows = await connection.fetchmany(
                catalog["skill_create"].query,
                [
                    (json.dumps(body), keyed(body), *actor.context.arguments)
                    for body in bodies[begin : begin + 200]
                ],
            )
            made += [row["id"] for row in rows]
        return made

    async def touched(self, connection: Connection) -> int:
        """Count the blocks that were touched so far, tables and indexes."""
        await connection.execute("SELECT pg_stat_force_next_flush()")
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        return int(
            await connection.fetchval(
                "SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)"
                " FROM pg_statio_user_tables WHERE schemaname IN ('app', 'audit')"
            )
        )
