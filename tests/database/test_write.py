"""The write functions: what they write, what the schema refuses, and what is left behind then.

Called directly as plant_app, past everything that the service checks before.
"""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from msgspec import structs

from service.errors import InvalidBody
from service.model.kinds import BY_NAME, KINDS, Kind
from service.repository.base import Repository
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
    skill_body,
    step,
    team_body,
    unique,
)
from tests.postgres import Server
from tests.sessions import Connect, Connection, Savepoint, acting, connections

pytestmark = pytest.mark.database

NEVER = "01900000-0000-7000-8000-000000000000"
MAKE = "SELECT app.{}_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')"
CHANGE = "SELECT app.{}_amend(ARRAY[$1::uuid], NULL, ARRAY[$2::jsonb], {}, NULL)"
CHANGE_BOTH = "SELECT app.{}_amend($1::uuid[], NULL, $2::jsonb[], TRUE, NULL)"
VECTOR = [1.0] + [0.0] * 383


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


def deep(levels: int) -> dict[str, Any]:
    """Nest objects so many levels deep."""
    found: dict[str, Any] = {}
    for _ in range(levels - 1):
        found = {"a": found}
    return found


def ids(count: int) -> list[str]:
    """Make ids that nothing has."""
    return [f"01900000-0000-7000-8000-{number:012}" for number in range(1, count + 1)]


def compact(size: int) -> dict[str, Any]:
    """Make an object of so many bytes of compact JSON, whose jsonb text is longer."""
    found: dict[str, Any] = {f"{number:02}": number for number in range(50)}
    left = size - len(json.dumps({**found, "x": ""}, separators=(",", ":")))
    return {**found, "x": "y" * left}


# What breaks each bound, past the service's own checks: constraint or SQLSTATE.
BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("skill", {"name": ""}, "base_entity_name_shape"),
    ("skill", {"name": "n" * 256}, "base_entity_name_shape"),
    ("skill", {"name": " n"}, "base_entity_name_shape"),
    ("skill", {"name": "a\x07b"}, "base_entity_name_shape"),
    ("skill", {"name": "a\u0085b"}, "base_entity_name_shape"),
    ("skill", {"external_id": ""}, "base_entity_external_id_shape"),
    ("skill", {"external_id": "e" * 256}, "base_entity_external_id_shape"),
    ("skill", {"external_id": "e\n"}, "base_entity_external_id_shape"),
    ("skill", {"description": ""}, "base_entity_description_shape"),
    ("skill", {"description": "d" * 10_001}, "base_entity_description_shape"),
    ("skill", {"description": None}, "base_entity_description_present"),
    ("skill", {"governance_notes": "n" * 10_001}, "base_entity_governance_notes_length"),
    ("skill", {"aliases": [f"a{n}" for n in range(201)]}, "base_entity_aliases_bounds"),
    ("skill", {"aliases": ["a" * 256]}, "base_entity_aliases_bounds"),
    ("skill", {"aliases": ["fine", ""]}, "base_entity_aliases_bounds"),
    ("skill", {"aliases": ["a "]}, "base_entity_aliases_bounds"),
    ("skill", {"aliases": [None]}, "base_entity_aliases_bounds"),
    ("skill", {"custom_attributes": []}, "base_entity_custom_attributes_shape"),
    ("skill", {"custom_attributes": compact(32_769)}, "base_entity_custom_attributes_size"),
    ("skill", {"custom_attributes": deep(17)}, "base_entity_custom_attributes_depth"),
    ("skill", {"tags": [""]}, "entity_tag_shape"),
    ("skill", {"tags": ["t" * 65]}, "entity_tag_shape"),
    ("skill", {"tags": ["t\t"]}, "entity_tag_shape"),
    ("skill", {"tags": ["t", "t"]}, "entity_tag_pkey"),
    ("skill", {"category": "craft"}, "skill_entity_category_known"),
    ("skill", {"category": None}, "23502"),
    ("skill", {"name": None}, "23502"),
    ("skill", {"embedding_384": VECTOR[1:]}, "22000"),
    ("skill", {"parent_ids": [NEVER]}, "entity_parent_parent_fkey"),
    ("skill", {"parent_ids": ["{industry}"]}, "entity_parent_parent_fkey"),
    ("skill", {"parent_ids": ["{skill}", "{skill}"]}, "entity_parent_pkey"),
    ("industry", {"scheme": "s"}, "industry_entity_classified_whole"),
    ("industry", {"scheme": "s", "code": "c"}, "industry_entity_classified_whole"),
    ("industry", {"scheme": "", "code": "c", "level": 1}, "industry_entity_scheme_shape"),
    ("industry", {"scheme": "s\n", "code": "c", "level": 1}, "industry_entity_scheme_shape"),
    ("industry", {"scheme": "s", "code": "c" * 65, "level": 1}, "industry_entity_code_shape"),
    ("industry", {"scheme": "s", "code": "c", "level": 0}, "industry_entity_level_range"),
    ("industry", {"scheme": "s", "code": "c", "level": 100}, "industry_entity_level_range"),
    ("industry", {"scheme": "s", "code": "c", "level": 40_000}, "22003"),
    ("job_role", {"seniority_level": "boss"}, "job_role_entity_seniority_level_known"),
    ("job_role", {"industry_id": NEVER}, "job_role_entity_industry_fkey"),
    ("job_role", {"industry_id": "{skill}"}, "job_role_entity_industry_fkey"),
    (
        "job_role",
        {"required_skills": [{"id": NEVER, "relation": "essential"}]},
        "job_role_skill_skill_fkey",
    ),
    (
        "job_role",
        {"required_skills": [{"id": "{skill}", "relation": "nice"}]},
        "job_role_skill_relation_known",
    ),
    ("job_role", {"required_skills": [{"id": "{skill}"}]}, "23502"),
    (
        "job_role",
        {
            "required_skills": [
                {"id": "{skill}", "relation": one} for one in ("essential", "optional")
            ]
        },
        "job_role_skill_pkey",
    ),
    ("team", {"job_role_id": NEVER}, "team_entity_job_role_fkey"),
    ("team", {"industry_id": "{job_role}"}, "team_entity_industry_fkey"),
    ("team", {"industry_id": None}, "23502"),
    ("agent", {"job_role_id": "{industry}"}, "agent_entity_job_role_fkey"),
    ("agent", {"industry_id": NEVER}, "agent_entity_industry_fkey"),
    ("agent", {"team_id": NEVER}, "agent_entity_team_fkey"),
    ("agent", {"skill_ids": ["{job_role}"]}, "agent_skill_skill_fkey"),
    ("agent", {"skill_ids": ["{skill}", "{skill}"]}, "agent_skill_pkey"),
    ("skill", {"tags": [f"t{number}" for number in range(51)]}, "PL009"),
    ("skill", {"parent_ids": ids(51)}, "PL009"),
    ("job_role", {"required_skills": [{"id": one, "relation": "optional"} for one in ids(501)]},
     "PL009"),
    ("agent", {"skill_ids": ids(201)}, "PL009"),
    ("skill", {"colour": "red"}, "PL009"),
    ("industry", {"category": "technical"}, "PL009"),
]  # fmt: skip
LEFT = """
SELECT sum(rows) FROM (
    SELECT count(*) FROM app.base_entity WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM app.skill_entity WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM app.industry_entity WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM app.job_role_entity WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM app.team_entity WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM app.agent_entity WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM app.entity_tag WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM app.entity_parent WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM app.job_role_skill WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM app.agent_skill WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM audit.entry WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM audit.payload WHERE tenant_id = $1
    UNION ALL SELECT count(*) FROM audit.pending WHERE tenant_id = $1
) AS counted (rows)
"""


async def test_the_schema_refuses_what_the_service_would(
    repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
) -> None:
    """Each bound holds by a constraint of its own, at COMMIT at the latest; no row is left."""
    world = await make_world(repository, tenant)
    known = {kind: getattr(world, kind) for kind in ("skill", "industry", "job_role")}
    bodies: dict[str, Callable[[], dict[str, Any]]] = {
        "skill": skill_body,
        "industry": industry_body,
        "job_role": lambda: job_role_body([]),
        "team": lambda: team_body(world.job_role, world.industry),
        "agent": lambda: agent_body(world.job_role, world.industry, []),
    }
    app = await connect()
    before = await superuser.fetchval(LEFT, tenant.id)
    found = []
    for kind, fault, _ in BROKEN:
        text = json.dumps(bodies[kind]() | fault)
        for name, identity in known.items():
            text = text.replace("{" + name + "}", identity)
        try:
            async with acting(app, tenant.author):
                await app.execute(MAKE.format(kind), text)
        except asyncpg.PostgresError as error:
            named = error.constraint_name if error.sqlstate != "23502" else None
            found.append((kind, fault, named or error.sqlstate))
        else:
            found.append((kind, fault, "taken"))

    assert found == BROKEN
    assert before == await superuser.fetchval(LEFT, tenant.id)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "𝄞" * 255, "external_id": "𝄞" * 255, "description": "𝄞" * 10_000},
        {"description": "a\tb\nc", "governance_notes": "n" * 10_000},
        {"aliases": ["a" * 255] * 200, "tags": ["t" * 64, "ü"]},
        {"custom_attributes": compact(32_768)},
        {"custom_attributes": deep(16)},
    ],
)
async def test_bounds_are_where_the_contract_has_them(
    repository: Repository, tenant: Tenant, connect: Connect, fields: dict[str, Any]
) -> None:
    """The largest that is allowed is stored, and comes back."""
    async with acting(await connect(), tenant.author) as app:
        made = await app.fetchval(
            "SELECT (app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')).document",
            json.dumps(skill_body(**fields)),
        )
    shown = json.loads(made)

    assert {name: sorted(v) if name == "tags" else v for name, v in fields.items()} == {
        name: shown[name] for name in fields
    }


class TestByHand:
    """What is typed through a statement's file, which nobody has looked at before."""

    async def test_a_reference_by_both_ids_is_one_by_its_id(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Where they lead to two entities the other one is none of it."""
        await create(repository, tenant.author, "skill", skill_body(external_id="one"))
        other = await create(repository, tenant.author, "skill", skill_body())
        both = {"id": str(other.id), "external_id": "one"}
        made = await create(repository, tenant.author, "skill", skill_body(parent_ids=[both]))

        assert [str(other.id)] == json.loads(made.document)["parent_ids"]

    async def test_every_fault_is_pointed_at(self, repository: Repository, tenant: Tenant) -> None:
        """Unknown fields and lists that are too long, of a new entity and of a change."""
        bad: dict[str, Any] = {
            "tags": [f"t{n}" for n in range(60)],
            "colour": "red",
            "another/b~": 1,
        }
        with pytest.raises(InvalidBody) as created:
            await create(repository, tenant.author, "skill", skill_body(**bad))
        made = await create(repository, tenant.author, "skill", skill_body())
        with pytest.raises(InvalidBody) as amended:
            await amend(repository, tenant.author, "skill", made.id, bad)

        for caught in (created, amended):
            assert [
                ("/another~1b~0", "unknown-field", "is not known here"),
                ("/colour", "unknown-field", "is not known here"),
                ("/tags", "max-length", "must have at most 50 elements"),
            ] == [(one.pointer, one.rule, one.message) for one in caught.value.errors]

    @pytest.mark.parametrize("kind", [*KINDS.values()], ids=lambda kind: kind.name)
    async def test_every_field_of_the_service_is_known(
        self, superuser: Connection, kind: Kind
    ) -> None:
        """What the API and imports take of a kind is what the database takes, and no less."""
        fields = {
            field.encode_name
            for struct in (kind.create, kind.patch, kind.import_line)
            for field in structs.fields(struct)
        } - {"kind"}
        body = json.dumps({name: [] for name in fields})

        await superuser.execute("SELECT app.check_bodies($1, ARRAY[$2::jsonb])", kind.name, body)


class TestNameKey:
    """What two names are compared by."""

    @pytest.mark.parametrize(
        "one,other",
        [
            ("Straße", "STRASSE"),
            ("ﬁnance", "FINANCE"),
            ("Ⅳ", "iv"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("é", "E\u0301"),
            ("\uff21\uff22\uff23", "abc"),
        ],
    )
    async def test_equal_but_for_case_and_form(
        self, tenant: Tenant, connect: Connect, one: str, other: str
    ) -> None:
        """NFKC and case folding decide, of Unicode, not of the server's locale."""
        async with acting(await connect(), tenant.author) as app:
            await app.execute(MAKE.format("skill"), json.dumps(skill_body(name=one)))
            error = await Savepoint(app).error(
                MAKE.format("skill"), json.dumps(skill_body(name=other))
            )

        assert "base_entity_name_key_key" == getattr(error, "constraint_name", None)

    async def test_industries_move_between_scopes(
        self, repository: Repository, tenant: Tenant, superuser: Connection
    ) -> None:
        """Scheme and level given, changed and taken away: the scope of the name follows."""
        scope = "SELECT name_scope FROM app.base_entity WHERE id = $1"
        made = await create(repository, tenant.author, "industry", industry_body())
        seen = [await superuser.fetchval(scope, made.id)]
        for patch in (
            {"scheme": "NACE", "code": "A", "level": 1},
            {"level": 2},
            {"scheme": "NAICS"},
            {"name": unique("other")},
            {"scheme": None, "code": None, "level": None},
        ):
            await amend(repository, tenant.author, "industry", made.id, patch)
            seen.append(await superuser.fetchval(scope, made.id))

        assert [None, "NACE 1", "NACE 2", "NAICS 2", "NAICS 2", None] == seen


class TestAmend:
    """What a change writes, and what it leaves alone."""

    async def test_only_what_is_given_changes(self, repository: Repository, tenant: Tenant) -> None:
        """Every field alone; custom attributes merge, arrays replace whole."""
        parent = str((await create(repository, tenant.author, "skill", skill_body())).id)
        body = skill_body(
            external_id=unique("e"),
            aliases=["a", "b"],
            tags=["t"],
            custom_attributes={"keep": 1, "drop": 2, "deep": {"x": 1, "y": 2}},
            governance_notes="n",
            embedding_384=VECTOR,
        )
        made = await create(repository, tenant.author, "skill", body)
        before = json.loads(made.document)
        own = {"version", "updated_at"}
        for patch, changed in (
            ({"name": "another"}, {"name": "another"}),
            ({"aliases": ["c"]}, {"aliases": ["c"]}),
            ({"tags": []}, {"tags": []}),
            ({"parent_ids": [parent]}, {"parent_ids": [parent]}),
            ({"governance_notes": None}, {"governance_notes": None}),
            ({"external_id": None}, {"external_id": None}),
            ({"category": "soft_skill"}, {"category": "soft_skill"}),
            (
                {"custom_attributes": {"drop": None, "deep": {"x": 3}, "new": [1]}},
                {"custom_attributes": {"keep": 1, "deep": {"x": 3, "y": 2}, "new": [1]}},
            ),
            ({"embedding_384": None}, {"embedding_sha256": None}),
            ({}, {}),
        ):
            after = json.loads(
                (await amend(repository, tenant.author, "skill", made.id, patch)).document
            )
            assert {name: after[name] for name in changed} == changed
            assert {name for name in after if after[name] != before[name]} - own == set(changed)
            assert before["version"] + 1 == after["version"]
            before = after

    async def test_a_set_is_all_or_nothing(
        self, repository: Repository, tenant: Tenant, connect: Connect, superuser: Connection
    ) -> None:
        """One that is absent, stale or refused keeps all from being written."""
        made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(2)]
        ids = [str(one.id) for one in made]
        call = "SELECT app.skill_amend($1::uuid[], $2::text[], $3::jsonb[], TRUE, NULL)"
        good, bad = '{"tags": ["x"]}', '{"category": "craft"}'
        async with acting(await connect(), tenant.author) as app:
            states = [
                await Savepoint(app).state(call, *arguments)
                for arguments in (
                    ([*ids, NEVER], [None] * 3, [good] * 3),
                    (ids, [made[0].etag, "1-0000000000000000"], [good] * 2),
                    (ids, [None, None], [good, bad]),
                    (ids, [f"{made[0].etag},x", made[1].etag], [good] * 2),
                )
            ]
        versions = await superuser.fetch(
            "SELECT version FROM app.base_entity WHERE id = ANY($1::uuid[])", ids
        )

        assert ["PL001", "PL002", "23514", None] == states
        assert {1} == {row[0] for row in versions}

    async def test_another_kind_is_not_found(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """A function of one kind touches no other."""
        made = await create(repository, tenant.author, "industry", industry_body())
        async with acting(await connect(), tenant.author) as app:
            state = await Savepoint(app).state(
                CHANGE.format("skill", "TRUE"), made.id, '{"name": "x"}'
            )

        assert "PL001" == state

    async def test_a_stale_tag_is_answered_with_the_current_one(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """PL002 carries the entity tag as a header would have it."""
        made = await create(repository, tenant.author, "skill", skill_body())
        async with acting(await connect(), tenant.author) as app:
            error = await Savepoint(app).error(
                "SELECT app.skill_amend(ARRAY[$1::uuid], '{1-x}', '{\"{}\"}', TRUE, NULL)", made.id
            )

        assert {"current_etag": f'"{made.etag}"'} == json.loads(str(getattr(error, "detail", "")))


class TestReferences:
    """Ids and external ids in bodies."""

    async def test_both_spellings_find_the_same(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """By id, as an object with an id, and by the caller's own id."""
        skill = await active_skill(repository, tenant, external_id="a/ü")
        body = job_role_body([])
        shown = []
        for reference in ({"id": str(skill.id)}, {"external_id": "a/ü"}):
            body = job_role_body([], required_skills=[{**reference, "relation": "optional"}])
            made = await create(repository, tenant.author, "job_role", body)
            shown.append(json.loads(made.document)["required_skills"])

        assert [[{"id": str(skill.id), "relation": "optional"}]] * 2 == shown

    async def test_an_archived_one_is_found_and_a_hidden_one_is_not(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """Drafts may refer to what is no more, and to nothing that they cannot see."""
        gone = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", gone.id, "archived")
        hidden = await create(repository, tenant.certifier, "skill", skill_body())
        resolve = "SELECT app.resolved_body('skill', $1::jsonb)"
        async with acting(await connect(), tenant.author) as app:
            states = [
                await Savepoint(app).state(resolve, json.dumps({"parent_ids": [str(one)]}))
                for one in (gone.id, hidden.id, NEVER)
            ]

        assert [None, "PL005", "PL005"] == states

    @pytest.mark.parametrize(
        "body, calls",
        [
            ({}, 0),
            ({"parent_ids": [], "required_skills": [], "skill_ids": []}, 0),
            ({"industry_id": None, "job_role_id": None, "team_id": None}, 0),
            ({"parent_ids": [NEVER]}, 1),
            ({"required_skills": [{"id": NEVER}]}, 1),
            ({"skill_ids": [NEVER]}, 1),
            ({"industry_id": NEVER}, 1),
            ({"job_role_id": {"external_id": "x"}}, 1),
            ({"team_id": NEVER}, 1),
        ],
        ids=str,
    )
    async def test_what_refers_to_nothing_is_not_looked_up(
        self, superuser: Connection, tenant: Tenant, body: dict[str, Any], calls: int
    ) -> None:
        """Bodies come with all their defaults, and the look-up costs more than all else."""
        resolve = "SELECT app.resolved_body('skill', $1::jsonb)"
        counted = (
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions "
            "WHERE funcname = 'resolve_references'"
        )
        async with superuser.transaction():
            await superuser.execute("SET LOCAL track_functions = 'all'")
            before = await superuser.fetchval(counted)
            await Savepoint(superuser).state(resolve, json.dumps(body))
            after = await superuser.fetchval(counted)

        assert calls == after - before


async def test_ids_are_in_the_order_of_birth(repository: Repository, tenant: Tenant) -> None:
    """UUIDv7: newest first is by descending id."""
    ids = [(await create(repository, tenant.author, "skill", skill_body())).id for _ in range(20)]

    assert sorted(ids) == ids
    assert {7} == {one.version for one in ids}


async def test_the_vector_is_kept_as_given(
    repository: Repository, superuser: Connection, tenant: Tenant
) -> None:
    """Not made unit length; the document shows the hash of its bytes alone."""
    vector = [float(number) for number in range(1, 385)]
    made = await create(repository, tenant.author, "skill", skill_body(embedding_384=vector))
    stored = await superuser.fetchval(
        "SELECT embedding_384::text FROM app.skill_entity WHERE id = $1", made.id
    )
    shown = await document(repository, tenant.author, "skill", made.id)
    digest = await superuser.fetchval(
        "SELECT encode(sha256(public.vector_send($1::text::public.vector)), 'hex')", stored
    )
    assert shown

    assert vector == json.loads(stored)
    assert digest == shown["embedding_sha256"]
    assert "embedding_384" not in shown


OWN = {
    "base_entity": "id",
    "skill_entity": "id",
    "industry_entity": "id",
    "job_role_entity": "id",
    "team_entity": "id",
    "agent_entity": "id",
    "entity_tag": "entity_id",
    "entity_parent": "entity_id",
    "job_role_skill": "job_role_id",
    "agent_skill": "agent_id",
}
"""Tables of what an entity is, and the column that says whose a row is."""


async def rows_of(superuser: Connection, tenant: Tenant, but: object) -> dict[str, list[str]]:
    """Give the rows of a tenant's entities, but for one's own."""
    return {
        table: [
            row["row"]
            for row in await superuser.fetch(
                f"SELECT one::text AS row FROM app.{table} AS one"
                f" WHERE tenant_id = $1 AND {column} <> $2 ORDER BY 1",
                tenant.id,
                but,
            )
        ]
        for table, column in OWN.items()
    }


def full(kind: str, made: dict[str, list[str]], turn: int) -> dict[str, Any]:
    """Make a body with tags, a parent, and everything that its kind refers to."""
    body: dict[str, Any] = {}
    if kind == "skill":
        body = skill_body(embedding_384=VECTOR)
    elif kind == "industry":
        body = industry_body(scheme="s", code=str(turn), level=1)
    elif kind == "job_role":
        body = job_role_body(made["skill"][:1], industry_id=made["industry"][0])
    elif kind == "team":
        body = team_body(made["job_role"][0], made["industry"][0])
    else:
        team = {"team_id": made["team"][0]}
        body = agent_body(made["job_role"][0], made["industry"][0], made["skill"][:1], **team)
    return body | {"tags": ["a"], "parent_ids": made[kind][:1]}


async def three_of_each(repository: Repository, tenant: Tenant) -> dict[str, list[str]]:
    """Make entities of every kind that rest on the first ones; their ids."""
    made: dict[str, list[str]] = {name: [] for name in BY_NAME}
    for turn in range(3):
        for name in ("skill", "industry", "job_role", "team", "agent"):
            body = full(name, made, turn)
            made[name].append(str((await create(repository, tenant.author, name, body)).id))
    return made


def emptied(kind: str, made: dict[str, list[str]]) -> dict[str, Any]:
    """Make a patch that says otherwise in all of it."""
    patch: dict[str, Any] = {"tags": ["b"], "parent_ids": [], "name": unique("other")}
    if kind == "skill":
        patch |= {"category": "soft_skill", "embedding_384": None}
    elif kind == "industry":
        patch |= {"scheme": None, "code": None, "level": None}
    elif kind == "job_role":
        patch |= {"seniority_level": "senior", "industry_id": made["industry"][1]}
        patch |= {"required_skills": [{"id": made["skill"][1], "relation": "optional"}]}
    elif kind == "team":
        patch |= {"job_role_id": made["job_role"][1], "industry_id": made["industry"][1]}
    else:
        patch |= {"job_role_id": made["job_role"][1], "team_id": None}
        patch |= {"skill_ids": made["skill"][1:2]}
    return patch


@pytest.mark.parametrize("kind", BY_NAME)
async def test_a_change_leaves_every_other_entity_as_it_was(
    repository: Repository, tenant: Tenant, superuser: Connection, kind: str
) -> None:
    """Of whatever kind, with tags, parents, skills and references of its own."""
    made = await three_of_each(repository, tenant)
    one = made[kind][-1]
    before = await rows_of(superuser, tenant, one)
    patch = emptied(kind, made)
    changed = json.loads((await amend(repository, tenant.author, kind, one, patch)).document)

    assert before == await rows_of(superuser, tenant, one)
    assert all(before.values())
    assert [changed[name] for name in patch if name in changed] == [
        value for name, value in patch.items() if name in changed
    ]


@pytest.mark.parametrize("kind", BY_NAME)
async def test_each_body_of_a_call_is_for_its_own_entity(
    repository: Repository, tenant: Tenant, superuser: Connection, connect: Connect, kind: str
) -> None:
    """Of two that are changed at once the second keeps what only the first one's body names."""
    made = await three_of_each(repository, tenant)
    one, other = made[kind][1:]
    before = await rows_of(superuser, tenant, one)
    texts = [json.dumps(emptied(kind, made)), json.dumps({"governance_notes": "n"})]
    async with acting(await connect(), tenant.author) as app:
        await app.execute(CHANGE_BOTH.format(kind), [one, other], texts)
    after = await rows_of(superuser, tenant, one)

    changed = {table for table, rows in after.items() if rows != before[table]}
    assert {"base_entity"} == changed
