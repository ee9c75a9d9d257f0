"""Bulk import: lines are checked and staged, then applied chunk by chunk.

Memory holds one batch of lines or the outcomes of one chunk, whatever the size of the import. An
outcome is reported after the transaction that made it true has committed.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Final
from uuid import uuid4

from service.errors import Unavailable
from service.repository.base import Context, Repository
from service.repository.imports import (
    Applied,
    Chunk,
    ImportAnalyseKind,
    ImportAnalyseLines,
    ImportApply,
    ImportArrange,
    ImportStage,
)
from service.usecases.absent import MEMBERS, Handling, handle
from service.usecases.import_session import Session
from service.usecases.large import Large
from service.usecases.lines import Batch, batches
from service.usecases.outcomes import (
    OUTCOMES,
    Naming,
    Reported,
    line_of_one_file,
    reported,
)

LARGE: Final = 1000
"""Lines of one kind that may outgrow what the tables were counted with."""


def _silent(_: int, __: int) -> None:
    pass


class Import:
    """One import of one caller."""

    def __init__(
        self,
        repository: Repository,
        context: Context,
        *,
        as_active: bool,
        absent: Handling | None = None,
        naming: Naming = line_of_one_file,
        whole: Callable[[], bool] = lambda: True,
        large: Large | None = None,
    ) -> None:
        """Set up.

        `whole` says, when all lines are read, whether they are all there was; by `large` large
        lines are read in turns with what others send.
        """
        self._id = uuid4()
        self._session = Session(repository, context, self._id)
        self._as_active = as_active
        self._absent: Handling | None = absent
        self._naming = naming
        self._whole = whole
        self._large, self._whose = large, context.tenant_id
        self.lines = 0
        self.totals = dict.fromkeys(OUTCOMES + MEMBERS[absent], 0)

    async def run(
        self, lines: AsyncIterable[bytes], progress: Callable[[int, int], None] = _silent
    ) -> AsyncGenerator[list[Reported], None]:
        """Stage every line, then apply chunk by chunk and report each after its commit.

        Each item of `lines` counts as one line, blank ones too; `progress` hears how many lines
        are done, of how many.

        Raises: Problem when the import as a whole cannot go on; what was reported stays done.
        """
        read = batches(lines, self._large, self._whose)
        # What fits into one batch is read before anything of the database is taken.
        first = await anext(read, None)
        if first is None:
            return
        async with self._session.kept() as begun_at:
            await self._stage(first)
            async for batch in read:
                await self._stage(batch)
            # In a transaction of its own, which gives its lock back: without fresh statistics the
            # lines are arranged by plans for an empty table.
            await self._session.run(ImportAnalyseLines())
            chunks: list[Chunk] = await self._session.run(ImportArrange(self._id, self._as_active))
            of_kind = Counter[str | None]()
            for chunk in chunks:
                of_kind[chunk.kind] += chunk.lines
            done = 0
            for chunk in chunks:
                if chunk.kind is not None and of_kind[chunk.kind] > LARGE:
                    await self._session.run(ImportAnalyseKind(chunk.kind))
                outcomes = await self._applied(chunk)
                done += chunk.lines
                progress(done, self.lines)
                yield outcomes
            if self._absent is None:
                return
            async for entities in handle(
                self._session, self._id, begun_at, self._absent, whole=self._whole()
            ):
                for entity in entities:
                    self.totals[entity.outcome] += 1
                yield entities

    async def _stage(self, batch: Batch) -> None:
        self.lines += batch.lines
        await self._session.run(ImportStage(self._id, batch.text))

    async def _applied(self, chunk: Chunk) -> list[Reported]:
        applied: list[Applied] = await self._session.run(
            ImportApply(self._id, chunk.chunk, self._as_active, self._absent is not None),
            committing=True,
        )
        told = reported(applied[0].outcomes, self._naming)
        if len(told) != chunk.lines:
            raise Unavailable(
                "Staged lines are gone. What was reported is done: import the rest again."
            )
        for one in told:
            self.totals[one.outcome] += 1
        return told
