"""Twice as much as the service can do: it goes on doing what it can, and refuses at once."""

import itertools
import json
from typing import Any

import aiohttp
import msgspec

from bench.paced import NUMBER, Outcome, Plan, loaded
from tests.chaos.ground import Ground, ground
from tests.factories import Actor, skill_body

SHARE_MIN = 0.85
REFUSED_S_MAX = 0.05
SERVED = (200, 201)
CONNECTIONS = (8, 16, 32, 64)
"""So many at once are tried to find what the service can do."""

POOL_MAX = "8"
"""Three connections for writes and three for reads: as many as keep two processors busy, which
server, service and load share. With more they get in each other's way, the service most."""

TURN = 1_000_000
"""More requests than are sent at once: each has a number of its own."""


class Overload(msgspec.Struct, frozen=True):
    """What the service can do in a second, and what it did when it was asked for twice that."""

    capacity: float
    connections: int
    offered: float
    served: float
    refused: float
    refused_p50_s: float
    refused_p99_s: float
    served_p50_s: float
    served_p99_s: float
    others: dict[int, int]
    mute: int = 0

    @property
    def share(self) -> float:
        """Give the part of the capacity that was still served."""
        return self.served / self.capacity

    @property
    def broken(self) -> list[str]:
        """List what was promised and not kept."""
        found = []
        if self.share < SHARE_MIN:
            found.append(f"only {self.share:.0%} of what it can do was served")
        if self.refused_p99_s > REFUSED_S_MAX:
            found.append(
                f"a refusal took {self.refused_p99_s * 1000:.0f} ms at the 99th percentile"
            )
        if self.mute:
            found.append(f"{self.mute} refusals do not say when to come again")
        if self.others:
            found.append(f"answers that are neither: {self.others}")
        if not self.refused:
            found.append("nothing was refused: it was not too much")
        return found


def request(actor: Actor, method: str, path: str, body: Any = None) -> str:
    """Write a whole request."""
    content = "" if body is None else json.dumps(body)
    kind = "" if body is None else "Content-Type: application/json\r\n"
    return (
        f"{method} {path} HTTP/1.1\r\nHost: plant\r\nAuthorization: Bearer {actor.key}\r\n"
        f"{kind}Content-Length: {len(content)}\r\n\r\n{content}"
    )


async def overload(seconds: float, **environ: str) -> Overload:
    """Measure what the service can do, and offer it twice as much.

    How many at once serve it best is found first, and what it can do measured after that: the best
    of several short measurements would be more than it can do.
    """
    chosen = {"PLANT_ACQUIRE_TIMEOUT_MS": "1000", "PLANT_POOL_MAX": POOL_MAX, **environ}
    async with ground(proxied=False, **chosen) as found:
        url, requests, turn = found.service.url, await _mixed(found), itertools.count()

        async def load(seconds: float, connections: int, rate: float = 0) -> Outcome:
            first = next(turn) * TURN
            return await loaded(Plan(url, requests, seconds, connections, first, rate))

        tried = {one: (await load(seconds / 4, one)).rate(*SERVED) for one in CONNECTIONS}
        connections = max(tried, key=lambda one: tried[one])
        capacity = (await load(seconds, connections)).rate(*SERVED)
        outcome = await load(seconds, 1024, 2 * capacity)
    return _result(capacity, connections, outcome)


def _result(capacity: float, connections: int, outcome: Outcome) -> Overload:
    others = {
        one: len(times) for one, times in outcome.answers.items() if one not in (*SERVED, 503)
    }
    served = {200: [time for one in SERVED for time in outcome.answers.get(one, [])]}
    all_served = Outcome(outcome.seconds, served, 0)
    return Overload(
        capacity=capacity,
        connections=connections,
        offered=sum(map(len, outcome.answers.values())) / outcome.seconds,
        served=outcome.rate(*SERVED),
        refused=outcome.rate(503),
        refused_p50_s=outcome.percentile(503, 0.5),
        refused_p99_s=outcome.percentile(503, 0.99),
        served_p50_s=all_served.percentile(200, 0.5),
        served_p99_s=all_served.percentile(200, 0.99),
        others=others,
        mute=outcome.mute,
    )


async def _mixed(found: Ground) -> list[str]:
    """Give requests of every tenant: three reads of an entity to each skill that is made."""
    requests: list[str] = []
    async with aiohttp.ClientSession() as session:
        for tenant in found.tenants:
            body = skill_body(name="to read", tags=["t"])
            key = {"Authorization": f"Bearer {tenant.author.key}"}
            url = f"{found.service.url}/v1/skills"
            async with session.post(url, json=body, headers=key) as answer:
                path = "/v1/skills/" + (await answer.json())["id"]
            requests += [request(tenant.author, "GET", path)] * 3
            made = skill_body(name=f"load {NUMBER.decode()}", tags=["t"])
            requests.append(request(tenant.author, "POST", "/v1/skills", made))
    return requests
