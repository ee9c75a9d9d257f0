"""The routes of the past: an entity's versions, and what changed between two of them."""

from operator import attrgetter

import msgspec
from aiohttp import web
from msgspec import Struct

from service.errors import NotFound
from service.http.answers import JSON, PRIVATE
from service.http.caller import caller
from service.http.paging import paged, place_of
from service.http.reading import reading
from service.http.request import path_id, raw_query
from service.model.difference import Operation, difference
from service.model.history import VERSION_MAX, compared
from service.model.kinds import KINDS, Kind
from service.model.query import page_query
from service.model.times import write_time
from service.repository.history import (
    EntityVersionPair,
    EntityVersions,
    VersionDocument,
    VersionRow,
)
from service.usecases.history import absent


class Identity(Struct, frozen=True):
    """A governance agent and the key that it used."""

    governance_agent_id: str
    key_id: str


class Version(Struct, frozen=True):
    """One version, as it is listed."""

    version: int
    operation: str
    status: str | None
    at: str
    governance_agent_id: str
    key_id: str
    certified_by: Identity | None
    audit_id: str
    entry_hash: str


class Difference(Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """What turns one version into another."""

    before: int
    after: int
    patch: list[Operation]


class History:
    """The handlers of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def routes(self) -> list[web.RouteDef]:
        """List the routes of this kind."""
        path = f"/v1/{self._kind.path}/{{id:[^/]+}}"
        return [
            web.get(f"{path}/versions", self.versions),
            web.get(f"{path}/diff", self.diff),
        ]

    async def versions(self, request: web.Request) -> web.StreamResponse:
        """Return a page of an entity's versions, newest first."""
        who = await caller(request, "read")
        query = page_query(raw_query(request))
        identity = path_id(request)
        listing = query.listing(who.context.tenant_id, self._kind.name, identity, "version")
        before = int(place_of(request, query, listing) or VERSION_MAX + 1)
        found = EntityVersions(self._kind.name, identity, before, query.limit + 1)
        rows = await reading(request).many(found, who.context)
        if not rows and query.cursor is None:
            raise NotFound(self._kind.absent)
        path = f"/v1/{self._kind.path}/{identity}/versions"
        return paged(request, query, listing, path, rows, attrgetter("version"), _shown)

    async def diff(self, request: web.Request) -> web.StreamResponse:
        """Return what turns one version of an entity into another."""
        who = await caller(request, "read")
        before, after = compared(raw_query(request))
        pair = EntityVersionPair(self._kind.name, path_id(request), before, after)
        rows = await reading(request).many(pair, who.context)
        found = {row.version: row for row in rows}
        first, second = (self._document(found, version) for version in (before, after))
        told = Difference(before, after, difference(first, second))
        return web.Response(
            body=msgspec.json.encode(told),
            content_type=JSON,
            headers={"Cache-Control": PRIVATE},
        )

    def _document(self, found: dict[int, VersionDocument], version: int) -> bytes:
        """Give the bytes of a version.

        Raises: NotFound, Erased, Pruned.
        """
        what = f"version {version}"
        if version not in found:
            raise NotFound(f"No {what} of the {self._kind.title} with this id is visible to you.")
        row = found[version]
        if row.document is None:
            raise absent(self._kind, what, row.gone)
        return row.document.encode()


def _shown(row: VersionRow) -> Version:
    """Show a row; of the two identities of an import the first wrote, the second certified."""
    writer, _, certifier = row.actor.partition("+")
    key, _, second_key = row.key.partition("+")
    return Version(
        version=row.version,
        operation=row.operation,
        status=row.status,
        at=write_time(row.at),
        governance_agent_id=writer,
        key_id=key,
        certified_by=Identity(certifier, second_key) if certifier else None,
        audit_id=str(row.audit_id),
        entry_hash=row.entry_hash.hex(),
    )


def routes() -> list[web.RouteDef]:
    """List the routes of all kinds."""
    return [route for kind in KINDS.values() for route in History(kind).routes()]
