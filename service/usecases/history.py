"""Reads of the present and the past: which statement answers, and that no time has yet to come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from service.errors import Erased, InvalidParameter, NotFound, Pruned
from service.model.history import AtTime, AtVersion
from service.model.kinds import Kind
from service.model.query import ListQuery
from service.model.times import write_time
from service.repository.base import Context, Many, Maybe, Repository
from service.repository.entities import Document, ListedById
from service.repository.history import (
    EntitiesAsOf,
    EntitiesAsOfByStatus,
    EntitiesAsOfWalked,
    EntityAsOf,
    EntityVersion,
    HistoryNow,
    WasDocument,
)
from service.repository.lists import Listed, Row, fitting, listed, position

WALK_MAX: Final = 20_000
"""Entities that one page of the past, or of several filters, looks at: a third of a second,
whatever they hide."""


async def document_then(
    repository: Repository, context: Context, kind: Kind, identity: str, then: AtVersion | AtTime
) -> Document:
    """Find an entity as it was.

    Raises: NotFound, Erased, Pruned, InvalidParameter for a time that has not come.
    """
    query: Maybe[WasDocument]
    if isinstance(then, AtVersion):
        query = EntityVersion(kind.name, identity, then.version)
        what = f"version {then.version}"
    else:
        await refuse_future(repository, then.at)
        query = EntityAsOf(kind.name, identity, then.at)
        what = f"version of {write_time(then.at)}"
    found = await repository.maybe(query, context)
    if found is None:
        raise NotFound(f"No {what} of the {kind.title} with this id is visible to you.")
    if found.document is None:
        raise absent(kind, what, found.gone)
    return Document(found.document, found.etag)


def absent(kind: Kind, what: str, gone: str | None) -> Erased | Pruned:
    """Make the problem of a version that is there without its document, and why."""
    content = f"The content of this {kind.title}'s {what}"
    why, _, archive = (gone or "").partition(" ")
    if why != "pruned":
        return Erased(f"{content} was erased.")
    digest, _, name = archive.partition(" ")
    return Pruned(
        f"{content} was moved to the archive {name}.",
        extensions={"archive": {"name": name, "sha256": digest}},
    )


async def page_of(
    repository: Repository, context: Context, query: ListQuery, after: tuple[str, ...]
) -> tuple[list[Row], tuple[str, ...] | None]:
    """Read a page of a list, as it is or as it was, and the place where the next one begins.

    A place names the last entity that was shown; in a list of the past, where a whole page found
    nothing to show, it says too how many entities behind that one were looked at.

    Raises: InvalidParameter for a time that has not come.
    """
    kind, count = query.kind.name, query.limit + 1
    if query.as_of is None:
        rows = await listed(repository, context, kind, query.filters, after, count, WALK_MAX)
        return _cut(query, rows)
    # A cursor is signed: its time had come when the first page was read.
    if query.cursor is None:
        await refuse_future(repository, query.as_of)
    behind, *passed = after
    skip, statuses = sum(map(int, passed)), query.filters.get("status")
    before = behind
    if skip:
        reached = await repository.one(EntitiesAsOfWalked(kind, query.as_of, behind, skip), context)
        before = str(reached.last or behind)
    then: Many[ListedById] = EntitiesAsOf(kind, query.as_of, before, count, WALK_MAX)
    if statuses is not None:
        then = EntitiesAsOfByStatus(kind, query.as_of, before, count, statuses, WALK_MAX)
    found = await repository.many(then, context)
    page, place = _cut(query, [Listed(row.id, row.document) for row in found])
    if place is None:
        walk = EntitiesAsOfWalked(kind, query.as_of, before, WALK_MAX)
        if (await repository.one(walk, context)).walked == WALK_MAX:
            # Not by where the walk ended: the id of a draft says to others when it was made.
            place = position(query.order, page[-1]) if page else (behind, str(skip + WALK_MAX))
    return page, place


def _cut(query: ListQuery, rows: Sequence[Row]) -> tuple[list[Row], tuple[str, ...] | None]:
    """Keep what fits the page, and the place where the next one begins."""
    page, end = fitting(rows, query.limit)
    return page, position(query.order, end) if end else None


async def refuse_future(repository: Repository, at: datetime) -> None:
    """Refuse a time that has not come: what is read of it would not stay so.

    By the database's clock, which stamps what is written: the time of a change that has just been
    answered is never too late, whatever the clock of this process says.

    Raises: InvalidParameter.
    """
    now = (await repository.one(HistoryNow())).now
    if at > now:
        raise InvalidParameter(
            f"as_of must not be later than now, which is {write_time(now)} here.",
            extensions={"parameter": "as_of", "now": write_time(now)},
        )
