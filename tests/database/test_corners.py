"""What functions of the schema do in corners: several lines at once, other versions, clocks."""

import json
from typing import Any

import asyncpg
import pytest

from service.repository.base import Repository
from tests.amending import amended, propose, reviewed
from tests.factories import (
    Tenant,
    active_skill,
    agent_body,
    amend,
    create,
    document,
    industry_body,
    job_role_body,
    make_world,
    raise_to,
    skill_body,
    step,
    team_body,
    unique,
)
from tests.sessions import Connection, Savepoint, acting
from tests.triggers import asleep

pytestmark = pytest.mark.database

VECTOR = [1.0] + [0.0] * 383
# What only the functions of writes do: as the role that owns them.
AMENDMENT = """
INSERT INTO app.amendment (
    tenant_id, entity_id, entity_type, base_version, patch, status, version_hash, last_entry_id,
    governance_agent_id, document
)
SELECT tenant_id, id, entity_type, version, '{"description": "x"}', 'draft', version_hash,
    last_entry_id, governance_agent_id, document
FROM app.base_entity WHERE id = $1
"""
AMEND_TWO = """
SELECT count(*) FROM app.job_role_amend(
    $1::uuid[],
    ARRAY(SELECT app.etag(version, version_hash) FROM app.base_entity
          WHERE id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], id)),
    $2::jsonb[], TRUE, NULL)
"""


async def _as(superuser: Connection, tenant: Tenant, role: str, query: str, *arguments: Any) -> Any:
    """Ask for one value as a role, for the author of a tenant."""
    async with acting(superuser, tenant.author):
        await superuser.execute(f"SET LOCAL ROLE {role}")
        return await superuser.fetchval(query, *arguments)


class TestAmendments:
    """Their documents, their clock and their door."""

    async def test_a_vector_keeps_its_digest_when_something_else_is_amended(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Also where the new description is the only change."""
        made = await active_skill(repository, tenant, embedding_384=VECTOR)
        before = json.loads(made.document)["embedding_sha256"]
        proposed = await propose(
            repository, tenant.author, "skill", made.id, {"description": "Other."}
        )

        assert before is not None
        assert before == json.loads(proposed.document)["embedding_sha256"]

    async def test_times_never_run_backwards(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """After a clock that was ahead, a change is a microsecond later than the one before."""
        made = await active_skill(repository, tenant)
        await propose(repository, tenant.author, "skill", made.id, {"description": "One."})
        async with asleep(superuser, "app.amendment"):
            ahead = await superuser.fetchval(
                "UPDATE app.amendment SET updated_at = now() + interval '1 day'"
                " WHERE entity_id = $1 RETURNING updated_at",
                made.id,
            )
        await propose(repository, tenant.author, "skill", made.id, {"description": "Two."})
        later = await superuser.fetchval(
            "SELECT updated_at - $2 FROM app.amendment WHERE entity_id = $1", made.id, ahead
        )

        assert 1 == later.microseconds
        assert 0 == later.days == later.seconds

    async def test_only_what_is_in_force_takes_one_whoever_writes_it(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """The guard says so too, behind the functions that ask before it."""
        states = {}
        for status in ("draft", "under_review", "active"):
            made = await create(repository, tenant.author, "skill", skill_body())
            if status != "draft":
                await raise_to(repository, tenant, "skill", made.id, status)
            async with acting(superuser, tenant.author):
                await superuser.execute("SET LOCAL ROLE plant_writer")
                states[status] = await Savepoint(superuser).state(AMENDMENT, made.id)

        assert {"draft": "PL023", "under_review": "PL023", "active": None} == states

    async def test_the_certification_of_one_is_a_certification_of_the_entity(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """In the log of the entity; a later change by hand is that, and one by an import too."""
        made = await active_skill(repository, tenant)
        await amended(repository, tenant, "skill", made.id, {"description": "Other."})
        await amend(repository, tenant.author, "skill", made.id, {"tags": ["x"]})
        etag = await superuser.fetchval(
            "SELECT app.etag(version, version_hash) FROM app.base_entity WHERE id = $1", made.id
        )
        async with acting(superuser, tenant.author, tenant.certifier):
            await superuser.execute("SET LOCAL ROLE plant_writer")
            await superuser.fetch(
                "SELECT app.skill_amend($1, $2, $3::jsonb[], TRUE, 'active')",
                [made.id],
                [etag],
                ['{"description": "Imported."}'],
            )
        operations = [
            row["operation"]
            for row in await superuser.fetch(
                "SELECT operation FROM audit.entry WHERE entity_id = $1 ORDER BY version", made.id
            )
        ]

        assert [
            *("create", "submit", "certify", "activate"),
            *("certify", "amend", "import"),
        ] == operations


class TestAllowed:
    """Which steps an answer names."""

    async def test_each_step_is_named_once_in_the_order_of_the_alphabet(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Two ways lead from review back to draft."""
        made = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", made.id, "under_review")
        async with acting(superuser, tenant.author):
            await superuser.execute("SET LOCAL ROLE plant_app")
            with pytest.raises(asyncpg.PostgresError) as refused:
                await superuser.execute(
                    "UPDATE app.base_entity SET status = 'deprecated' WHERE id = $1", made.id
                )

        assert refused.value.detail is not None
        assert ["archived", "certified", "draft"] == json.loads(refused.value.detail)["allowed"]

    async def test_fields_in_force_are_named_in_the_order_of_the_alphabet(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """And not in that of their lengths, as a document has them inside."""
        made = await active_skill(repository, tenant)
        async with acting(superuser, tenant.author):
            await superuser.execute("SET LOCAL ROLE plant_app")
            with pytest.raises(asyncpg.PostgresError) as refused:
                await superuser.execute(
                    "UPDATE app.base_entity SET name = 'x', description = 'y', aliases = '{z}'"
                    " WHERE id = $1",
                    made.id,
                )

        assert refused.value.detail is not None
        assert ["/aliases", "/description", "/name"] == [
            error["pointer"] for error in json.loads(refused.value.detail)["errors"]
        ]


class TestBodies:
    """What a body may hold, and what becomes of several at once."""

    @pytest.mark.parametrize(
        "field, most",
        [("tags", 50), ("parent_ids", 50), ("required_skills", 500), ("skill_ids", 200)],
    )
    async def test_a_list_has_its_bound(
        self, superuser: Connection, tenant: Tenant, field: str, most: int
    ) -> None:
        """At it, and one past it."""
        kind = {"required_skills": "job_role", "skill_ids": "agent"}.get(field, "skill")
        states = []
        for count in (most, most + 1):
            async with acting(superuser, tenant.author):
                await superuser.execute("SET LOCAL ROLE plant_writer")
                states.append(
                    await Savepoint(superuser).state(
                        "SELECT app.check_bodies($1, ARRAY[$2::jsonb])",
                        kind,
                        json.dumps({field: ["x"] * count}),
                    )
                )

        assert [None, "PL009"] == states

    @pytest.mark.parametrize("one", ["1e39", "1e-46"])
    async def test_a_vector_is_within_single_precision(
        self, superuser: Connection, one: str
    ) -> None:
        """Too large or too small: each of them alone is too much."""
        vector = f"[{one}, {', '.join(['1'] * 383)}]"

        assert "number-range" == await superuser.fetchval("SELECT app.embedding_rule($1)", vector)

    async def test_skills_of_one_job_role_stay_while_those_of_another_are_replaced(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Of two in one call, also where only one of them changes its columns."""
        skills = [str((await active_skill(repository, tenant)).id) for _ in range(2)]
        roles = [
            (
                await create(
                    repository,
                    tenant.author,
                    "job_role",
                    job_role_body(skills[:1], seniority_level="junior"),
                )
            ).id
            for _ in range(2)
        ]
        bodies = [
            {"required_skills": [{"id": skills[1], "relation": "optional"}]},
            {"seniority_level": "senior"},
        ]
        await _as(superuser, tenant, "plant_writer", AMEND_TWO, roles, [*map(json.dumps, bodies)])
        first, second = [
            await document(repository, tenant.author, "job_role", role) or {} for role in roles
        ]

        assert [{"id": skills[1], "relation": "optional"}] == first["required_skills"]
        assert skills[:1] == [required["id"] for required in second["required_skills"]]
        assert ["junior", "senior"] == [first["seniority_level"], second["seniority_level"]]

    async def test_links_of_a_draft_that_is_amended_stay_its_author_s(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """New ones as the ones before, whatever else there is."""
        skill = str((await active_skill(repository, tenant)).id)
        made = await create(repository, tenant.author, "job_role", job_role_body([skill]))
        etag = await superuser.fetchval(
            "SELECT app.etag(version, version_hash) FROM app.base_entity WHERE id = $1", made.id
        )
        body = json.dumps({"required_skills": [{"id": skill, "relation": "optional"}]})
        await _as(
            superuser,
            tenant,
            "plant_writer",
            "SELECT count(*) FROM app.job_role_amend($1, $2, $3::jsonb[], TRUE, NULL)",
            [made.id],
            [etag],
            [body],
        )
        async with acting(superuser, tenant.reader):
            await superuser.execute("SET LOCAL ROLE plant_app")
            seen = await superuser.fetch(
                "SELECT FROM app.job_role_skill WHERE job_role_id = $1", made.id
            )

        assert [] == seen

    async def test_a_team_is_born_with_its_parents_and_tags(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """As every other kind."""
        world = await make_world(repository, tenant)
        body = team_body(world.job_role, world.industry, parent_ids=[world.team], tags=["one"])
        made = await create(repository, tenant.author, "team", body)
        found = json.loads(made.document)

        assert ([world.team], ["one"]) == (found["parent_ids"], found["tags"])

    async def test_a_document_is_the_same_wherever_its_links_lie(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Read by no index, from a table in which the first link has moved behind the others."""
        world = await make_world(repository, tenant)
        skills = [str((await active_skill(repository, tenant)).id) for _ in "abc"]
        own = (world.job_role, world.industry)
        bodies = {
            "skill": skill_body(parent_ids=skills, tags=["a", "b", "c"]),
            "job_role": job_role_body(skills),
            "agent": agent_body(*own, skills),
        }
        made = {
            kind: (await create(repository, tenant.author, kind, body)).id
            for kind, body in bodies.items()
        }
        async with acting(superuser, tenant.author):
            for table, owner, link, kind, first in (
                ("entity_tag", "entity_id", "tag", "skill", "a"),
                ("entity_parent", "entity_id", "parent_id", "skill", skills[0]),
                ("job_role_skill", "job_role_id", "skill_id", "job_role", skills[0]),
                ("agent_skill", "agent_id", "skill_id", "agent", skills[0]),
            ):
                moved = await superuser.execute(
                    f"UPDATE app.{table} SET {link} = {link} WHERE {owner} = $1 AND {link} = $2",
                    made[kind], first,
                )  # fmt: skip
                assert moved == "UPDATE 1"
            await superuser.execute(
                "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off;"
                " SET LOCAL enable_indexonlyscan = off"
            )
            rendered = await superuser.fetch(
                "SELECT entity_type, document = app.entity_document(base_entity) AS is_same"
                " FROM app.base_entity WHERE id = ANY($1)",
                list(made.values()),
            )

        assert dict.fromkeys(made, True) == {row["entity_type"]: row["is_same"] for row in rendered}


class TestInUse:
    """What in force depends on an entity."""

    async def test_twenty_of_many_are_named_in_the_order_of_their_ids(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """However each refers to it; all are counted, and of each is told what an answer has."""
        needed = str((await active_skill(repository, tenant)).id)
        made = []
        for _ in range(11):
            role = await create(repository, tenant.author, "job_role", job_role_body([needed]))
            await raise_to(repository, tenant, "job_role", role.id, "certified")
            below = await active_skill(repository, tenant, parent_ids=[needed])
            made += [(str(role.id), "essential_skill"), (str(below.id), "parent")]
        found = json.loads(
            await _as(superuser, tenant, "plant_writer", "SELECT app.dependents($1)", needed)
        )

        assert len(made) == found["count"]
        assert made[:20] == [(one["id"], one["relation"]) for one in found["dependents"]]
        members = {"id", "entity_type", "name", "status", "relation"}
        assert {frozenset(members)} == set(map(frozenset, found["dependents"]))


class TestTaken:
    """What is in a create's way though its caller does not see it."""

    async def test_an_external_id_is_taken_by_another_agent_s_draft_of_its_kind(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Not one of another kind, not another id, not one's own."""
        taken = unique("ext")
        await create(repository, tenant.author, "skill", skill_body(external_id=taken))
        asked = (
            "SELECT taken.constraint_name FROM app.taken_among(ARRAY[$1], ARRAY[NULL::uuid],"
            " ARRAY[$2], ARRAY[app.name_key('nobody')], '{NULL}', '{NULL}', '{NULL}') AS taken"
        )
        found = {}
        for actor in (tenant.author, tenant.certifier):
            for kind, external_id in (("skill", taken), ("team", taken), ("skill", "other")):
                async with acting(superuser, actor):
                    await superuser.execute("SET LOCAL ROLE plant_rules")
                    found[actor.name, kind, external_id] = await superuser.fetchval(
                        asked, kind, external_id
                    )

        assert {"base_entity_external_id_key"} == {
            said for key, said in found.items() if key == ("certifier", "skill", taken)
        }
        assert {None} == {
            said for key, said in found.items() if key != ("certifier", "skill", taken)
        }

    async def test_an_industry_s_name_is_taken_within_its_scheme_and_level(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """By the one that has it there, and by none elsewhere."""
        name = unique("Mining")
        made = {}
        for level in (1, 2):
            body = industry_body(name=name, scheme="test", code=unique("c"), level=level)
            made[level] = (await create(repository, tenant.author, "industry", body)).id
        asked = "SELECT app.name_holder('industry', app.name_key($1), $2, $3)"
        found = [
            await _as(superuser, tenant, "plant_rules", asked, name, scope, but)
            for scope, but in (("test 1", None), ("test 2", None), ("test 3", None),
                               ("test 1", made[1]))
        ]  # fmt: skip

        assert [made[1], made[2], None, None] == found


class TestKeys:
    """What the log-in writes."""

    async def test_a_busy_key_is_written_once_a_minute(
        self, superuser: Connection, tenant: Tenant
    ) -> None:
        """Its last use is known to the minute; the row is left alone within it."""
        key = tenant.author.context.key_id
        where = "SELECT xmin::text, last_used_at FROM app.api_key WHERE id = $1::text::uuid"
        hashed = await superuser.fetchval(
            "SELECT key_hash FROM app.api_key WHERE id = $1::text::uuid", key
        )
        uses = []
        for _ in range(2):
            await superuser.fetch("SELECT app.authenticate($1)", hashed)
            uses += await superuser.fetch(where, key)
        await superuser.execute(
            "UPDATE app.api_key SET last_used_at = last_used_at - interval '61 s'"
            " WHERE id = $1::text::uuid",
            key,
        )
        await superuser.fetch("SELECT app.authenticate($1)", hashed)
        (later,) = await superuser.fetch(where, key)

        assert uses[0] == uses[1]
        assert uses[0]["last_used_at"] is not None
        assert uses[0]["last_used_at"] < later["last_used_at"]


@pytest.mark.parametrize("role", ["origin", "replica"])
async def test_nothing_is_truncated(superuser: Connection, role: str) -> None:
    """No table that has rows of its own, whatever role its session plays in a replication."""
    tables = await superuser.fetch(
        "SELECT oid::regclass::text AS name FROM pg_class"
        " WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace)"
        " AND relkind IN ('r', 'p') AND oid::regclass::text <> 'app.import_line' ORDER BY 1"
    )
    states = {}
    for table in tables:
        async with superuser.transaction():
            await superuser.execute(f"SET LOCAL session_replication_role = {role}")
            states[table["name"]] = await Savepoint(superuser).state(
                f"TRUNCATE {table['name']} CASCADE"
            )

    assert len(states) > 30
    assert {} == {table: state for table, state in states.items() if state != "PL013"}


async def test_a_secret_that_is_added_by_hand_is_of_now(superuser: Connection) -> None:
    """As the one is that came with the schema."""
    added = superuser.transaction()
    await added.start()
    of_now = await superuser.fetchval(
        "INSERT INTO app.secret (name, value) VALUES ('more', 'x') RETURNING created_at = now()"
    )
    await added.rollback()

    assert of_now


async def test_a_step_of_an_amendment_is_answered_once_for_a_request(
    repository: Repository, superuser: Connection, tenant: Tenant
) -> None:
    """A repeated certification gives the same entry, whatever else the tenant has."""
    await active_skill(repository, tenant)
    made = await active_skill(repository, tenant)
    under = await reviewed(repository, tenant, "skill", made.id, {"description": "Other."})
    request = json.dumps(
        {"key": unique("key"), "method": "POST", "path": "/x", "request_hash": "00" * 32}
    )
    once = """
    SELECT answer.audit_id, answer.replayed, answer.entity_etag FROM app.amendment_step_once(
        'skill', $1, $2, 'certified', 'because', $3) AS answer
    """
    answers = []
    for _ in range(2):
        async with acting(superuser, tenant.certifier):
            await superuser.execute("SET LOCAL ROLE plant_app")
            answers += await superuser.fetch(once, made.id, under.etag, request)

    assert [False, True] == [row["replayed"] for row in answers]
    assert answers[0]["audit_id"] == answers[1]["audit_id"]
    assert answers[0]["entity_etag"] == answers[1]["entity_etag"] is not None
