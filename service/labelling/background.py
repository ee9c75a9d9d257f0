"""Embeds what was written, for as long as the service runs, over one connection of plant_worker.

Any number of processes may do it: they take turns, tenant by tenant, and each turn begins where
the last one ended.
"""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final
from uuid import UUID

from service.database.lone import Lone
from service.labelling.standing import LabelStanding
from service.labelling.tenant import TenantLabels
from service.labelling.vectors import Vectors
from service.repository.base import Repository
from service.repository.labels import LabelsBehind
from service.repository.sealing import LogFacts
from service.sqlstate import classify

log = logging.getLogger(__name__)

IDLE_S: Final = 0.2
"""Between two looks at whether anything was written."""

AGAIN_S: Final = 1.0
LOCKED_OUT_S: Final = 30.0
TENANTS: Final = 1_000
TURN_S: Final = 1.0
"""Of one tenant, before others have their turn; a batch that was begun is finished."""

REST_S: Final = 10.0
"""How long a tenant is left alone for which something failed."""

LOGIN: Final = "28"
"""SQLSTATEs of a login that is refused."""


class Labelling:
    """One process's part in it."""

    def __init__(
        self, repository: Repository, lone: Lone, vectors: Vectors, standing: LabelStanding
    ) -> None:
        self._repository = repository
        self._lone = lone
        self._vectors = vectors
        self._standing = standing
        self._standing.model = vectors.model
        self._seen = -1
        self._resting: dict[UUID, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until it is time to stop; whatever is lost on the way is made again."""
        while not stop.is_set():
            wait_s = AGAIN_S
            try:
                await self._lone.open()
                self._seen = -1
                while not stop.is_set():
                    if not await self.turn():
                        await _pause(stop, IDLE_S)
            except Exception as error:  # noqa: BLE001 - nothing that fails here ends a service
                wait_s = self._failed(error)
            finally:
                await self._lone.close()
            await _pause(stop, wait_s)

    async def turn(self) -> bool:
        """Embed some of every tenant that is behind; says whether there may be more to do.

        What fails for one tenant, with the session still there, is no matter of the others: it is
        left alone for a while. Raises: what the driver raises.
        """
        facts = await self._repository.one(LogFacts(), connection=self._lone.connection)
        if facts.positions == self._seen:
            return False
        tenants = await self._repository.many(
            LabelsBehind(self._vectors.model, TENANTS), connection=self._lone.connection
        )
        self._standing.behind = sum(tenant.behind for tenant in tenants)
        if len(tenants) < TENANTS:
            # Whose labels somebody else has brought up to date fails no more.
            behind = {tenant.tenant_id for tenant in tenants}
            self._resting = {one: s for one, s in self._resting.items() if one in behind}
        if not tenants:
            self._seen = facts.positions
            self._standing.failing = None
            return False
        ours, failed = False, None
        for tenant in tenants:
            try:
                ours |= await self._embedded(tenant.tenant_id)
            except Exception as error:
                if not self._lone.is_open:
                    raise
                self._resting[tenant.tenant_id] = time.monotonic() + REST_S
                failed = error
        if failed is not None:
            self._failed(failed)
        elif not self._resting:
            self._standing.failing = None
        # What others are at is theirs to finish: look again in a while.
        return ours

    async def _embedded(self, tenant_id: UUID) -> bool:
        if self._resting.get(tenant_id, 0.0) > time.monotonic():
            return False
        self._resting.pop(tenant_id, None)
        labels = TenantLabels(self._repository, self._lone, self._vectors, tenant_id)
        if not await labels.taken():
            return False
        try:
            await labels.round(self._count, TURN_S)
        finally:
            # A session that is lost has given it back.
            with suppress(Exception):
                await labels.left()
        return True

    def _count(self, written: int) -> None:
        self._standing.written += written

    def _failed(self, error: Exception) -> float:
        """Say, once, what is in the way; gives the seconds until it is tried again."""
        state = str(getattr(error, "sqlstate", ""))
        said = f"{classify(error).slug} ({type(error).__name__}{f' {state}' if state else ''})"
        if said != self._standing.failing:
            self._standing.failing = said
            log.warning("labels are not embedded just now: %s", said)
        return LOCKED_OUT_S if state.startswith(LOGIN) else AGAIN_S


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
