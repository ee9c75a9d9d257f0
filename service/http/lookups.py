"""Keys looked up in the database: each once at a time, and those that nobody knows in turn.

A key that was good a moment ago is asked for at once. All others share a few connections: whoever
sends keys that there are not does not keep those out who have one, and is not counted at the door
while it waits here (`counted.py`).
"""

import asyncio
from functools import partial
from typing import Final

from msgspec import Struct

from service.database.turns import Turns
from service.http.clock import Clock
from service.repository.base import Repository
from service.repository.keys import Identity, KeyAuthenticate

STRANGERS_MAX: Final = 2
"""Keys not known here that are looked up at a time."""

STRANGERS_WAITING_MAX: Final = 256
"""Those of them that may be there, those who are looked up included."""


class Answer(Struct, frozen=True):
    """Whose key it is, if anybody's, as of a time that is not later than the database's answer."""

    asked_s: float
    identity: Identity | None


class Lookups:
    """Looks up keys."""

    def __init__(self, repository: Repository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._asked: dict[bytes, asyncio.Task[Answer]] = {}
        self._strangers = Turns(STRANGERS_MAX)

    async def find(self, digest: bytes, *, familiar: bool) -> Answer:
        """Find whose key has this hash; who asks for it meanwhile gets the same answer.

        Raises: Problem.
        """
        task = self._asked.get(digest)
        if task is None:
            task = asyncio.create_task(self._found(digest, familiar=familiar))
            self._asked[digest] = task
            task.add_done_callback(partial(self._done, digest))
        # A client that goes away does not take the answer from the others.
        return await asyncio.shield(task)

    async def _found(self, digest: bytes, *, familiar: bool) -> Answer:
        if familiar:
            return await self._answer(digest)
        async with self._strangers.turn(STRANGERS_WAITING_MAX):
            return await self._answer(digest)

    async def _answer(self, digest: bytes) -> Answer:
        asked = self._clock.monotonic()
        return Answer(asked, await self._repository.maybe(KeyAuthenticate(digest), writes=False))

    def _done(self, digest: bytes, task: asyncio.Task[Answer]) -> None:
        del self._asked[digest]
        if not task.cancelled():
            task.exception()  # asked for, though everybody who wanted it may be gone
