"""Litestar with asyncpg and msgspec: structs in and out."""

from typing import Annotated
from uuid import UUID

from litestar import Litestar, Request, get, patch, post
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.params import Parameter

from bench.serving.peers.shapes import Found, Hits, Look, Notes, Page, Skill, SkillIn, Step, Who
from bench.serving.peers.store import Store

STORE = Store()


async def who(request: Request) -> Who:
    """Read from the headers who asks."""
    headers = request.headers
    return Who(headers["tenant"], headers["agent"], headers["key"])


@get("/v1/skills/{identity:uuid}")
async def read(identity: UUID, who: Who) -> Skill:
    """Give one."""
    found = await STORE.one(who, identity)
    if found is None:
        raise NotFoundException
    return found


@get("/v1/skills")
async def page(
    who: Who,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
    before: UUID | None = None,
) -> Page:
    """Give a page, newest first."""
    return await STORE.page(who, limit, before)


@get("/v1/entities")
async def many(who: Who, ids: Annotated[list[UUID], Parameter(query="id")]) -> Found:
    """Give those that are there, and the ids of the others."""
    return await STORE.many(who, ids)


@post("/v1/skills")
async def create(who: Who, data: SkillIn) -> Skill:
    """Make one."""
    return await STORE.create(who, data)


@patch("/v1/skills/{identity:uuid}")
async def amend(identity: UUID, who: Who, data: Notes) -> Skill:
    """Change the notes."""
    found = await STORE.amend(who, identity, data)
    if found is None:
        raise NotFoundException
    return found


@post("/v1/skills/{identity:uuid}/status", status_code=200)
async def step(identity: UUID, who: Who, data: Step) -> Skill:
    """Take a step of the life cycle."""
    found = await STORE.step(who, identity, data)
    if found is None:
        raise NotFoundException
    return found


@post("/v1/search", status_code=200)
async def search(who: Who, data: Look) -> Hits:
    """Find the nearest to a vector."""
    return await STORE.search(who, data)


app = Litestar(
    [read, page, many, create, amend, step, search],
    dependencies={"who": Provide(who)},
    on_startup=[STORE.open],
    on_shutdown=[STORE.close],
    openapi_config=None,
)
