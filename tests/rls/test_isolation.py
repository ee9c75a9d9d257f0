"""Row security: another tenant, no tenant, and another agent's draft are as good as absent."""

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.database.pool import Pool
from service.errors import Problem
from service.repository.base import Repository
from service.repository.entities import EntityById
from service.repository.lists import LAST_ID
from service.settings import Settings
from tests.factories import (
    Actor,
    Tenant,
    create,
    document,
    industry_body,
    make_tenant,
    raise_to,
    skill_body,
    step,
)
from tests.rls.planted import Drafts, drafts_of, forgotten
from tests.sessions import Connect, Connection, Savepoint, acting, become

pytestmark = [pytest.mark.database, pytest.mark.rls]

NEVER = "01900000-0000-7000-8000-000000000000"
TABLES = """
SELECT pg_class.oid::regclass::text AS name,
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'private_to')
        AS private
FROM pg_class INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenant_id'
WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)
    AND relkind IN ('r', 'p', 'v') AND NOT relispartition
ORDER BY 1
"""
# Who works for every tenant, and on what; everybody else sees the tenant that is set.
ABOVE_TENANTS = {
    "plant_worker": {
        "app.agent_entity",
        "app.agent_skill",
        "app.amendment",
        "app.base_entity",
        "app.entity_label",
        "app.entity_parent",
        "app.entity_tag",
        "app.idempotency",
        "app.industry_entity",
        "app.job_role_entity",
        "app.job_role_skill",
        "app.label_cursor",
        "app.skill_entity",
        "app.team_entity",
        "app.wanted_label",
        "audit.entry",
        "audit.payload",
        "audit.pending",
        'audit."position"',
        "audit.prune",
    },
    "plant_owner": {"app.tenant", "app.governance_agent", "app.api_key"},
    "plant_auth": {"app.tenant", "app.governance_agent", "app.api_key"},
}
ROLES = (
    "plant_app",
    "plant_readonly",
    "plant_worker",
    "plant_owner",
    "plant_writer",
    "plant_rules",
    "plant_auth",
    "plant_audit",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def drafts(repository: Repository, owner: Repository, superuser: Connection) -> Drafts:
    """Have a tenant that is full of secrets."""
    tenant = await make_tenant(owner)
    await forgotten(repository, tenant)
    return await drafts_of(repository, superuser, tenant)


async def visible(connection: Connection, table: str, tenant: Tenant) -> int | None:
    """Count the rows of a tenant that this session sees, None when it may not look at all."""
    inner = connection.transaction()
    await inner.start()
    try:
        found = await connection.fetchval(
            f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant.id
        )
    except asyncpg.InsufficientPrivilegeError:
        return None
    finally:
        await inner.rollback()
    return int(found)


class TestTenants:
    """Nothing of another tenant, and nothing at all without one."""

    async def test_there_is_something_to_hide(self, superuser: Connection, drafts: Drafts) -> None:
        """Every table has rows of the tenant, so that seeing none means something."""
        tables = [row["name"] for row in await superuser.fetch(TABLES)]
        empty = {table for table in tables if not await visible(superuser, table, drafts.tenant)}

        assert len(tables) > 18
        assert {"app.import_line"} >= empty

    @pytest.mark.parametrize("role", ROLES)
    @pytest.mark.parametrize("context", ["another tenant", "none"])
    async def test_no_role_sees_rows_of_another_tenant(
        self,
        superuser: Connection,
        drafts: Drafts,
        other_tenant: Tenant,
        role: str,
        context: str,
    ) -> None:
        """Each role on each table: no row, or no right to look; exceptions are written down."""
        tables = [row["name"] for row in await superuser.fetch(TABLES)]
        async with superuser.transaction():
            if context == "another tenant":
                await become(superuser, other_tenant.author)
            await superuser.execute(f"SET LOCAL ROLE {role}")
            seen = {table: await visible(superuser, table, drafts.tenant) for table in tables}

        assert {table for table, rows in seen.items() if rows} == ABOVE_TENANTS.get(role, set())

    @pytest.mark.parametrize("role", ["app", "readonly"])
    async def test_the_login_roles_see_their_own(
        self, connect: Connect, drafts: Drafts, role: str
    ) -> None:
        """With the tenant set the same tables show their rows: it is no empty database."""
        session = await connect(role)
        async with acting(session, drafts.tenant.author):
            seen = {
                table: await visible(session, table, drafts.tenant)
                for table in ("app.base_entity", "app.entity_tag", "audit.entry", "audit.payload")
            }

        assert all(seen.values())

    async def test_changes_reach_no_row_of_another_tenant(
        self, connect: Connect, drafts: Drafts, other_tenant: Tenant
    ) -> None:
        """A plain UPDATE finds nothing; a function answers as for an id that never was."""
        session = await connect()
        skill = drafts.ids["skill"]
        async with acting(session, other_tenant.author):
            tag = await session.execute(
                "UPDATE app.base_entity SET description = 'x' WHERE id = $1", skill
            )
            errors = [
                await Savepoint(session).error(call, identity)
                for call in (
                    "SELECT app.skill_amend(ARRAY[$1::uuid], NULL, '{\"{}\"}', TRUE, NULL)",
                    "SELECT app.entity_step('skill', $1, NULL, 'archived', 'r', NULL)",
                )
                for identity in (skill, NEVER)
            ]

        assert "UPDATE 0" == tag
        assert {"PL001"} == {getattr(error, "sqlstate", None) for error in errors}
        told = {(str(e), getattr(e, "detail", None), getattr(e, "hint", None)) for e in errors}
        assert 1 == len(told)

    async def test_a_setting_that_is_no_uuid_fails_closed(
        self, connect: Connect, drafts: Drafts
    ) -> None:
        """Garbage in the setting is an error, an empty one shows nothing."""
        session = await connect()
        async with session.transaction():
            states = []
            for value in ("garbage", "", "  "):
                await session.execute("SELECT set_config('app.tenant_id', $1, TRUE)", value)
                states.append(
                    await Savepoint(session).state("SELECT count(*) FROM app.base_entity")
                )

        assert ["22P02", None, "22P02"] == states

    async def test_row_security_cannot_be_switched_off(self, connect: Connect) -> None:
        """row_security = off makes an error of every filtered query, not a way around."""
        session = await connect()
        await session.execute("SET row_security = off")
        async with session.transaction():
            assert "42501" == await Savepoint(session).state("SELECT FROM app.base_entity")
            # Nor is there a way through the partition below.
            assert "42501" == await Savepoint(session).state("SELECT FROM app.entity_label_default")

    async def test_the_context_of_a_call_ends_with_it(
        self, connect: Connect, catalog: Catalog, drafts: Drafts, other_tenant: Tenant
    ) -> None:
        """A stale tenant of the session is overruled, and a call leaves none behind."""
        session = await connect()
        await become(session, other_tenant.author, local=False)
        runner = Repository(catalog, Pool("", Settings()))
        context = drafts.tenant.author.context
        identity = str(drafts.ids["skill"])
        found = await runner.maybe(EntityById("skill", identity), context, connection=session)
        after = await session.fetchval("SELECT current_setting('app.tenant_id', TRUE)")
        fresh = await connect()
        await runner.maybe(EntityById("skill", identity), context, connection=fresh)
        left = await fresh.fetchval("SELECT current_setting('app.tenant_id', TRUE)")
        rows = await fresh.fetchval("SELECT count(*) FROM app.base_entity")

        assert found
        assert str(other_tenant.id) == after
        assert ("", 0) == (left, rows)


class TestDrafts:
    """A draft is its governance agent's, with everything that hangs on it."""

    @pytest.mark.parametrize("kind", ["skill", "industry", "job_role", "team", "agent"])
    async def test_private_until_submitted_and_again_when_rejected(
        self,
        repository: Repository,
        superuser: Connection,
        connect: Connect,
        tenant: Tenant,
        kind: str,
    ) -> None:
        """Base, kind, link and label rows are hidden, seen, and hidden again together."""
        identity = (await drafts_of(repository, superuser, tenant)).ids[kind]
        columns = {
            "app.base_entity": "id",
            f"app.{kind}_entity": "id",
            "app.entity_tag": "entity_id",
            "app.entity_parent": "entity_id",
            "app.entity_label": "entity_id",
            "app.entity_reference": "dependent_id",
        }
        if kind == "job_role":
            columns["app.job_role_skill"] = "job_role_id"
        if kind == "agent":
            columns["app.agent_skill"] = "agent_id"

        async def seen(actor: Actor) -> set[str]:
            found = set()
            async with acting(await connect(), actor) as session:
                for table, column in columns.items():
                    if await session.fetchval(
                        f"SELECT count(*) FROM {table} WHERE {column} = $1", identity
                    ):
                        found.add(table)
            return found

        everything = set(columns)
        others = (tenant.certifier, tenant.reader)
        assert everything == await seen(tenant.author)
        assert [set(), set()] == [await seen(actor) for actor in others]

        await step(repository, tenant.author, kind, identity, "under_review")
        assert [everything] * 3 == [await seen(actor) for actor in (tenant.author, *others)]

        await step(repository, tenant.certifier, kind, identity, "draft")
        assert everything == await seen(tenant.author)
        assert [set(), set()] == [await seen(actor) for actor in others]
        rows = await superuser.fetch(TABLES)
        astray = [
            (row["name"], column)
            for row in rows
            if row["private"] and (column := columns.get(row["name"]))
            if await superuser.fetchval(
                f"SELECT count(*) FROM {row['name']} WHERE {column} = $1"
                " AND private_to IS DISTINCT FROM $2",
                identity,
                tenant.author.context.governance_agent_id,
            )
        ]
        assert [] == astray

    async def test_no_table_shows_a_private_row(
        self, superuser: Connection, connect: Connect, drafts: Drafts
    ) -> None:
        """Whatever has private_to hides it from other agents and from no agent at all."""
        tables = [row["name"] for row in await superuser.fetch(TABLES) if row["private"]]
        # For plant_worker and plant_rules only, as test_matrix.py tries.
        tables.remove("app.wanted_label")
        seen: dict[tuple[str, str], int] = {}
        for name, role, actor in (
            ("another agent", "app", drafts.tenant.certifier),
            ("readonly", "readonly", drafts.tenant.certifier),
        ):
            session = await connect(role)
            async with acting(session, actor):
                if name == "readonly":
                    await session.execute("SELECT set_config('app.governance_agent_id', '', TRUE)")
                for table in tables:
                    seen[name, table] = await session.fetchval(
                        f"SELECT count(*) FROM {table} WHERE private_to = $1",
                        drafts.tenant.author.context.governance_agent_id,
                    )

        assert len(tables) > 11
        assert {0} == set(seen.values())

    async def test_another_agent_cannot_change_or_step_it(
        self, connect: Connect, drafts: Drafts
    ) -> None:
        """For another agent of the tenant it is as absent as an id that never was."""
        session = await connect()
        async with acting(session, drafts.tenant.certifier):
            for kind, identity in drafts.ids.items():
                tag = await session.execute(
                    "UPDATE app.base_entity SET governance_notes = 'x' WHERE id = $1", identity
                )
                errors = [
                    await Savepoint(session).error(call.format(kind), one)
                    for call in (
                        "SELECT app.{}_amend(ARRAY[$1::uuid], NULL, '{{\"{{}}\"}}', TRUE, NULL)",
                        "SELECT app.entity_step('{}', $1, NULL, 'under_review', 'r', NULL)",
                    )
                    for one in (identity, NEVER)
                ]
                told = {(getattr(e, "sqlstate", None), str(e), e and e.detail) for e in errors}
                assert "UPDATE 0" == tag
                assert 1 == len(told)
                assert "PL001" == next(iter(told))[0]

    async def test_nobody_creates_in_the_name_of_another(
        self, connect: Connect, drafts: Drafts
    ) -> None:
        """The governance agent of a row is the one of the key."""
        session = await connect()
        async with acting(session, drafts.tenant.certifier):
            await session.execute(
                "SELECT set_config('app.governance_agent_id', $1, TRUE)",
                drafts.tenant.author.context.governance_agent_id,
            )
            state = await Savepoint(session).state(
                "SELECT app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')",
                json.dumps(skill_body()),
            )

        assert "PL011" == state


class TestErrors:
    """What is in the way is not shown."""

    async def test_a_unique_violation_tells_no_value(
        self, superuser: Connection, connect: Connect, drafts: Drafts
    ) -> None:
        """Name, external id and code of a hidden draft: the constraint's name, and no more."""
        industry = await superuser.fetchrow(
            "SELECT name, external_id FROM app.base_entity WHERE id = $1", drafts.ids["industry"]
        )
        assert industry
        place = {"scheme": "s", "code": "d", "level": 1}
        session = await connect()
        texts = []
        async with acting(session, drafts.tenant.certifier):
            for body in (
                industry_body(name=industry["name"], **place),
                industry_body(external_id=industry["external_id"], **place),
                industry_body(**(place | {"code": "c"})),
            ):
                error = await Savepoint(session).error(
                    "SELECT app.industry_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')",
                    json.dumps(body),
                )
                assert isinstance(error, asyncpg.UniqueViolationError)
                texts.append(f"{error} {error.detail} {error.hint}")

        assert all("hush" not in text and str(industry["name"]) not in text for text in texts)
        assert all(str(identity) not in text for identity in drafts.ids.values() for text in texts)

    async def test_a_check_violation_tells_no_row(self, connect: Connect, tenant: Tenant) -> None:
        """The failing row that PostgreSQL would print is withheld."""
        session = await connect()
        async with acting(session, tenant.author):
            error = await Savepoint(session).error(
                "SELECT app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')",
                json.dumps(skill_body(name="n" * 256, description="hush")),
            )

        assert isinstance(error, asyncpg.CheckViolationError)
        assert "hush" not in f"{error} {error.detail}"

    async def test_a_reference_to_another_tenant_is_one_to_nothing(
        self, repository: Repository, drafts: Drafts, other_tenant: Tenant, connect: Connect
    ) -> None:
        """By the service and by a direct call: the same answer as for an id that never was."""
        ids = (str(drafts.ids["skill"]), NEVER)
        problems = []
        for identity in ids:
            with pytest.raises(Problem) as caught:
                await create(
                    repository, other_tenant.author, "skill", skill_body(parent_ids=[identity])
                )
            problems.append(json.dumps(caught.value.members(), default=str))
        states = []
        for identity in ids:
            session = await connect()
            try:
                async with acting(session, other_tenant.author):
                    await session.execute(
                        "SELECT app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')",
                        json.dumps(skill_body(parent_ids=[identity])),
                    )
            except asyncpg.ForeignKeyViolationError as error:
                states.append((error.sqlstate, error.constraint_name))

        assert problems[0] == problems[1]
        assert [("23503", "entity_parent_parent_fkey")] * 2 == states


class TestSideWays:
    """Plans, statistics, and functions that are asked before the policy would be."""

    @pytest.fixture
    async def spy(
        self, connect: Connect, superuser: Connection, drafts: Drafts
    ) -> AsyncIterator[Connection]:
        """Have a session of another agent, with fresh statistics over the secrets."""
        await superuser.execute("ANALYZE app.base_entity")
        session = await connect()
        async with acting(session, drafts.tenant.certifier):
            yield session

    @pytest.mark.parametrize("seqscan", ["on", "off"])
    async def test_explain_shows_no_row(self, spy: Connection, seqscan: str) -> None:
        """An analysed plan finds none of the secrets, whatever road it takes."""
        await spy.execute(f"SET LOCAL enable_seqscan = {seqscan}")
        rows = await spy.fetch(
            "EXPLAIN (ANALYZE, VERBOSE, BUFFERS, SETTINGS)"
            " SELECT name FROM app.base_entity WHERE name LIKE 'hush%'"
        )
        plan = "\n".join(row[0] for row in rows)

        assert "rows=0.00 loops=1" in rows[0][0]
        assert 1 == plan.count("hush")

    @pytest.mark.usefixtures("temporary")
    async def test_a_cheap_function_is_asked_after_the_policy(self, spy: Connection) -> None:
        """A function that tells what it is asked hears of visible rows only."""
        heard: list[str] = []
        spy.add_log_listener(lambda _, message: heard.append(str(message)))
        await spy.execute(
            "CREATE FUNCTION pg_temp.told(text) RETURNS boolean LANGUAGE plpgsql"
            " COST 0.0000001 AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN TRUE; END'"
        )
        await spy.fetch("SELECT FROM app.base_entity WHERE pg_temp.told(document)")
        await spy.fetch("SELECT FROM app.entity_tag WHERE pg_temp.told(tag)")

        assert heard
        assert not [text for text in heard if "hush" in text]

    async def test_an_error_is_no_question_either(self, spy: Connection) -> None:
        """A division by zero over hidden rows does not happen."""
        for table, column in (("app.base_entity", "name"), ("app.entity_tag", "tag")):
            assert (
                await Savepoint(spy).state(
                    f"SELECT 1 / (CASE WHEN {column} LIKE 'hush%' THEN 0 ELSE 1 END) FROM {table}"
                    f" WHERE 1 / (CASE WHEN {column} LIKE 'hush%' THEN 0 ELSE 1 END) = 1"
                )
                is None
            )

    async def test_statistics_are_hidden(self, spy: Connection) -> None:
        """The common values of a table under row security are nobody's to read."""
        assert 0 == await spy.fetchval(
            "SELECT count(*) FROM pg_stats WHERE schemaname IN ('app', 'audit')"
        )
        assert "42501" == await Savepoint(spy).state("SELECT FROM pg_statistic")

    @pytest.mark.usefixtures("temporary")
    async def test_write_functions_find_no_name_of_the_caller_s(self, spy: Connection) -> None:
        """Temporary tables, functions and operators stand behind what definers look up."""
        await spy.execute("CREATE TEMPORARY TABLE base_entity (id uuid)")
        await spy.execute(
            "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea RETURN '\\x00'::bytea"
        )
        await spy.execute("CREATE FUNCTION pg_temp.is_mine(text, text) RETURNS boolean RETURN TRUE")
        await spy.execute(
            "CREATE OPERATOR pg_temp.<> (LEFTARG = text, RIGHTARG = text,"
            " FUNCTION = pg_temp.is_mine)"
        )
        await spy.execute("SET LOCAL search_path = pg_temp, pg_catalog")
        made = await spy.fetchrow(
            "SELECT (one).* FROM app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')"
            " AS one",
            json.dumps(skill_body()),
        )
        assert made

        assert 32 == len(made["entry_hash"])


class TestStatements:
    """The statements of the service, for who may not see."""

    async def test_they_find_no_hidden_entity(
        self,
        repository: Repository,
        catalog: Catalog,
        drafts: Drafts,
        other_tenant: Tenant,
        superuser: Connection,
    ) -> None:
        """By id, by ids, by name, by external id, and in every list: not one."""
        hidden = {str(identity) for identity in drafts.ids.values()}
        for actor in (drafts.tenant.certifier, other_tenant.author):
            for kind, identity in drafts.ids.items():
                row = await superuser.fetchrow(
                    "SELECT name, external_id, parent_id, document FROM app.base_entity"
                    " INNER JOIN app.entity_parent ON entity_id = id WHERE id = $1",
                    identity,
                )
                assert row
                found = [await document(repository, actor, kind, identity)]
                for stem, arguments in lookups(kind, row, json.loads(row["document"])):
                    statement = catalog[stem]
                    async with repository.pool.connection() as connection:
                        rows = await connection.fetch(
                            statement.query, *arguments, *actor.context.arguments
                        )
                    found += [one for one in rows if str(one["id"]) in hidden]
                assert not [one for one in found if one]

    async def test_their_author_finds_them(
        self, repository: Repository, catalog: Catalog, drafts: Drafts, superuser: Connection
    ) -> None:
        """The same questions, asked by who may see, all have an answer."""
        actor = drafts.tenant.author
        for kind, identity in drafts.ids.items():
            row = await superuser.fetchrow(
                "SELECT name, external_id, parent_id, document FROM app.base_entity"
                " INNER JOIN app.entity_parent ON entity_id = id WHERE id = $1",
                identity,
            )
            assert row
            for stem, arguments in lookups(kind, row, json.loads(row["document"])):
                async with repository.pool.connection() as connection:
                    rows = await connection.fetch(
                        catalog[stem].query, *arguments, *actor.context.arguments
                    )
                assert identity in {one["id"] for one in rows}, stem


def lookups(kind: str, row: Any, shown: dict[str, Any]) -> list[tuple[str, tuple[object, ...]]]:
    """Give the statements that would find an entity, with their arguments."""
    page = (LAST_ID, 50)
    found: list[tuple[str, tuple[object, ...]]] = [
        ("entities_by_id", ([shown["id"]],)),
        ("entity_id_by_external_id", (kind, row["external_id"])),
        ("entities_newest", (kind, *page)),
        ("entities_by_status", (kind, ["draft"], *page)),
        ("entities_by_tag", (kind, ["hush"], *page)),
        ("entities_by_parent", (kind, [row["parent_id"]], *page)),
        ("entities_by_external_id", (kind, [row["external_id"]], *page)),
        ("entities_by_name", (kind, ["hush"], "", *page)),
        ("entities_by_tag_matching", (kind, ["hush"], *page, '{"status": ["draft"]}', 9)),
    ]
    own: dict[str, list[tuple[str, tuple[object, ...]]]] = {
        "skill": [("skills_by_category", ([shown.get("category")], *page))],
        "industry": [
            ("industries_by_scheme", (["s"], *page)),
            ("entity_id_by_name", (kind, row["name"], "s 1")),
        ],
        "job_role": [
            ("job_roles_by_industry", ([shown.get("industry_id")], *page)),
            ("job_roles_by_seniority", (["mid"], *page)),
            (
                "job_roles_by_skill",
                ([one["id"] for one in shown.get("required_skills", [])], *page),
            ),
        ],
        "team": [
            ("teams_by_industry", ([shown.get("industry_id")], *page)),
            ("teams_by_job_role", ([shown.get("job_role_id")], *page)),
        ],
        "agent": [
            ("agents_by_industry", ([shown.get("industry_id")], *page)),
            ("agents_by_job_role", ([shown.get("job_role_id")], *page)),
            ("agents_by_team", ([shown.get("team_id")], *page)),
            ("agents_by_skill", (shown.get("skill_ids"), *page)),
        ],
    }
    return found + own[kind]


async def test_everybody_reads_what_is_in_force(repository: Repository, tenant: Tenant) -> None:
    """From submission on the whole tenant sees an entity, whoever its author is."""
    made = await create(repository, tenant.author, "skill", skill_body())
    await raise_to(repository, tenant, "skill", made.id, "active")

    for actor in (tenant.author, tenant.certifier, tenant.reader):
        assert await document(repository, actor, "skill", made.id)
