"""What is in the registry and not in the files of an import: listed, or archived.

docs/import.md says what counts as absent. Archiving is final, so nothing is archived as long as
some line may be about one of the entities that seem to be absent.
"""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

from service.errors import ImportIncomplete, Problem
from service.repository.imports import (
    ImportArchive,
    ImportFindAbsent,
    ImportTakeAbsent,
)
from service.usecases.import_session import Session
from service.usecases.outcomes import Reported, missing

Handling: TypeAlias = Literal["report", "archive"]
"""What to do with what is absent."""

MEMBERS: Final[dict[Handling | None, tuple[str, ...]]] = {
    None: (),
    "report": ("absent",),
    "archive": ("archived", "kept"),
}
"""What the totals count beside the outcomes of lines."""

KINDS: Final = ("agent", "team", "job_role", "skill", "industry")
"""What depends on others stands before them."""

FIRST: Final = 0
"""Above the number of every absent entity."""


async def handle(
    session: Session, import_id: UUID, begun_at: datetime, handling: Handling, *, whole: bool
) -> AsyncGenerator[list[Reported], None]:
    """Report what no line was about, each after what became of it has committed.

    `whole`: the lines are all that there was to import.

    Raises: Problem.
    """
    (found,) = await session.run(ImportFindAbsent(import_id, begun_at))
    refusal = _refusal(found.unreadable, whole=whole) if handling == "archive" else None
    archiving = handling == "archive" and refusal is None
    if archiving:
        for kind in KINDS:
            async for archived in _archived(session, import_id, kind):
                yield archived
    while page := await session.run(ImportTakeAbsent(import_id, archiving), committing=archiving):
        yield [missing(outcome, refusal) for outcome in page]


def _refusal(unreadable: int, *, whole: bool) -> Problem | None:
    if unreadable:
        lines = "one line nobody knows which entity it is"
        if unreadable > 1:
            lines = f"{unreadable:,} lines nobody knows which entities they are"
        return ImportIncomplete(
            f"Nothing was archived: of {lines} about, and this may be one of them."
        )
    if not whole:
        return ImportIncomplete(
            "Nothing was archived: lines of the source were left out, and this may be one of them."
        )
    return None


async def _archived(
    session: Session, import_id: UUID, kind: str
) -> AsyncGenerator[list[Reported], None]:
    """Go through a kind again as long as something goes: children free their parents."""
    progress = True
    while progress:
        progress = False
        after = FIRST
        while page := await session.run(ImportArchive(import_id, kind, after), committing=True):
            after = page[-1].line
            if gone := [missing(outcome) for outcome in page if outcome.outcome == "archived"]:
                progress = True
                yield gone
