"""What transactions do on this schema: the product's own statements, over a given connection."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from service.repository.entities import AMEND, CREATE, EntityById, EntityStep, Written
from service.usecases.compliance import compliance
from service.usecases.exporting import export
from tests.factories import Actor, create, industry_body, job_role_body, raise_to, skill_body, step
from tests.isolation.arena import Arena
from tests.sessions import Connection, sent

Identity = UUID | str


async def make(arena: Arena, connection: Connection, kind: str, body: dict[str, Any]) -> Written:
    """Create an entity as the author."""
    query = CREATE[kind](json.dumps(body))
    return await sent(arena.repository, connection, query, arena.tenant.author)


async def change(
    arena: Arena,
    connection: Connection,
    kind: str,
    identity: Identity,
    *,
    etag: str | None = None,
    **patch: Any,
) -> Written:
    """Change fields of an entity as the author."""
    query = AMEND[kind](str(identity), etag, json.dumps(patch))
    return await sent(arena.repository, connection, query, arena.tenant.author)


async def move(
    arena: Arena,
    connection: Connection,
    kind: str,
    identity: Identity,
    to: str,
    *,
    by: Actor | None = None,
    successor: Identity | None = None,
) -> Written:
    """Take one step, as the author unless somebody else is named."""
    named = str(successor) if successor else None
    query = EntityStep(kind, str(identity), None, to, "because", named)
    return await sent(arena.repository, connection, query, by or arena.tenant.author)


async def see(
    arena: Arena, kind: str, identity: Identity, connection: Connection | None = None
) -> dict[str, Any]:
    """Read an entity as the author, over a connection of its own unless one is given."""
    query = EntityById(kind, str(identity))
    found = await arena.repository.maybe(query, arena.tenant.author.context, connection=connection)
    assert found
    document: dict[str, Any] = json.loads(found.document)
    return document


async def skill(arena: Arena, status: str = "draft", **fields: Any) -> str:
    """Have a skill of the author's in a state."""
    return await entity(arena, "skill", skill_body(**fields), status)


async def job_role(arena: Arena, *skills: str, status: str = "draft", **fields: Any) -> str:
    """Have a job role of the author's that needs these skills, in a state."""
    return await entity(arena, "job_role", job_role_body(list(skills), **fields), status)


async def industry(arena: Arena, status: str = "draft") -> str:
    """Have an industry of the author's in a state."""
    return await entity(arena, "industry", industry_body(), status)


async def entity(arena: Arena, kind: str, body: dict[str, Any], status: str) -> str:
    """Have an entity of the author's in a state."""
    made = await create(arena.repository, arena.tenant.author, kind, body)
    if status == "under_review":
        await step(arena.repository, arena.tenant.author, kind, made.id, status)
    elif status != "draft":
        await raise_to(arena.repository, arena.tenant, kind, made.id, status)
    return str(made.id)


async def etag_of(
    arena: Arena, kind: str, identity: Identity, connection: Connection | None = None
) -> str:
    """Read the entity tag of an entity."""
    query, context = EntityById(kind, str(identity)), arena.tenant.author.context
    found = await arena.repository.maybe(query, context, connection=connection)
    assert found
    return found.etag


async def faults(arena: Arena, kind: str, identity: Identity) -> list[str]:
    """Ask which checks an entity does not meet."""
    context = arena.tenant.author.context
    found = await compliance(arena.repository, context, kind, str(identity))
    assert found
    return [check.id for check in found.checks if not check.passed]


async def exported(
    arena: Arena, then: Callable[[], Awaitable[object]] | None = None
) -> dict[str, dict[str, Any]]:
    """Export, with something that happens after the first piece; documents by their ids."""
    parts = export(arena.repository, arena.tenant.author.context)
    lines = []
    async for _, piece in parts:
        lines.append(piece)
        if then and len(lines) == 1:
            await then()
    documents = [json.loads(line) for line in b"".join(lines).splitlines()]
    assert documents.pop()["count"] == len(documents)
    return {one["id"]: one for one in documents}
