"""What clients do while everything breaks, and what they know for sure of each entity."""

import random
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tests.api import PATHS, ROAD
from tests.chaos.calls import Answer, Calls
from tests.factories import Actor, Tenant, industry_body, job_role_body, skill_body

KINDS = ("skill", "skill", "industry", "job_role")
LIVING = ROAD["active"]
CHANGES_MAX = 6
"""So often an entity is changed as a draft before it goes its way."""


class Known(Struct):
    """An entity as its only writer knows it: what was acknowledged last, and how often."""

    kind: str
    path: str
    id: str
    name: str
    status: str
    version: int
    etag: str
    body: bytes


class Worker:
    """One client of a tenant: it alone changes what it has made."""

    def __init__(
        self, calls: Calls, tenant: Tenant, others: list["Worker"], number: int, draw: random.Random
    ) -> None:
        self.tenant = tenant
        self.known: list[Known] = []
        self._calls = calls
        self._others = others
        self._number = number
        self._draw = draw
        self._agents = {
            actor.context.governance_agent_id for actor in (tenant.author, tenant.certifier)
        }
        self._made = 0

    @property
    def mark(self) -> str:
        """Give what all names of the tenant begin with."""
        return f"{self.tenant.name} "

    async def work(self, going: Callable[[], bool]) -> None:
        """Do one thing after the other, each until its outcome is known."""
        things = (self.create, self.change, self.step, self.read, self.page)
        rare = (self.foreign, self.stale, self.twice)
        while going():
            if not self.known or self._draw.random() < 0.05:
                await self.create()
            elif self._draw.random() < 0.15:
                await self._draw.choice(rare)()
            else:
                await self._draw.choices(things, weights=(20, 25, 15, 25, 15))[0]()

    async def create(self) -> None:
        """Make an entity of a drawn kind."""
        kind = self._draw.choice(KINDS)
        skills = [one for one in self.known if one.kind == "skill"]
        if kind == "job_role" and not skills:
            kind = "skill"
        self._made += 1
        name = f"{self.mark}{kind} {self._number}-{self._made}"
        if kind == "job_role":
            needed = self._draw.sample(skills, min(3, len(skills)))
            body = job_role_body([one.id for one in needed], name=name)
        else:
            body = {"skill": skill_body, "industry": industry_body}[kind](name=name, tags=["t"])
        answer = await self._calls.settled(self.tenant.author, "POST", PATHS[kind], body)
        if self._expected("create", 201, answer):
            found = answer.json
            path = f"{PATHS[kind]}/{found['id']}"
            known = Known(kind, path, found["id"], name, "draft", 1, "", b"")
            self.known.append(known)
            self._noted(known, answer, "draft", 1)

    async def change(self) -> None:
        """Change a draft, or take what has changed enough a step further."""
        known = self._draw.choice(self.known)
        if known.status != "draft" or known.version > CHANGES_MAX:
            await self.step(known)
            return
        body = {"description": f"Changed for the {known.version}. time."}
        answer = await self._write(known, "PATCH", known.path, body, self.tenant.author)
        if self._expected(f"change {known.path}", 200, answer):
            self._noted(known, answer, "draft", known.version + 1)

    async def step(self, known: Known | None = None) -> None:
        """Take the next step of the life cycle."""
        known = known or self._draw.choice(self.known)
        # What a job role needs would have to go first.
        done = known.kind == "job_role" or known.status == "active"
        if done:
            await self.read(known)
            return
        to = LIVING[LIVING.index(known.status) + 1] if known.status in LIVING else LIVING[0]
        actor = self.tenant.certifier if to == "certified" else self.tenant.author
        body = {"to": to, "reason": "for the run"}
        answer = await self._write(known, "POST", f"{known.path}/status", body, actor)
        if self._expected(f"step {known.path} to {to}", 200, answer):
            self._noted(known, answer, to, known.version + 1)

    async def read(self, known: Known | None = None) -> None:
        """Read an entity: it must be what was acknowledged last."""
        known = known or self._draw.choice(self.known)
        answer = await self._calls.settled(self.tenant.author, "GET", known.path)
        if self._expected(f"read {known.path}", 200, answer) and answer.body != known.body:
            self._calls.breaks(f"{known.path} is not what was acknowledged last")

    async def page(self) -> None:
        """Read a page: everything on it must be the tenant's."""
        kind = self._draw.choice(KINDS)
        answer = await self._calls.settled(self.tenant.author, "GET", f"{PATHS[kind]}?limit=20")
        if self._expected(f"list {kind}", 200, answer):
            for item in answer.json["items"]:
                self._own(item)

    async def foreign(self) -> None:
        """Ask for what another tenant has, in the three ways that name an entity."""
        other = self._draw.choice(self._others)
        if other.tenant.id == self.tenant.id or not other.known:
            return
        known = self._draw.choice(other.known)
        ways: list[tuple[str, str, Any]] = [
            ("GET", known.path, None),
            ("PATCH", known.path, {"description": "Mine."}),
            ("POST", f"{known.path}/status", {"to": "archived", "reason": "mine"}),
        ]
        method, path, body = self._draw.choice(ways)
        headers = {} if body is None else {"If-Match": known.etag}
        answer = await self._calls.settled(self.tenant.author, method, path, body, headers)
        self._expected(f"{method} {path} of another tenant", 404, answer)

    async def stale(self) -> None:
        """Change a version that is not the current one."""
        known = self._draw.choice(self.known)
        headers = {"If-Match": '"0-0000000000000000"'}
        body = {"description": "Never."}
        answer = await self._calls.settled(self.tenant.author, "PATCH", known.path, body, headers)
        self._expected(f"stale change of {known.path}", 412, answer)

    async def twice(self) -> None:
        """Make what has the name of another."""
        known = self._draw.choice(self.known)
        if known.kind == "job_role":
            return
        body = {"skill": skill_body, "industry": industry_body}[known.kind](name=known.name)
        answer = await self._calls.settled(self.tenant.author, "POST", PATHS[known.kind], body)
        self._expected(f"second {known.name}", 409, answer)

    async def _write(self, known: Known, method: str, path: str, body: Any, actor: Actor) -> Answer:
        return await self._calls.settled(actor, method, path, body, {"If-Match": known.etag})

    def _expected(self, what: str, status: int, answer: Answer) -> bool:
        if answer.status != status:
            self._calls.breaks(f"{what}: {answer.status} {answer.body.decode()[:300]}")
        return answer.status == status

    def _noted(self, known: Known, answer: Answer, status: str, version: int) -> None:
        found = answer.json
        self._own(found)
        if (found["status"], found["version"]) != (status, version):
            self._calls.breaks(f"{known.path} is {found['version']}, expected {version}")
        known.status, known.version = status, version
        known.etag, known.body = answer.headers["ETag"], answer.body

    def _own(self, item: dict[str, Any]) -> None:
        mine = item["name"].startswith(self.mark)
        if not mine or item["governance_agent_id"] not in self._agents:
            self._calls.breaks(f"{self.tenant.name} saw a foreign row: {item['name']}")
