"""The run: clients work all the time, one thing after the other breaks and heals, then all ends."""

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Any

import aiohttp
from msgspec import Struct

from tests.chaos.calls import Calls, now
from tests.chaos.faults import KINDS
from tests.chaos.ground import Ground, ground
from tests.chaos.verdict import RESTORED_S_MAX, restored, safe
from tests.chaos.work import Worker

WORKERS = 2
"""Clients of each tenant."""

ROW = 20
"""So many answers after each other without a fault in them: everybody is served again."""

END_S_MAX = 30


class Broken(Struct, frozen=True):
    """One fault: what, what it hit, and the seconds from its healing until all was well."""

    kind: str
    at: float
    under_way: int
    cut_short: int
    back_s: float


class Result(Struct, frozen=True, kw_only=True):
    """What a run did and saw."""

    seed: int
    seconds: float
    tenants: int
    workers: int
    faults: list[Broken]
    operations: dict[str, int]
    outcomes: dict[int, int]
    repeated: int
    replayed: int
    entities: int
    changes: int
    restored_s: float
    broken: list[str]


async def run(
    seed: int,
    *,
    seconds: float,
    faults: int,
    operations: int,
    only: list[str] | None,
    tell: Callable[[str], Any],
) -> Result:
    """Break things until the time is over and there were enough faults and operations."""
    draw = random.Random(seed)
    kinds = [name for name in KINDS if not only or name in only]
    async with ground() as found, _session() as session:
        calls = Calls(session, found.service.url, random.Random(draw.random()))
        workers = _workers(calls, found, draw)
        going = True
        tasks = [asyncio.create_task(one.work(lambda: going)) for one in workers]
        since = now()
        done: list[Broken] = []
        # The kinds in turn, each round in another order: a short run has most of them.
        turn = itertools.chain.from_iterable(
            draw.sample(kinds, len(kinds)) for _ in itertools.count()
        )
        while not calls.broken and (now() - since < seconds or len(done) < faults):
            done.append(await _broken(next(turn), found, calls, draw, since))
            tell(_line(done[-1]))
            _raised(tasks)
        while not calls.broken and sum(calls.operations.values()) < operations:
            await asyncio.sleep(0.1)
            _raised(tasks)
        going = False
        await _ended(tasks, calls)
        took = now() - since
        restored_s, said = await restored(found, session)
        broken = [*calls.broken, *said, *await safe(found, workers), *_defects(found)]
    known = [one for worker in workers for one in worker.known]
    return Result(
        seed=seed,
        seconds=took,
        tenants=len(found.tenants),
        workers=len(workers),
        faults=done,
        operations=dict(calls.operations),
        outcomes=dict(calls.outcomes),
        repeated=calls.repeated,
        replayed=calls.replayed,
        entities=len(known),
        changes=sum(one.version for one in known),
        restored_s=restored_s,
        broken=broken,
    )


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


def _workers(calls: Calls, found: Ground, draw: random.Random) -> list[Worker]:
    workers: list[Worker] = []
    for tenant in found.tenants:
        for number in range(WORKERS):
            workers.append(Worker(calls, tenant, workers, number, random.Random(draw.random())))
    return workers


async def _broken(
    name: str, found: Ground, calls: Calls, draw: random.Random, since: float
) -> Broken:
    """Break one thing, heal it, and wait until everybody is served again."""
    at = now() - since
    struck = calls.strike()

    def strike() -> None:
        nonlocal struck
        struck = calls.strike()

    try:
        await KINDS[name](found, calls, draw, strike)
    except TimeoutError:
        calls.breaks(f"{name} at {at:.1f} s: what it waits for does not come: nothing is at work")
    healed = now()
    calls.row = 0
    while calls.row < ROW and now() - healed < RESTORED_S_MAX:  # noqa: ASYNC110 - two conditions
        await asyncio.sleep(0.01)
    back_s = now() - healed
    if calls.row < ROW:
        calls.breaks(f"{name} at {at:.1f} s: not served again within {RESTORED_S_MAX} s")
    if not struck.under_way:
        calls.breaks(f"{name} at {at:.1f} s hit nothing that was under way")
    return Broken(name, at, len(struck.under_way), struck.cut_short, back_s)


def _line(one: Broken) -> str:
    return (
        f"{one.at:6.1f} s  {one.kind:<26} {one.under_way:3d} under way, "
        f"{one.cut_short:3d} cut short, back after {one.back_s:.2f} s"
    )


def _raised(tasks: list[asyncio.Task[None]]) -> None:
    """Let a client that has failed end the run: it is a defect of the run itself."""
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()


async def _ended(tasks: list[asyncio.Task[None]], calls: Calls) -> None:
    """Wait until every client knows what became of its last request."""
    _, waiting = await asyncio.wait(tasks, timeout=END_S_MAX)
    if waiting:
        calls.breaks(f"{len(waiting)} clients were not answered within {END_S_MAX} s of the end")
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    _raised(tasks)


def _defects(found: Ground) -> list[str]:
    """Give what the service's log tells of defects, each traceback whole: nobody keeps that log."""
    lines = found.service.log().splitlines()
    defects = []
    for at, line in enumerate(lines):
        if "Traceback" in line:
            frames = itertools.takewhile(lambda one: one.startswith(" "), lines[at + 1 :])
            told = [line, *frames]
            defects.append("\n".join([*told, *lines[at + len(told) :][:1]]))
        elif ": defect" in line:
            defects.append(line)
    return [f"the service's log: {defect}" for defect in defects]
