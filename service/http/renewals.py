"""Keys in use are asked for again, together, before what is remembered of them is over.

What is remembered of a key ends so long after the database was asked, whoever uses it. With many
keys in use there is one at its end at any moment, and its next request would wait, alone, for a
look-up of its own. So a key that is used in the later half of that time is asked for again, in one
statement with all others of which that is true, and nobody waits. A key that is not used again is
not asked for again; one whose renewal fails ends when it would have.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from service.errors import Problem
from service.http.clock import Clock
from service.http.lookups import Answer
from service.repository.base import Repository
from service.repository.keys import KeysAuthenticate

GATHERED_S: Final = 0.1
"""For so long keys are gathered that are asked for together."""

TOGETHER_MAX: Final = 256
"""Keys of one statement; the others are asked for by the next one."""

Heard = Callable[[bytes, Answer], None]


class Renewals:
    """Asks for keys again; `heard` is told whose each is, as of when."""

    def __init__(self, repository: Repository, clock: Clock, heard: Heard) -> None:
        self._repository = repository
        self._clock = clock
        self._heard = heard
        self._wanted = set[bytes]()
        self._asked = frozenset[bytes]()
        self._asking: asyncio.Task[None] | None = None

    def want(self, digest: bytes) -> None:
        """Have the key with this hash asked for soon, unless it is just asked for."""
        if digest in self._asked:
            return
        self._wanted.add(digest)
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask())

    async def _ask(self) -> None:
        try:
            while self._wanted:
                await asyncio.sleep(GATHERED_S)
                together = min(len(self._wanted), TOGETHER_MAX)
                self._asked = frozenset(self._wanted.pop() for _ in range(together))
                # Who cannot be asked for now is asked for alone, when the time is over.
                with suppress(Problem):
                    await self._renew()
        finally:
            self._asked, self._asking = frozenset(), None

    async def _renew(self) -> None:
        asked_s = self._clock.monotonic()
        found = await self._repository.many(KeysAuthenticate(list(self._asked)))
        identities = {one.key_hash: one for one in found}
        for digest in self._asked:
            self._heard(digest, Answer(asked_s, identities.get(digest)))
        self._asked = frozenset()
