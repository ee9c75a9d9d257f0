"""Properties 26 to 34, 79 and 80: who sees and changes what, and what the schema refuses."""

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio
from msgspec import structs

from service.constraints import BY_CONSTRAINT
from service.model.kinds import BY_NAME
from service.repository.base import Context, Repository
from service.sqlstate import classify
from tests.api import PATHS, ROAD, Answer, Api
from tests.factories import Actor, Tenant, World, create, make_tenant, skill_body
from tests.properties.bodies import DANGLING, NEVER, body_of
from tests.properties.contents import contents, grown
from tests.properties.violating import COLUMNS, NAMES, VIOLATIONS, Violation, broken, of_kind
from tests.reviewed import NULLABLE
from tests.sessions import Connect, Connection, Savepoint, acting, become, until_blocked

pytestmark = pytest.mark.rls

KINDS: Final = list(BY_NAME)
MAKE = "SELECT app.{}_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')"
# Not broken alone, and why.
NARROWER = {"base_entity_kind_key": "the primary key has the same columns but one"}


async def told(superuser: Connection, name: str) -> tuple[str | None, str, str]:
    """Break a constraint; gives the SQLSTATE, the constraint that refuses, and what is told."""
    error = await broken(superuser, VIOLATIONS[name])
    assert error, "it was taken"
    problem = classify(error)
    pointers = [one.pointer for one in problem.errors]
    # Of a partition the constraint is the table's.
    refused_by = str(error.constraint_name).replace("_default_", "_")
    return error.sqlstate, refused_by, " ".join([str(problem.status), problem.slug, *pointers])


SECURED = """
SELECT pg_class.oid::regclass::text AS name, relrowsecurity AS enabled,
    relforcerowsecurity AS forced,
    EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) AS policies
FROM pg_class
WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace) AND relkind IN ('r', 'p')
"""
OPEN = {"app.life_cycle_step", "app.amendment_step"}
"""The steps are part of the schema: everybody reads them."""


async def test_rls_policies_enabled_on_base_entity(
    superuser: Connection,
    connect: Connect,
    repository: Repository,
    owner: Repository,
    settled: Tenant,
    world: World,
) -> None:
    """Row security is on and forced, and shows: own rows, no foreign ones, none without tenant."""
    rows = await superuser.fetch(SECURED)
    other = await make_tenant(owner)
    hidden = (await create(repository, settled.author, "skill", skill_body())).id
    count = "SELECT count(*) FROM app.base_entity WHERE id = ANY($1)"
    seen: dict[str, list[int]] = {}
    for role in ("app", "readonly", "owner", "worker"):
        session = await connect(role)
        seen[role] = []
        for actor in (settled.author, settled.reader, other.author, None):
            async with session.transaction():
                if actor:
                    await become(session, actor)
                try:
                    seen[role].append(await session.fetchval(count, [world.skill, hidden]))
                except asyncpg.InsufficientPrivilegeError:
                    seen[role].append(-1)
                    break

    assert OPEN == {row["name"] for row in rows if not (row["enabled"] and row["forced"])}
    assert {*OPEN, "app.entity_label_default"} == {
        row["name"] for row in rows if not row["policies"]
    }
    assert {"app": [2, 1, 0, 0], "readonly": [2, 1, 0, 0], "owner": [0, 0, 0, 0]} == {
        role: counts for role, counts in seen.items() if role != "worker"
    }
    # It reads all tenants, to hold them against the log, and may write nothing here.
    assert [2, 2, 2, 2] == seen["worker"]


async def test_insert_valid_skill(
    connect: Connect,
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    other_tenant: Tenant,
) -> None:
    """Who has a tenant and a key with scope write makes a skill in it; nobody else makes one."""
    before = await contents(superuser, tenant)
    actors: dict[str, Actor | None] = {
        "author": tenant.author,
        "certifier": tenant.certifier,
        "reader": tenant.reader,
        "nobody": None,
        "a foreign key": Actor("x", "", mixed(tenant.author, other_tenant.author)),
    }
    found: dict[str, str | None] = {}
    for name, actor in actors.items():
        session = await connect()
        async with session.transaction():
            if actor:
                await become(session, actor)
            found[name] = await Savepoint(session).state(MAKE.format("skill"), body())
    made = await create(repository, tenant.author, "skill", skill_body())

    assert {
        "author": None,
        "certifier": None,
        "reader": "PL007",
        "nobody": "42501",
        "a foreign key": "PL011",
    } == found
    assert "draft" == json.loads(made.document)["status"]
    assert 1 == grown(before, await contents(superuser, tenant))["app.skill_entity"]


def mixed(actor: Actor, other: Actor) -> Context:
    """Claim to act in one tenant with the key of another."""
    return structs.replace(actor.context, key_id=other.context.key_id)


def body(**fields: object) -> str:
    """Make the body of a skill as it is sent."""
    return json.dumps(skill_body(**fields))


NEVER_CHANGED = {
    "tenant_id": "uuidv7()",
    "id": "uuidv7()",
    "entity_type": "'other'",
    "created_at": "now()",
    "governance_agent_id": "uuidv7()",
    "version": "1",
}
SET_BY_THE_SERVER = {
    "version_hash": "sha256('x')",
    "last_entry_id": "uuidv7()",
    "updated_at": "'2000-01-01'",
    "document": "'{}'",
    "archived_at": "'2000-01-01'",
    "name_scope": "'mine'",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_append_only_enforcement(
    connect: Connect, superuser: Connection, settled: Tenant, world: World, kind: str
) -> None:
    """Of the columns that the log stands on no role sets one, and a superuser neither."""
    sets = "UPDATE app.base_entity SET {} = {} WHERE id = '" + getattr(world, kind) + "'"
    columns = NEVER_CHANGED | SET_BY_THE_SERVER
    async with acting(await connect(), settled.author) as app:
        by_app = {await Savepoint(app).state(sets.format(*one)) for one in columns.items()}
    undone = superuser.transaction()
    await undone.start()
    await become(superuser, settled.author)
    refused = {await Savepoint(superuser).state(sets.format(*one)) for one in NEVER_CHANGED.items()}
    overruled = {
        column: await superuser.fetchval(
            f"{sets.format(column, value)} RETURNING {column} IS DISTINCT FROM {value}"
        )
        for column, value in SET_BY_THE_SERVER.items()
    }
    await undone.rollback()

    assert {"42501"} == by_app
    assert {"PL013"} == refused
    assert dict.fromkeys(SET_BY_THE_SERVER, True) == overruled


@pytest.mark.parametrize("kind", KINDS)
async def test_skill_entity_insert_allowed(
    connect: Connect, superuser: Connection, settled: Tenant, world: World, kind: str
) -> None:
    """Rows of a kind come by its function alone: none is inserted by hand, none for others."""
    by_hand = (
        f"INSERT INTO app.{kind}_entity SELECT * FROM app.{kind}_entity LIMIT 1",
        f"UPDATE app.{kind}_entity SET id = id",
        f"DELETE FROM app.{kind}_entity",
    )
    before = await contents(superuser, settled)
    async with acting(await connect(), settled.author) as app:
        states = [await Savepoint(app).state(statement) for statement in by_hand]
        by_function = await Savepoint(app).state(
            MAKE.format(kind), json.dumps(body_of(kind, world))
        )
    async with superuser.transaction():
        await become(superuser, settled.author)
        await superuser.execute("SET LOCAL ROLE plant_writer")
        foreign = await Savepoint(superuser).state(
            f"INSERT INTO app.{kind}_entity (tenant_id, id) VALUES (uuidv7(), uuidv7())"
        )
        hidden = await Savepoint(superuser).state(
            f"INSERT INTO app.{kind}_entity (tenant_id, id, private_to)"
            f" VALUES (app.tenant_id(), uuidv7(), uuidv7())"
        )

    assert ["42501"] * 3 == states
    assert by_function is None
    assert ("42501", "42501") == (foreign, hidden)
    assert before == await contents(superuser, settled)


REQUIRED = {
    "skill": ("name", "description", "category"),
    "job_role": ("name", "description"),
    "team": ("name", "description", "job_role_id", "industry_id"),
    "agent": ("name", "description", "job_role_id", "industry_id"),
    "industry": ("name",),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_non_null_constraints_enforced(
    api: Api, superuser: Connection, full: World, kind: str
) -> None:
    """What a kind must have is not null: a caller is told 422, and the table refuses it too."""
    nullable = set(f"{NULLABLE['base_entity']} {NULLABLE.get(f'{kind}_entity', '')}".split())
    nullable |= {"private_to", "name_key"}
    found = {}
    for table in ("base_entity", f"{kind}_entity"):
        for row in await superuser.fetch(COLUMNS, f"app.{table}"):
            one = Violation(told="", update=f"app.{table}", set={row["name"]: "NULL"})
            error = await broken(superuser, one)
            found[row["name"]] = getattr(error, "sqlstate", None)
    given = await api.body(kind)
    before = await contents(superuser, api.tenant)
    answers = [await api.post(PATHS[kind], {**given, name: None}) for name in REQUIRED[kind]]

    assert "23502" == found["entity_type"]
    assert {"23502"} == {state for name, state in found.items() if name not in nullable}
    assert "23502" not in {state for name, state in found.items() if name in nullable}
    assert [(422, f"/{name}") for name in REQUIRED[kind]] == [
        (answer.status, answer.json["errors"][0]["pointer"]) for answer in answers
    ]
    assert before == await contents(superuser, api.tenant)


@pytest.mark.parametrize("kind", KINDS)
async def test_unique_constraint_on_external_id(
    api: Api, superuser: Connection, connect: Connect, other_tenant: Tenant, kind: str
) -> None:
    """A second of the kind with an external_id is refused, archived or at the same moment."""
    made = await api.made(kind, "archived", external_id="one")
    given = await api.body(kind, external_id="one")
    before = await contents(superuser, api.tenant)
    again = await api.post(PATHS[kind], given)
    assert before == await contents(superuser, api.tenant)
    first, second = await connect(), await connect()
    both = [await api.body(kind, external_id="two") for _ in range(2)]

    async def late() -> None:
        async with acting(second, api.tenant.author):
            await second.execute(MAKE.format(kind), json.dumps(both[1]))

    async with acting(first, api.tenant.author):
        await first.execute(MAKE.format(kind), json.dumps(both[0]))
        task = asyncio.ensure_future(late())
        await until_blocked(superuser, second, first, task)
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await task
    elsewhere = await api.of(other_tenant).create(kind, external_id="one")
    of_another_kind = await api.create(
        "industry" if kind == "skill" else "skill", external_id="one"
    )

    assert (409, "external-id-taken") == (again.status, again.problem)
    assert made["id"] == again.json["existing_id"]
    assert "base_entity_external_id_key" == caught.value.constraint_name
    assert (201, 201) == (elsewhere.status, of_another_kind.status)


@pytest.mark.parametrize("name", of_kind("p"))
async def test_primary_key_enforcement(superuser: Connection, full: World, name: str) -> None:
    """A second row with the key of a first is refused, in every table, by its primary key."""
    assert ("23505", name, VIOLATIONS[name].told) == await told(superuser, name)


@pytest.mark.parametrize("name", of_kind("f"))
async def test_foreign_key_constraint(superuser: Connection, full: World, name: str) -> None:
    """A reference to what is not there is refused, by each foreign key of the schema."""
    assert ("23503", name, VIOLATIONS[name].told) == await told(superuser, name)


@pytest.mark.parametrize("status", ["", "Active", "active ", "published", "rejected"])
async def test_check_constraint_status(
    api: Api, superuser: Connection, connect: Connect, status: str
) -> None:
    """Only the six states of the contract are states: for a caller, by hand, past the triggers."""
    made = await api.create("skill")
    path = f"{PATHS['skill']}/{made.json['id']}"
    answer = await api.step(path, status, made.etag)
    sets = f"UPDATE app.base_entity SET status = '{status}'"
    async with acting(await connect(), api.tenant.author) as app:
        by_hand = await Savepoint(app).error(sets)
    error = await broken(
        superuser, Violation(told="", update="app.base_entity", set={"status": f"'{status}'"})
    )
    known = {
        one: await broken(superuser, Violation(told="", update="app.base_entity", set={
            "status": f"'{one}'", "archived_at": "now()" if one == "archived" else "NULL"
        }))
        for one in ROAD
    }  # fmt: skip
    found = await api.get(path)

    assert (422, "/to") == (answer.status, answer.json["errors"][0]["pointer"])
    assert by_hand
    assert "PL003" == by_hand.sqlstate
    assert error
    assert ("23514", "base_entity_status_known") == (error.sqlstate, error.constraint_name)
    assert dict.fromkeys(ROAD) == known
    assert (made.body, made.etag) == (found.body, found.etag)


REVIEWED: Final = tomllib.loads(
    Path(__file__).with_name("policies.toml").read_text(encoding="utf-8")
)
POLICIES: Final = """
SELECT schemaname || '.' || tablename AS table, policyname::text AS name, cmd AS command,
    permissive, roles::text[] AS roles, qual AS using, with_check AS check
FROM pg_policies WHERE schemaname IN ('app', 'audit', 'q', 'public')
"""


async def test_row_level_security_policy_verification(superuser: Connection) -> None:
    """Each policy of the catalogue is a line of policies.toml word by word, and each line one."""
    forms = {"-": None, **REVIEWED["forms"]}
    reviewed = {
        (table, name): (
            line["command"],
            sorted(line["roles"].split()),
            forms[line["using"]],
            forms[line["check"]],
        )
        for table, lines in REVIEWED["policies"].items()
        for name, line in lines.items()
    }
    rows = await superuser.fetch(POLICIES)
    found = {
        (row["table"], row["name"]): (
            row["command"],
            sorted(row["roles"]),
            row["using"],
            row["check"],
        )
        for row in rows
    }

    assert set() == found.keys() ^ reviewed.keys()
    assert {} == {key: rule for key, rule in found.items() if rule != reviewed[key]}
    assert {"PERMISSIVE"} == {row["permissive"] for row in rows}
    assert all(name.startswith(table.partition(".")[2]) for table, name in found)


async def test_every_constraint_is_broken(superuser: Connection) -> None:
    """violations.toml has each constraint and unique index of the schema, and no other."""
    names = {row["name"] for row in await superuser.fetch(NAMES)}

    assert names - NARROWER.keys() == VIOLATIONS.keys()
    assert {name for name, one in VIOLATIONS.items() if " /" in one.told} == {
        name for name, meaning in BY_CONSTRAINT.items() if meaning.pointer
    }


VECTOR = [0.0] * 384
# What a caller sends that breaks a constraint: the kind, and what is wrong with its body.
REQUESTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "base_entity_name_key_key": ("skill", {"name": "TAKEN"}),
    "base_entity_external_id_key": ("skill", {"external_id": "taken"}),
    "industry_entity_code_key": ("industry", {"scheme": "s", "code": "taken", "level": 2}),
    **DANGLING,
    "job_role_skill_pkey": (
        "job_role",
        {"required_skills": [{"id": NEVER, "relation": "optional"}] * 2},
    ),
    "agent_skill_pkey": ("agent", {"skill_ids": [NEVER, NEVER]}),
    "entity_parent_pkey": ("skill", {"parent_ids": [NEVER, NEVER]}),
    "entity_tag_pkey": ("skill", {"tags": ["t", "t"]}),
    "base_entity_name_shape": ("skill", {"name": "n" * 256}),
    "base_entity_external_id_shape": ("skill", {"external_id": ""}),
    "base_entity_description_shape": ("skill", {"description": "d" * 10_001}),
    "base_entity_description_present": ("skill", {"description": None}),
    "base_entity_governance_notes_length": ("skill", {"governance_notes": "n" * 10_001}),
    "base_entity_aliases_bounds": ("skill", {"aliases": [""]}),
    "base_entity_custom_attributes_shape": ("skill", {"custom_attributes": []}),
    "base_entity_custom_attributes_size": ("skill", {"custom_attributes": {"a": "x" * 32_768}}),
    "base_entity_custom_attributes_depth": (
        "skill",
        {"custom_attributes": json.loads('{"a":' * 16 + "{}" + "}" * 16)},
    ),
    "entity_tag_shape": ("skill", {"tags": ["t "]}),
    "skill_entity_embedding_384_not_zero": ("skill", {"embedding_384": VECTOR}),
    "industry_entity_embedding_384_not_zero": ("industry", {"embedding_384": VECTOR}),
    "skill_entity_category_known": ("skill", {"category": "craft"}),
    "job_role_entity_seniority_level_known": ("job_role", {"seniority_level": "boss"}),
    "job_role_skill_relation_known": (
        "job_role",
        {"required_skills": [{"id": NEVER, "relation": "nice"}]},
    ),
    "industry_entity_classified_whole": ("industry", {"code": "c", "level": 1}),
    "industry_entity_scheme_shape": ("industry", {"scheme": " s", "code": "c", "level": 1}),
    "industry_entity_code_shape": ("industry", {"scheme": "s", "code": "c" * 65, "level": 1}),
    "industry_entity_level_range": ("industry", {"scheme": "s", "code": "c", "level": 100}),
}


Send = Callable[[], Awaitable[Answer]]


async def own_parent(api: Api) -> Send:
    """Make an entity its own parent."""
    made = await api.create("skill")
    path = f"{PATHS['skill']}/{made.json['id']}"
    return partial(api.patch, path, {"parent_ids": [made.json["id"]]}, made.etag)


async def odd_status(api: Api) -> Send:
    """Take a step to a state that is none."""
    made = await api.create("skill")
    return partial(api.step, f"{PATHS['skill']}/{made.json['id']}", "odd", made.etag)


async def second_amendment(api: Api) -> Send:
    """Amend what another governance agent has an amendment of."""
    made = await api.create("skill")
    active = await api.raised(made, "active")
    path = f"{PATHS['skill']}/{made.json['id']}/amendment"
    opened = await api.patch(path, {"description": "Mine."}, active.etag)
    assert 201 == opened.status
    other = api.by(api.tenant.certifier)
    return partial(other.patch, path, {"description": "Theirs."}, active.etag)


async def bad_body(api: Api, kind: str, fault: dict[str, Any]) -> Send:
    """Create what a constraint refuses."""
    return partial(api.post, PATHS[kind], await api.body(kind) | fault)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(service_url: str, settled: Tenant) -> AsyncIterator[Api]:
    """Send requests as the author of the module's tenant, where something holds what is taken."""
    async with Api.open(service_url, settled) as api:
        await api.made("skill", name="Taken", external_id="taken")
        await api.made("industry", scheme="s", code="taken", level=1)
        yield api


PREPARED: Final[dict[str, Callable[[Api], Awaitable[Send]]]] = {
    "entity_parent_not_itself": own_parent,
    "base_entity_status_known": odd_status,
    "amendment_open_key": second_amendment,
    **{name: partial(bad_body, kind=kind, fault=fault) for name, (kind, fault) in REQUESTS.items()},
}


@pytest.mark.parametrize("name", VIOLATIONS)
async def test_constraint_violation_handling(
    superuser: Connection, full: World, caller: Api, name: str
) -> None:
    """What breaks a constraint is answered with its own problem, and leaves nothing behind."""
    status, slug, *pointer = VIOLATIONS[name].told.split()
    assert (name, VIOLATIONS[name].told) == (await told(superuser, name))[1:]
    assert (name in BY_CONSTRAINT) == (name in PREPARED)
    if name not in PREPARED:
        return
    send = await PREPARED[name](caller)
    before = await contents(superuser, caller.tenant)
    answer = await send()

    assert (status, slug) == (str(answer.status), answer.problem)
    assert bool(pointer) == any(
        one["pointer"].startswith(pointer[0]) for one in answer.json.get("errors", []) if pointer
    )
    assert before == await contents(superuser, caller.tenant)
