"""Many rows at once: import and export by Plant, by SQLAlchemy, by one INSERT … SELECT."""

import asyncio
import json
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import psycopg
from msgspec import Struct

from bench.ground import Actor, Ground, environment
from bench.serving import usage
from bench.serving.servers import FASTAPI, PLANT, ROOT, Server, told
from bench.serving.stock import FILL
from bench.serving.table import until_placed
from service.catalog.statement import CONTEXT

BULK: Final = FASTAPI.partition("+ ")[2] + " in bulk"
SET_BASED: Final = "one INSERT … SELECT"
LOOK_S: Final = 0.02
PLACED_S: Final = 300.0
SEALED_S: Final = 0.5
"""The leader seals every 0.2 s."""
NDJSON: Final = {"Content-Type": "application/x-ndjson"}


class Moved(Struct, frozen=True):
    """What it took once.

    Units: `cpu_us` for each row, of the process that does it and of the one that seals the log for
    it, which is Plant's whoever wrote; `sealing_us` of it the sealing, where it can be told apart;
    `extra_mb` beyond the idle process.
    """

    rows: int
    seconds: float
    cpu_us: float = 0.0
    extra_mb: float = 0.0
    sealing_us: float = 0.0

    @property
    def rate(self) -> float:
        """Give rows a second."""
        return self.rows / self.seconds


class BulkResult(Struct, frozen=True):
    """All rounds of one way."""

    operation: str
    way: str
    rounds: list[Moved]

    def middle(self, name: str) -> float:
        """Give the median of a number over all rounds."""
        return statistics.median(float(getattr(one, name)) for one in self.rounds)


def measured(
    ground: Ground, python: Path, plant: Server, actor: Actor, count: int, rounds: int
) -> list[BulkResult]:
    """Import so many rows in each way, in turns, then export what is there, in turns."""
    path = ground.directory / "lines.ndjson"
    imports: dict[str, Callable[[int], Moved]] = {
        PLANT: lambda _: _imported(ground, plant, actor, path, count),
        BULK: lambda _: _sealed(ground, plant, lambda: _by_peer(ground, python, actor, path)),
        SET_BASED: lambda number: _inserted(ground, actor, number, count),
    }
    exports: dict[str, Callable[[int], Moved]] = {
        PLANT: lambda _: _exported(plant, actor),
        BULK: lambda _: _by_peer(ground, python, actor, None),
    }
    found: dict[tuple[str, str], list[Moved]] = {}
    for operation, ways in (("import", imports), ("export", exports)):
        for number in range(rounds):
            for place, (way, move) in enumerate(ways.items()):
                unique = number * len(ways) + place
                path.write_bytes(b"".join(_lines(unique, count)))
                found.setdefault((operation, way), []).append(move(unique))
    return [BulkResult(*what, moved) for what, moved in found.items()]


def _lines(unique: int, count: int) -> Iterator[bytes]:
    for number in range(count):
        line = {
            "kind": "skill",
            "external_id": f"urn:bulk:{unique}:{number}",
            "name": f"bulk {unique} {number}",
            "description": "What somebody who has it can do with it, and what not, in words. "
            "It takes some lines to say so.",
            "category": "technical",
            "aliases": [f"also {number}", f"or even {number}"],
            "tags": ["one", "two", f"group {number % 100}"],
            "custom_attributes": {"source": "bench", "rank": number},
        }
        yield msgspec.json.encode(line) + b"\n"


def _imported(ground: Ground, plant: Server, actor: Actor, path: Path, count: int) -> Moved:
    with _watched(plant) as took:
        answer = asyncio.run(_sent(plant, "POST", "/v1/imports", actor, path))
        used = usage.cpu_us(plant.pid)
    # What was written last is sealed after the answer.
    _wait_until_placed(ground)
    later = (usage.cpu_us(plant.pid) - used) / count
    totals = json.loads(answer)["totals"]
    if totals["created"] != count:
        raise ValueError(totals)
    moved = took(count)
    return msgspec.structs.replace(moved, cpu_us=moved.cpu_us + later)


def _sealed(ground: Ground, plant: Server, move: Callable[[], Moved]) -> Moved:
    """Have rows written by another, and count what Plant takes to seal their entries."""
    used = usage.cpu_us(plant.pid)
    moved = move()
    _wait_until_placed(ground)
    sealing = (usage.cpu_us(plant.pid) - used) / moved.rows
    return msgspec.structs.replace(moved, cpu_us=moved.cpu_us + sealing, sealing_us=sealing)


def _wait_until_placed(ground: Ground) -> None:
    """Wait until every entry has its place in the log, and for what is under way to be sealed."""
    until_placed(ground, PLACED_S)
    time.sleep(SEALED_S)


def _exported(plant: Server, actor: Actor) -> Moved:
    with _watched(plant) as took:
        answer = asyncio.run(_sent(plant, "GET", "/v1/exports", actor, None))
    return took(json.loads(answer)["count"])


async def _sent(plant: Server, method: str, path: str, actor: Actor, body: Path | None) -> bytes:
    """Send it, take the answer as it comes, and give its last line."""
    headers = plant.headers(actor) | (NDJSON if body else {})
    last = b""
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        data = body.open("rb") if body else None
        async with session.request(method, plant.url + path, data=data, headers=headers) as answer:
            answer.raise_for_status()
            async for piece in answer.content.iter_any():
                last = (last + piece)[-4096:]
    return last.rstrip().rpartition(b"\n")[2]


@contextmanager
def _watched(server: Server) -> Iterator[Callable[[int], Moved]]:
    """Watch time and memory of a process; gives what makes of them what one row took."""
    most, stop = [usage.pss_mb(server.pid)], threading.Event()

    def look() -> None:
        while not stop.wait(LOOK_S):
            most.append(usage.pss_mb(server.pid))

    watcher = threading.Thread(target=look)
    used, begun = usage.cpu_us(server.pid), time.perf_counter()
    ended: list[float] = []
    watcher.start()
    try:
        yield lambda rows: Moved(rows, ended[0], ended[1] / rows, max(most) - most[0])
    finally:
        ended += [time.perf_counter() - begun, usage.cpu_us(server.pid) - used]
        stop.set()
        watcher.join()


def _inserted(ground: Ground, actor: Actor, unique: int, count: int) -> Moved:
    given: dict[str, Any] = {
        "from": 0,
        "count": count,
        "prefix": f"set {unique} ",
        "status": "draft",
    }
    with psycopg.connect(ground.url("app")) as session:
        for (_, setting), value in zip(CONTEXT, actor.context, strict=True):
            session.execute("SELECT set_config(%s, %s, FALSE)", (setting, value))
        begun = time.perf_counter()
        session.execute(FILL, given)
        session.commit()
        return Moved(count, time.perf_counter() - begun)


def _by_peer(ground: Ground, python: Path, actor: Actor, path: Path | None) -> Moved:
    command = [str(python), "-m", "bench.serving.peers.sqlalchemy_bulk"]
    who = [actor.tenant_id, actor.governance_agent_id, actor.key_id]
    run = subprocess.run(
        [*command, *who, *([str(path)] if path else [])],
        cwd=ROOT,
        env=environment() | told(ground, "peer bulk"),
        check=True,
        capture_output=True,
    )
    return msgspec.json.decode(run.stdout, type=Moved)
