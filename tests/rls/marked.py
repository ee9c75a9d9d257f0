"""A tenant whose every text says one word that nobody else has, and what might let it be heard."""

import json
import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from service.catalog.load import Catalog
from service.repository.base import Repository
from service.repository.lists import LAST_ID
from tests.factories import (
    Tenant,
    create,
    industry_body,
    make_actor,
    make_world,
    skill_body,
    step,
)
from tests.rls.planted import UNIT, drafts_of
from tests.sessions import Connection

PREFIX: Final = "zq7"
"""What every marker begins with: a question may hold it, the marker's rest it may not."""
OFTEN: Final = 30


class Marked(Struct, frozen=True):
    """A tenant full of a word; an id of it that may be asked by, and ids that nobody may hear."""

    tenant: Tenant
    word: str
    asked: UUID
    ids: set[str]


async def marked(repository: Repository, owner: Repository, superuser: Connection) -> Marked:
    """Make the tenant: names, texts, tags, keys, reasons, drafts, labels and steps say its word."""
    word = f"{PREFIX}{secrets.token_hex(8)}"
    name = f"t-{word}"
    scopes = ["read", "write", "audit", "admin"]
    identity, author = await make_actor(owner, name, f"author-{word}", scopes)
    scopes = ["read", "write", "certify"]
    _, certifier = await make_actor(owner, name, f"certifier-{word}", scopes)
    tenant = Tenant(name, identity, author, certifier, author)
    texts = {
        "description": word,
        "tags": [word],
        "aliases": [word],
        "custom_attributes": {word: word},
        "governance_notes": word,
    }
    made = []
    for number in range(OFTEN):
        body = skill_body(name=f"{word} {number}", external_id=f"{word} {number}", **texts)
        made.append((await create(repository, tenant.author, "skill", body)).id)
        for to, actor in (("under_review", tenant.author), ("certified", tenant.certifier)):
            await step(repository, actor, "skill", made[-1], to, reason=word)
    place = {"scheme": word, "code": word, "level": 1}
    await create(repository, tenant.author, "industry", industry_body(name=word, **place))
    world = await make_world(repository, tenant)
    await drafts_of(repository, superuser, tenant, world, word=word)
    await superuser.execute(
        "UPDATE app.import_line SET body = jsonb_build_object('name', $2::text), external_id = $2"
        " WHERE tenant_id = $1",
        tenant.id,
        word,
    )
    await superuser.execute(
        "UPDATE app.entity_label SET label = $2 WHERE tenant_id = $1", tenant.id, word
    )
    rows = await superuser.fetch(
        "SELECT id::text FROM app.base_entity WHERE tenant_id = $1 AND id <> $2"
        " UNION ALL SELECT id::text FROM app.governance_agent WHERE tenant_id = $1"
        " UNION ALL SELECT id::text FROM app.api_key WHERE tenant_id = $1"
        " UNION ALL SELECT audit_id::text FROM audit.entry WHERE tenant_id = $1",
        tenant.id,
        made[0],
    )
    ids = {row["id"] for row in rows} | {str(tenant.id)}
    return Marked(tenant, word, made[0], ids)


def heard(said: str, other: Marked) -> bool:
    """Say whether something of the tenant is in what the server said."""
    return other.word in said or any(one in said for one in other.ids)


def arguments(other: Marked) -> dict[str, object]:
    """Give arguments that would find what is the other's, by the name of the parameter."""
    one, many = str(other.asked), [str(other.asked)]
    last = "ffffffff-ffff-ffff-ffff-ffffffffffff"
    body = {"name": f"{PREFIX} a", "description": "d", "category": "technical"}
    return {
        "kind": "skill",
        "before": last,
        "after_id": last,
        "count": 200,
        "etags": None,
        "filters": "{}",
        "request": "null",
        "patch": json.dumps({"parent_ids": many}),
        "body": json.dumps(body | {"parent_ids": many}),
        "name": PREFIX,
        "tags": [PREFIX],
        "prefixes": [PREFIX],
        "external_ids": [PREFIX],
        "statuses": ["draft", "certified", "active"],
        "categories": ["technical"],
        "schemes": [PREFIX],
        "seniority_levels": ["mid"],
        "to_status": "archived",
        "reason": "because",
        "walk": 20000,
        "before_version": 2**31,
        "version": 1,
        "other_version": 2,
        "lines": "[]",
        "id": one,
        "ids": many,
        "last": LAST_ID,
        "as_of": datetime.now(UTC),
    }


SEARCHED: Final = {
    "kinds": ["skill", "job_role", "team", "agent", "industry"],
    "categories": [],
    "tags": [],
    "industry_ids": [],
    "but_id": None,
    "models": ["test", "caller"],
    "sources": ["name", "alias", "description", "caller"],
}
"""What a search asks about: everything, since its filters mean all of them."""

_BY_TYPE: Final[dict[str, object]] = {
    "text": PREFIX,
    "text[]": [PREFIX],
    "bigint[]": [0],
    "integer[]": [0],
    "bigint": 1,
    "integer": 1,
    "boolean": True,
    "jsonb": "{}",
    "bytea": b"0" * 32,
    "bytea[]": [b"0" * 32],
    "timestamptz": datetime(2030, 1, 1, tzinfo=UTC),
    "interval": None,
    "real": 0.5,
    "double precision": 1.0,
    "double precision[]": [1.0],
    "public.vector[]": [UNIT],
}


def statements(catalog: Catalog, other: Marked) -> list[tuple[str, list[Any]]]:
    """Give every statement of the service with arguments that ask for the other's."""
    named = arguments(other)
    by_type = _BY_TYPE | {"uuid": str(other.asked), "uuid[]": [str(other.asked)]}
    found = []
    for statement in catalog.values():
        given = []
        own = named | SEARCHED if statement.path.startswith("search/") else named
        for param in statement.params:
            value = own.get(param.name, by_type[param.type])
            if param.name == "before" and param.type == "timestamptz":
                value = by_type["timestamptz"]
            given.append(value)
        found.append((statement.text, given))
    return found


async def questions(superuser: Connection, other: Marked) -> list[str]:
    """Give what can be asked without arguments: relations, functions, plans, casts, notices."""
    relations = await superuser.fetch(
        "SELECT oid::regclass::text AS name, relnamespace::regnamespace::text AS schema"
        " FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S')"
        " AND relnamespace::regnamespace::text !~ '^pg_(toast|temp)' ORDER BY 1"
    )
    functions = await superuser.fetch(
        "SELECT proname::text AS name FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
        " AND pronargs = 0 AND prokind = 'f'"
        " AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) ORDER BY 1"
    )
    columns = await superuser.fetch(
        "SELECT attrelid::regclass::text AS name, attname::text AS column FROM pg_attribute"
        " INNER JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p', 'v')"
        " WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace) AND attnum > 0"
        " AND NOT attisdropped ORDER BY 1, 2"
    )
    ours = [row["name"] for row in relations if row["schema"] in {"app", "audit", "plant_migrate"}]
    made = [f"SELECT one::text FROM {row['name']} AS one" for row in relations]
    made += [f"SELECT one::text FROM pg_catalog.{row['name']}() AS one" for row in functions]
    for name in ours:
        like = f"{name.partition('.')[2]}::text LIKE '%{PREFIX}%'"
        made += [
            f"SELECT one::text FROM {name} AS one TABLESAMPLE SYSTEM (100)",
            f"SELECT FROM {name} AS one WHERE pg_temp.told(one::text)",
            f"SELECT pg_temp.told(one::text) FROM {name} AS one ORDER BY one::text",
            f"EXPLAIN (ANALYZE, VERBOSE, BUFFERS) SELECT FROM {name} WHERE {like}",
            f"DELETE FROM {name} RETURNING *",
            f"SELECT * FROM {name} FOR UPDATE",
        ]
    for row in columns:
        made += [
            f"SELECT count(*) FROM {row['name']} WHERE ({row['column']}::text)::integer = 1",
            f"UPDATE {row['name']} SET {row['column']} = {row['column']} RETURNING *",
        ]
    return made + await _calls(superuser, other)


async def _calls(superuser: Connection, other: Marked) -> list[str]:
    """Give a call of each function of ours, asking by an id of the other's."""
    rows = await superuser.fetch(
        "SELECT oid::regproc::text AS name, proargtypes::regtype[]::text[] AS types FROM pg_proc"
        " WHERE pronamespace IN ('app'::regnamespace, 'audit'::regnamespace)"
        " AND prorettype <> 'trigger'::regtype ORDER BY 1"
    )
    literals = {
        "uuid": f"'{other.asked}'",
        "uuid[]": f"ARRAY['{other.asked}']",
        "text": "'skill'",
        "text[]": f"ARRAY['{PREFIX}']",
        "jsonb": f"""'{{"parent_ids": ["{other.asked}"]}}'""",
        "jsonb[]": f"""ARRAY['{{"parent_ids": ["{other.asked}"]}}']""",
        "bytea": "sha256('x')",
        "vector": f"'{UNIT}'",
        "timestamp with time zone": "now()",
    }
    return [
        f"SELECT one::text FROM {row['name']}("
        + ", ".join(f"{literals.get(kind, '1')}::{kind}" for kind in row["types"])
        + ") AS one"
        for row in rows
    ]


async def answers(session: Connection, asked: Collection[tuple[str, list[Any]]]) -> dict[str, str]:
    """Ask, each in a savepoint that is undone; all that comes back as text: rows, errors, notices.

    Shapes: one text for each question.
    """
    notices: list[str] = []
    session.add_log_listener(lambda _, message: notices.append(str(message.as_dict())))
    said: dict[str, str] = {}
    for question, given in asked:
        notices.clear()
        inner = session.transaction()
        await inner.start()
        try:
            rows = await session.fetch(question, *given)
            said[question] = "\n".join(str(tuple(row)) for row in rows)
        except Exception as error:  # noqa: BLE001 - whatever it is, its words are looked through
            said[question] = f"{error} {getattr(error, '__dict__', '')}"
        finally:
            await inner.rollback()
        said[question] += "\n".join(notices)
    return said
