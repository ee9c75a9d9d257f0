"""Litestar with Advanced Alchemy: its plugin, a repository over mapped classes, msgspec out."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from advanced_alchemy.extensions.litestar import (
    AsyncSessionConfig,
    EngineConfig,
    SQLAlchemyAsyncConfig,
    SQLAlchemyInitPlugin,
)
from advanced_alchemy.filters import LimitOffset
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from litestar import Litestar, Request, get, patch, post
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from bench.serving.peers.environment import NAME, POOL, READ_URL, WRITE_URL
from bench.serving.peers.ids import uuid7
from bench.serving.peers.shapes import Found, Hit, Hits, Look, Notes, Page, SkillIn, Step, Who
from bench.serving.peers.shapes import Skill as SkillOut
from bench.serving.peers.tables import CONTEXT, REASON, Kind, Skill, Tag, nearest

ONE = [joinedload(Skill.kind), joinedload(Skill.tag_rows), joinedload(Skill.parent_rows)]
MANY = [joinedload(Skill.kind), selectinload(Skill.tag_rows), selectinload(Skill.parent_rows)]


class Out(SkillOut):
    """What goes out, made from a mapped object."""

    custom_attributes: dict[str, Any]  # type: ignore[assignment]


class OutPage(Page):
    """A page of a list."""

    items: list[Out]  # type: ignore[assignment]


class OutFound(Found):
    """What was asked for by ids."""

    items: list[Out]  # type: ignore[assignment]


class OutHit(Hit):
    """A skill, and how near it is."""

    entity: Out


class OutHits(Hits):
    """What is near."""

    items: list[OutHit]  # type: ignore[assignment]


class Skills(SQLAlchemyAsyncRepository[Skill]):
    """The skills of a tenant."""

    model_type = Skill


def config(url: str, key: str) -> SQLAlchemyAsyncConfig:
    """Give an engine of its own, whose session commits before the answer goes out."""
    return SQLAlchemyAsyncConfig(
        connection_string=url.replace("postgresql://", "postgresql+asyncpg://", 1),
        session_dependency_key=key,
        engine_dependency_key=f"{key}_engine",
        session_maker_app_state_key=f"{key}_maker",
        engine_app_state_key=f"{key}_engine",
        session_scope_key=f"{key}_scope",
        before_send_handler="autocommit",
        # The server's triggers keep the time, and no role may write it.
        enable_touch_updated_timestamp_listener=False,
        session_config=AsyncSessionConfig(expire_on_commit=False),
        engine_config=EngineConfig(
            pool_size=POOL,
            max_overflow=0,
            connect_args={"server_settings": {"application_name": NAME}},
        ),
    )


async def who(request: Request) -> Who:
    """Read from the headers who asks."""
    headers = request.headers
    return Who(headers["tenant"], headers["agent"], headers["key"])


async def reading(who: Who, reads: AsyncSession) -> Skills:
    """Give the skills that a tenant may see."""
    await reads.execute(CONTEXT, msgspec.structs.asdict(who))
    return Skills(session=reads)


async def writing(who: Who, writes: AsyncSession) -> Skills:
    """Give the same to whoever may write."""
    await writes.execute(CONTEXT, msgspec.structs.asdict(who))
    return Skills(session=writes)


def shown(skill: Skill) -> Out:
    """Make what goes out."""
    return msgspec.convert(skill, Out, from_attributes=True)


@get("/v1/skills/{identity:uuid}")
async def read(identity: UUID, skills: Skills) -> Out:
    """Give one."""
    found = await skills.get_one_or_none(Skill.id == identity, load=ONE, uniquify=True)
    if found is None:
        raise NotFoundException
    return shown(found)


@get("/v1/skills")
async def page(
    skills: Skills,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
    before: UUID | None = None,
) -> OutPage:
    """Give a page, newest first."""
    wanted = [Skill.entity_type == "skill"]
    if before is not None:
        wanted.append(Skill.id < before)
    found = await skills.get_many(
        *wanted, LimitOffset(limit + 1, 0), load=MANY, order_by=[Skill.id.desc()]
    )
    items = [shown(one) for one in found[:limit]]
    return OutPage(items, items[-1].id if len(found) > limit else None)


@get("/v1/entities")
async def many(skills: Skills, ids: Annotated[list[UUID], Parameter(query="id")]) -> OutFound:
    """Give those that are there, and the ids of the others."""
    found = {one.id: shown(one) for one in await skills.get_many(Skill.id.in_(ids), load=MANY)}
    items = [found[one] for one in ids if one in found]
    return OutFound(items, [one for one in ids if one not in found])


@post("/v1/skills", dependencies={"skills": Provide(writing)})
async def create(who: Who, skills: Skills, data: SkillIn) -> Out:
    """Make one; its own row comes last, because triggers read the others."""
    tenant, agent, identity = UUID(who.tenant), UUID(who.agent), uuid7()
    kind = Kind(tenant_id=tenant, id=identity, category=data.category, private_to=agent)
    tags = [
        Tag(tenant_id=tenant, entity_id=identity, entity_type="skill", tag=tag, private_to=agent)
        for tag in data.tags
    ]
    skills.session.add_all([kind, *tags])
    await skills.session.flush()
    given = msgspec.structs.asdict(data)
    base = {name: value for name, value in given.items() if name not in {"category", "tags"}}
    skill = await skills.add(
        Skill(
            tenant_id=tenant, id=identity, entity_type="skill", governance_agent_id=agent, **base
        ),
        auto_refresh=False,
        auto_expunge=False,
    )
    set_committed_value(kind, "embedding_sha256", None)
    for name, value in (("kind", kind), ("tag_rows", tags), ("parent_rows", [])):
        set_committed_value(skill, name, value)
    return shown(skill)


@patch("/v1/skills/{identity:uuid}")
async def amend(identity: UUID, skills: Skills, data: Notes) -> Out:
    """Change the notes."""
    found = await locked(skills, identity)
    found.governance_notes = data.governance_notes
    await skills.session.flush()
    return shown(found)


@post("/v1/skills/{identity:uuid}/status", status_code=200)
async def step(identity: UUID, skills: Skills, data: Step) -> Out:
    """Take a step of the life cycle; its reason goes to the log."""
    found = await locked(skills, identity)
    await skills.session.execute(REASON, {"reason": data.reason})
    found.status = data.to
    await skills.session.flush()
    return shown(found)


@post("/v1/search", status_code=200)
async def search(skills: Skills, data: Look) -> OutHits:
    """Find the nearest of what is in force."""
    wanted = nearest(data.embedding_384, data.kinds, data.model, data.limit)
    found = await skills.session.execute(wanted.options(*MANY))
    return OutHits([OutHit(shown(skill), score) for skill, score in found])


async def locked(skills: Skills, identity: UUID) -> Skill:
    """Give one under the lock of its row."""
    found: Skill | None = await skills.get_one_or_none(
        Skill.id == identity, load=MANY, with_for_update={"of": Skill, "key_share": True}
    )
    if found is None:
        raise NotFoundException
    return found


app = Litestar(
    [read, page, many, create, amend, step, search],
    dependencies={"who": Provide(who), "skills": Provide(reading)},
    plugins=[SQLAlchemyInitPlugin([config(READ_URL, "reads"), config(WRITE_URL, "writes")])],
    openapi_config=None,
)
