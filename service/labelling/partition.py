"""Makes the table that has the labels of one tenant alone, beside what is searched meanwhile.

One transaction of the owner: what breaks off on the way leaves nothing. Entities go on changing;
their versions tell at the end which have.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from msgspec import Struct

from service.database.lone import Lone
from service.labelling.compute import both
from service.labelling.tenant import ALWAYS
from service.labelling.vectors import Vectors
from service.refusal import Refusal
from service.repository.base import One, Repository
from service.repository.partitions import (
    DueLabel,
    LabelPartitionAttach,
    LabelPartitionBegin,
    LabelPartitionClear,
    LabelPartitionCopy,
    LabelPartitionDue,
    LabelPartitionFound,
    LabelPartitionIndex,
    LabelPartitionMend,
    LabelVersions,
    Versions,
)

R = TypeVar("R", bound=Struct)
Records = list[tuple[object, ...]]

ENTITIES: Final = 200
"""Whose labels are read, computed by length, and written together."""

TRIES: Final = 40
PAUSE_S: Final = 1.0
"""Mean time between two tries for the last locks."""

WAIT_MS: Final = 500
"""For each of them: everybody who comes meanwhile waits as long."""

LONG_MS: Final = 1_500
"""In every fourth try. After a second (deadlock_timeout) an autovacuum that is in the way is ended;
writers give up after two."""

IN_THE_WAY: Final = frozenset({"55P03", "40P01"})
"""SQLSTATEs of a lock that did not come."""

COLUMNS: Final = (
    "tenant_id", "entity_id", "label_no", "entity_type", "source", "label", "text_sha256",
    "embedder", "embedding_384", "lexical_384", "private_to",
)  # fmt: skip
LEAST: Final = UUID(int=0)


class NotMoved(Refusal):
    """Others did not let go of the tables."""

    exit_code = 1


class Detached(Refusal):
    """A table that somebody took away has a name that is needed."""

    exit_code = 1

    def __init__(self, table: str, tenant_id: UUID, *, alone: bool) -> None:
        table = f"app.{table.removeprefix('app.')}"
        again = f"ALTER TABLE app.entity_label ATTACH PARTITION {table} FOR VALUES IN"
        drop = f"Drop it (`DROP TABLE {table};`): the tenant has another one."
        back = f"Attach it again (`{again} ('{tenant_id}');`), or drop it (`DROP TABLE {table};`) "
        back += "and compute what it held with `plant embed --tenant … --all`."
        super().__init__(
            f"The table {table} stands there and is not attached: nothing was done.",
            back if alone else drop,
        )


class Made(Struct, frozen=True):
    """What a table came to: its labels, those that were computed, and those deleted elsewhere."""

    labels: int
    computed: int
    cleared: int


class Wanted(Struct, frozen=True):
    """What labels are computed for: a model, as of a position of the tenant's log.

    `since`: labels from before that time, of the server, are computed anew.
    """

    vectors: Vectors
    pos: int
    since: datetime = ALWAYS


class OwnPartition:
    """The work for one tenant over a session of the owner that knows vectors and waits for long.

    `tell` hears what is being done, `advance` how many labels were written.
    """

    def __init__(
        self,
        repository: Repository,
        lone: Lone,
        tenant_id: UUID,
        tell: Callable[[str], object],
        *,
        tries: int = TRIES,
    ) -> None:
        self._repository = repository
        self._lone = lone
        self._tenant_id = tenant_id
        self._tell = tell
        self._tries = tries

    async def there(self) -> bool:
        """Say whether the tenant has a table of its own."""
        return (await self._one(LabelPartitionFound(self._tenant_id))).former is not None

    async def isolated(self) -> Made:
        """Move the labels that there are.

        Raises: NotMoved, Detached, and what the driver raises; nothing is done then.
        """

        async def copied(_: str) -> int:
            self._tell("copying labels")
            await self._one(LabelPartitionCopy(self._tenant_id, None, None, ALWAYS))
            return 0

        return await self._made(copied, None, None)

    async def embedded(self, wanted: Wanted, advance: Callable[[int], object]) -> Made:
        """Compute what labels lack, and move the rest.

        What entities say since the position is left to whoever embeds behind the log. Raises:
        NotMoved, Detached, and what the driver raises; nothing is done then.
        """

        async def computed(table: str) -> int:
            return await self._computed(table, wanted, advance)

        return await self._made(computed, wanted.vectors.model, wanted.pos)

    async def _made(
        self, fill: Callable[[str], Awaitable[int]], embedder: str | None, pos: int | None
    ) -> Made:
        stands = await self._one(LabelPartitionFound(self._tenant_id))
        if stands.detached is not None:
            # It would be taken for the one that is being made.
            raise Detached(stands.detached, self._tenant_id, alone=stands.former is None)
        async with self._lone.transaction():
            begun = await self._one(LabelPartitionBegin(self._tenant_id))
            before = await self._one(LabelVersions(self._tenant_id))
            computed = await fill(begun.made)
            self._tell("building indexes")
            found = await self._one(LabelPartitionIndex(self._tenant_id))
            now = await self._one(LabelVersions(self._tenant_id))
            await self._one(LabelPartitionMend(self._tenant_id, before.ids, before.versions))
            self._tell("putting them in place")
            cleared = await self._attached(now, embedder, pos)
        return Made(found.labels, computed, cleared)

    async def _attached(self, known: Versions, embedder: str | None, pos: int | None) -> int:
        """Put the table in place of labels elsewhere as soon as nobody holds what that takes."""
        given = self._tenant_id, known.ids, known.versions, embedder, pos
        for nth in range(1, self._tries + 1):
            try:
                # Whoever waits for a label that was deleted goes on when the lock does not come.
                async with self._lone.transaction():
                    gone = await self._one(LabelPartitionClear(self._tenant_id))
                    await self._one(
                        LabelPartitionAttach(*given, LONG_MS if nth % 4 == 0 else WAIT_MS)
                    )
            except Exception as error:
                if getattr(error, "sqlstate", None) not in IN_THE_WAY:
                    raise
                if nth == self._tries:
                    raise NotMoved(
                        "Others would not let go of the tables of entities or labels: nothing was "
                        "done.",
                        "Try again when no import and no long transaction is under way.",
                    ) from error
            else:
                return gone.cleared
            # Drawn at random: others wait at regular intervals too.
            await asyncio.sleep(random.uniform(0.5, 1.5) * PAUSE_S)  # noqa: S311
        raise AssertionError  # the last try returns or raises

    async def _computed(self, table: str, wanted: Wanted, advance: Callable[[int], object]) -> int:
        """Read, compute and write some entities at a time, each while the next are computed."""
        model, words = wanted.vectors.model, wanted.vectors.words
        since = wanted.since
        self._tell("computing vectors")
        copy = LabelPartitionCopy(self._tenant_id, model, words, since)
        copied = await self._one(copy)
        after, written = LEAST, 0
        coming: asyncio.Task[Records] | None = None
        try:
            while True:
                query = LabelPartitionDue(
                    self._tenant_id, after, ENTITIES, copied.next_no, model, words, since
                )
                rows = await self._repository.many(query, connection=self._lone.connection)
                due = [row for row in rows if row.entity_id is not None]
                before, coming = coming, None
                if rows:
                    after = rows[-1].last_id
                    coming = asyncio.create_task(self._records(due, wanted.vectors))
                if before is not None:
                    written += await self._write(table, await before, advance)
                if coming is None:
                    return written
        finally:
            if coming is not None:
                coming.cancel()

    async def _records(self, due: Sequence[DueLabel], vectors: Vectors) -> Records:
        meanings, words = await both(
            [row.label for row in due], [row.embedder for row in due], vectors
        )
        return [
            (
                self._tenant_id, row.entity_id, row.label_no, row.entity_type, row.source,
                row.label, row.digest, row.embedder, row.brought or meaning, word, row.private_to,
            )
            for row, meaning, word in zip(due, meanings, words, strict=True)
        ]  # fmt: skip

    async def _write(self, table: str, records: Records, advance: Callable[[int], object]) -> int:
        if records:
            await self._lone.connection.copy_records_to_table(
                table, schema_name="app", columns=COLUMNS, records=records
            )
            advance(len(records))
        return len(records)

    async def _one(self, query: One[R]) -> R:
        return await self._repository.one(query, connection=self._lone.connection)
