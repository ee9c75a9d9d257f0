"""The run: clients at full load, faults among them, and all connections looked at in between."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from msgspec import Struct, structs

from service.settings import Settings
from tests.api import Api
from tests.bench import until
from tests.chaos.calls import Calls, Struck, now
from tests.chaos.faults import (
    Strike,
    clients_hang_up,
    connections_cut,
    network_slow,
    plans_invalidated,
    session_terminated,
    statement_cancelled,
    table_locked,
)
from tests.chaos.ground import Stage
from tests.edge import Served, served
from tests.factories import Tenant
from tests.leader import Sealer
from tests.leaks.clients import Account, Client, Insider
from tests.leaks.makers import Maker
from tests.leaks.sessions import Sessions
from tests.leaks.stock import Stock
from tests.matching import embed

TENANTS = 6
CLIENTS = 48
INSIDERS = 16
MAKERS = 12
Fault = Callable[[Stage, Calls, random.Random, Strike], Awaitable[None]]
FAULTS: tuple[Fault, ...] = (
    session_terminated,
    connections_cut,
    statement_cancelled,
    clients_hang_up,
    table_locked,
    plans_invalidated,
    network_slow,
)
SERVED = Settings(
    pool_min=2,
    pool_max=14,
    waiting_max=200,
    acquire_timeout_ms=2_000,
    connect_timeout_ms=1_000,
    lock_timeout_ms=200,
    statement_timeout_ms=400,
    command_timeout_ms=800,
    request_timeout_ms=4_000,
)
"""Short, so that what has to wait for a deadline is soon over."""

ROUND = 1_000
"""Operations after which the load stops and every connection is looked at."""

FAULT = 150
"""Answers between two faults."""


class Result(Struct, frozen=True, kw_only=True):
    """What a run did, and what it found.

    errors: answers that were refusals, by their problem, and failures from within by SQLSTATE.
    answered: operations whose answer was looked through. together, born: reads and creations that
    shared a round trip.
    """

    seed: int
    seconds: float
    operations: dict[str, int]
    answered: int
    errors: dict[str, int]
    hung_up: int
    cancelled: int
    faults: dict[str, int]
    cut_short: int
    together: int
    born: int
    asked: int
    rounds: int
    broken: list[str]

    @property
    def nothing(self) -> list[str]:
        """List what the run has to meet and did not: then it has shown nothing."""
        met = {
            "answer": self.answered,
            "hang-up": self.hung_up,
            "cancelled read": self.cancelled,
            "fault": sum(self.faults.values()),
            "request that a fault cut short": self.cut_short,
            "reads that travelled together": self.together,
            "creations that travelled together": self.born,
            "statement that took too long": self.errors.get("statement timeout", 0),
            "context that failed": self.errors.get("InvalidBody", 0),
            "connection that was looked at": self.asked,
        }
        return [f"no {what}" for what, count in met.items() if not count]


class Plan(Struct, frozen=True, kw_only=True):
    """How long to go on: until there were so many operations and so much time has passed."""

    seed: int
    operations: int = 0
    seconds: float = 0
    faults: tuple[Fault, ...] = FAULTS


async def run(
    stage: Stage,
    tenants: list[Tenant],
    plan: Plan,
    *,
    tell: Callable[[str], Any] = lambda _: None,
    spoil: Callable[[], Any] | None = None,
) -> Result:
    """Ask until the plan is done, or something is wrong.

    `spoil` is for what shows that a defect is found: it is called when the service has started.
    """
    draw = random.Random(plan.seed)
    async with served(SERVED, stage.way.url, buffer=1 << 20) as service, _session() as session:
        stock = await _stocked(stage, service, tenants)
        if spoil is not None:
            await asyncio.to_thread(spoil)
        calls = Calls(session, service.url, random.Random(draw.random()))
        fuzz = Fuzz(stage, service, stock, calls, draw, plan.faults)
        since = now()
        while not fuzz.broken and (
            fuzz.account.done < plan.operations or now() - since < plan.seconds
        ):
            await fuzz.round()
            done, broke = fuzz.account.done, fuzz.faults.total()
            tell(f"{now() - since:6.1f} s  {done} operations, {broke} faults")
        return fuzz.result(plan.seed, now() - since)


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def _stocked(stage: Stage, service: Served, tenants: list[Tenant]) -> Stock:
    """Give each tenant its rows, with labels and receipts, as the worker would."""
    stock = Stock(tenants)
    for tenant in tenants:
        async with Api.open(service.url, tenant) as api:
            await stock.fill(api)
    async with stage.superuser() as superuser:
        for tenant in tenants:
            await embed(superuser, tenant.id, model=None)
    with TemporaryDirectory() as keys:
        settings = structs.replace(SERVED, data_dir=Path(keys))
        await Sealer(stage.cluster, stage.database, settings).seal()
    return stock


class Fuzz:
    """Clients, insiders, faults and a watch over one service."""

    def __init__(
        self,
        stage: Stage,
        service: Served,
        stock: Stock,
        calls: Calls,
        draw: random.Random,
        faults: Sequence[Fault],
    ) -> None:
        self._stage = stage
        self._service = service
        self._calls = calls
        self._draw = draw
        self.account = Account()
        repository = service.repository
        self.sessions = Sessions([repository.pool, repository.reads], stage)
        self.faults = Counter[str]()
        self._struck: list[Struck] = []
        self._rounds = 0
        self._breaking = False
        self._turn = itertools.chain.from_iterable(
            draw.sample(faults, len(faults)) for _ in itertools.count()
        )

        def another() -> random.Random:
            return random.Random(draw.random())

        self._askers: list[Client | Insider | Maker] = [
            Client(calls, stock, self.account, another(), number) for number in range(CLIENTS)
        ]
        self._askers += [
            Insider(repository, stock, self.account, another()) for _ in range(INSIDERS)
        ]
        self._askers += [
            Maker(repository, stock, self.account, another(), number) for number in range(MAKERS)
        ]

    @property
    def broken(self) -> list[str]:
        """List what was found so far."""
        return [*self.account.broken, *self._calls.broken, *self.sessions.broken]

    async def round(self) -> None:
        """Work for so many operations, then rest and look at every connection."""
        end = self.account.done + ROUND
        watching = asyncio.create_task(self.sessions.watch(random.Random(self._draw.random())))
        breaking = asyncio.create_task(self._break(end))
        try:
            await asyncio.gather(*(self._asking(one, end) for one in self._askers))
            if not self.broken:
                await breaking
        finally:
            watching.cancel()
            breaking.cancel()
            await asyncio.gather(watching, breaking, return_exceptions=True)
        await self._service.free()
        await self.sessions.at_rest()
        self._rounds += 1

    async def _asking(self, asker: Client | Insider | Maker, end: int) -> None:
        """Ask until it is enough; what is being broken needs somebody to hit."""
        while (self.account.done < end or self._breaking) and not self.broken:
            await asker.ask()

    async def _break(self, end: int) -> None:
        """Break something now and then, as long as there is load."""
        while await self._answered(FAULT, end):
            fault, struck = next(self._turn), self._calls.strike()

            def strike() -> None:
                nonlocal struck
                struck = self._calls.strike()

            self._breaking = True
            try:
                await fault(self._stage, self._calls, self._draw, strike)
            finally:
                self._breaking = False
            self.faults[fault.__name__] += 1
            self._struck.append(struck)

    async def _answered(self, more: int, end: int) -> bool:
        """Wait for so many answers more; false when the round is over before.

        Raises: TimeoutError when for long nothing at all is done.
        """
        account, following = self.account, self.account.answered + more

        def enough() -> bool:
            return account.answered >= following or account.done >= end or bool(self.broken)

        while not enough():
            before = account.done

            async def moved(before: int = before) -> bool:
                return account.done > before or enough()

            await until(moved, bool)
        return account.done < end and not self.broken

    def result(self, seed: int, seconds: float) -> Result:
        """Give what was done and found."""
        found = self._service.repository
        batchers, creations = (found.batcher, found.pages), found.creations
        return Result(
            seed=seed,
            seconds=seconds,
            operations=dict(self.account.operations),
            answered=self.account.answered,
            errors=dict(self.account.errors),
            hung_up=self._calls.hung_up,
            cancelled=self.account.cancelled,
            faults=dict(self.faults),
            cut_short=sum(one.cut_short for one in self._struck),
            together=sum(each.read - each.sent for each in batchers),
            born=creations.read - creations.sent,
            asked=self.sessions.asked,
            rounds=self._rounds,
            broken=self.broken,
        )
