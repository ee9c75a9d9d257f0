"""Brings the labels of one tenant to what its entities say, behind its log."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import count
from typing import Final, TypeVar
from uuid import UUID

from msgspec import Struct

from service.database.lone import Lone
from service.labelling.batch import Batch, Mark, batches
from service.labelling.compute import both
from service.labelling.vectors import Vectors
from service.repository.base import One, Repository
from service.repository.labels import (
    LabelCursor,
    LabelPending,
    LabelsWrite,
    LabelTurn,
    LabelTurnEnd,
)

R = TypeVar("R", bound=Struct)

ENTRIES: Final = 400
"""Of the log that are looked at together, and as many of the queue."""

LINES: Final = 2_048
"""Labels that are read together; an entity has some two hundred at most."""

ALIVE_S: Final = 4.0
"""How often a session says something: a silent one is ended."""

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Round(Struct, frozen=True):
    """What one round came to: labels written, and whether there may be more to do."""

    written: int
    more: bool


class Embedded(Struct, frozen=True):
    """A batch with the vectors of its labels, as the server takes them."""

    batch: Batch
    meanings: list[bytes]
    words: list[bytes]


class TenantLabels:
    """The labels of a tenant, written over a connection of plant_worker that knows vectors.

    `since`: labels from before that time are computed anew.
    """

    def __init__(
        self,
        repository: Repository,
        lone: Lone,
        vectors: Vectors,
        tenant_id: UUID,
        since: datetime = ALWAYS,
    ) -> None:
        self._repository = repository
        self._lone = lone
        self._vectors = vectors
        self._tenant_id = tenant_id
        self._since = since
        self._mark: Mark | None = Mark(0) if since > ALWAYS else None

    async def taken(self) -> bool:
        """Become the only one who does this, unless somebody is."""
        return (await self._one(LabelTurn(self._tenant_id))).ours

    async def left(self) -> None:
        """Let others do it."""
        await self._one(LabelTurnEnd(self._tenant_id))

    async def behind(self) -> int:
        """Say how many entries of its log have not been looked at."""
        cursor = await self._one(LabelCursor(self._tenant_id, self._vectors.model))
        return cursor.last_pos - (cursor.pos if self._mark is None else self._mark.pos)

    async def round(
        self, tell: Callable[[int], None] | None = None, enough_s: float = math.inf
    ) -> Round:
        """Embed what the next entries are about; `tell` hears how many labels were written.

        After `enough_s` seconds no further batch is begun.

        While one batch is written the next one is computed. Raises: what the driver raises.
        """
        after = self._mark
        if after is None:
            cursor = await self._one(LabelCursor(self._tenant_id, self._vectors.model))
            after = Mark(cursor.pos)
        written, begun = 0, time.monotonic()
        async with aclosing(self._ahead(await self._read(after))) as ahead:
            async for found in ahead:
                until = found.batch.until
                if found.batch.ids or until.pos > after.pos:
                    done = await self._written(self._write(found))
                    written += done.written
                    if tell:
                        tell(done.written)
                self._mark = until
                if time.monotonic() - begun >= enough_s:
                    break
        return Round(written, self._mark != after)

    async def _read(self, after: Mark) -> list[Batch]:
        """Read what is due behind a mark; one batch at least."""
        query = LabelPending(
            self._tenant_id, after.pos, after.seq, ENTRIES,
            self._vectors.model, self._vectors.words, self._since, LINES,
        )  # fmt: skip
        rows = await self._repository.many(query, connection=self._lone.connection)
        return list(batches(rows, after, LINES))

    async def _ahead(self, cut: list[Batch]) -> AsyncGenerator[Embedded, None]:
        """Compute batches, each while the one before is being written."""
        coming: asyncio.Task[Embedded] | None = None
        try:
            for place, batch in enumerate(cut):
                found = await self._awake(coming or asyncio.create_task(self._embedded(batch)))
                following = cut[place + 1 : place + 2]
                coming = asyncio.create_task(self._embedded(following[0])) if following else None
                yield found
        finally:
            if coming is not None:
                coming.cancel()

    async def _awake(self, coming: asyncio.Task[Embedded]) -> Embedded:
        """Wait for vectors; the session, which has the turn, is not silent meanwhile."""
        try:
            while not (await asyncio.wait({coming}, timeout=ALIVE_S))[0]:
                await self.behind()
            return coming.result()
        finally:
            coming.cancel()

    async def _embedded(self, batch: Batch) -> Embedded:
        """Compute the vectors of a batch."""
        texts = [row.label or "" for row in batch.due]
        embedders = [row.embedder for row in batch.due]
        return Embedded(batch, *await both(texts, embedders, self._vectors))

    def _write(self, found: Embedded) -> LabelsWrite:
        due = found.batch.due
        return LabelsWrite(
            tenant_id=self._tenant_id,
            embedder=self._vectors.model,
            pos=found.batch.until.pos,
            ids=found.batch.ids,
            versions=found.batch.versions,
            entity_ids=[row.entity_id for row in due if row.entity_id],
            sources=[row.source or "" for row in due],
            digests=[row.digest or b"" for row in due],
            embedders=[row.embedder or "" for row in due],
            embeddings=found.meanings,
            lexicals=found.words,
        )

    async def _written(self, query: One[R]) -> R:
        """Run a write that is a transaction of its own; what failed without effect is repeated."""
        for attempt in count(1):
            try:
                return await self._one(query)
            except Exception as error:
                if await self._repository.given_up(error, attempt, committing=True):
                    raise
        raise AssertionError  # the last attempt returns or raises

    async def _one(self, query: One[R]) -> R:
        return await self._repository.one(query, connection=self._lone.connection)
