"""Nothing that a session can make the server say has a value of another tenant in it."""

from io import BytesIO
from typing import Any

import pytest

from service.catalog.load import Catalog
from service.repository.base import Repository
from tests.factories import (
    Actor,
    Tenant,
    create,
    industry_body,
    skill_body,
)
from tests.postgres import Server
from tests.rls.marked import Marked, answers, heard, questions, statements
from tests.sessions import Connect, Connection, Savepoint, acting, become, connections

pytestmark = [pytest.mark.database, pytest.mark.rls]

TOLD = (
    "CREATE OR REPLACE FUNCTION pg_temp.told(text) RETURNS boolean LANGUAGE plpgsql"
    " COST 0.0000001 AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN TRUE; END'"
)
# What works for every tenant by design, and reads nothing else of them.
THE_WORKER_S = {
    "app.label_cursor",
    "app.wanted_label",
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
    "app.skill_entity",
    "app.team_entity",
    "audit.entry",
    "audit.payload",
    "audit.pending",
    'audit."position"',
    "audit.position",
    "audit.prune",
}


async def all_said(
    session: Connection, superuser: Connection, catalog: Catalog, actor: Actor, other: Marked
) -> dict[str, str]:
    """Ask everything as an actor, in one transaction that is undone."""
    asked: list[tuple[str, list[Any]]] = [
        (question, []) for question in await questions(superuser, other)
    ]
    async with acting(session, actor):
        await session.execute(TOLD)
        return await answers(session, asked + statements(catalog, other))


@pytest.mark.usefixtures("temporary")
class TestWords:
    """Everything that can be asked, by each role that logs in to serve or to look."""

    @pytest.mark.parametrize("role", ["app", "readonly", "worker"])
    async def test_no_answer_holds_a_value_of_another_tenant(
        self,
        superuser: Connection,
        connect: Connect,
        catalog: Catalog,
        mine: Tenant,
        other: Marked,
        role: str,
    ) -> None:
        """Rows, views, catalogues, statistics, plans, errors, notices; a neighbour is at work."""
        neighbour = await connect(role)
        async with acting(neighbour, other.tenant.author):
            # As the service works: values are parameters, so that no text of a query has them.
            await neighbour.fetch("SELECT $1::text", other.word)
            said = await all_said(await connect(role), superuser, catalog, mine.author, other)
        loud = {question for question, answer in said.items() if heard(answer, other)}
        if role == "worker":
            loud = {one for one in loud if not any(table in one for table in THE_WORKER_S)}

        assert len(said) > 1000
        assert set() == loud

    async def test_the_tenant_itself_hears_its_word(
        self, superuser: Connection, connect: Connect, catalog: Catalog, other: Marked
    ) -> None:
        """The same questions, asked by its author: many answers have it."""
        said = await all_said(await connect(), superuser, catalog, other.tenant.author, other)
        loud = {question for question, answer in said.items() if heard(answer, other)}

        assert len(loud) > 150
        assert {
            "SELECT one::text FROM app.base_entity AS one",
            "SELECT FROM app.entity_tag AS one WHERE pg_temp.told(one::text)",
            # The first row that is met fails, whichever it is: each has its tenant's id.
            "SELECT count(*) FROM app.base_entity WHERE (tenant_id::text)::integer = 1",
        } <= loud

    async def test_a_copy_holds_no_row_of_another_tenant(
        self, superuser: Connection, connect: Connect, mine: Tenant, other: Marked
    ) -> None:
        """COPY … TO goes through the policies as a query does."""
        tables = await superuser.fetch(
            "SELECT nspname::text AS schema, relname::text AS name FROM pg_class"
            " INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname IN ('app', 'audit') AND relkind = 'r' AND NOT relispartition"
            " AND has_table_privilege('plant_app', pg_class.oid, 'SELECT') ORDER BY 1, 2"
        )
        session, copied = await connect(), BytesIO()
        async with acting(session, mine.author):
            for table in tables:
                await session.copy_from_table(
                    table["name"], schema_name=table["schema"], output=copied
                )

        assert len(tables) > 14
        assert str(mine.id) in copied.getvalue().decode()
        assert not heard(copied.getvalue().decode(), other)


class TestCollisions:
    """What is taken elsewhere is free here."""

    async def test_no_unique_key_meets_another_tenant_s(
        self, repository: Repository, tenant: Tenant, other: Marked
    ) -> None:
        """The names, external ids and codes of another tenant are answered as any new ones."""
        word = other.word
        place = {"scheme": word, "code": word, "level": 1}
        for kind, body in (
            ("skill", skill_body(name=f"{word} 1", external_id=f"{word} 1")),
            ("industry", industry_body(name=word, **place)),
        ):
            made = await create(repository, tenant.author, kind, body)

            assert 1 == made.version

    async def test_every_unique_key_begins_with_what_cannot_be_chosen(
        self, superuser: Connection
    ) -> None:
        """Of keys over tenants only those of the owner and the worker exist."""
        rows = await superuser.fetch(
            """
            SELECT indexrelid::regclass::text AS name FROM pg_index
            INNER JOIN pg_class ON pg_class.oid = indrelid
            INNER JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
            WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace) AND indisunique
                AND attname <> 'tenant_id' AND relrowsecurity
                AND has_any_column_privilege('plant_app', indrelid, 'INSERT, UPDATE')
            """
        )

        assert [] == rows


class TestNeighbours:
    """Sessions of one role see each other's queries: the server shows them by role."""

    async def test_what_is_typed_is_seen_by_sessions_of_the_same_role_only(
        self, superuser: Connection, connect: Connect, mine: Tenant, other: Marked
    ) -> None:
        """A literal typed as plant_readonly: another plant_readonly sees it, plant_app does not."""
        typing = await connect("readonly")
        async with acting(typing, other.tenant.author):
            await typing.fetch(f"SELECT '{other.word}'")
            seen = {}
            for role in ("app", "worker", "readonly"):
                async with acting(await connect(role), mine.author) as session:
                    rows = await session.fetch("SELECT query FROM pg_stat_activity")
                seen[role] = any(other.word in str(row["query"]) for row in rows)

        assert {"app": False, "worker": False, "readonly": True} == seen

    async def test_a_role_of_one_s_own_keeps_queries_to_oneself(
        self, superuser: Connection, cluster: Server, database: str, mine: Tenant, other: Marked
    ) -> None:
        """Two people with roles of their own in plant_readonly see rows, not each other's words."""
        names = [f"plant_test_{who}_{database[-12:]}" for who in ("anna", "bob")]
        password = cluster.url("app", database).split(":")[2].split("@")[0]
        for name in names:
            await superuser.execute(
                f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE plant_readonly"
            )
        try:
            async with connections(cluster, database) as opened:
                anna, bob = [await opened(name) for name in names]
                async with acting(anna, other.tenant.author), acting(bob, mine.author):
                    own = await anna.fetch(f"SELECT name, '{other.word}' FROM app.base_entity")
                    rows = await bob.fetch("SELECT query FROM pg_stat_activity")
                    entities = await bob.fetch("SELECT one::text FROM app.base_entity AS one")
        finally:
            for name in names:
                await superuser.execute(f"DROP ROLE {name}")

        assert own
        assert entities
        assert not [row for row in rows if other.word in str(row["query"])]
        assert not [row for row in entities if heard(str(row), other)]


async def test_another_tenant_s_settings_are_not_seen(
    superuser: Connection, connect: Connect, mine: Tenant, other: Marked
) -> None:
    """Who another session works for is a setting of that session, and stays there."""
    neighbour, session = await connect("readonly"), await connect("readonly")
    await become(neighbour, other.tenant.author, local=False)
    async with acting(session, mine.author):
        rows = await session.fetch(
            "SELECT name, setting FROM pg_settings UNION ALL"
            " SELECT name, setting FROM pg_show_all_settings()"
        )
        state = await Savepoint(session).state("SELECT FROM pg_file_settings")

    assert "42501" == state
    assert not [row for row in rows if heard(str(row), other)]
