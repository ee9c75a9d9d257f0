"""From commit to the signed checkpoint that covers it, while others write."""

import asyncio
import json
import time
from bisect import bisect_right
from typing import Any, Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from bench.audit.inserts import PROBE, probe, scripts
from bench.audit.session import Session
from bench.ground import Actor, Ground
from bench.pgbench import Load
from bench.result import Outcome, Row, percentile

STEADY: Final = 500
"""Creates a second, of all clients."""
PROBE_S: Final = 0.02
LOOK_S: Final = 0.005
SETTLE_S: Final = 1.0
"""What is written in the first second is not counted: the clients are still connecting."""
HEAD: Final = "SELECT max(size) FROM audit.checkpoint WHERE incarnation = 1"
PLACES: Final = """
SELECT audit_id, log_index FROM audit.position WHERE tenant_id = $1 AND audit_id = ANY($2)
"""


class Watched(Struct, frozen=True):
    """What was seen: when which entries were committed, and which sizes were sealed when."""

    committed: dict[UUID, float]
    sealed: list[tuple[int, float]]


def measure(session: Session) -> Outcome:
    """Measure under a steady load, and under as much as goes."""
    rows, raw = [], {}
    with session.ground.copy("delays") as ground, ground.working():
        for name, rate in ((f"{STEADY} creates/s", STEADY), ("as many as go", None)):
            session.tell(f"commit to sealed, {name}")
            load = Load(
                ground.url("app"),
                scripts(ground.directory, session.actors),
                clients=session.scale.clients,
                seconds=session.scale.steady_s,
                rate=rate,
            )
            try:
                delays = asyncio.run(_delays(ground, session.actors[0], session.scale.steady_s))
                tps = load.end()
            finally:
                load.stop()
            raw[name] = {"tps": tps, "delays_s": [round(one, 4) for one in delays]}
            rows += _rows(name, delays, tps, goal=rate is not None)
    return Outcome(rows, raw)


def _rows(name: str, delays: list[float], tps: float, *, goal: bool) -> list[Row]:
    how = (
        f"`plant worker` beside 32 clients of pgbench that create skills, {tps:,.0f} a second. "
        f"Another session creates one every {PROBE_S * 1000:.0f} ms and notes when the answer was "
        f"there; a third looks every {LOOK_S * 1000:.0f} ms how much is signed. "
        f"{len(delays):,} such creates."
    )
    return [
        Row(
            what=f"commit to sealed, p99, {name}",
            value=percentile(delays, 0.99),
            unit="s",
            most=0.5 if goal else None,
            how=how,
            beside=f"p50 {percentile(delays, 0.5):.3f} s, at most {max(delays):.3f} s",
        )
    ]


async def _delays(ground: Ground, actor: Actor, seconds: float) -> list[float]:
    writer = await asyncpg.connect(ground.url("app"))
    looker = await asyncpg.connect(ground.url("superuser"))
    try:
        await asyncio.sleep(SETTLE_S)
        watched = Watched({}, [])
        stop = asyncio.Event()
        looking = asyncio.create_task(_look(looker, watched, stop))
        await _write(writer, actor, watched, seconds - 2 * SETTLE_S)
        await asyncio.sleep(2 * SETTLE_S)
        stop.set()
        await looking
        places = await looker.fetch(PLACES, UUID(actor.tenant_id), list(watched.committed))
    finally:
        await writer.close()
        await looker.close()
    return delays(watched, {row["audit_id"]: row["log_index"] for row in places})


def delays(watched: Watched, places: dict[UUID, int]) -> list[float]:
    """Give for each entry how long it took until a checkpoint was seen that covers it.

    Raises: KeyError or IndexError for what has no place, or no checkpoint.
    """
    sizes = [size for size, _ in watched.sealed]
    return [
        watched.sealed[bisect_right(sizes, places[entry])][1] - at
        for entry, at in watched.committed.items()
    ]


async def _write(session: Any, actor: Actor, watched: Watched, seconds: float) -> None:
    statement = await session.prepare(PROBE.format(function=probe()))
    end = time.perf_counter() + seconds
    number = 0
    while (now := time.perf_counter()) < end:
        number += 1
        body = {"name": f"probe {number} {now}", "description": "x", "category": "technical"}
        entry = await statement.fetchval(json.dumps(body), *actor.context)
        watched.committed[entry] = time.perf_counter()
        await asyncio.sleep(PROBE_S)


async def _look(session: Any, watched: Watched, stop: asyncio.Event) -> None:
    statement = await session.prepare(HEAD)
    last = -1
    while not stop.is_set():
        size = await statement.fetchval() or 0
        if size != last:
            watched.sealed.append((size, time.perf_counter()))
            last = size
        await asyncio.sleep(LOOK_S)
