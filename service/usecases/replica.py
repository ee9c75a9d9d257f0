"""The read replica: how far behind it is, and whether reads may go there at this moment.

What the primary had written at some moments is noted. The youngest of them that the replica has
reached says how old its answers are at most; whatever keeps the two from being compared lets that
age grow until the replica is out of use.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from service.database.pool import Pool
from service.errors import Problem
from service.repository.base import Repository
from service.repository.replica import PrimaryPosition, ReplicaPosition

log = logging.getLogger(__name__)

EVERY_S: Final = 0.25
LOOK_S: Final = 1.0
"""How long a server may take to say how far it is."""

NEVER: Final = float("-inf")


class Replica:
    """Reads that may be some time behind.

    Units: seconds of `monotonic`. `answers` counts requests that asked for it by who served them:
    `replica` or `primary`.
    """

    def __init__(
        self, primary: Repository, pool: Pool, lag_max_s: float, monotonic: Callable[[], float]
    ) -> None:
        self.pool = pool
        self.repository = primary.reading(pool)
        self.answers = Counter[str]()
        self._primary = primary
        self._lag_max_s = lag_max_s
        self._monotonic = monotonic
        self._cluster: int | None = None
        self._noted: deque[tuple[float, int]] = deque()
        self._complete_s = NEVER
        self._said: str | None = None

    @property
    def lag_s(self) -> float:
        """Give the age of the moment up to which the replica surely has everything."""
        return self._monotonic() - self._complete_s

    @property
    def usable(self) -> bool:
        """Say whether reads may go there."""
        return self.lag_s <= self._lag_max_s

    async def watch(self) -> None:
        """Look again and again until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Compare the replica with the primary once, and say in the log what has changed."""
        await self._note()
        reason = await self._compare()
        if reason is not None:
            self._complete_s = NEVER
            if reason != self._said:
                await self.pool.renew()
        elif not self.usable:
            reason = f"it is more than {self._lag_max_s:g} s behind"
        if reason != self._said:
            log.warning("the replica is %s", f"not used: {reason}" if reason else "used again")
            self._said = reason

    async def _note(self) -> None:
        """Note how far the primary is; one that cannot tell is asked another time."""
        at = self._monotonic()
        try:
            async with asyncio.timeout(LOOK_S):
                found = await self._primary.one(PrimaryPosition())
        except (Problem, TimeoutError):
            return
        self._cluster = found.cluster
        self._noted.append((at, found.written))
        while self._noted[0][0] < at - self._lag_max_s:
            self._noted.popleft()

    async def _compare(self) -> str | None:
        """Find out up to which moment the replica has everything; gives what is wrong with it."""
        try:
            async with asyncio.timeout(LOOK_S):
                found = await self.repository.one(ReplicaPosition())
        except (Problem, TimeoutError):
            return "it cannot be reached"
        if found.replayed is None:
            return "it is no standby"
        if self._cluster not in {None, found.cluster}:
            return "it follows another cluster"
        while self._noted and self._noted[0][1] <= found.replayed:
            self._complete_s = self._noted.popleft()[0]
        return None
