"""Bulk import: the structs of sql/import."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.repository.base import Many, One


class Staged(Struct, frozen=True):
    """How many lines were staged."""

    staged: int


class Chunk(Struct, frozen=True):
    """A part of an import that needs nothing from a later part."""

    chunk: int
    kind: str | None
    lines: int


class Outcome(Struct, frozen=True):
    """What became of a line; `problem` holds sqlstate, constraint, message and detail as JSON.

    An entity that is absent from an import has a line below zero.
    """

    line: int
    outcome: str
    id: UUID | None
    external_id: str | None
    problem: str | None


class Removed(Struct, frozen=True):
    """How many staged lines were removed."""

    removed: int


class Begun(Struct, frozen=True):
    """How many staged lines were removed, and the database's time."""

    removed: int
    begun_at: datetime


class Unreadable(Struct, frozen=True):
    """Of how many lines nobody knows whose they are."""

    unreadable: int


class ImportBegin(One[Begun], frozen=True):
    """Begin in this session and remove what dead imports left."""

    import_id: UUID


class ImportStage(One[Staged], frozen=True):
    """Stage lines."""

    import_id: UUID
    lines: str


class ImportArrange(Many[Chunk], frozen=True):
    """Order the staged lines into chunks."""

    import_id: UUID
    as_active: bool


class Applied(Struct, frozen=True):
    """What became of the lines of a chunk: a JSON array of outcomes."""

    outcomes: str


class ImportApply(One[Applied], frozen=True):
    """Apply one chunk."""

    import_id: UUID
    chunk: int
    as_active: bool
    keep: bool


class ImportFindAbsent(One[Unreadable], frozen=True):
    """Find what is in the registry and not in the import."""

    import_id: UUID
    begun_at: datetime


class ImportArchive(Many[Outcome], frozen=True):
    """Archive what a page of absent entities holds that nothing in force depends on."""

    import_id: UUID
    kind: str
    after: int


class ImportTakeAbsent(Many[Outcome], frozen=True):
    """Take the next page of what is absent."""

    import_id: UUID
    dependents: bool


class ImportEnd(One[Removed], frozen=True):
    """Remove staged lines and give up the session's lock."""

    import_id: UUID


class Done(Struct, frozen=True):
    """That it was done."""

    done: bool


class Analysed(Struct, frozen=True):
    """How many tables were counted anew."""

    analysed: int


class ImportAnalyseLines(One[Done], frozen=True):
    """Renew the statistics of staged lines."""


class ImportAnalyseKind(One[Analysed], frozen=True):
    """Renew the statistics of what an import of a kind fills, where they are outgrown."""

    kind: str
