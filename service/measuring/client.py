"""Sends calls over several connections, and counts answers, time and processor time."""

import asyncio
import re
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from service.refusal import Refusal

WORDS_MAX: Final = 200
NO_ANSWER: Final = "no answer"
CPU: Final = re.compile(r"^process_cpu_seconds_total ([0-9.e+-]+)$", re.MULTILINE)
TOLD_FROM_S: Final = 0.2
"""The service counts its processor time in ticks of 10 ms: of fewer than 20 nothing is told."""

JSON: Final = {"Content-Type": "application/json"}
T = TypeVar("T")


class NotMeasured(Refusal):
    """There is nothing to measure."""


class Load(Struct, frozen=True):
    """How much is asked for: connections at once, seconds of each operation, drafts that stay."""

    connections: int
    seconds: float
    creates: int = 0


class Measured(Struct, frozen=True):
    """What came of an operation.

    Units: `rate` in answers 2xx a second, `service_us` and `client_us` of processor time of the
    whole process for each answer; `service_us` is null where the service does not tell, answered
    nothing, or took less than 0.2 s. `refused` counts other answers by their status.
    `labels_behind`: changes whose labels the service had still to embed, before or afterwards,
    whichever is more.
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
    labels_behind: int


class Call(Struct, frozen=True):
    """One request."""

    method: str
    path: str
    body: bytes | None = None


class _Labels(Struct):
    behind: int | None = None


class _Ready(Struct):
    labels: _Labels = msgspec.field(default_factory=_Labels)


class Client:
    """Asks one service."""

    def __init__(self, session: aiohttp.ClientSession, load: Load) -> None:
        self._session = session
        self._load = load

    async def document(self, path: str, type_: type[T]) -> T:
        """Ask for a document of a shape. Raises: NotMeasured, aiohttp.ClientError, TimeoutError."""
        status, body = await self._asked(Call("GET", path))
        if status == HTTPStatus.OK:
            try:
                return msgspec.json.decode(body, type=type_)
            except msgspec.DecodeError:
                said = "That is no answer of Plant's."
        else:
            said = _detail(body)
        raise NotMeasured(
            f"/{path} was answered with {status}. {said}".rstrip(),
            "Give the address of Plant, and a key with scope read: plant key create.",
        )

    async def behind(self) -> int:
        """Count changes whose labels are still to be embedded, 0 where nothing is told."""
        _, body = await self._asked(Call("GET", "readyz"))
        try:
            return msgspec.json.decode(body, type=_Ready).labels.behind or 0
        except msgspec.DecodeError:
            return 0

    async def run(self, operation: str, calls: Iterator[Call]) -> Measured:
        """Send calls over all connections until there are no more, or time is up."""
        times: list[float] = []
        refused: dict[str, int] = {}
        behind = await self.behind()
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
            labels_behind=max(behind, await self.behind()),
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


def _detail(body: bytes) -> str:
    try:
        answer: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    return str(answer.get("detail", ""))[:WORDS_MAX] if isinstance(answer, dict) else ""


def _each_us(before_s: float | None, after_s: float | None, count: int) -> float | None:
    if before_s is None or after_s is None or not count:
        return None
    # Sums of ticks as binary fractions: what is 0.2 may be a little less.
    spent_s = round(after_s - before_s, 3)
    return round(1e6 * spent_s / count, 1) if spent_s >= TOLD_FROM_S else None


def _percentile_ms(times: list[float], share: float) -> float:
    ordered = sorted(times) or [0.0]
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
