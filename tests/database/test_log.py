"""The log: one entry per change, whatever made it, with a hash that anybody can recompute.

The hash is computed here a second time, from the contract's words and the bytes that were served.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.errors import Problem
from service.repository.base import Repository
from service.repository.entities import EntityById, EntityStep, SkillAmend, Written
from tests.amending import amended
from tests.api import Api
from tests.chain import LOG, MICROSECOND, counted, history
from tests.factories import (
    Actor,
    Tenant,
    active_skill,
    agent_body,
    amend,
    create,
    industry_body,
    job_role_body,
    make_actor,
    make_world,
    raise_to,
    skill_body,
    step,
    team_body,
    unique,
)
from tests.postgres import Server
from tests.sessions import (
    Connect,
    Connection,
    Savepoint,
    acting,
    become,
    connections,
    until_blocked,
)

pytestmark = pytest.mark.database

OFF = """
ALTER TABLE app.base_entity DISABLE TRIGGER base_entity_10_guard;
ALTER TABLE app.base_entity DISABLE TRIGGER base_entity_90_log;
"""
ON = """
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_10_guard;
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_90_log;
"""


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


async def operations(superuser: Connection, identity: object) -> list[str]:
    """Name the operations in the log of an entity whose every link holds."""
    return [row["operation"] for row in await history(superuser, identity)]


async def served(repository: Repository, actor: Actor, kind: str, identity: object) -> str:
    """Read the bytes that are served."""
    found = await repository.maybe(EntityById(kind, str(identity)), actor.context)
    assert found
    return found.document


async def changed_in_turn(
    repository: Repository, tenant: Tenant, kind: str, body: dict[str, Any]
) -> AsyncIterator[Written]:
    """Create an entity, change it twice, and take it three steps to its end."""
    made = await create(repository, tenant.author, kind, body)
    yield made
    yield await amend(repository, tenant.author, kind, made.id, {"name": unique("other")})
    patch = {"tags": ["c"], "aliases": ["x"]}
    yield await amend(repository, tenant.author, kind, made.id, patch)
    yield await step(repository, tenant.author, kind, made.id, "under_review")
    yield await step(repository, tenant.certifier, kind, made.id, "draft")
    yield await step(repository, tenant.author, kind, made.id, "archived")


class TestEveryWay:
    """Whatever writes, exactly one entry comes of each change."""

    async def test_create_amend_and_step_of_every_kind(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Each leaves one entry, payload and pending row; the answer names the entry."""
        world = await make_world(repository, tenant)
        bodies = {
            "skill": skill_body(tags=["b", "a"], embedding_384=[1.0] + [0.0] * 383),
            "industry": industry_body(scheme="s", code="1", level=1),
            "job_role": job_role_body([world.skill], industry_id=world.industry),
            "team": team_body(world.job_role, world.industry),
            "agent": agent_body(world.job_role, world.industry, [world.skill]),
        }
        for kind, body in bodies.items():
            writes: list[Written] = []
            before = await counted(superuser, tenant)
            async for written in changed_in_turn(repository, tenant, kind, body):
                writes.append(written)
                after = await counted(superuser, tenant)
                assert after == tuple(n + 1 for n in before)
                before = after
            rows = await history(superuser, writes[0].id)

            assert ["create", "amend", "amend", "submit", "reject", "archive"] == [
                row["operation"] for row in rows
            ]
            assert [row["audit_id"] for row in rows] == [one.audit_id for one in writes]
            assert [row["entry_hash"] for row in rows] == [one.entry_hash for one in writes]
            assert [row["body"] for row in rows] == [one.document for one in writes]
            author, certifier = (actor.context for actor in (tenant.author, tenant.certifier))
            assert [(row["actor"], row["key"]) for row in rows] == [
                (who.governance_agent_id, who.key_id)
                for who in (author, author, author, author, certifier, author)
            ]
            assert rows[-1]["body"] == await served(repository, tenant.author, kind, writes[0].id)

    async def test_links_that_are_replaced_are_one_change(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Tags, parents and skills change with their entity: one version, one entry."""
        skills = [
            str((await create(repository, tenant.author, "skill", skill_body())).id)
            for _ in range(3)
        ]
        role = await create(repository, tenant.author, "job_role", job_role_body(skills[:2]))
        other = await create(repository, tenant.author, "job_role", job_role_body(skills[:1]))
        patch = {
            "required_skills": [{"id": skills[2], "relation": "optional"}],
            "parent_ids": [str(other.id)],
            "tags": ["x", "y"],
        }
        before = await counted(superuser, tenant)
        await amend(repository, tenant.author, "job_role", role.id, patch)

        assert await counted(superuser, tenant) == tuple(n + 1 for n in before)
        rows = await history(superuser, role.id)
        document = json.loads(rows[-1]["body"])
        assert {name: document[name] for name in patch} == patch

    async def test_an_import_as_drafts(
        self, api: Api, superuser: Connection, tenant: Tenant
    ) -> None:
        """One entry per line that changed something, none for what is equal already."""
        lines = [
            {"kind": "skill", "external_id": f"s{n}", **skill_body(tags=[f"t{n}"])}
            for n in range(3)
        ]
        ids = await imported(api, lines)
        assert (3, 3, 3) == await counted(superuser, tenant)
        lines[1]["description"] = "Another."
        assert ids == await imported(api, lines)

        assert (4, 4, 4) == await counted(superuser, tenant)
        assert [["create"], ["create", "amend"], ["create"]] == [
            await operations(superuser, identity) for identity in ids
        ]

    async def test_an_import_as_active_names_both(
        self, api: Api, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """One entry stands for the steps, and names both identities, new row or old."""
        old = await create(repository, tenant.author, "skill", skill_body(external_id="old"))
        lines = [{"kind": "skill", "external_id": one, **skill_body()} for one in ("old", "new")]
        identities = await imported(api, lines, certifier=tenant.certifier)
        author, certifier = (actor.context for actor in (tenant.author, tenant.certifier))

        assert str(old.id) == identities[0]
        assert ["create", "import"] == await operations(superuser, identities[0])
        assert ["import"] == await operations(superuser, identities[1])
        for identity in identities:
            last = (await history(superuser, identity))[-1]
            assert "active" == json.loads(last["body"])["status"]
            assert last["actor"] == f"{author.governance_agent_id}+{certifier.governance_agent_id}"
            assert last["key"] == f"{author.key_id}+{certifier.key_id}"

    async def test_an_import_after_an_amendment_is_an_import(
        self, api: Api, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """What was certified for an earlier version says nothing of this change."""
        made = await active_skill(repository, tenant, external_id="both")
        await amended(repository, tenant, "skill", made.id, {"description": "Amended."})
        lines = [{"kind": "skill", "external_id": "both", "description": "Imported."}]
        await imported(api, lines, certifier=tenant.certifier)

        assert ["certify", "import"] == (await operations(superuser, made.id))[-2:]

    async def test_an_update_typed_by_a_dba(
        self, repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
    ) -> None:
        """With the settings of a session, psql's way: logged once, rendered and served."""
        made = await create(repository, tenant.author, "skill", skill_body())
        dba = await connect()
        await become(dba, tenant.author, local=False)
        tag = await dba.execute(
            "UPDATE app.base_entity SET description = 'By hand.', aliases = '{hand}' WHERE id = $1",
            made.id,
        )
        document = json.loads(await served(repository, tenant.author, "skill", made.id))

        assert "UPDATE 1" == tag
        assert ["create", "amend"] == await operations(superuser, made.id)
        assert ("By hand.", ["hand"], 2) == (
            document["description"],
            document["aliases"],
            document["version"],
        )

    async def test_an_update_of_many_rows_and_a_merge(
        self, repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
    ) -> None:
        """Each row that a statement touches has its own entry; so has MERGE, so have steps."""
        made = [
            (await create(repository, tenant.author, "skill", skill_body())).id for _ in range(3)
        ]
        async with acting(await connect(), tenant.author) as dba:
            await dba.execute("UPDATE app.base_entity SET governance_notes = 'n'")
            await dba.execute(
                "MERGE INTO app.base_entity USING unnest($1::uuid[]) AS line (id)"
                " ON base_entity.id = line.id"
                " WHEN MATCHED THEN UPDATE SET status = 'under_review'",
                made,
            )

        for identity in made:
            assert ["create", "amend", "submit"] == await operations(superuser, identity)
        assert (9, 9, 9) == await counted(superuser, tenant)

    async def test_a_superuser_and_copy(self, superuser: Connection, tenant: Tenant) -> None:
        """COPY, which row security keeps the service from, is guarded and logged like the rest."""
        identity = await superuser.fetchval("SELECT uuidv7()")
        async with acting(superuser, tenant.author):
            await superuser.execute(
                "INSERT INTO app.skill_entity VALUES ($1, $2, 'technical')", tenant.id, identity
            )
            await superuser.copy_records_to_table(
                "base_entity",
                schema_name="app",
                columns=[
                    "tenant_id",
                    "id",
                    "entity_type",
                    "name",
                    "description",
                    "governance_agent_id",
                ],
                records=[
                    (
                        tenant.id,
                        identity,
                        "skill",
                        unique("copied"),
                        "By COPY.",
                        tenant.author.context.governance_agent_id,
                    )
                ],
            )

        assert ["create"] == await operations(superuser, identity)

    async def test_as_a_replica(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """session_replication_role = replica passes neither the guard nor the log."""
        made = await create(repository, tenant.author, "skill", skill_body())
        change = "UPDATE app.base_entity SET description = 'x' WHERE id = $1"
        async with superuser.transaction():
            await superuser.execute("SET LOCAL session_replication_role = replica")
            assert "PL011" == await Savepoint(superuser).state(change, made.id)
            await become(superuser, tenant.author)
            await superuser.execute(change, made.id)
            for statement in ("DELETE FROM app.base_entity", "TRUNCATE audit.entry"):
                assert "PL013" == await Savepoint(superuser).state(statement)

        assert ["create", "amend"] == await operations(superuser, made.id)

    async def test_as_a_replica_what_belongs_to_an_entity_follows_it(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """What its author hid is shown with it; an agent keeps its industry."""
        world = await make_world(repository, tenant)
        made = await create(repository, tenant.author, "skill", skill_body(tags=["a"]))
        async with superuser.transaction():
            await superuser.execute("SET LOCAL session_replication_role = replica")
            await become(superuser, tenant.author)
            await superuser.execute(
                "UPDATE app.base_entity SET status = 'under_review' WHERE id = $1", made.id
            )
            refused = await Savepoint(superuser).state(
                "UPDATE app.agent_entity SET industry_id = uuidv7() WHERE id = $1", world.agent
            )
        hidden = await superuser.fetch(
            "SELECT private_to FROM app.entity_tag WHERE entity_id = $1"
            " UNION ALL SELECT private_to FROM app.skill_entity WHERE id = $1",
            made.id,
        )

        assert "PL018" == refused
        assert [None, None] == [row["private_to"] for row in hidden]

    async def test_what_is_undone_is_not_logged(
        self, repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
    ) -> None:
        """A savepoint or transaction that is rolled back takes its entry with it."""
        made = await create(repository, tenant.author, "skill", skill_body())
        async with acting(await connect(), tenant.author) as dba:
            change = "UPDATE app.base_entity SET description = description || '!' WHERE id = $1"
            await dba.execute(change, made.id)
            assert await Savepoint(dba).state(change, made.id) is None
            await dba.execute(change, made.id)

        assert ["create", "amend", "amend"] == await operations(superuser, made.id)
        assert (3, 3, 3) == await counted(superuser, tenant)

    async def test_a_refusal_leaves_no_entry(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """A constraint that fails after the trigger wrote takes everything back."""
        await create(repository, tenant.author, "skill", skill_body(external_id="x"))
        before = await counted(superuser, tenant)
        for body in (
            skill_body(external_id="x"),
            skill_body(aliases=["a" * 256]),
            skill_body(parent_ids=["01900000-0000-7000-8000-000000000000"]),
        ):
            with pytest.raises(Problem):
                await create(repository, tenant.author, "skill", body)

        assert before == await counted(superuser, tenant)

    async def test_a_clock_that_steps_back(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Versions and times agree: the next time is at least a microsecond after the last."""
        made = await create(repository, tenant.author, "skill", skill_body())
        ahead = await superuser.fetchval("SELECT clock_timestamp() + interval '1 hour'")
        async with superuser.transaction():
            await superuser.execute(OFF)
            await superuser.execute(
                "UPDATE app.base_entity SET updated_at = $2 WHERE id = $1", made.id, ahead
            )
            await superuser.execute(ON)
        one = await amend(repository, tenant.author, "skill", made.id, {"description": "1"})
        two = await amend(repository, tenant.author, "skill", made.id, {"description": "2"})
        times = [row["at"] for row in await superuser.fetch(LOG, made.id)]

        assert (2, 3) == (one.version, two.version)
        assert [ahead + MICROSECOND, ahead + 2 * MICROSECOND] == times[1:]

    async def test_versions_and_times_agree_under_contention(
        self, repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
    ) -> None:
        """A writer who waited for the row's lock writes after the one that held it."""
        made = await create(repository, tenant.author, "skill", skill_body())
        first, second = await connect(), await connect()
        change = "UPDATE app.base_entity SET description = $2 WHERE id = $1"
        async with acting(second, tenant.author):
            # Its transaction began before the other's change.
            async with acting(first, tenant.author):
                await first.execute(change, made.id, "first")
                waiting = asyncio.ensure_future(second.execute(change, made.id, "second"))
                await until_blocked(superuser, second, first, waiting)
            await waiting

        assert ["create", "amend", "amend"] == await operations(superuser, made.id)
        rows = await superuser.fetch(LOG, made.id)
        assert ["first", "second"] == [json.loads(row["body"])["description"] for row in rows[1:]]


async def imported(
    api: Api, lines: list[dict[str, Any]], certifier: Actor | None = None
) -> list[str]:
    """Import lines as the service does; gives their ids."""
    raw = "\n".join(map(json.dumps, lines)).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    if certifier:
        headers["Certifier-Authorization"] = f"Bearer {certifier.key}"
    path = "/v1/imports?as=active" if certifier else "/v1/imports"
    answer = await api.send("POST", path, raw=raw, headers=headers)
    *outcomes, totals = map(json.loads, answer.body.splitlines())
    assert 0 == totals["totals"]["rejected"], outcomes
    return [one["id"] for one in sorted(outcomes, key=lambda one: int(one["line"]))]


class TestForgery:
    """What no setting, column or direct call can say."""

    async def test_what_the_server_says_cannot_be_written(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """A superuser's values for what triggers set are replaced by the truth."""
        made = await create(repository, tenant.author, "skill", skill_body())
        async with acting(superuser, tenant.author):
            await superuser.execute(
                """
                UPDATE app.base_entity SET
                    document = '{"forged": true}', version_hash = decode(repeat('ab', 32), 'hex'),
                    last_entry_id = uuidv7(), updated_at = '1999-01-01', archived_at = now(),
                    name_scope = 'forged', version = version + 1
                WHERE id = $1
                """,
                made.id,
            )
        row = await superuser.fetchrow("SELECT * FROM app.base_entity WHERE id = $1", made.id)
        assert row

        assert ["create", "amend"] == await operations(superuser, made.id)
        assert (None, None, 2) == (row["name_scope"], row["archived_at"], row["version"])

    @pytest.mark.parametrize(
        "change",
        [
            "version = version + 2",
            "version = version - 1",
            "created_at = now()",
            "created_at = created_at - interval '1 microsecond'",
            "id = uuidv7()",
            "entity_type = 'industry'",
            "governance_agent_id = $2",
            "tenant_id = $3",
        ],
    )
    async def test_what_never_changes(
        self,
        repository: Repository,
        superuser: Connection,
        tenant: Tenant,
        other_tenant: Tenant,
        change: str,
    ) -> None:
        """Not even for a superuser: identity, time of birth, and versions that skip."""
        made = await create(repository, tenant.author, "skill", skill_body())
        async with acting(superuser, tenant.author):
            state = await Savepoint(superuser).state(
                f"WITH given AS (SELECT $2::uuid, $3::uuid) UPDATE app.base_entity SET {change}"
                " WHERE id = $1",
                made.id,
                tenant.certifier.context.governance_agent_id,
                other_tenant.id,
            )

        assert "PL013" == state

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE app.base_entity SET version = 7",
            "UPDATE app.base_entity SET document = ''",
            "UPDATE app.base_entity SET version_hash = ''",
            "UPDATE app.base_entity SET created_at = now()",
            "UPDATE app.base_entity SET governance_agent_id = uuidv7()",
            "UPDATE app.base_entity SET name_scope = 'x'",
            "UPDATE app.skill_entity SET category = 'technical'",
            "UPDATE app.entity_tag SET tag = 'x'",
            "UPDATE app.api_key SET scopes = '{write,certify}'",
            "SELECT key_hash FROM app.api_key",
            "INSERT INTO app.base_entity DEFAULT VALUES",
            "INSERT INTO app.base_entity DEFAULT VALUES ON CONFLICT DO NOTHING",
            "INSERT INTO app.entity_tag DEFAULT VALUES",
            "INSERT INTO app.life_cycle_step VALUES ('draft', 'active', 'jump', 'write', NULL)",
            "INSERT INTO audit.entry DEFAULT VALUES",
            "INSERT INTO audit.pending DEFAULT VALUES",
            "DELETE FROM app.entity_tag",
            "COPY app.base_entity (name) FROM STDIN",
            "COPY audit.payload TO STDOUT",
            "SELECT app.check_step(NULL, NULL, NULL)",
            "SELECT app.amendment_document(NULL, '{}', '{}')",
            "SELECT app.base_create('skill', NULL, NULL, 'active')",
            "SET ROLE plant_writer",
            "SET session_replication_role = replica",
            "ALTER TABLE app.base_entity DISABLE TRIGGER ALL",
            "CREATE TABLE app.mine ()",
            "CREATE FUNCTION app.mine() RETURNS integer RETURN 1",
        ],
    )
    async def test_the_service_s_role_may_not(
        self, connect: Connect, tenant: Tenant, statement: str
    ) -> None:
        """plant_app, who chooses its settings freely, is refused by rights alone."""
        async with acting(await connect(), tenant.author) as app:
            state = await Savepoint(app).state(statement)

        # COPY … TO is allowed where SELECT is, and shows what SELECT shows.
        assert ("42501" if "TO STDOUT" not in statement else None) == state

    @pytest.mark.parametrize("status", ["under_review", "certified", "active", "archived", "gone"])
    async def test_a_direct_call_begins_as_a_draft(
        self, connect: Connect, tenant: Tenant, status: str
    ) -> None:
        """A write function called by hand takes no state but draft."""
        async with acting(await connect(), tenant.author) as app:
            state = await Savepoint(app).state(
                "SELECT app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], $2)",
                json.dumps(skill_body()),
                status,
            )

        assert "PL003" == state

    async def test_a_direct_call_cannot_choose_the_scope_of_a_name(
        self, connect: Connect, repository: Repository, tenant: Tenant
    ) -> None:
        """Scheme and level of a skill, or a level spelled otherwise, make no name free again."""
        skill, industry = skill_body(), industry_body(scheme="s", code="1", level=1)
        await create(repository, tenant.author, "skill", skill)
        await create(repository, tenant.author, "industry", industry)
        async with acting(await connect(), tenant.author) as app:
            states = [
                await Savepoint(app).state(
                    f"SELECT app.{kind}_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')",
                    json.dumps(body),
                )
                for kind, body in (
                    ("skill", skill | {"scheme": "x", "level": "9"}),
                    ("industry", industry | {"code": "2", "level": "01"}),
                )
            ]

        # A skill has no such fields; what has them is compared by number.
        assert ["PL009", "23505"] == states

    @pytest.mark.parametrize(
        "key", ["none", "unknown", "of another agent", "of another tenant", "revoked", "expired"]
    )
    async def test_a_change_needs_a_valid_key(
        self,
        owner: Repository,
        superuser: Connection,
        connect: Connect,
        tenant: Tenant,
        other_tenant: Tenant,
        key: str,
    ) -> None:
        """The key's row counts, not what the settings claim: PL011, whatever is written."""
        spoiled = (await make_actor(owner, tenant.name, "author", ["read", "write"]))[1]
        context = spoiled.context
        ids = {
            "none": "",
            "unknown": str(tenant.id),
            "of another agent": tenant.certifier.context.key_id,
            "of another tenant": other_tenant.author.context.key_id,
            "revoked": context.key_id,
            "expired": context.key_id,
        }
        async with acting(await connect(), tenant.author) as app:
            create_skill = "SELECT app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')"
            # Between authentication and the write the key loses its force.
            if key in {"revoked", "expired"}:
                column = "revoked_at" if key == "revoked" else "expires_at"
                await superuser.execute(
                    f"UPDATE app.api_key SET {column} = clock_timestamp() WHERE id = $1",
                    context.key_id,
                )
            await app.execute("SELECT set_config('app.key_id', $1, TRUE)", ids[key])
            state = await Savepoint(app).state(create_skill, json.dumps(skill_body()))
            made = await Savepoint(app).state(
                "UPDATE app.base_entity SET description = 'x' WHERE id = $1", tenant.id
            )

        assert ("PL011", None) == (state, made)

    @pytest.mark.parametrize(
        "second,state",
        [
            ("certifier", None),
            ("author", "PL007"),
            ("author's other key", "PL008"),
            ("without scope", "PL007"),
            ("of another tenant", "PL007"),
            ("revoked", "PL007"),
            ("expired", "PL007"),
        ],
    )
    async def test_a_second_identity_is_really_another(
        self,
        owner: Repository,
        superuser: Connection,
        connect: Connect,
        tenant: Tenant,
        other_tenant: Tenant,
        second: str,
        state: str | None,
    ) -> None:
        """To enter force at once takes a valid key with scope certify of another agent, here."""
        scopes = ["read", "write", "certify"]
        own = (await make_actor(owner, tenant.name, "author", scopes))[1]
        spoiled = (await make_actor(owner, tenant.name, "second", scopes))[1]
        actors = {
            "certifier": tenant.certifier,
            "author": tenant.author,
            "author's other key": own,
            "without scope": tenant.reader,
            "of another tenant": other_tenant.certifier,
            "revoked": spoiled,
            "expired": spoiled,
        }
        if second in {"revoked", "expired"}:
            column = f"{second.removesuffix('d')}{'d' if second == 'revoked' else 's'}_at"
            await superuser.execute(
                f"UPDATE app.api_key SET {column} = clock_timestamp() WHERE id = $1",
                spoiled.context.key_id,
            )
        async with acting(await connect(), tenant.author, actors[second]) as app:
            found = await Savepoint(app).state(
                "SELECT app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'active')",
                json.dumps(skill_body()),
            )

        assert state == found

    async def test_a_certifier_who_wrote_certifies_nothing_by_import(
        self, connect: Connect, repository: Repository, tenant: Tenant
    ) -> None:
        """Who tagged it in review is no second identity for it, nor is who tags now."""
        made = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", made.id, "under_review")
        await amend(repository, tenant.certifier, "skill", made.id, {"tags": ["mine"]})
        async with acting(await connect(), tenant.author, tenant.certifier) as app:
            state = await Savepoint(app).state(
                "UPDATE app.base_entity SET status = 'active' WHERE id = $1", made.id
            )

        assert "PL008" == state

    async def test_an_older_snapshot_writes_nothing(
        self, connect: Connect, repository: Repository, tenant: Tenant
    ) -> None:
        """Checks that wait for locks must see what was committed: READ COMMITTED or nothing."""
        made = await create(repository, tenant.author, "skill", skill_body())
        for level in ("repeatable_read", "serializable"):
            app = await connect()
            async with app.transaction(isolation=level):
                await become(app, tenant.author)
                assert "PL013" == await Savepoint(app).state(
                    "UPDATE app.base_entity SET description = 'x' WHERE id = $1", made.id
                )

    @pytest.mark.usefixtures("temporary")
    async def test_settings_of_the_caller_change_no_check(
        self, connect: Connect, repository: Repository, tenant: Tenant
    ) -> None:
        """How strings are read, where names are looked up, and time zones are the caller's own."""
        made = await active_skill(repository, tenant)
        app = await connect()
        for setting in (
            "standard_conforming_strings = off",
            "search_path = pg_temp",
            "TimeZone = 'Asia/Tokyo'",
            "DateStyle = 'SQL, DMY'",
            "bytea_output = escape",
            "extra_float_digits = 0",
        ):
            await app.execute(f"SET {setting}")
        await app.execute("SET escape_string_warning = off")
        await app.execute("CREATE TEMPORARY TABLE api_key (tenant_id uuid)")
        async with acting(app, tenant.author):
            refused = await Savepoint(app).state(
                "SELECT app.entity_step('skill', $1, NULL, 'deprecated', '   ', NULL)", made.id
            )
            document = await app.fetchval(
                "SELECT (app.entity_step('skill', $1, NULL, 'deprecated', 'old', NULL)).document",
                made.id,
            )

        assert "PL009" == refused
        assert document == await served(repository, tenant.reader, "skill", made.id)
        assert json.loads(document)["updated_at"].endswith("Z")


TABLES = (
    "audit.entry",
    "audit.payload",
    "audit.erasure",
    "audit.prune",
    "audit.pending",
    "app.base_entity",
    "app.skill_entity",
    "app.industry_entity",
    "app.job_role_entity",
    "app.team_entity",
    "app.agent_entity",
    "app.amendment",
)
ROLES = (
    "plant_owner",
    "plant_app",
    "plant_worker",
    "plant_readonly",
    "plant_writer",
    "plant_auth",
    "plant_rules",
    "plant_audit",
)


class TestAppendOnly:
    """History is never changed, by whoever, whatever they were granted."""

    @pytest.mark.parametrize("replica", [False, True])
    @pytest.mark.parametrize("table", TABLES)
    async def test_a_superuser_is_refused(
        self, superuser: Connection, table: str, *, replica: bool
    ) -> None:
        """UPDATE (of the log), DELETE, TRUNCATE and MERGE, with rows or without: PL013."""
        async with superuser.transaction():
            if replica:
                await superuser.execute("SET LOCAL session_replication_role = replica")
            found = {
                statement: await Savepoint(superuser).state(statement)
                for statement in changes(table)
            }

        assert found == dict.fromkeys(found, "PL013")

    @pytest.mark.parametrize("role", ROLES)
    async def test_every_role_is_refused(self, superuser: Connection, role: str) -> None:
        """By rights or by the trigger, whichever comes first."""
        async with superuser.transaction():
            await superuser.execute(f"SET LOCAL ROLE {role}")
            found = {
                statement: await Savepoint(superuser).state(statement)
                for table in TABLES
                for statement in changes(table)
            }

        assert {"42501", "PL013"} >= set(found.values()), found

    async def test_even_when_rights_were_granted(
        self, superuser: Connection, repository: Repository, tenant: Tenant
    ) -> None:
        """A grant and a policy too many still meet the trigger."""
        await create(repository, tenant.author, "skill", skill_body())
        undone = superuser.transaction()
        await undone.start()
        try:
            await superuser.execute("GRANT ALL ON ALL TABLES IN SCHEMA audit, app TO plant_app")
            await superuser.execute("CREATE POLICY mine ON audit.entry TO plant_app USING (TRUE)")
            await superuser.execute("SET LOCAL ROLE plant_app")
            states = [
                await Savepoint(superuser).state(statement)
                for statement in (*changes("audit.entry"), *changes("app.base_entity"))
            ]
        finally:
            await undone.rollback()

        assert {"PL013"} == set(states)

    @pytest.mark.parametrize("replica", [False, True])
    async def test_a_tile_only_grows(self, superuser: Connection, *, replica: bool) -> None:
        """To the one who adds to it: not shorter, as long, of another beginning, nor elsewhere."""
        made = "INSERT INTO audit.tile VALUES (7, 5, sha256('a') || sha256('b'))"
        change = "UPDATE audit.tile SET {} WHERE level = 7 AND index = 5"
        nodes = {
            "nodes || sha256('c')": None,
            "nodes || sha256('c') || sha256('d')": None,
            "nodes": "PL013",
            "substr(nodes, 1, 32)": "PL013",
            "substr(nodes, 33) || substr(nodes, 1, 32)": "PL013",
            "sha256('c') || nodes": "PL013",
        }
        places = ("level = 6", "index = 6", "level = 6, index = 6")
        undone = superuser.transaction()
        await undone.start()
        try:
            if replica:
                await superuser.execute("SET LOCAL session_replication_role = replica")
            await superuser.execute(made)
            moved = [
                await Savepoint(superuser).state(change.format(f"{one}, nodes = nodes || nodes"))
                for one in places
            ]
            await superuser.execute("SET LOCAL ROLE plant_worker")
            found = {
                one: await Savepoint(superuser).state(change.format(f"nodes = {one}"))
                for one in nodes
            }
        finally:
            await undone.rollback()

        assert nodes == found
        assert ["PL013"] * 3 == moved


# What may be emptied, and why.
EMPTIED = {"app.import_line": "lines of running imports are nobody's history"}


@pytest.mark.parametrize("replica", [False, True])
async def test_no_table_is_truncated(superuser: Connection, *, replica: bool) -> None:
    """TRUNCATE asks no policy: every table and partition refuses it, to the owner too."""
    tables = await superuser.fetch(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)"
    )
    async with superuser.transaction():
        if replica:
            await superuser.execute("SET LOCAL session_replication_role = replica")
        else:
            await superuser.execute("SET LOCAL ROLE plant_owner")
        found = {
            row["name"]: await Savepoint(superuser).state(f"TRUNCATE {row['name']} CASCADE")
            for row in tables
        }

    assert EMPTIED.keys() < found.keys()
    assert {name: None if name in EMPTIED else "PL013" for name in found} == found


def changes(table: str) -> list[str]:
    """Write what would change the history in a table."""
    key = {
        "audit.entry": "audit_id",
        "audit.payload": "audit_id",
        "audit.pending": "audit_id",
        "audit.erasure": "entity_id",
        "audit.prune": "through",
    }
    column = key.get(table, "id")
    found = [f"TRUNCATE {table} CASCADE"]
    # What waits for its place leaves the queue; that nothing was lost there is verified.
    if table != "audit.pending":
        found.append(f"DELETE FROM {table} WHERE FALSE")
    if table.startswith("audit."):
        found.append(f"UPDATE {table} SET {column} = {column} WHERE FALSE")
        found.append(
            f"MERGE INTO {table} USING (SELECT 1) AS one ON FALSE"
            f" WHEN MATCHED THEN UPDATE SET {column} = {table.split('.')[1]}.{column}"
        )
    return found


class TestPrivacy:
    """What a draft said stays its author's in the history."""

    async def test_payloads_of_drafts_are_their_author_s(
        self, connect: Connect, repository: Repository, tenant: Tenant
    ) -> None:
        """Versions written as drafts are hidden, after submission and after rejection alike."""
        made = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", made.id, "under_review")
        await step(repository, tenant.certifier, "skill", made.id, "draft")
        await amend(repository, tenant.author, "skill", made.id, {"description": "Better."})
        await raise_to(repository, tenant, "skill", made.id, "certified")
        query = (
            "SELECT entry.version FROM audit.entry INNER JOIN audit.payload USING"
            " (tenant_id, audit_id) WHERE entity_id = $1 ORDER BY version"
        )
        seen = {}
        for actor in (tenant.author, tenant.certifier, tenant.reader):
            async with acting(await connect(), actor) as app:
                seen[actor.name] = [row[0] for row in await app.fetch(query, made.id)]
                entries = await app.fetchval(
                    "SELECT count(*) FROM audit.entry WHERE entity_id = $1", made.id
                )
                assert 6 == entries

        assert {
            "author": [1, 2, 3, 4, 5, 6],
            "certifier": [2, 5, 6],
            "reader": [2, 5, 6],
        } == seen


async def test_reasons_are_those_of_steps(
    repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
) -> None:
    """Settings that a session left behind reach no entry of a change, nor another step's."""
    made = await create(repository, tenant.author, "skill", skill_body())
    async with acting(await connect(), tenant.author) as app:
        await app.execute(
            "SELECT set_config('app.step_reason', 'left', TRUE),"
            " set_config('app.step_successor_id', gen_random_uuid()::text, TRUE)"
        )
        for change in ("governance_notes = 'n'", "status = 'under_review'"):
            await app.execute(f"UPDATE app.base_entity SET {change} WHERE id = $1", made.id)

    rows = await superuser.fetch(
        "SELECT payload.reason, payload.successor_id FROM audit.payload "
        "INNER JOIN audit.entry USING (tenant_id, audit_id) WHERE entity_id = $1 ORDER BY version",
        made.id,
    )
    assert [(None, None), (None, None), ("left", None)] == [tuple(row) for row in rows]


async def test_statements_of_the_catalogue_serve_what_is_hashed(
    catalog: Catalog, repository: Repository, superuser: Connection, tenant: Tenant
) -> None:
    """Changes and steps by their structs answer with the document that the log holds."""
    made = await create(repository, tenant.author, "skill", skill_body())
    query = SkillAmend(str(made.id), made.etag, '{"custom_attributes": {"a": 1.50, "ü": null}}')
    changed = await repository.one(query, tenant.author.context, writes=True)
    moved = await repository.one(
        EntityStep("skill", str(made.id), changed.etag, "under_review", "why", None),
        tenant.author.context,
        writes=True,
    )
    rows = await history(superuser, made.id)

    assert [made.document, changed.document, moved.document] == [row["body"] for row in rows]
    assert "why" == rows[2]["reason"]
    assert f"3-{rows[2]['entry_hash'].hex()[:16]}" == moved.etag
