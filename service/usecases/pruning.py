"""Pruning: a tenant's log goes into a file that proves itself, and its documents out of the tables.

What reads is plant_worker, which sees every document; what empties is the owner.
"""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from service.errors import NotSealed
from service.proof.bundle import header_line, trailer_line
from service.repository.base import Repository
from service.repository.proof import CheckpointRow
from service.repository.pruning import (
    LogArchivePage,
    LogBefore,
    LogPrunable,
    LogPrune,
    Prunable,
    Pruned,
)
from service.usecases.proving import line_of
from service.usecases.tree import Tree, latest, note_of

PAGE: Final = 200

TIMEOUT_MS: Final = 6 * 3_600_000
"""For what is long on purpose: reading a whole log."""

PIECE: Final = 20_000
"""Positions that one transaction empties: whoever erases or verifies meanwhile waits for it."""

PIECE_MS: Final = 30 * 60_000
"""For a piece; what takes longer would stand in the log with a time long past."""

BIGINT_MAX: Final = 2**63 - 1


async def prunable(
    worker: Repository, tenant: UUID, through: int | None, before: datetime | None
) -> Prunable | None:
    """Say how far a log can be pruned of what is asked; none when there is nothing of it.

    Raises: NotSealed.
    """
    sealed = await _sealed(worker)
    asked = BIGINT_MAX if through is None else through
    async with worker.pool.transaction(
        timeout_ms=TIMEOUT_MS, statement_timeout_ms=TIMEOUT_MS
    ) as connection:
        how: dict[str, Any] = {"connection": connection, "timeout_s": TIMEOUT_MS / 1000}
        if before is not None:
            older = await worker.maybe(LogBefore(tenant, before), **how)
            if older is None:
                return None
            asked = min(older.pos, asked)
        return await worker.maybe(LogPrunable(tenant, asked, sealed.size), **how)


async def origin(worker: Repository) -> str:
    """Give the log's name, which the keys that sign it have as well.

    Raises: NotSealed.
    """
    sealed = await _sealed(worker)
    return sealed.note.partition("\n")[0]


async def archived(
    worker: Repository, tenant: UUID, end: Prunable
) -> AsyncGenerator[tuple[int, bytes], None]:
    """Read a log up to its end as a bundle with every document that there is.

    Shapes: pairs of the number of entries so far and the bytes of some whole lines.

    Raises: NotSealed, Defect when the log does not lead to what was signed, and what the server
    raises.
    """
    async with worker.pool.transaction(
        isolation="repeatable_read",
        timeout_ms=TIMEOUT_MS,
        statement_timeout_ms=TIMEOUT_MS,
        idle_timeout_ms=TIMEOUT_MS,
    ) as connection:
        sealed = await _sealed(worker, connection=connection)
        proof = await Tree().inclusion(
            worker, sealed, end.log_index, end.leaf_hash, connection=connection
        )
        yield 0, header_line(str(tenant))
        position = 0
        while page := await worker.many(
            LogArchivePage(tenant, position, end.through, PAGE), connection=connection
        ):
            position = page[-1].pos
            yield position, b"".join(map(line_of, page))
        yield position, trailer_line(position, (end.log_index, proof), note_of(sealed))


async def pruned(
    owner: Repository, tenant: UUID, found: Prunable, archive: str, digest: bytes
) -> AsyncGenerator[tuple[int, Pruned], None]:
    """Empty the documents that were found and that a file has, and have the log say so.

    Shapes: for each piece, once it is done, the position that it ends at, and its entry.

    Raises: what the server raises; earlier pieces are done then.
    """
    for end in (*range(found.first - 1 + PIECE, found.through, PIECE), found.through):
        async with owner.pool.transaction(
            isolation="repeatable_read", timeout_ms=PIECE_MS, statement_timeout_ms=PIECE_MS
        ) as connection:
            done = await owner.one(
                LogPrune(tenant, end, archive, digest),
                connection=connection,
                timeout_s=PIECE_MS / 1000,
            )
        yield end, done


async def _sealed(worker: Repository, **how: Any) -> CheckpointRow:
    """Give the latest checkpoint.

    Raises: NotSealed.
    """
    sealed = await latest(worker, **how)
    if sealed is None:
        raise NotSealed
    return sealed
