"""What the reads of entities answer, whichever way they came."""

from typing import NamedTuple
from urllib.parse import quote

import msgspec

from service.errors import InvalidParameter, NotFound
from service.http.answers import Content, joined, looked_up
from service.http.cursors import Cursors
from service.model.kinds import Kind
from service.model.query import ListQuery, id_list, list_query
from service.repository.base import Context, Repository
from service.repository.entities import Document, EntitiesById, EntityById
from service.repository.lists import start
from service.usecases.history import page_of


class Entity(NamedTuple):
    """An entity that is asked for, as it is now."""

    kind: Kind
    id: str

    @property
    def query(self) -> EntityById:
        """Give what finds it."""
        return EntityById(self.kind.name, self.id)

    def content(self, found: Document | None) -> Content:
        """Show what was found.

        Raises: NotFound in the words of the kind.
        """
        if found is None:
            raise NotFound(self.kind.absent)
        return Content(found.document.encode(), found.etag)


async def entity(repository: Repository, context: Context, asked: Entity) -> Content:
    """Read an entity.

    Raises: Problem.
    """
    return asked.content(await repository.maybe(asked.query, context))


async def page(
    repository: Repository, context: Context, kind: Kind, raw: str, cursors: Cursors
) -> Content:
    """Read a page of a kind, filtered, newest first or by name; `raw` is the query string.

    Raises: Problem.
    """
    query = list_query(raw, kind)
    listing = query.listing(context.tenant_id)
    after = start(query.order)
    if query.cursor is not None:
        after = cursors.decode(query.cursor, listing)
    found, place = await page_of(repository, context, query, after)
    cursor = place and cursors.encode(listing, place)
    link = f'<{_next(query, cursor)}>; rel="next"' if cursor else None
    rest = b'"next_cursor":' + msgspec.json.encode(cursor)
    return joined((row.document for row in found), rest, link)


async def several(repository: Repository, context: Context, raw: str) -> Content:
    """Read up to 100 entities of any kind, and say which are missing; `raw` is the query string.

    Raises: Problem.
    """
    ids = id_list(raw)
    rows = await repository.many(EntitiesById(list(ids)), context)
    found = {str(row.id): row.document for row in rows}
    fit = sum(document is not None for document in found.values())
    if fit < len(found):
        # No third member: who does not know it would take what it names for missing.
        raise InvalidParameter(
            f"These entities are larger than an answer may be: {fit} of them fit. "
            "Ask for fewer at a time.",
            extensions={"parameter": "id", "fitting": fit},
        )
    return looked_up(ids, found)


def _next(query: ListQuery, cursor: str) -> str:
    pairs = [f"{name}={quote(value, safe='')}" for name, vs in query.pinned.items() for value in vs]
    pairs += [f"limit={query.limit}", f"cursor={cursor}"]
    return f"/v1/{query.kind.path}?{'&'.join(pairs)}"
