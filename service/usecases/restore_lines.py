"""The lines of an export that is restored: each checked, then that they are all there was."""

from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct

from service.errors import FieldError, InvalidBody, Problem
from service.model.restored import Document, document
from service.refusal import Refusal
from service.usecases.exporting import Closing
from service.usecases.lines import BATCH_BYTES_MAX, LINE_BYTES_MAX

LINES_MAX: Final = 500
"""Of a chunk."""

UNKNOWN_MAX: Final = 50
"""Governance agents that one refusal names at most."""

LAST: Final = b'{"count":'
"""How the last line begins, and no document does."""

VECTOR: Final = b',"embedding_384":['
"""How the vector begins that stands behind the members of a document."""


class LineRefused(Exception):  # noqa: N818 - what is refused is the line
    """A line cannot be restored; nothing was."""

    def __init__(self, line: int, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.line = line
        self.problem = problem


class ExportRefused(Refusal):
    """What was read is no whole export, or does not fit together; nothing was restored."""

    exit_code = 1


class AgentsUnknown(Refusal):
    """Documents name governance agents that the tenant does not have; nothing was restored."""


class Line(Struct, frozen=True, omit_defaults=True):
    """A document as the statement takes it."""

    document: str
    embedding_384: list[float] | None = None


class Staged(Struct, frozen=True):
    """A line that is to be written."""

    number: int
    kind: str
    line: Line


class Export:
    """What has been read of an export, and the chunk of it that waits to be written."""

    def __init__(self) -> None:
        self.known: set[UUID] = set()
        """The governance agents that documents may name."""
        self.count = 0
        self._unknown: dict[UUID, int] = {}
        self._digest = sha256()
        self._closing: Closing | None = None
        self._chunk: list[Staged] = []
        self._size = 0

    @property
    def full(self) -> bool:
        """Say whether the chunk is to be written before more is read."""
        return self._size >= BATCH_BYTES_MAX or len(self._chunk) >= LINES_MAX

    def chunk(self) -> list[Staged]:
        """Hand over the chunk; none once an agent is unknown, as nothing will stay."""
        chunk, self._chunk, self._size = self._chunk, [], 0
        return [] if self._unknown else chunk

    def read(self, number: int, raw: bytes) -> None:
        """Check a line and put it into the chunk.

        Raises: LineRefused, ExportRefused.
        """
        if self._closing is not None:
            raise ExportRefused(
                f"Line {number} stands behind the last line of the export.",
                "Nothing was restored. Restore one whole export at a time.",
            )
        try:
            self._take(number, raw.removesuffix(b"\n"))
        except Problem as problem:
            raise LineRefused(number, problem) from problem

    def _take(self, number: int, line: bytes) -> None:
        """Put a line into the chunk, or keep the last one.

        Raises: Problem.
        """
        if line.startswith(LAST):
            self._closing = _closing(line)
            return
        if len(line) > LINE_BYTES_MAX:
            fault = FieldError("", "size", f"has more than {LINE_BYTES_MAX:,} bytes")
            raise InvalidBody(f"The line {fault.message}.", errors=[fault])
        found = document(line)
        self._digest.update(line + b"\n")
        self.count += 1
        if found.governance_agent_id not in self.known:
            if len(self._unknown) < UNKNOWN_MAX:
                self._unknown.setdefault(found.governance_agent_id, number)
            return
        self._chunk.append(_staged(number, line, found))
        self._size += len(line)

    def require_whole(self) -> None:
        """Check the last line, and that every governance agent was there.

        Raises: ExportRefused, AgentsUnknown.
        """
        digest = f"sha256:{self._digest.hexdigest()}"
        if self._closing is None:
            raise ExportRefused(
                "The export is incomplete: its last line, with count and digest, is missing.",
                "Nothing was restored. Export it again.",
            )
        if (self._closing.count, self._closing.digest) != (self.count, digest):
            raise ExportRefused(
                f"The export was changed: it has {self.count:,} documents with the digest "
                f"{digest}, and its last line says {self._closing.count:,} with "
                f"{self._closing.digest}.",
                "Nothing was restored. Export it again.",
            )
        if self._unknown:
            named = ", ".join(f"{one} (line {line})" for one, line in self._unknown.items())
            raise AgentsUnknown(
                f"The tenant lacks governance agents that documents name: {named}.",
                "Nothing was restored. Give each a name: --agent ID=NAME makes it.",
            )


def _closing(line: bytes) -> Closing:
    """Read the last line.

    Raises: InvalidBody.
    """
    try:
        return msgspec.json.decode(line, type=Closing)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        fault = FieldError("", "type", "is no last line of an export")
        raise InvalidBody(f"The line {fault.message}.", errors=[fault]) from error


def _staged(number: int, line: bytes, found: Document) -> Staged:
    """Part a line in its document and its vector, which stands behind all else."""
    vector = getattr(found, "embedding_384", UNSET)
    if vector is UNSET or vector is None:
        return Staged(number, found.entity_type, Line(line.decode()))
    given = line[: line.rfind(VECTOR)] + b"}"
    return Staged(number, found.entity_type, Line(given.decode(), vector))
