"""A partition of its own for a tenant with many labels: filled first, indexed and attached then.

Whoever does it has the tenant's turn (`TenantLabels.taken`), so that nobody else writes its labels.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from uuid import UUID

from msgspec import Struct

from service.labelling.tenant import Embedded, TenantLabels
from service.repository.base import One, Repository
from service.repository.labels import (
    LabelPartitionAttach,
    LabelPartitionBegin,
    LabelPartitionHas,
    LabelPartitionIndex,
    copy_labels,
)

R = TypeVar("R", bound=Struct)

LABELS_MIN: Final = 10_000
"""From so many on a tenant that is embedded for the first time gets a partition."""

LONG_MS: Final = 3_600_000
ALIVE_S: Final = 4.0
"""How often the session that has the turn says something: a silent one is ended."""


class Partition:
    """The partition of a tenant; `owner` runs statements as plant_owner, `labels` has the turn."""

    def __init__(self, owner: Repository, labels: TenantLabels, tenant_id: UUID) -> None:
        self._owner = owner
        self._labels = labels
        self._tenant_id = tenant_id

    async def there(self) -> bool:
        """Say whether the tenant has one."""
        return (await self._owner.one(LabelPartitionHas(self._tenant_id))).found

    async def made(self) -> int:
        """Move the tenant's labels into one; says how many they are.

        Raises: what the server raises; then everything is as it was.
        """
        async with self._alive():
            await self._long(LabelPartitionBegin(self._tenant_id))
            return await self._attached()

    async def embedded(self, tell: Callable[[int], None]) -> int:
        """Embed a tenant that has no label yet into one; says how many labels were written.

        Entities that bring a vector are left to `TenantLabels.round`, and so is what is written
        meanwhile. Raises: what the server and the embedder raise; then there is no label of it.
        """
        table = (await self._long(LabelPartitionBegin(self._tenant_id))).name
        written = 0
        async for found in self._labels.anew():
            records = _records(self._tenant_id, found)
            async with self._owner.pool.connection() as connection:
                await copy_labels(connection, table, records)
            written += len(records)
            tell(len(records))
            # The session that has the turn is not silent for longer than a batch takes.
            await self._labels.behind()
        async with self._alive():
            await self._attached()
        return written

    async def _attached(self) -> int:
        await self._long(LabelPartitionIndex(self._tenant_id))
        return (await self._long(LabelPartitionAttach(self._tenant_id))).labels

    async def _long(self, query: One[R]) -> R:
        async with self._owner.pool.transaction(
            timeout_ms=LONG_MS, statement_timeout_ms=LONG_MS
        ) as connection:
            return await self._owner.one(query, connection=connection, timeout_s=LONG_MS / 1000)

    @asynccontextmanager
    async def _alive(self) -> AsyncIterator[None]:
        """Keep the session that has the turn from being silent."""

        async def speak() -> None:
            while True:
                await asyncio.sleep(ALIVE_S)
                await self._labels.behind()

        task = asyncio.create_task(speak())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _records(tenant_id: UUID, found: Embedded) -> list[tuple[object, ...]]:
    """Give the rows of a batch, each entity's numbered from 0."""
    numbers = Counter[UUID | None]()
    records: list[tuple[object, ...]] = []
    for row, meaning, words in zip(found.batch.due, found.meanings, found.words, strict=True):
        records.append(
            (
                tenant_id, row.entity_id, numbers[row.entity_id], row.entity_type, row.source,
                row.label, row.digest, row.embedder, meaning, words,
            )
        )  # fmt: skip
        numbers[row.entity_id] += 1
    return records
