"""Restore: what an export of entities holds goes into an empty tenant, all of it or nothing.

One transaction from the first line to the last; memory holds one chunk. The last line is the
proof that nothing is missing or changed, and comes before COMMIT.
"""

from collections.abc import AsyncIterable, Callable, Mapping
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import msgspec

from service.errors import FieldError, InvalidBody, OutcomeUnknown, Problem
from service.refusal import Refusal
from service.repository.base import Context, One, Repository
from service.repository.keys import GovernanceAgentsById
from service.repository.restore import RestoreBegin, RestoreEnd, RestoreWrite
from service.sqlstate import classify
from service.usecases.import_session import CHUNK_TIMEOUT_MS, IMPORTS_EACH, MARGIN_S, at_once
from service.usecases.places import place
from service.usecases.restore_lines import Export, LineRefused, Staged

TIMEOUT_MS: Final = 3_600_000
"""How long a whole restoration may take."""

IDLE_TIMEOUT_MS: Final = 600_000
"""How long its transaction may wait for the next lines."""

STATEMENT_S: Final = CHUNK_TIMEOUT_MS / 1000 + MARGIN_S
"""How long the driver waits for one of its statements."""

IDS: Final = ("_entity_pkey", "entry_version_key")
"""How the constraints end that keep ids apart: of a kind, and of the log, written before it."""

SERVER_FAULT: Final = 500
"""Problems from here on are not the line's."""


class CommitUnknown(Refusal):
    """The connection was lost while the restoration was being committed."""


class AgentRenamed(Refusal):
    """A governance agent was to be made under a name, and is there under another."""


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

        Raises: LineRefused, ExportRefused, AgentsUnknown, AgentRenamed, Problem; nothing is
        restored then. CommitUnknown.
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
            problem = classify(error, committing=committing)
            if isinstance(problem, OutcomeUnknown):
                raise CommitUnknown(
                    "The connection was lost while the restoration was being committed: all of it "
                    "is done or nothing is.",
                    "Restore it again: where all is done that says that the tenant is not empty.",
                ) from error
            raise problem from error
        return restored

    async def _end(self) -> int:
        self._export.require_whole()
        whole = await self._sent(RestoreEnd())
        if not whole.entities:
            raise _Empty
        # What COMMIT would check, of all lines at once, has the time that a chunk has.
        await self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE", timeout=STATEMENT_S)
        return int(whole.entities)

    async def _begin(self) -> None:
        named = {str(identity): name for identity, name in self._agents.items()}
        begun = await self._sent(RestoreBegin(msgspec.json.encode(named).decode()))
        self._export.known = set(msgspec.json.decode(begun.agents, type=list[UUID]))
        if self._agents:
            await self._require_names()

    async def _require_names(self) -> None:
        """Make sure that every agent that was named has that name.

        Raises: AgentRenamed.
        """
        asked = GovernanceAgentsById([str(identity) for identity in self._agents])
        for found in await self._repository.many(asked, self._context, connection=self._connection):
            if found.name != self._agents[found.id]:
                raise AgentRenamed(
                    f"The governance agent {found.id} is there, and is named {found.name!r}.",
                    "Leave its --agent out: it keeps its name. Nothing was restored.",
                )

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
            timeout_s=STATEMENT_S,
        )


def _of_line(problem: Problem) -> Problem:
    """Say what a refusal of the database means in an export: an id that was there already."""
    constraint = getattr(problem.__cause__, "constraint_name", None) or ""
    if not constraint.endswith(IDS):
        return problem
    fault = FieldError("/id", "duplicate", "stands in the export twice")
    return InvalidBody(f"/id {fault.message}.", errors=[fault])
