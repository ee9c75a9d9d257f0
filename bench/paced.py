"""Requests at a rate that does not wait for answers, from a process of its own.

`python -m bench.paced` reads a plan from standard input and writes what came of it. It speaks
HTTP by hand: whatever it takes from the processor is taken from the service.
"""

import asyncio
import sys
import time
from collections import deque
from urllib.parse import urlsplit

import msgspec

NUMBER = b"#number#"
UNAVAILABLE = 503


class Plan(msgspec.Struct, frozen=True):
    """What to send: whole requests in turn, each as text, at this rate or as fast as answered.

    A NUMBER in a request is written as a number of its own, counted from the first.
    rate: requests a second; 0 is closed: each of the connections sends when it was answered.
    warming_s: what is sent before that is not counted: the connections are new.
    """

    url: str
    requests: list[str]
    seconds: float
    connections: int
    first: int = 0
    rate: float = 0
    warming_s: float = 1.0


class Outcome(msgspec.Struct, frozen=True):
    """What came: seconds each answer took, by status; 0 is a connection that ended, or was late.

    unsent: requests for which no connection was free when it was their time.
    mute: answers 503 that did not say when to come again.
    """

    seconds: float
    answers: dict[int, list[float]]
    unsent: int
    mute: int = 0

    def rate(self, *statuses: int) -> float:
        """Give the answers with these statuses a second."""
        return sum(len(self.answers.get(one, [])) for one in statuses) / self.seconds

    def percentile(self, status: int, share: float) -> float:
        """Give the seconds within which this share of the answers with a status came."""
        times = sorted(self.answers.get(status, [0.0]))
        return times[min(len(times) - 1, int(share * len(times)))]


class _Line(asyncio.Protocol):
    """One connection: a request, its answer, and again."""

    transport: asyncio.Transport

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._said = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def send(self, request: bytes) -> None:
        self._sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._said += data
        head, found, body = self._said.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(body) >= length:
            self._said = b""
            status = int(head[9:12])
            if status == UNAVAILABLE and b"\r\nretry-after: " not in head.lower():
                self._load.mute += 1
            self._load.answered(self, status, self._sent)

    def connection_lost(self, _: Exception | None) -> None:
        self._load.answered(None, 0, self._sent)


class _Load:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = [one.encode() for one in plan.requests]
        self._next = 0
        self._free: deque[_Line] = deque()
        self._open = True
        self._counted = 0.0
        self._until = 0.0
        self._answers: dict[int, list[float]] = {}
        self._unsent = 0
        self.mute = 0

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        parts = urlsplit(self._plan.url)
        host, port = str(parts.hostname), int(parts.port or 80)
        lines = [
            (await loop.create_connection(lambda: _Line(self), host, port))[1]
            for _ in range(self._plan.connections)
        ]
        self._free.extend(lines)
        since = time.perf_counter()
        self._counted = since + self._plan.warming_s
        self._until = self._counted + self._plan.seconds
        if self._plan.rate:
            await self._paced(since)
        else:
            for line in lines:
                self._one(line)
            await asyncio.sleep(self._until - since)
        self._open = False
        seconds = time.perf_counter() - self._counted
        for line in lines:
            line.transport.abort()
        return Outcome(seconds, self._answers, self._unsent, self.mute)

    async def _paced(self, since: float) -> None:
        sent = 0
        while (at := time.perf_counter()) < self._until:
            due = int((at - since) * self._plan.rate)
            while sent < due:
                sent += 1
                if self._free:
                    self._one(self._free.popleft())
                else:
                    self._unsent += 1
            await asyncio.sleep(0.002)

    def _one(self, line: _Line) -> None:
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        line.send(request.replace(NUMBER, b"%08d" % (self._plan.first + self._next)))

    def answered(self, line: _Line | None, status: int, sent: float) -> None:
        if not self._open:
            return
        if sent >= self._counted:
            self._answers.setdefault(status, []).append(time.perf_counter() - sent)
        if line is None:
            return
        if self._plan.rate:
            self._free.append(line)
        else:
            self._one(line)


async def loaded(plan: Plan) -> Outcome:
    """Send from a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.paced",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate(msgspec.json.encode(plan))
    return msgspec.json.decode(said, type=Outcome, strict=False)


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_Load(given).run())))
