"""Requests, what became of each, and which were under way when something was broken."""

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import aiohttp
from msgspec import Struct

from tests.factories import Actor

PATIENCE_S = 10
"""A client that has heard nothing by then gives up."""

PAUSE_S = (0.02, 0.15)
"""Between a request and its repetition, drawn."""


class Answer(Struct, frozen=True):
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Read the body as JSON."""
        return json.loads(self.body)


class Struck(Struct):
    """What was under way when something was broken, and how much of it was cut short."""

    under_way: set[int]
    cut_short: int = 0


class Calls:
    """Sends requests and keeps account of them.

    outcomes: answers by status; 0 is a connection that ended without one. broken: promises that
    were not kept, in words. row: answers since the last that a fault is to blame for.
    hung_up: requests whose sender went away before they were answered.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, draw: random.Random) -> None:
        self._session = session
        self._url = url
        self._draw = draw
        self._numbers = itertools.count()
        self._under_way: dict[int, asyncio.Task[Any] | None] = {}
        self._struck = Struck(set())
        self.outcomes: Counter[int] = Counter()
        self.operations: Counter[str] = Counter()
        self.repeated = 0
        self.replayed = 0
        self.hung_up = 0
        self.row = 0
        self.broken: list[str] = []

    def breaks(self, words: str) -> None:
        """Note a promise that was not kept."""
        self.broken.append(words)

    @property
    def under_way(self) -> int:
        """Count the requests that are not answered yet."""
        return len(self._under_way)

    def strike(self) -> Struck:
        """Note what is under way at this moment."""
        self._struck = Struck(set(self._under_way))
        return self._struck

    def hang_up(self) -> None:
        """Give up everything that is under way: whoever asked asks again."""
        for task in self._under_way.values():
            if task is not None:
                self._gone(task)

    def _gone(self, task: asyncio.Task[Any]) -> None:
        self.hung_up += task.cancel()

    async def once(
        self,
        actor: Actor,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        leaves_s: float | None = None,
    ) -> Answer | None:
        """Send a request once; nothing when its connection ended without an answer.

        Whoever sends it goes away after `leaves_s`, or waits.
        """
        sending = asyncio.ensure_future(self._sent(actor, method, path, body, headers or {}))
        number = next(self._numbers)
        self._under_way[number] = sending
        if leaves_s is not None:
            asyncio.get_running_loop().call_later(leaves_s, self._gone, sending)
        try:
            answer = await sending
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            answer = None
        except asyncio.CancelledError:
            # Either a fault has let this request go, or the client itself is to end.
            if (current := asyncio.current_task()) is not None and current.cancelling():
                raise
            answer = None
        finally:
            del self._under_way[number]
        self._account(number, method, path, answer)
        return answer

    async def settled(
        self,
        actor: Actor,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Repeat a request until its outcome is known, as a careful client does.

        Under one key as long as something may have been done. After nothing but 503, which says
        that nothing was, sometimes under another: who says so wrongly does it twice.
        """
        key, unknown = self._key(), False
        while True:
            given = {**(headers or {}), **({} if method == "GET" else {"Idempotency-Key": key})}
            answer = await self.once(actor, method, path, body, given)
            if answer is not None and not _again(answer):
                self.operations[method] += 1
                self.replayed += "Idempotency-Replayed" in answer.headers
                return answer
            self.repeated += 1
            unknown = unknown or answer is None or answer.status != 503
            if not unknown and self._draw.random() < 0.5:
                key = self._key()
            await asyncio.sleep(self._draw.uniform(*PAUSE_S))

    def _key(self) -> str:
        return str(UUID(int=self._draw.getrandbits(128)))

    async def _sent(
        self, actor: Actor, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> Answer:
        async with self._session.request(
            method,
            self._url + path,
            json=body,
            headers={"Authorization": f"Bearer {actor.key}", **headers},
            timeout=aiohttp.ClientTimeout(PATIENCE_S),
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    def _account(self, number: int, method: str, path: str, answer: Answer | None) -> None:
        status = 0 if answer is None else answer.status
        self.outcomes[status] += 1
        faulty = answer is None or status in {503, 504}
        self.row = 0 if faulty else self.row + 1
        if number in self._struck.under_way:
            self._struck.cut_short += faulty
        if answer is not None and status >= 500 and not faulty:
            self.breaks(f"{method} {path} was answered {status}: {answer.body.decode()}")


def _again(answer: Answer) -> bool:
    if answer.status in {503, 504}:
        return True
    return answer.status == 409 and b"#idempotency-in-progress" in answer.body


def now() -> float:
    """Give the time that passes, in seconds."""
    return time.monotonic()
