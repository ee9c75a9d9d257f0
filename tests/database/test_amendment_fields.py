"""Patches of amendments typed in SQL: what could never be certified is refused when proposed."""

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from msgspec import structs

from service.model.kinds import KINDS, Kind
from service.repository.base import Repository
from tests.amending import PROPOSE, amended
from tests.factories import Tenant, World, document, make_tenant, make_world
from tests.postgres import Server
from tests.sessions import Connection, Savepoint, acting, connections

pytestmark = pytest.mark.database

ID = "01900000-0000-7000-8000-000000000000"
ONES = [1.0] * 384
FIELDS = [
    ("skill", {"category": "nonsense"}, "/category", "one-of"),
    ("skill", {"category": None}, "/category", "one-of"),
    ("skill", {"name": " x "}, "/name", "trimmed"),
    ("skill", {"name": "   "}, "/name", "blank"),
    ("skill", {"name": "a\tb"}, "/name", "control-character"),
    ("skill", {"name": "n" * 256}, "/name", "max-length"),
    ("skill", {"name": "\ufdfa" * 100}, "/name", "size"),
    ("skill", {"name": None}, "/name", "type"),
    ("skill", {"name": 5}, "/name", "type"),
    ("skill", {"external_id": ""}, "/external_id", "blank"),
    ("skill", {"description": None}, "/description", "type"),
    ("skill", {"description": "\n"}, "/description", "blank"),
    ("skill", {"description": "d" * 10_001}, "/description", "max-length"),
    ("industry", {"description": 5}, "/description", "type"),
    ("skill", {"foo": 1}, "/foo", "unknown-field"),
    ("skill", {"status": "archived"}, "/status", "unknown-field"),
    ("skill", {"seniority_level": "mid"}, "/seniority_level", "unknown-field"),
    ("skill", {"governance_notes": 5}, "/governance_notes", "type"),
    ("skill", {"governance_notes": "n" * 10_001}, "/governance_notes", "max-length"),
    ("skill", {"tags": ["a ", "b"]}, "/tags/0", "trimmed"),
    ("skill", {"tags": ["a", "t" * 65]}, "/tags/1", "max-length"),
    ("skill", {"tags": [f"t{n}" for n in range(51)]}, "/tags", "max-length"),
    ("skill", {"tags": None}, "/tags", "type"),
    ("skill", {"tags": "a"}, "/tags", "type"),
    ("skill", {"aliases": None}, "/aliases", "type"),
    ("skill", {"aliases": ["a", 5]}, "/aliases/1", "type"),
    ("skill", {"aliases": [f"a{n}" for n in range(201)]}, "/aliases", "max-length"),
    ("skill", {"custom_attributes": None}, "/custom_attributes", "type"),
    ("skill", {"custom_attributes": [1]}, "/custom_attributes", "type"),
    ("skill", {"parent_ids": None}, "/parent_ids", "type"),
    ("skill", {"parent_ids": ["x"]}, "/parent_ids/0", "uuid"),
    ("skill", {"embedding_384": [1.0]}, "/embedding_384", "type"),
    ("skill", {"embedding_384": str(ONES)}, "/embedding_384", "type"),
    ("skill", {"embedding_384": [*ONES[1:], None]}, "/embedding_384", "type"),
    ("skill", {"embedding_384": [*ONES[1:], [1.0]]}, "/embedding_384", "type"),
    ("skill", {"embedding_384": [0.0] * 384}, "/embedding_384", "zero-vector"),
    ("skill", {"embedding_384": [*ONES[1:], 1e39]}, "/embedding_384", "number-range"),
    ("skill", {"embedding_384": [*ONES[1:], 1e-46]}, "/embedding_384", "number-range"),
    ("industry", {"scheme": "s" * 65, "code": "c", "level": 1}, "/scheme", "max-length"),
    ("industry", {"scheme": "s", "code": "c", "level": 100}, "/level", "number-range"),
    ("industry", {"scheme": "s", "code": "c", "level": 1.5}, "/level", "type"),
    ("industry", {"scheme": "s", "code": "c", "level": "1"}, "/level", "type"),
    ("industry", {"scheme": "s", "code": None}, "/scheme", "all-or-none"),
    ("job_role", {"seniority_level": "chief"}, "/seniority_level", "one-of"),
    ("job_role", {"industry_id": 5}, "/industry_id", "type"),
    ("job_role", {"required_skills": [{"relation": "essential"}]}, "/required_skills/0", "type"),
    ("job_role", {"required_skills": [{"id": "x", "relation": "optional"}]},
     "/required_skills/0", "uuid"),
    ("job_role", {"required_skills": [{"id": ID}]}, "/required_skills/0/relation", "one-of"),
    ("team", {"job_role_id": None}, "/job_role_id", "type"),
    ("team", {"industry_id": None}, "/industry_id", "type"),
    ("team", {"industry_id": "x"}, "/industry_id", "uuid"),
    ("agent", {"skill_ids": [{"foo": 1}]}, "/skill_ids/0", "type"),
    ("agent", {"team_id": [ID]}, "/team_id", "type"),
    ("skill", [], "", "type"),
    ("skill", "x", "", "type"),
    ("skill", None, "", "type"),
]  # fmt: skip
"""Kind, patch, and the pointer and rule of what is wrong with it."""

BOUNDS: list[tuple[str, dict[str, Any]]] = [
    ("skill", {"name": "n" * 255, "external_id": "e" * 255, "tags": ["t" * 64], "aliases": []}),
    ("skill", {"aliases": [f"a{n}" for n in range(200)], "description": "d" * 10_000}),
    ("skill", {"tags": [f"t{n}" for n in range(50)], "custom_attributes": {"a": {"b": 1}}}),
    ("skill", {"external_id": None, "governance_notes": None, "category": "soft_skill"}),
    ("skill", {"embedding_384": [*ONES[1:], 3.4028234663852886e38], "governance_notes": "n\n"}),
    ("skill", {"embedding_384": [*ONES[1:], -7.1e-46], "parent_ids": []}),
    ("skill", {"embedding_384": None, "name": "b"}),
    ("industry", {"scheme": "s", "code": "c", "level": 99, "description": None}),
    ("industry", {"scheme": None, "code": None, "level": None, "name": "i"}),
    ("job_role", {"industry_id": None, "seniority_level": "senior"}),
    ("agent", {"team_id": None, "description": "Alone."}),
]


@pytest_asyncio.fixture(loop_scope="module")
async def app(cluster: Server, database: str) -> AsyncIterator[Connection]:
    """Have a session as plant_app, as whoever types SQL with its address."""
    async with connections(cluster, database) as connect:
        yield await connect()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(owner: Repository, repository: Repository) -> tuple[Tenant, World]:
    """Have an active entity of each kind."""
    tenant = await make_tenant(owner)
    return tenant, await make_world(repository, tenant)


async def refused(
    app: Connection, shop: tuple[Tenant, World], kind: str, patch: object
) -> tuple[str, list[dict[str, Any]]]:
    """Propose what has to be refused; gives the SQLSTATE and the errors that it names."""
    tenant, world = shop
    async with acting(app, tenant.author):
        error = await Savepoint(app).error(
            PROPOSE, kind, getattr(world, kind), None, json.dumps(patch)
        )
    assert isinstance(error, asyncpg.PostgresError), "it was taken"
    return str(error.sqlstate), json.loads(error.detail or "{}").get("errors", [])


@pytest.mark.parametrize("kind,patch,pointer,rule", FIELDS)
async def test_what_no_table_would_take_is_refused_when_it_is_proposed(
    app: Connection, shop: tuple[Tenant, World], kind: str, patch: object, pointer: str, rule: str
) -> None:
    """Its author is told the field, the rule and what the field takes."""
    state, errors = await refused(app, shop, kind, patch)

    assert ("PL009", [(pointer, rule)]) == (state, [(e["pointer"], e["rule"]) for e in errors])
    assert all(error["message"] for error in errors)


async def test_every_field_is_told_at_once(app: Connection, shop: tuple[Tenant, World]) -> None:
    """Nobody has to mend one field to learn of the next."""
    patch = {"name": "", "tags": ["a", " b"], "category": 1}
    _, errors = await refused(app, shop, "skill", patch)

    assert ["/category", "/name", "/tags/1"] == [error["pointer"] for error in errors]


async def test_what_is_not_there_cannot_be_referred_to(
    app: Connection, shop: tuple[Tenant, World]
) -> None:
    """References are looked up when they are proposed, whoever calls the function."""
    for kind, patch, pointer in (
        ("skill", {"parent_ids": [ID]}, "/parent_ids/0"),
        ("job_role", {"industry_id": ID}, "/industry_id"),
        ("agent", {"skill_ids": [{"external_id": "none"}]}, "/skill_ids/0/external_id"),
    ):
        state, errors = await refused(app, shop, kind, patch)
        assert ("PL005", [pointer]) == (state, [error["pointer"] for error in errors])


@pytest.mark.parametrize("kind,patch", BOUNDS)
async def test_what_is_within_its_bounds_can_be_certified(
    repository: Repository, shop: tuple[Tenant, World], kind: str, patch: dict[str, Any]
) -> None:
    """Whatever is taken is what the entity becomes."""
    tenant, world = shop
    await amended(repository, tenant, kind, getattr(world, kind), patch)
    shown = await document(repository, tenant.author, kind, getattr(world, kind))

    assert shown is not None
    # The document shows tags in order, and no vector.
    given = {
        key: sorted(value) if key == "tags" else value
        for key, value in patch.items()
        if key in shown
    }
    assert given == {key: shown[key] for key in given}


@pytest.mark.parametrize("kind", [*KINDS.values()], ids=lambda kind: kind.name)
async def test_every_field_of_a_patch_has_a_shape(superuser: Connection, kind: Kind) -> None:
    """No field that the API takes is passed over: of each an object of nonsense is refused."""
    fields = {field.encode_name for field in structs.fields(kind.patch)} - {"custom_attributes"}
    patch = json.dumps({name: {"nonsense": 1} for name in fields})
    rows = await superuser.fetch("SELECT pointer FROM app.field_faults($1, $2)", kind.name, patch)

    assert {f"/{name}" for name in fields} == {row["pointer"] for row in rows}
