"""The store as users of asyncpg write it: a transaction, the tenant in it, statements, columns."""

import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from bench.serving.peers.environment import NAME, POOL, READ_URL, WRITE_URL
from bench.serving.peers.ids import uuid7
from bench.serving.peers.shapes import (
    Found,
    Hit,
    Hits,
    Look,
    Notes,
    Page,
    Skill,
    SkillIn,
    Step,
    Who,
)

CONTEXT: Final = """
SELECT
    set_config('app.tenant_id', $1, true),
    set_config('app.governance_agent_id', $2, true),
    set_config('app.key_id', $3, true)
"""
SHOWN: Final = """
    base.id, base.entity_type, base.external_id, base.name, base.description, base.aliases,
    ARRAY(
        SELECT entity_tag.tag FROM app.entity_tag
        WHERE entity_tag.tenant_id = base.tenant_id AND entity_tag.entity_id = base.id
        ORDER BY entity_tag.tag COLLATE "C"
    ) AS tags,
    base.custom_attributes, base.governance_notes,
    ARRAY(
        SELECT entity_parent.parent_id FROM app.entity_parent
        WHERE entity_parent.tenant_id = base.tenant_id AND entity_parent.entity_id = base.id
        ORDER BY entity_parent.parent_id
    ) AS parent_ids,
    kind.category,
    encode(sha256(public.vector_send(kind.embedding_384)), 'hex') AS embedding_sha256,
    base.status, base.version, base.created_at, base.updated_at, base.governance_agent_id
"""
WHOLE: Final = """
app.base_entity AS base
INNER JOIN app.skill_entity AS kind ON base.tenant_id = kind.tenant_id AND base.id = kind.id
"""
COLUMNS: Final = f"SELECT {SHOWN} FROM {WHOLE}"  # noqa: S608 - its own words
ONE: Final = f"{COLUMNS} WHERE base.id = $1"
MANY: Final = f"{COLUMNS} WHERE base.id = ANY($1::uuid[])"
PAGE: Final = f"{COLUMNS} WHERE base.entity_type = 'skill' ORDER BY base.id DESC LIMIT $1"
PAGE_BELOW: Final = (
    f"{COLUMNS} WHERE base.entity_type = 'skill' AND base.id < $2 ORDER BY base.id DESC LIMIT $1"
)
KIND: Final = """
INSERT INTO app.skill_entity (tenant_id, id, category, private_to) VALUES ($1, $2, $3, $4)
"""
TAGS: Final = """
INSERT INTO app.entity_tag (tenant_id, entity_id, entity_type, tag, private_to)
SELECT $1, $2, 'skill', tag.value, $4 FROM unnest($3::text[]) AS tag (value)
"""
BASE: Final = """
INSERT INTO app.base_entity (
    tenant_id, id, entity_type, external_id, name, description, aliases, custom_attributes,
    governance_notes, governance_agent_id
)
VALUES ($1, $2, 'skill', $3, $4, $5, $6, $7, $8, $9)
RETURNING status, version, created_at, updated_at
"""
NEAREST: Final = """
SELECT
    label.tenant_id, label.entity_id,
    1 - (label.embedding_384 OPERATOR (public.<=>) $1) AS score
FROM app.entity_label AS label
INNER JOIN app.base_entity AS base
    ON label.tenant_id = base.tenant_id AND label.entity_id = base.id
WHERE
    label.entity_type = ANY($2) AND label.embedder = $3
    AND base.status = ANY(ARRAY['certified', 'active', 'deprecated'])
ORDER BY label.embedding_384 OPERATOR (public.<=>) $1, label.entity_id
LIMIT $4
"""
NEAR: Final = f"""
SELECT {SHOWN}, near.score FROM ({NEAREST}) AS near
INNER JOIN {WHOLE} ON near.tenant_id = base.tenant_id AND near.entity_id = base.id
ORDER BY near.score DESC, base.id
"""  # noqa: S608 - its own words
REASON: Final = "SELECT set_config('app.step_reason', $1, true)"
STEP: Final = "UPDATE app.base_entity SET status = $2 WHERE id = $1"
NOTES: Final = "UPDATE app.base_entity SET governance_notes = $2 WHERE id = $1"


class Store:
    """Two pools: one for what plant_app may do, one for inserts."""

    def __init__(self) -> None:
        self._reads: asyncpg.Pool[Any]
        self._writes: asyncpg.Pool[Any]

    async def open(self) -> None:
        """Connect."""
        self._reads, self._writes = await pool(READ_URL), await pool(WRITE_URL)

    async def close(self) -> None:
        """Disconnect."""
        await self._reads.close()
        await self._writes.close()

    async def one(self, who: Who, identity: UUID) -> Skill | None:
        """Find one."""
        async with within(self._reads, who) as session:
            row = await session.fetchrow(ONE, identity)
        return skill(row) if row else None

    async def page(self, who: Who, limit: int, before: UUID | None) -> Page:
        """Find a page, newest first."""
        async with within(self._reads, who) as session:
            if before is None:
                rows = await session.fetch(PAGE, limit + 1)
            else:
                rows = await session.fetch(PAGE_BELOW, limit + 1, before)
        items = [skill(row) for row in rows[:limit]]
        return Page(items, items[-1].id if len(rows) > limit else None)

    async def many(self, who: Who, ids: Sequence[UUID]) -> Found:
        """Find those that are there, and the ids of the others."""
        async with within(self._reads, who) as session:
            rows = await session.fetch(MANY, ids)
        found = {row["id"]: skill(row) for row in rows}
        items = [found[one] for one in ids if one in found]
        return Found(items, [one for one in ids if one not in found])

    async def create(self, who: Who, body: SkillIn) -> Skill:
        """Make one; its own row comes last, because triggers read the others."""
        tenant, agent, identity = UUID(who.tenant), UUID(who.agent), uuid7()
        attributes = msgspec.json.encode(body.custom_attributes)
        async with within(self._writes, who) as session:
            await session.execute(KIND, tenant, identity, body.category, agent)
            if body.tags:
                await session.execute(TAGS, tenant, identity, body.tags, agent)
            row = await session.fetchrow(
                BASE, tenant, identity, body.external_id, body.name, body.description,
                body.aliases, attributes.decode(), body.governance_notes, agent,
            )  # fmt: skip
        return Skill(
            id=identity,
            entity_type="skill",
            external_id=body.external_id,
            name=body.name,
            description=body.description,
            aliases=body.aliases,
            tags=sorted(body.tags),
            custom_attributes=msgspec.Raw(attributes),
            governance_notes=body.governance_notes,
            parent_ids=[],
            category=body.category,
            embedding_sha256=None,
            governance_agent_id=agent,
            **row,
        )

    async def amend(self, who: Who, identity: UUID, body: Notes) -> Skill | None:
        """Change the notes."""
        async with within(self._reads, who) as session:
            await session.execute(NOTES, identity, body.governance_notes)
            row = await session.fetchrow(ONE, identity)
        return skill(row) if row else None

    async def step(self, who: Who, identity: UUID, body: Step) -> Skill | None:
        """Take a step of the life cycle; its reason goes to the log."""
        async with within(self._reads, who) as session:
            await session.execute(REASON, body.reason)
            await session.execute(STEP, identity, body.to)
            row = await session.fetchrow(ONE, identity)
        return skill(row) if row else None

    async def search(self, who: Who, body: Look) -> Hits:
        """Find the nearest of what is in force."""
        async with within(self._reads, who) as session:
            rows = await session.fetch(
                NEAR, packed(body.embedding_384), body.kinds, body.model, body.limit
            )
        return Hits([Hit(skill(row), row["score"]) for row in rows])


async def pool(url: str) -> "asyncpg.Pool[Any]":
    """Connect as often as it ever will be."""
    return await asyncpg.create_pool(
        url, min_size=POOL, max_size=POOL, init=vectors, server_settings={"application_name": NAME}
    )


async def vectors(session: Any) -> None:
    """Send vectors in the form that pgvector receives, as its own package for asyncpg does."""
    await session.set_type_codec(
        "vector",
        schema="public",
        encoder=bytes,
        decoder=bytes,
        format="binary",
    )


def packed(vector: Sequence[float]) -> bytes:
    """Write a vector as pgvector receives it."""
    return struct.pack(f">HH{len(vector)}f", len(vector), 0, *vector)


@asynccontextmanager
async def within(pool: "asyncpg.Pool[Any]", who: Who) -> AsyncIterator[Any]:
    """Have a session within a transaction of a tenant."""
    async with pool.acquire() as session, session.transaction():
        await session.execute(CONTEXT, who.tenant, who.agent, who.key)
        yield session


def skill(row: "asyncpg.Record") -> Skill:
    """Make of a row what goes out."""
    values = dict(row)
    values.pop("score", None)
    values["custom_attributes"] = msgspec.Raw(values["custom_attributes"].encode())
    return Skill(**values)
