"""Bulk import: lines are checked and staged, then applied chunk by chunk.

Memory holds one batch of lines or the outcomes of one chunk, whatever the size of the import. An
outcome is reported after the transaction that made it true has committed.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from msgspec import Raw, Struct

from service.errors import FieldError, InvalidBody, Problem
from service.model.decode import decode_line, payload
from service.repository.base import TRIES_MAX, Context, Repository, pause_s
from service.repository.imports import (
    Chunk,
    ImportAnalyse,
    ImportApply,
    ImportArrange,
    ImportDiscard,
    ImportStage,
    Outcome,
)
from service.sqlstate import classify, from_diagnostics, retryable

LINE_BYTES_MAX: Final = 1024 * 1024
BATCH_LINES_MAX: Final = 1000
BATCH_BYTES_MAX: Final = 2 * 1024 * 1024
CHUNK_TIMEOUT_MS: Final = 300_000
"""A chunk is long on purpose: the deadlines of a request are not for it."""

OUTCOMES: Final = ("created", "amended", "unchanged", "rejected")


class Reported(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one line, as it is reported."""

    line: int
    outcome: str
    id: UUID | None
    problem: dict[str, Any] | None = None


class _Staged(Struct, frozen=True, omit_defaults=True):
    line: int
    kind: str | None = None
    external_id: str | None = None
    body: Raw | None = None
    problem: dict[str, Any] | None = None


def _silent(_: int, __: int) -> None:
    pass


class Import:
    """One import of one caller."""

    def __init__(self, repository: Repository, context: Context, *, as_active: bool) -> None:
        self._repository = repository
        self._context = context
        self._as_active = as_active
        self._id = uuid4()
        self.lines = 0
        self.totals = dict.fromkeys(OUTCOMES, 0)

    async def run(
        self, lines: AsyncIterable[bytes], progress: Callable[[int, int], None] = _silent
    ) -> AsyncGenerator[list[Reported], None]:
        """Stage every line, then apply chunk by chunk and report each after its commit.

        `progress` hears how many lines are done, of how many.

        Raises: Problem when the import as a whole cannot go on; what was reported stays done.
        """
        try:
            await self._stage(lines)
            chunks = await self._arranged()
            done = 0
            seen: dict[str | None, int] = {}
            for chunk in chunks:
                seen[chunk.kind] = count = seen.get(chunk.kind, 0) + 1
                if count & (count - 1) == 0:  # the 1st, 2nd, 4th, 8th … of a kind
                    await self._repository.one(ImportAnalyse())
                outcomes = await self._applied(chunk)
                done += chunk.lines
                progress(done, self.lines)
                yield [self._reported(outcome) for outcome in outcomes]
        finally:
            await asyncio.shield(self._discard())

    async def _stage(self, lines: AsyncIterable[bytes]) -> None:
        batch: list[_Staged] = []
        size = 0
        async for raw in lines:
            self.lines += 1
            if not raw.strip():
                self.lines -= 1
                continue
            staged = _checked(self.lines, raw)
            batch.append(staged)
            size += len(raw)
            if len(batch) >= BATCH_LINES_MAX or size >= BATCH_BYTES_MAX:
                await self._send(batch)
                batch, size = [], 0
        if batch:
            await self._send(batch)

    async def _send(self, batch: list[_Staged]) -> None:
        text = msgspec.json.encode(batch).decode()
        await self._repository.one(ImportStage(self._id, text), self._context)

    async def _arranged(self) -> list[Chunk]:
        return await self._together(ImportArrange(self._id))

    async def _applied(self, chunk: Chunk) -> list[Outcome]:
        return await self._together(ImportApply(self._id, chunk.chunk, self._as_active))

    async def _together(self, query: Any) -> list[Any]:
        """Run one statement in a transaction that may take long; repeat what had no effect."""
        for attempt in range(1, TRIES_MAX + 1):
            try:
                pool = self._repository.pool
                async with pool.transaction(statement_timeout_ms=CHUNK_TIMEOUT_MS) as connection:
                    return await self._repository.many(
                        query,
                        self._context,
                        connection=connection,
                        timeout_s=CHUNK_TIMEOUT_MS / 1000,
                    )
            except Problem:
                raise
            except Exception as exc:
                if attempt == TRIES_MAX or not retryable(exc):
                    raise classify(exc, committing=True) from exc
                await asyncio.sleep(pause_s(attempt))
        raise AssertionError  # the last attempt returns or raises

    async def _discard(self) -> None:
        try:
            await self._repository.one(ImportDiscard(self._id), self._context)
        except Problem:
            # The lines are no longer needed by anybody; the next import removes them.
            return

    def _reported(self, outcome: Outcome) -> Reported:
        self.totals[outcome.outcome] += 1
        problem = None
        if outcome.problem is not None:
            problem = _problem(msgspec.json.decode(outcome.problem))
        return Reported(
            line=outcome.line, outcome=outcome.outcome, id=outcome.id, problem=problem
        )


def _checked(number: int, raw: bytes) -> _Staged:
    try:
        if len(raw) > LINE_BYTES_MAX:
            raise InvalidBody(f"A line has at most {LINE_BYTES_MAX:,} bytes.")
        line = decode_line(raw)
    except Problem as problem:
        return _Staged(number, problem={"members": problem.members()})
    body = payload(line)
    config = type(line).__struct_config__
    return _Staged(number, str(config.tag), line.external_id, Raw(body))


def _problem(stored: dict[str, Any]) -> dict[str, Any]:
    """Give the members of a problem: found when the line was read, or raised by the database."""
    if "members" in stored:
        members: dict[str, Any] = stored["members"]
        return members
    if stored.get("sqlstate") == "23502" and stored.get("column"):
        field = stored["column"]
        return dict(
            InvalidBody(
                f"/{field} is required for a new entity.",
                errors=[FieldError(f"/{field}", "required", "is required for a new entity")],
            ).members()
        )
    return dict(from_diagnostics(stored).members())
