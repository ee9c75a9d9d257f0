"""Export: the documents of one snapshot as NDJSON, closed by a line with count and digest.

Memory holds one page, whatever the size of the tenant. A stream without its last line is
incomplete.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from service.repository.base import Context, Repository
from service.repository.entities import ListedById
from service.repository.exports import ExportEmbeddings, ExportPage
from service.usecases.places import place

PAGE: Final = 500

KINDS: Final = ("industry", "skill", "job_role", "team", "agent")
"""In this order, so that what an entity refers to stands before it, parents aside."""

VECTORED: Final = ("industry", "skill")
"""Kinds whose callers may give a vector."""

EXPORTS_MAX: Final = 2
"""Exports of one process at a time: each keeps a connection and a snapshot."""

SPARED: Final = 1
"""Connections of the pool that exports leave to other reads."""

EXPORTS_EACH: Final = 1
"""Of them, one tenant's."""

TIMEOUT_MS: Final = 3_600_000
"""How long a whole export may take: its snapshot keeps the server from tidying up."""

IDLE_TIMEOUT_MS: Final = 60_000
"""How long a transaction may wait for who reads the export."""

FIRST: Final = "00000000-0000-0000-0000-000000000000"
"""Below every id."""


class Closing(Struct, frozen=True):
    """The last line: how many documents there were, and sha256 over the bytes of their lines."""

    count: int
    digest: str


def at_once(size_max: int) -> int:
    """Say how many exports may run in a process whose pool has so many connections at most."""
    return min(EXPORTS_MAX, max(1, size_max - SPARED))


async def export(
    repository: Repository, context: Context, *, embeddings: bool = False
) -> AsyncGenerator[tuple[int, bytes], None]:
    """Read every entity that the caller sees, kind by kind, oldest first.

    With `embeddings` the vector that a caller has given stands behind the members of its document.

    Shapes: pairs of the number of documents so far and the bytes of some whole lines.

    Raises: Unavailable, and what the server raises.
    """
    async with exporting(repository, context) as connection:
        digest, count = sha256(), 0
        for kind in KINDS:
            after = FIRST
            while page := await repository.many(
                ExportPage(kind, after, PAGE), context, connection=connection
            ):
                fitting = [row for row in page if row.document is not None]
                vectors = {}
                if embeddings and kind in VECTORED:
                    asked = ExportEmbeddings([str(row.id) for row in fitting])
                    found = await repository.many(asked, context, connection=connection)
                    vectors = {row.id: row.embedding for row in found}
                lines = "".join(_line(row, vectors.get(row.id)) for row in fitting).encode()
                digest.update(lines)
                count += len(fitting)
                yield count, lines
                after = str(fitting[-1].id)
        closing = Closing(count, f"sha256:{digest.hexdigest()}")
        yield count, msgspec.json.encode(closing) + b"\n"


@asynccontextmanager
async def exporting(repository: Repository, context: Context) -> AsyncIterator[Any]:
    """Have one of the places for exports, and a connection on which all is of one snapshot.

    Raises: Unavailable, and what the server raises.
    """
    most = at_once(repository.reads.size_max)
    with place(repository.exports, context.tenant_id, "exports", most=most, each=EXPORTS_EACH):
        async with repository.reads.transaction(
            isolation="repeatable_read", timeout_ms=TIMEOUT_MS, idle_timeout_ms=IDLE_TIMEOUT_MS
        ) as connection:
            yield connection


def _line(row: ListedById, vector: str | None) -> str:
    if vector is None:
        return f"{row.document}\n"
    return f'{(row.document or "")[:-1]},"embedding_384":{vector}}}\n'
