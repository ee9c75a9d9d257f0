"""BlackSheep with asyncpg and the one-trip functions of Plant: bytes go out as they came."""

from uuid import UUID

import msgspec
from blacksheep import Application, Content, Request, Response, get, patch, post

from bench.serving.peers.functions import Store
from bench.serving.peers.shapes import Look, Notes, SkillIn, Step, Who

STORE = Store()
CREATE, AMEND = msgspec.json.Decoder(SkillIn), msgspec.json.Decoder(Notes)
STEP, SEARCH = msgspec.json.Decoder(Step), msgspec.json.Decoder(Look)

app = Application()


@app.on_start
async def start(_: Application) -> None:
    """Connect."""
    await STORE.open()


@app.on_stop
async def stop(_: Application) -> None:
    """Disconnect."""
    await STORE.close()


def who(request: Request) -> Who:
    """Read from the headers who asks."""
    names = (b"tenant", b"agent", b"key")
    return Who(*(request.get_first_header(name).decode() for name in names))


def shown(body: bytes, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(status, None, Content(b"application/json", body))


@get("/v1/skills/{identity}")
async def read(request: Request, identity: UUID) -> Response:
    """Give one."""
    found = await STORE.one(who(request), identity)
    return Response(404) if found is None else shown(found)


@get("/v1/skills")
async def page(request: Request, limit: int = 50, before: UUID | None = None) -> Response:
    """Give a page, newest first."""
    return shown(await STORE.page(who(request), min(max(limit, 1), 200), before))


@get("/v1/entities")
async def many(request: Request) -> Response:
    """Give those that are there, and the ids of the others."""
    ids = [UUID(one) for one in request.query["id"]]
    return shown(await STORE.many(who(request), ids))


@post("/v1/skills")
async def create(request: Request) -> Response:
    """Make one."""
    body = CREATE.decode(await request.read())
    return shown(await STORE.create(who(request), body), 201)


@patch("/v1/skills/{identity}")
async def amend(request: Request, identity: UUID) -> Response:
    """Change the notes."""
    body = AMEND.decode(await request.read())
    return shown(await STORE.amend(who(request), identity, body))


@post("/v1/skills/{identity}/status")
async def step(request: Request, identity: UUID) -> Response:
    """Take a step of the life cycle."""
    body = STEP.decode(await request.read())
    return shown(await STORE.step(who(request), identity, body))


@post("/v1/search")
async def search(request: Request) -> Response:
    """Find the nearest to a vector."""
    body = SEARCH.decode(await request.read())
    return shown(await STORE.search(who(request), body))
