"""Brings the labels of one tenant to what its entities say, behind its log."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

from msgspec import Struct

from service.database.lone import Lone
from service.labelling.batch import Batch, Mark, batches
from service.labelling.vectors import Vectors
from service.model.vector import each, wire
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

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Round(Struct, frozen=True):
    """What one round came to: labels written, and whether there may be more to do."""

    written: int
    more: bool


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

    async def round(self, tell: Callable[[int], None] = lambda written: None) -> Round:
        """Embed what the next entries are about; `tell` hears how many labels were written.

        While one batch is written the next one is computed. Raises: what the driver raises.
        """
        after = self._mark
        if after is None:
            cursor = await self._one(LabelCursor(self._tenant_id, self._vectors.model))
            after = Mark(cursor.pos)
        rows = await self._repository.many(
            LabelPending(
                self._tenant_id, after.pos, after.seq, ENTRIES,
                self._vectors.model, self._vectors.words, self._since, LINES,
            ),
            connection=self._lone.connection,
        )  # fmt: skip
        written = 0
        coming: asyncio.Task[LabelsWrite] | None = None
        cut = list(batches(rows, after, LINES))
        try:
            for place, batch in enumerate(cut):
                ready = coming or asyncio.create_task(self._computed(batch))
                query = await ready
                following = cut[place + 1 : place + 2]
                coming = asyncio.create_task(self._computed(following[0])) if following else None
                if batch.ids or batch.until.pos > after.pos:
                    found = await self._repository.one(query, connection=self._lone.connection)
                    written += found.written
                    tell(found.written)
                self._mark = batch.until
        finally:
            if coming is not None:
                coming.cancel()
        more = self._mark != after
        return Round(written, more)

    async def _computed(self, batch: Batch) -> LabelsWrite:
        """Compute the vectors of a batch."""
        texts = [row.label or "" for row in batch.due]
        words = list(each(await self._vectors.of_words(texts))) if texts else []
        embeddings = list(words)
        meant = [nth for nth, row in enumerate(batch.due) if row.embedder == self._vectors.model]
        if meant and self._vectors.model != self._vectors.words:
            computed = await self._vectors.of_model([texts[nth] for nth in meant])
            for nth, vector in zip(meant, each(computed), strict=True):
                embeddings[nth] = vector
        return LabelsWrite(
            tenant_id=self._tenant_id,
            embedder=self._vectors.model,
            pos=batch.until.pos,
            ids=batch.ids,
            versions=batch.versions,
            entity_ids=[row.entity_id for row in batch.due if row.entity_id],
            sources=[row.source or "" for row in batch.due],
            digests=[row.digest or b"" for row in batch.due],
            embedders=[row.embedder or "" for row in batch.due],
            embeddings=[wire(vector) for vector in embeddings],
            lexicals=[wire(vector) for vector in words],
        )

    async def _one(self, query: One[R]) -> R:
        return await self._repository.one(query, connection=self._lone.connection)
