"""Who asks the service, over its socket and from within, and looks at every answer."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from msgspec import structs

from service.errors import Problem, Unavailable
from service.repository.base import Context, Repository
from service.repository.entities import EntityById
from tests.api import PATHS
from tests.chaos.calls import PAUSE_S, Answer, Calls
from tests.factories import Actor, Tenant, skill_body
from tests.leaks.stock import Stock
from tests.reads import Ask, Place, reads

LEAVES = 0.15
"""The share of requests whose sender goes away before the answer."""

LEAVES_S = 0.08
GIVES_UP = 0.25
"""The share of reads from within that are cancelled in the middle."""

NEVER = '"0-0000000000000000"'
OK = {200, 201, 204}
REFUSED = {503, 504}
SHOWS = {
    "GET /v1/{kind}/{id}",
    "GET /v1/{kind}/{id} version",
    "GET /v1/{kind}/by-external-id/{external_id}",
    "GET /v1/{kind}",
    "GET /v1/{kind} by tag",
    "GET /v1/{kind} by two",
    "GET /v1/{kind} by external id",
    "GET /v1/{kind} by name",
    "GET /v1/entities",
}
"""Routes whose answer must have the entity that is asked for, or at least one of the tenant's."""

SLOW = """
SELECT pg_catalog.set_config('app.tenant_id', $1, TRUE), pg_catalog.pg_sleep(60)
"""
"""A statement that has its context and does not end in time."""

Act = Callable[[], Awaitable[str]]


class Account:
    """What was asked and what became of it.

    answered: operations whose answer was looked through; errors: by problem, SQLSTATE or class.
    """

    def __init__(self) -> None:
        self.operations = Counter[str]()
        self.errors = Counter[str]()
        self.answered = 0
        self.cancelled = 0
        self.broken: list[str] = []

    @property
    def done(self) -> int:
        """Count the operations."""
        return self.operations.total()


class Client:
    """Asks for random tenants over HTTP."""

    def __init__(
        self, calls: Calls, stock: Stock, account: Account, draw: random.Random, number: int
    ) -> None:
        self._calls = calls
        self._stock = stock
        self._account = account
        self._draw = draw
        self._number = number
        self._made = 0

    async def ask(self) -> None:
        """Do one thing, for a tenant that is drawn."""
        tenant = self._draw.choice(self._stock.tenants)
        place = self._draw.choice(self._stock.places[tenant.name])
        acts = (self._own, self._any, self._foreign, self._change, self._refused)
        act = self._draw.choices(acts, weights=(40, 25, 12, 15, 8))[0]
        await act(tenant, place)

    async def _own(self, tenant: Tenant, place: Place) -> None:
        """Read a row by one of its ids: it must come."""
        name = self._draw.choice(("GET /v1/{kind}/{id}",) * 3 + tuple(sorted(SHOWS)))
        await self._sent(tenant, name, reads(place)[name], OK)

    async def _any(self, tenant: Tenant, place: Place) -> None:
        """Read by any route there is; of an amendment there is none."""
        asks = reads(place) | {
            "GET /v1/audit/entries": Ask("GET", "/v1/audit/entries?limit=20"),
            "GET /v1/{kind}/{id}/receipt": Ask("GET", f"{PATHS[place.kind]}/{place.id}/receipt"),
        }
        name, ask = self._draw.choice(list(asks.items()))
        await self._sent(tenant, name, ask, OK | {202, 404})

    async def _foreign(self, tenant: Tenant, place: Place) -> None:
        """Read, change or end what another tenant has."""
        other = self._draw.choice(self._stock.tenants)
        if other.name == tenant.name:
            return
        theirs = self._draw.choice(self._stock.places[other.name])
        path = f"{PATHS[theirs.kind]}/{theirs.id}"
        step = {"to": "archived", "reason": "mine"}
        asks = {
            "foreign read": Ask("GET", path),
            "foreign change": Ask("PATCH", path, {"tags": ["mine"]}, {"If-Match": "*"}),
            "foreign step": Ask("POST", f"{path}/status", step, {"If-Match": "*"}),
            "foreign compliance": Ask("GET", f"{path}/compliance"),
        }
        name, ask = self._draw.choice(list(asks.items()))
        await self._sent(tenant, name, ask, {404})

    async def _change(self, tenant: Tenant, place: Place) -> None:
        """Make something, alone, in a batch or for nothing, or change a draft."""
        self._made += 1
        body = skill_body(name=f"{tenant.name} made {self._number}-{self._made}")
        again = skill_body(name=f"{body['name']} again")
        batch = [{"op": "create", "kind": "skill", "body": one} for one in (body, again)]
        drafts = [one for one in self._stock.places[tenant.name] if one.kind == "skill"][1:]
        draft = self._draw.choice(drafts)
        path = PATHS["skill"]
        asks = {
            "create": Ask("POST", path, body),
            "batch": Ask("POST", "/v1/batch", {"operations": batch}),
            "dry run": Ask("POST", path, body, {"Prefer": "tx=rollback"}),
            "change": Ask(
                "PATCH", f"{path}/{draft.id}", {"description": tenant.name}, {"If-Match": "*"}
            ),
            "put": Ask(
                "PUT", f"{path}/by-external-id/made-{self._draw.randrange(50)}", again,
                {"If-None-Match": "*"},
            ),
        }  # fmt: skip
        name, ask = self._draw.choice(list(asks.items()))
        await self._sent(tenant, name, ask, OK | ({412} if name == "put" else set()))

    async def _refused(self, tenant: Tenant, place: Place) -> None:
        """Ask for what is refused, in each of the ways."""
        path = PATHS["skill"]
        taken = skill_body(name=self._stock.places[tenant.name][-1].name)
        asks: dict[str, tuple[int, Ask]] = {
            "nobody": (401, Ask("GET", path, None, {"Authorization": "Bearer plant_nobody"})),
            "unknown filter": (400, Ask("GET", f"{path}?nothing=1")),
            "not valid": (422, Ask("POST", path, {"name": 1})),
            "taken": (409, Ask("POST", path, taken)),
            "stale": (
                412,
                Ask("PATCH", f"{PATHS[place.kind]}/{place.id}", {"tags": []}, {"If-Match": NEVER}),
            ),
            "no scope": (403, Ask("POST", path, taken)),
        }
        name, (status, ask) = self._draw.choice(list(asks.items()))
        actor = tenant.reader if name == "no scope" else None
        await self._sent(tenant, name, ask, {status}, actor)

    async def _sent(
        self, tenant: Tenant, name: str, ask: Ask, expected: set[int], actor: Actor | None = None
    ) -> None:
        leaves = self._draw.random() < LEAVES
        answer = await self._calls.once(
            actor or tenant.author, ask.method, ask.path, ask.body, ask.headers,
            leaves_s=self._draw.uniform(0, LEAVES_S) if leaves else None,
        )  # fmt: skip
        self._account.operations[name] += 1
        if answer is not None:
            self._look(tenant, name, ask, answer, expected)
        if answer is None or answer.status in REFUSED:
            # As a client does: or all would be spent on what is not served just now.
            await asyncio.sleep(self._draw.uniform(*PAUSE_S))
        else:
            self._account.answered += 1

    def _look(
        self, tenant: Tenant, name: str, ask: Ask, answer: Answer, expected: set[int]
    ) -> None:
        text = answer.body.decode()
        where = f"{name} of {tenant.name}: {answer.status}"
        said = str(ask.path) + json.dumps(ask.body)
        if answer.status >= 400:
            self._account.errors[str(answer.json["type"]).rpartition("#")[2]] += 1
        if answer.status not in expected | REFUSED:
            self._account.broken.append(f"{where} {text[:300]}")
        if others := self._stock.foreign(tenant, text, said):
            self._account.broken.append(f"{where} has something of {sorted(others)}: {text[:300]}")
        if name in SHOWS and answer.status == 200 and not _shows(tenant, ask, text):
            self._account.broken.append(f"{where} lacks what is the tenant's: {text[:300]}")


def _shows(tenant: Tenant, ask: Ask, text: str) -> bool:
    last = ask.path.rpartition("/")[2]
    return tenant.name in text and (last not in ask.path or "?" in last or last in text)


class Insider:
    """Reads by the service's own repository, and gives up in the middle of it."""

    def __init__(
        self, repository: Repository, stock: Stock, account: Account, draw: random.Random
    ) -> None:
        self._repository = repository
        self._stock = stock
        self._account = account
        self._draw = draw

    async def ask(self) -> None:
        """Read one's own row, another's, or with a context that fails; perhaps not to the end."""
        tenant, other = self._draw.choices(self._stock.tenants, k=2)
        place = self._draw.choice(self._stock.places[other.name])
        context = tenant.author.context
        spoilt = self._draw.random() < 0.05
        if spoilt:
            context = structs.replace(context, tenant_id="no uuid")
        if self._draw.random() < 0.01:
            await self._slow(context)
            return
        reading = asyncio.create_task(
            self._repository.maybe(EntityById(place.kind, place.id), context)
        )
        if self._draw.random() < GIVES_UP:
            asyncio.get_running_loop().call_later(
                self._draw.uniform(0, LEAVES_S), self._give_up, reading
            )
        self._account.operations["read from within"] += 1
        try:
            found = await reading
        except asyncio.CancelledError:
            if (current := asyncio.current_task()) is not None and current.cancelling():
                raise
            return
        except (Problem, asyncpg.PostgresError, OSError) as exc:
            self._account.errors[getattr(exc, "sqlstate", None) or type(exc).__name__] += 1
            if isinstance(exc, Unavailable):
                await asyncio.sleep(self._draw.uniform(*PAUSE_S))
            return
        self._account.answered += 1
        self._look(tenant, other, place, None if found is None else found.document, spoilt=spoilt)

    def _give_up(self, reading: asyncio.Task[Any]) -> None:
        self._account.cancelled += reading.cancel()

    async def _slow(self, context: Context) -> None:
        """Let the server end a statement that takes too long, with its context set."""
        self._account.operations["slow from within"] += 1
        try:
            async with self._repository.reads.connection() as connection:
                await connection.fetch(SLOW, context.tenant_id)
        except asyncpg.QueryCanceledError as exc:
            # Somebody else may have cancelled it before.
            timed_out = "statement timeout" in str(exc)
            self._account.errors["statement timeout" if timed_out else exc.sqlstate] += 1
        except (Problem, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as exc:
            self._account.errors[getattr(exc, "sqlstate", None) or type(exc).__name__] += 1

    def _look(
        self, tenant: Tenant, other: Tenant, place: Place, document: str | None, *, spoilt: bool
    ) -> None:
        where = f"read from within for {tenant.name}"
        if spoilt and document is not None:
            self._account.broken.append(f"{where}: an answer without a tenant: {document[:300]}")
        elif document is None:
            if other.name == tenant.name and not spoilt:
                self._account.broken.append(f"{where}: its own {place.id} is not there")
        elif json.loads(document)["id"] != place.id:
            self._account.broken.append(f"{where}: {place.id} was asked for: {document[:300]}")
        elif others := self._stock.foreign(tenant, document):
            self._account.broken.append(f"{where}: something of {sorted(others)}: {document[:300]}")
