"""Litestar with asyncpg and the one-trip functions of Plant: bytes go out as they came."""

from typing import Annotated
from uuid import UUID

from litestar import Litestar, Request, get, patch, post
from litestar.di import Provide
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import Parameter

from bench.serving.peers.functions import Store
from bench.serving.peers.shapes import Look, Notes, SkillIn, Step, Who

JSON = MediaType.JSON
STORE = Store()


async def who(request: Request) -> Who:
    """Read from the headers who asks."""
    headers = request.headers
    return Who(headers["tenant"], headers["agent"], headers["key"])


@get("/v1/skills/{identity:uuid}", media_type=JSON)
async def read(identity: UUID, who: Who) -> bytes:
    """Give one."""
    found = await STORE.one(who, identity)
    if found is None:
        raise NotFoundException
    return found


@get("/v1/skills", media_type=JSON)
async def page(
    who: Who,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
    before: UUID | None = None,
) -> bytes:
    """Give a page, newest first."""
    return await STORE.page(who, limit, before)


@get("/v1/entities", media_type=JSON)
async def many(who: Who, ids: Annotated[list[UUID], Parameter(query="id")]) -> bytes:
    """Give those that are there, and the ids of the others."""
    return await STORE.many(who, ids)


@post("/v1/skills", media_type=JSON)
async def create(who: Who, data: SkillIn) -> bytes:
    """Make one."""
    return await STORE.create(who, data)


@patch("/v1/skills/{identity:uuid}", media_type=JSON)
async def amend(identity: UUID, who: Who, data: Notes) -> bytes:
    """Change the notes."""
    return await STORE.amend(who, identity, data)


@post("/v1/skills/{identity:uuid}/status", status_code=200, media_type=JSON)
async def step(identity: UUID, who: Who, data: Step) -> bytes:
    """Take a step of the life cycle."""
    return await STORE.step(who, identity, data)


@post("/v1/search", status_code=200, media_type=JSON)
async def search(who: Who, data: Look) -> bytes:
    """Find the nearest to a vector."""
    return await STORE.search(who, data)


app = Litestar(
    [read, page, many, create, amend, step, search],
    dependencies={"who": Provide(who)},
    on_startup=[STORE.open],
    on_shutdown=[STORE.close],
    openapi_config=None,
)
