"""The whole service on a real socket, and a client that speaks for one identity."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from aiohttp import web
from msgspec import Struct

from service.http.app import build_app
from service.http.protocol import Runner
from service.settings import Settings
from tests.factories import Actor, Tenant


@asynccontextmanager
async def serving(settings: Settings, app_url: str) -> AsyncIterator[str]:
    """Serve on a free port of the loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    runner = Runner(build_app(settings, app_url), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
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

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request; `body` goes as JSON, `raw` as it is."""
        sent = {"Authorization": f"Bearer {self.actor.key}", **(headers or {})}
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self._session.request(
            method, self.url + path, data=data, headers=sent, skip_auto_headers=["Content-Type"]
        ) as response:
            return Answer(response.status, response.headers, await response.read())

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


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
