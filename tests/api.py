"""The whole service on a real socket, and a client that speaks for one identity."""

import io
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from msgspec import Struct
from yarl import URL

from service.http.app import Finders, build_app, finders_by
from service.http.clock import Clock
from service.http.runner import Runner
from service.http.site import Site
from service.model.kinds import KINDS
from service.settings import Settings
from service.usecases.near_skills import NearSkills
from service.usecases.search import Search
from tests.catalogued import strays
from tests.described import faults
from tests.factories import (
    Actor,
    Tenant,
    agent_body,
    industry_body,
    job_role_body,
    skill_body,
    team_body,
)

LARGE = 1024 * 1024
PATHS = {kind.name: f"/v1/{kind.path}" for kind in KINDS.values()}
ROAD = {
    "draft": [],
    "under_review": ["under_review"],
    "certified": ["under_review", "certified"],
    "active": ["under_review", "certified", "active"],
    "deprecated": ["under_review", "certified", "active", "deprecated"],
    "archived": ["archived"],
}
"""The steps that lead a draft to a state."""


@asynccontextmanager
async def serving(
    settings: Settings,
    app_url: str,
    clock: Clock | None = None,
    searching: Search | None = None,
    near: NearSkills | None = None,
) -> AsyncIterator[str]:
    """Serve on a free port of the loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    usual = finders_by(settings)
    finders = Finders(searching or usual.search, near or usual.near)
    app = build_app(settings, app_url, clock, finders=finders)
    runner = Runner(app, access_log=None)
    await runner.setup()
    try:
        await Site(runner, listener).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()


class Answer(Struct, frozen=True):
    """An answer, read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """Read the body as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """Name the problem type that a refusal carries."""
        assert self.headers["Content-Type"].startswith("application/problem+json")
        return str(self.json["type"]).removeprefix("/docs/errors#")

    @property
    def etag(self) -> str:
        """Give the entity tag as If-Match takes it."""
        return str(self.headers["ETag"])


class Api:
    """Sends requests as one actor of a tenant."""

    def __init__(self, session: aiohttp.ClientSession, url: str, tenant: Tenant) -> None:
        self._session = session
        self.url = url
        self.tenant = tenant
        self.actor: Actor = tenant.author

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, tenant: Tenant) -> AsyncIterator[Self]:
        """Open a client for the author of a tenant."""
        async with aiohttp.ClientSession() as session:
            yield cls(session, url, tenant)

    def by(self, actor: Actor) -> "Api":
        """Give the same client for another identity."""
        other = Api(self._session, self.url, self.tenant)
        other.actor = actor
        return other

    def of(self, tenant: Tenant) -> "Api":
        """Give the same client for the author of another tenant."""
        return Api(self._session, self.url, tenant)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send a request; `body` goes as JSON, `raw` as it is; a header of None is left out."""
        given = {"Authorization": f"Bearer {self.actor.key}", **(headers or {})}
        sent = {name: value for name, value in given.items() if value is not None}
        # The client warns of a large body that is no file.
        raw = raw if body is None else json.dumps(body).encode()
        data = raw if raw is None or len(raw) < LARGE else io.BytesIO(raw)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self._session.request(
            method,
            # As it is: a client library would repair what a test breaks on purpose.
            URL(self.url + path, encoded=True),
            data=data,
            headers=sent,
            skip_auto_headers=["Content-Type"],
            allow_redirects=False,
        ) as response:
            answer = Answer(response.status, response.headers, await response.read())
        known = data if isinstance(data, bytes) else None
        said = strays(path, answer.status, answer.headers, answer.body)
        said += faults(method, path, known, answer.status, answer.headers, answer.body)
        assert not said, said
        return answer

    async def get(self, path: str, **headers: str) -> Answer:
        """Send a GET; keyword arguments are headers with _ for -."""
        return await self.send("GET", path, headers=_named(headers))

    async def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send a POST with a JSON body."""
        return await self.send("POST", path, body, headers=_named(headers))

    async def patch(self, path: str, body: Any, etag: str) -> Answer:
        """Send a PATCH with a JSON body under an entity tag."""
        return await self.send("PATCH", path, body, headers={"If-Match": etag})

    async def step(self, path: str, to: str, etag: str, **more: Any) -> Answer:
        """Take one life-cycle step under an entity tag."""
        body = {"to": to, "reason": "for the test", **more}
        return await self.send("POST", f"{path}/status", body, headers={"If-Match": etag})

    async def body(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Make a body of any kind; what it refers to is made as drafts unless it is given."""
        if kind == "skill":
            return skill_body(**fields)
        if kind == "industry":
            return industry_body(**fields)
        skill = (await self.made("skill"))["id"]
        if kind == "job_role":
            return {**job_role_body([skill]), **fields}
        role = fields.get("job_role_id") or (await self.made("job_role"))["id"]
        industry = fields.get("industry_id") or (await self.made("industry"))["id"]
        if kind == "team":
            return {**team_body(role, industry), **fields}
        return {**agent_body(role, industry, [skill]), **fields}

    async def create(self, kind: str, **fields: Any) -> Answer:
        """Create an entity of any kind, and what it refers to unless it is given."""
        return await self.post(PATHS[kind], await self.body(kind, **fields))

    async def made(self, kind: str, status: str = "draft", **fields: Any) -> dict[str, Any]:
        """Create an entity, take it to a state by two identities, and give its document."""
        answer = await self.create(kind, **fields)
        assert 201 == answer.status, answer.body
        document: dict[str, Any] = (await self.raised(answer, status)).json
        return document

    async def raised(self, answer: Answer, status: str) -> Answer:
        """Take the draft of an answer to a state by two identities; gives the last answer."""
        path = f"{PATHS[answer.json['entity_type']]}/{answer.json['id']}"
        for to in ROAD[status]:
            actor = self.tenant.certifier if to == "certified" else self.tenant.author
            answer = await self.by(actor).step(path, to, answer.etag)
            assert 200 == answer.status, answer.body
        return answer

    async def world(self) -> dict[str, dict[str, Any]]:
        """Make one active entity of each kind: an agent in a team, both of one job role."""
        skill = await self.made("skill", "active")
        industry = await self.made("industry", "active")
        role = await self.made(
            "job_role",
            "active",
            required_skills=[{"id": skill["id"], "relation": "essential"}],
        )
        shared = {"job_role_id": role["id"], "industry_id": industry["id"]}
        draft = await self.create("team", **shared)
        team = draft.json["id"]
        agent = await self.made("agent", "active", **shared, team_id=team, skill_ids=[skill["id"]])
        raised = await self.raised(draft, "active")
        documents = (skill, industry, role, raised.json, agent)
        return {one["entity_type"]: one for one in documents}


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
