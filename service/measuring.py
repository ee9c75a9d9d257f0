"""A small load of a running service: how fast it answers, and what that takes of a processor.

It is bounded in time and number. The client is aiohttp's: it takes more of a processor than some of
the answers it waits for, so what it took itself stands beside every number.
"""

import asyncio
import itertools
import re
import secrets
import time
from collections.abc import Iterator
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Struct

from service.refusal import Refusal

KINDS: Final = ("skills", "job-roles", "agents", "teams", "industries")
READ_MOST: Final = 200
"""Entities that are asked for in turn."""

PAGE: Final = 50
TIMEOUT_S: Final = 30.0
WORDS_MAX: Final = 200
NO_ANSWER: Final = "no answer"
CPU: Final = re.compile(r"^process_cpu_seconds_total ([0-9.e+-]+)$", re.MULTILINE)
JSON: Final = {"Content-Type": "application/json"}


class NotMeasured(Refusal):
    """There is nothing to measure."""


class Load(Struct, frozen=True):
    """How much is asked for: connections at once, seconds of each operation, drafts that stay."""

    connections: int
    seconds: float
    creates: int = 0


class Measured(Struct, frozen=True):
    """What came of an operation.

    Units: `rate` in answers 2xx a second, `service_us` and `client_us` of processor time for each
    answer; `service_us` is null where the service does not tell, or answered nothing.
    `refused` counts other answers by their status.
    """

    operation: str
    answers: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    refused: dict[str, int]
    service_us: float | None
    client_us: float


class Call(Struct, frozen=True):
    """One request."""

    method: str
    path: str
    body: bytes | None = None


def is_here(url: str) -> bool:
    """Say whether an address is one of this machine alone.

    Raises: NotMeasured for what is no address of a service.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        raise NotMeasured(
            f"{url!r} is no address of a service.", "Write http://127.0.0.1:8080 or the like."
        )
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def measured(url: str, key: str, load: Load) -> list[Measured]:
    """Create so many drafts, then get by id and list for some seconds each.

    Raises: NotMeasured when nothing answers, the key is refused or there is nothing to read.
    """
    connector = aiohttp.TCPConnector(limit=load.connections)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(
        url.rstrip("/") + "/", connector=connector, timeout=timeout, headers=headers
    ) as session:
        client = _Client(session, load)
        try:
            await client.document("v1/me")
            made = [await client.run("create", _creates(load.creates))] if load.creates else []
            kind, ids = await _readable(client)
            gets = (Call("GET", f"v1/{kind}/{one}") for one in itertools.cycle(ids))
            lists = itertools.repeat(Call("GET", f"v1/{kind}?limit={PAGE}"))
            return [*made, await client.run("get", gets), await client.run("list", lists)]
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NotMeasured(
                f"{url} does not answer: {str(error) or type(error).__name__}.",
                "Start it with `plant serve`, or name its address.",
            ) from None


def _creates(count: int) -> Iterator[Call]:
    """Write so many drafts that nobody has."""
    run = secrets.token_hex(6)
    for number in range(count):
        body = {
            "name": f"plant bench {run} {number}",
            "description": "A draft that `plant bench` has made.",
            "category": "technical",
            "tags": ["plant-bench"],
        }
        yield Call("POST", "v1/skills", msgspec.json.encode(body))


async def _readable(client: "_Client") -> tuple[str, list[str]]:
    """Find a kind of which there is something, and ids.

    Raises: NotMeasured.
    """
    for kind in KINDS:
        page = await client.document(f"v1/{kind}?limit={READ_MOST}")
        if page["items"]:
            return kind, [item["id"] for item in page["items"]]
    raise NotMeasured(
        "There is nothing that this key may read.", "Import something, or make drafts: --write 100."
    )


class _Client:
    def __init__(self, session: aiohttp.ClientSession, load: Load) -> None:
        self._session = session
        self._load = load

    async def document(self, path: str) -> Any:
        """Ask for a document. Raises: NotMeasured, aiohttp.ClientError, TimeoutError."""
        status, body = await self._asked(Call("GET", path))
        try:
            answer = msgspec.json.decode(body)
        except msgspec.DecodeError:
            answer = None
        if status == HTTPStatus.OK and isinstance(answer, dict):
            return answer
        detail = answer.get("detail", "") if isinstance(answer, dict) else ""
        raise NotMeasured(
            f"/{path} was answered with {status}. {str(detail)[:WORDS_MAX]}".rstrip(),
            "Give the address of Plant, and a key with scope read: plant key create.",
        )

    async def run(self, operation: str, calls: Iterator[Call]) -> Measured:
        """Send calls over all connections until there are no more, or time is up."""
        times: list[float] = []
        refused: dict[str, int] = {}
        spent, used = await self._service_s(), time.process_time()
        begun = time.perf_counter()
        until = begun + self._load.seconds

        async def work() -> None:
            for call in calls:
                since = time.perf_counter()
                if since >= until:
                    return
                status = await self._status(call)
                if status.startswith("2"):
                    times.append(time.perf_counter() - since)
                else:
                    refused[status] = refused.get(status, 0) + 1

        await asyncio.gather(*(work() for _ in range(self._load.connections)))
        seconds, used = time.perf_counter() - begun, time.process_time() - used
        after = await self._service_s()
        count = len(times) + sum(refused.values())
        return Measured(
            operation=operation,
            answers=len(times),
            seconds=round(seconds, 3),
            rate=round(len(times) / seconds, 1),
            p50_ms=_percentile_ms(times, 0.5),
            p99_ms=_percentile_ms(times, 0.99),
            refused=refused,
            service_us=_each_us(spent, after, count),
            client_us=round(1e6 * used / max(1, count), 1),
        )

    async def _status(self, call: Call) -> str:
        try:
            return str((await self._asked(call))[0])
        except (aiohttp.ClientError, OSError, TimeoutError):
            return NO_ANSWER

    async def _asked(self, call: Call) -> tuple[int, bytes]:
        # No redirection is followed: the key would go along to wherever it leads.
        async with self._session.request(
            call.method,
            call.path,
            data=call.body,
            headers=JSON if call.body else None,
            allow_redirects=False,
        ) as answer:
            return answer.status, await answer.read()

    async def _service_s(self) -> float | None:
        """Read how long the service has run on a processor; None where it does not tell."""
        status, body = await self._asked(Call("GET", "metrics"))
        found = CPU.search(body.decode(errors="replace")) if status == HTTPStatus.OK else None
        return float(found[1]) if found else None


def _each_us(before_s: float | None, after_s: float | None, count: int) -> float | None:
    if before_s is None or after_s is None or not count:
        return None
    return round(1e6 * (after_s - before_s) / count, 1)


def _percentile_ms(times: list[float], share: float) -> float:
    ordered = sorted(times) or [0.0]
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
