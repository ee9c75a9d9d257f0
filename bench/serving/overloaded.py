"""More than Plant can do: what it keeps on doing, how it refuses the rest, and what comes after."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from msgspec import Struct

from bench.paced import NUMBER, Outcome, Plan, loaded
from bench.result import Row, percentile
from bench.serving.causes import CAPACITY, cause
from bench.serving.load import MARK, Request
from bench.serving.operations import create
from bench.serving.servers import Server
from bench.serving.stock import Stock

KEPT: Final = {2: 0.85, 4: 0.7}
"""Of its capacity, when so many times as much is asked for."""

REFUSED_MS_MOST: Final = 50.0
RECOVERED: Final = 0.85
SERVED: Final = (200, 201)
REFUSED: Final = 503
CONNECTIONS: Final = (16, 32, 64)
"""So many at once are tried to find what it can do."""

CROWD: Final = 1_024
"""Connections of those who ask for too much."""

TURN: Final = 1_000_000
"""More requests than are sent at once: each has a number of its own."""


class Stress(Struct, frozen=True):
    """What became of so many times its capacity.

    Units: requests a second; `refused_p99_ms` and `served_p99_ms` in milliseconds.
    """

    times: int
    capacity: float
    offered: float
    served: float
    refused: float
    mute: int
    others: dict[int, int]
    refused_p99_ms: float
    served_p99_ms: float
    afterwards: float

    @property
    def kept(self) -> float:
        """Give the part of the capacity that was served still."""
        return self.served / self.capacity

    @property
    def recovered(self) -> float:
        """Give the part of the capacity that was served from the moment at which it was over."""
        return self.afterwards / self.capacity


def overload(plant: Server, stock: Stock, seconds: float, rounds: int) -> list[Stress]:
    """Find what it can do in creates, and ask for twice and for four times that, so many rounds."""
    return asyncio.run(_overloaded(plant, stock, seconds, rounds))


async def _overloaded(plant: Server, stock: Stock, seconds: float, rounds: int) -> list[Stress]:
    requests = [whole(one) for one in create(plant, stock)]
    turns = itertools.count(1)

    async def load(seconds: float, connections: int, rate: float, warming_s: float) -> Outcome:
        first = next(turns) * TURN
        plan = Plan(plant.url, requests, seconds, connections, first, rate, warming_s)
        return await loaded(plan)

    tried = {one: (await load(seconds / 4, one, 0, 1)).rate(*SERVED) for one in CONNECTIONS}
    best = max(tried, key=lambda one: tried[one])
    found = []
    for times in list(KEPT) * rounds:
        capacity = (await load(seconds, best, 0, 1)).rate(*SERVED)
        outcome = await load(seconds, CROWD, times * capacity, 1)
        after = await load(seconds / 2, best, 0, 0)
        found.append(_stress(times, capacity, outcome, after.rate(*SERVED)))
    return found


def _stress(times: int, capacity: float, outcome: Outcome, afterwards: float) -> Stress:
    known = (*SERVED, REFUSED)
    served = [time for one in SERVED for time in outcome.answers.get(one, [])]
    return Stress(
        times=times,
        capacity=capacity,
        offered=outcome.rate(*outcome.answers) + outcome.unsent / outcome.seconds,
        served=outcome.rate(*SERVED),
        refused=outcome.rate(REFUSED),
        mute=outcome.mute,
        others={one: len(each) for one, each in outcome.answers.items() if one not in known},
        refused_p99_ms=1_000 * outcome.percentile(REFUSED, 0.99),
        served_p99_ms=1_000 * percentile(served or [0.0], 0.99),
        afterwards=afterwards,
    )


def whole(request: Request) -> str:
    """Write a whole request, with a number where it has to be new."""
    body = request.body.replace(MARK, NUMBER.decode())
    headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return (
        f"{request.method} {request.path} HTTP/1.1\r\nHost: plant\r\n{headers}"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    )


HOW: Final = (
    "Creates of all tenants from one more process. Capacity: each of the connections that serve "
    "it best sends when it was answered. Too much: 1,024 connections, at a rate that waits for no "
    "answer. Afterwards: as capacity, from the moment at which it was over, with what still waited "
    "then. Each just behind the other, and of several rounds the median; PostgreSQL, Plant and the "
    "sender share the processors."
)


def rows(size: int, stresses: Sequence[Stress]) -> list[Row]:
    """Hold what became of it against what was to be kept: the median of all rounds."""
    found: list[Row] = []
    for times in dict.fromkeys(one.times for one in stresses):
        rounds = [one for one in stresses if one.times == times]
        found += _rows(f"{size:,} rows, create, {times} times the capacity: ", rounds)
    return found


def _rows(where: str, rounds: Sequence[Stress]) -> Iterator[Row]:
    yield Row(
        what=f"{where}served, of the capacity",
        value=median(one.kept for one in rounds),
        least=KEPT[rounds[0].times],
        how=HOW,
        beside="; ".join(map(_said, rounds)),
        cause=cause("create", "kept", CAPACITY),
    )
    yield Row(
        what=f"{where}p99 of refusals",
        value=median(one.refused_p99_ms for one in rounds),
        unit="ms",
        most=REFUSED_MS_MOST,
        how=HOW,
        beside=f"what was served: {median(one.served_p99_ms for one in rounds):,.0f} ms",
    )
    mute = sum(one.mute for one in rounds)
    yield Row(what=f"{where}refusals without Retry-After", value=mute, most=0, how=HOW)
    yield Row(
        what=f"{where}served afterwards, of the capacity",
        value=median(one.recovered for one in rounds),
        least=RECOVERED,
        how=HOW,
        beside="; ".join(
            f"{one.afterwards:,.0f} of {one.capacity:,.0f} a second" for one in rounds
        ),
        cause=cause("create", "recovered", CAPACITY),
    )


def _said(stress: Stress) -> str:
    others = f", other answers: {stress.others}" if stress.others else ""
    return (
        f"{stress.served:,.0f} of {stress.capacity:,.0f} a second, {stress.offered:,.0f} "
        f"asked for, {stress.refused:,.0f} refused{others}"
    )
