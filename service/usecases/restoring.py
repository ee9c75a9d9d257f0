"""Restore: what an export of entities holds goes into an empty tenant, all of it or nothing.

One transaction from the first line to the last; memory holds one chunk. The last line is the
proof that nothing is missing or changed, and comes before COMMIT.
"""

from collections.abc import AsyncIterable, Callable, Mapping
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import msgspec

from service.errors import FieldError, InvalidBody, Problem
from service.refusal import Refusal
from service.repository.base import Context, One, Repository
from service.repository.restore import RestoreBegin, RestoreEnd, RestoreWrite
from service.sqlstate import classify
from service.usecases.import_session import CHUNK_TIMEOUT_MS, IMPORTS_EACH, MARGIN_S, at_once
from service.usecases.places import place
from service.usecases.restore_lines import Export, LineRefused, Staged

TIMEOUT_MS: Final = 3_600_000
"""How long a whole restoration may take."""

IDLE_TIMEOUT_MS: Final = 600_000
"""How long its transaction may wait for the next lines."""

IDS: Final = ("_entity_pkey", "entry_version_key")
"""How the constraints end that keep ids apart: of a kind, and of the log, written before it."""

SERVER_FAULT: Final = 500
"""Problems from here on are not the line's."""


class _Empty(Exception):  # noqa: N818 - undoes a transaction that restored nothing
    pass


class Restore:
    """One restoration into the tenant of one caller; `agents` are made, by id and name."""

    def __init__(
        self, repository: Repository, context: Context, agents: Mapping[UUID, str]
    ) -> None:
        self._repository = repository
        self._context = context
        self._agents = agents
        self._connection: Any = None
        self._export = Export()

    async def run(
        self, lines: AsyncIterable[bytes], progress: Callable[[int], None] = lambda _: None
    ) -> int:
        """Restore every line and say how many; `progress` hears how many are written.

        Raises: LineRefused, ExportRefused, AgentsUnknown, Problem. Nothing is restored then,
        unless the problem is OutcomeUnknown.
        """
        tenant, committing = self._context.tenant_id, False
        most = at_once(self._repository.pool.size_max)
        try:
            with place(self._repository.imports, tenant, "imports", most=most, each=IMPORTS_EACH):
                async with self._repository.pool.transaction(
                    timeout_ms=TIMEOUT_MS,
                    statement_timeout_ms=CHUNK_TIMEOUT_MS,
                    idle_timeout_ms=IDLE_TIMEOUT_MS,
                ) as self._connection:
                    await self._begin()
                    await self._read(lines, progress)
                    restored = await self._end()
                    committing = True
        except _Empty:
            return 0
        except (LineRefused, Problem, Refusal):
            raise
        except Exception as error:
            raise classify(error, committing=committing) from error
        return restored

    async def _end(self) -> int:
        self._export.require_whole()
        whole = await self._sent(RestoreEnd())
        if not whole.entities:
            raise _Empty
        return int(whole.entities)

    async def _begin(self) -> None:
        named = {str(identity): name for identity, name in self._agents.items()}
        begun = await self._sent(RestoreBegin(msgspec.json.encode(named).decode()))
        self._export.known = set(msgspec.json.decode(begun.agents, type=list[UUID]))

    async def _read(self, lines: AsyncIterable[bytes], progress: Callable[[int], None]) -> None:
        number = 0
        async for raw in lines:
            number += 1
            self._export.read(number, raw)
            if self._export.full:
                await self._write()
                progress(self._export.count)
        await self._write()
        progress(self._export.count)

    async def _write(self) -> None:
        """Write the chunk, of whose kinds each is one statement."""
        for _, run in groupby(self._export.chunk(), key=lambda staged: staged.kind):
            await self._written(list(run))

    async def _written(self, staged: list[Staged]) -> None:
        """Write lines of a kind; of several that are refused find the one.

        Raises: LineRefused, and what the server raises.
        """
        kind, lines = staged[0].kind, [one.line for one in staged]
        try:
            async with self._connection.transaction():
                await self._sent(RestoreWrite(kind, msgspec.json.encode(lines).decode()))
        except Exception as error:
            problem = classify(error)
            if problem.status >= SERVER_FAULT or self._connection.is_closed():
                raise
            if len(staged) == 1:
                raise LineRefused(staged[0].number, _of_line(problem)) from error
        else:
            return
        for one in staged:
            await self._written([one])

    async def _sent(self, query: One[Any]) -> Any:
        return await self._repository.one(
            query,
            self._context,
            connection=self._connection,
            timeout_s=CHUNK_TIMEOUT_MS / 1000 + MARGIN_S,
        )


def _of_line(problem: Problem) -> Problem:
    """Say what a refusal of the database means in an export: an id that was there already."""
    constraint = getattr(problem.__cause__, "constraint_name", None) or ""
    if not constraint.endswith(IDS):
        return problem
    fault = FieldError("/id", "duplicate", "stands in the export twice")
    return InvalidBody(f"/id {fault.message}.", errors=[fault])
