"""Gives all labels of a tenant their vectors now: one batch after the other, or at once."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

from msgspec import Struct

from service.cli.output import Output
from service.database.lone import Lone
from service.labelling.partition import OwnPartition, Wanted
from service.labelling.tenant import ALWAYS, TenantLabels
from service.labelling.vectors import Vectors
from service.repository.base import One, Repository
from service.repository.keys import Tenant
from service.repository.labels import LabelCount, LabelCursor

R = TypeVar("R", bound=Struct)

WAIT_S: Final = 0.2
MANY: Final = 20_000
"""Labels that one by one take four minutes (85 a second), and at once less than one."""

FEW: Final = 20
"""A table is made anew when one in so many of its labels is lacking, at least: copying and indexing
a label takes a twentieth of what writing one into indexes does."""


def at_once(missing: int, wanted: int, many: int = MANY) -> bool:
    """Say whether so many labels are lacking that a table is made for all."""
    return missing >= many and missing * FEW >= wanted


class Embedded(NamedTuple):
    """What a tenant came to."""

    tenant: str
    labels: int


class Work(NamedTuple):
    """What embedding takes: sessions of the owner and of plant_worker, and an embedder."""

    owner: Repository
    repository: Repository
    lone: Lone
    builder: Lone
    vectors: Vectors
    output: Output
    many: int = MANY

    async def embedded(self, tenant: Tenant, since: datetime) -> Embedded:
        """Embed all of a tenant, until a pass finds nothing to do."""
        model, words = self.vectors.model, self.vectors.words
        counted = await self._one(LabelCount(tenant.tenant_id, model, words))
        missing = max(0, counted.wanted - (0 if since > ALWAYS else counted.present))
        written = 0
        with self.output.progress(f"embedding {tenant.name}", missing or None) as progress:
            if at_once(missing, counted.wanted, self.many):
                written += await self._built(tenant, since, progress.advance)
                since = ALWAYS
            while True:
                found = await self._pass(tenant.tenant_id, since, progress.advance)
                written += found
                if not found:
                    break
                since = ALWAYS
        if written < missing:
            words = f"the other {missing - written:,} were embedded by others, or are gone"
            self.output.say(f"{tenant.name}: nothing is left; {words}")
        return Embedded(tenant.name, written)

    async def _built(self, tenant: Tenant, since: datetime, tell: Callable[[int], None]) -> int:
        """Make a table of its own with all that is lacking; what changes meanwhile comes after."""
        cursor = await self._one(LabelCursor(tenant.tenant_id, self.vectors.model))
        wanted = Wanted(self.vectors, cursor.last_pos, since)

        def say(words: str) -> None:
            self.output.say(f"{tenant.name}: {words}")

        # It would be silent for too long.
        await self.lone.close()
        await self.builder.open()
        try:
            own = OwnPartition(self.owner, self.builder, tenant.tenant_id, say)
            made = await own.embedded(wanted, tell)
        finally:
            await self.builder.close()
        await self.lone.open()
        return made.computed

    async def _one(self, query: One[R]) -> R:
        return await self.repository.one(query, connection=self.lone.connection)

    async def _pass(self, tenant_id: UUID, since: datetime, tell: Callable[[int], None]) -> int:
        labels = TenantLabels(self.repository, self.lone, self.vectors, tenant_id, since)
        written, more = 0, True
        while more:
            if not await labels.taken():
                # A service is at it: its batches are short.
                await asyncio.sleep(WAIT_S)
                continue
            try:
                found = await labels.round(tell)
            finally:
                await labels.left()
            written, more = written + found.written, found.more
        return written
