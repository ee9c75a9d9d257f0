"""FastAPI and the asynchronous ORM of SQLAlchemy 2: mapped classes in, a Pydantic model out."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from bench.serving.peers.environment import NAME, POOL, READ_URL, WRITE_URL
from bench.serving.peers.fastapi_shapes import (
    Found,
    Hits,
    Look,
    Notes,
    Page,
    SkillIn,
    SkillOut,
    Step,
)
from bench.serving.peers.ids import uuid7
from bench.serving.peers.tables import CONTEXT, REASON, Kind, Skill, Tag, nearest

ONE = (joinedload(Skill.kind), joinedload(Skill.tag_rows), joinedload(Skill.parent_rows))
"""All of one in one statement."""

MANY = (joinedload(Skill.kind), selectinload(Skill.tag_rows), selectinload(Skill.parent_rows))
"""A statement for each collection of all."""


class Who(BaseModel):
    """Who asks."""

    tenant: str
    agent: str
    key: str


def who(
    tenant: Annotated[str, Header()], agent: Annotated[str, Header()], key: Annotated[str, Header()]
) -> Who:
    """Read it from the headers."""
    return Who(tenant=tenant, agent=agent, key=key)


def sessions(url: str) -> async_sessionmaker[AsyncSession]:
    """Give sessions of an engine of its own."""
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=POOL,
        max_overflow=0,
        connect_args={"server_settings": {"application_name": NAME}},
    )
    return async_sessionmaker(engine, expire_on_commit=False)


READS, WRITES = sessions(READ_URL), sessions(WRITE_URL)
Asker = Annotated[Who, Depends(who)]


async def reading(asker: Asker) -> AsyncIterator[AsyncSession]:
    """Give a session within a transaction of a tenant."""
    async with READS() as session, session.begin():
        await session.execute(CONTEXT, asker.model_dump())
        yield session


async def writing(asker: Asker) -> AsyncIterator[AsyncSession]:
    """Give one that may write."""
    async with WRITES() as session, session.begin():
        await session.execute(CONTEXT, asker.model_dump())
        yield session


# Committed before the answer goes out.
Reading = Annotated[AsyncSession, Depends(reading, scope="function")]
Writing = Annotated[AsyncSession, Depends(writing, scope="function")]

app = FastAPI()


@app.get("/v1/skills/{identity}", response_model=SkillOut)
async def read(identity: UUID, session: Reading) -> Skill:
    """Give one."""
    found = await session.scalars(select(Skill).where(Skill.id == identity).options(*ONE))
    skill: Skill | None = found.unique().one_or_none()
    if skill is None:
        raise HTTPException(404)
    return skill


@app.get("/v1/skills", response_model=Page)
async def page(
    session: Reading,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: UUID | None = None,
) -> dict[str, object]:
    """Give a page, newest first."""
    wanted = select(Skill).where(Skill.entity_type == "skill").order_by(Skill.id.desc())
    if before is not None:
        wanted = wanted.where(Skill.id < before)
    found = (await session.scalars(wanted.limit(limit + 1).options(*MANY))).all()
    items = found[:limit]
    return {"items": items, "next_cursor": items[-1].id if len(found) > limit else None}


@app.get("/v1/entities", response_model=Found)
async def many(
    session: Reading, ids: Annotated[list[UUID], Query(alias="id", max_length=100)]
) -> dict[str, object]:
    """Give those that are there, and the ids of the others."""
    found = await session.scalars(select(Skill).where(Skill.id.in_(ids)).options(*MANY))
    by_id = {skill.id: skill for skill in found}
    return {
        "items": [by_id[one] for one in ids if one in by_id],
        "missing": [one for one in ids if one not in by_id],
    }


@app.post("/v1/skills", response_model=SkillOut, status_code=201)
async def create(body: SkillIn, asker: Asker, session: Writing, response: Response) -> Skill:
    """Make one; its own row comes last, because triggers read the others."""
    tenant, agent, identity = UUID(asker.tenant), UUID(asker.agent), uuid7()
    key = {"tenant_id": tenant, "private_to": agent}
    kind = Kind(id=identity, category=body.category, **key)
    tags = [Tag(entity_id=identity, entity_type="skill", tag=tag, **key) for tag in body.tags]
    session.add_all([kind, *tags])
    await session.flush()
    skill = Skill(
        tenant_id=tenant,
        id=identity,
        entity_type="skill",
        governance_agent_id=agent,
        **body.model_dump(exclude={"category", "tags"}),
    )
    session.add(skill)
    await session.flush()
    set_committed_value(kind, "embedding_sha256", None)
    for name, value in (("kind", kind), ("tag_rows", tags), ("parent_rows", [])):
        set_committed_value(skill, name, value)
    response.headers["Location"] = f"/v1/skills/{identity}"
    return skill


@app.patch("/v1/skills/{identity}", response_model=SkillOut)
async def amend(identity: UUID, body: Notes, session: Reading) -> Skill:
    """Change the notes."""
    skill = await locked(session, identity)
    skill.governance_notes = body.governance_notes
    await session.flush()
    return skill


@app.post("/v1/skills/{identity}/status", response_model=SkillOut)
async def step(identity: UUID, body: Step, session: Reading) -> Skill:
    """Take a step of the life cycle; its reason goes to the log."""
    skill = await locked(session, identity)
    await session.execute(REASON, {"reason": body.reason})
    skill.status = body.to
    await session.flush()
    return skill


@app.post("/v1/search", response_model=Hits)
async def search(body: Look, session: Reading) -> dict[str, object]:
    """Find the nearest of what is in force."""
    wanted = nearest(body.embedding_384, body.kinds, body.model, body.limit)
    found = await session.execute(wanted.options(*MANY))
    return {"items": [{"entity": skill, "score": score} for skill, score in found]}


async def locked(session: AsyncSession, identity: UUID) -> Skill:
    """Give one under the lock of its row."""
    found = await session.scalars(
        select(Skill)
        .where(Skill.id == identity)
        .options(*MANY)
        .with_for_update(of=Skill, key_share=True)
    )
    skill: Skill | None = found.one_or_none()
    if skill is None:
        raise HTTPException(404)
    return skill
