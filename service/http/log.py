"""The log and what proves it: checkpoint, tiles and growth for anyone, entries for an auditor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import Struct

from service.database.turns import Turns
from service.errors import InvalidParameter, NotFound
from service.http.answers import JSON, joined, revalidated, shown
from service.http.caller import caller
from service.http.cursors import CURSORS
from service.http.leaving import ending_with_client
from service.http.rates import take_by_address
from service.http.reading import REPOSITORY
from service.http.request import raw_query
from service.model.log import GrowthQuery, entries_query, growth_query
from service.model.query import parameters
from service.proof.fault import Malformed
from service.proof.tile_path import parse_tile_path
from service.repository.proof import CheckpointRow, ProofEntries
from service.usecases.tree import Tree, latest, note_of, of_size

TREE: Final = web.AppKey("tree", Tree)
PUBLIC: Final = web.AppKey("audit_public", bool)
STRANGERS: Final = web.AppKey("audit_strangers", Turns)
"""Of those who need no key so many ask the database at a time."""
WAITING_MAX: Final = 256

ANEW: Final = "no-cache"
FOR_GOOD: Final = "max-age=31536000, immutable"
NOTHING: Final = (
    "Nothing is sealed yet. `plant serve` and `plant worker` sign a first checkpoint within "
    "seconds of the first change: ask again, and see /readyz if that stays so."
)
NO_TILE: Final = (
    "No tile has this path: it is <level>/<index>, as 0/x001/x234/067, with .p/<width> behind it "
    "while the tile is not full, and what the latest checkpoint covers."
)


class Growth(Struct, frozen=True, rename={"old_size": "from", "size": "to"}):
    """That one size grew out of another: hashes in hex, and the checkpoint of the larger."""

    old_size: int
    size: int
    proof: list[str]
    checkpoint: str | None


class Placed(Struct, frozen=True):
    """One entry, as it is listed."""

    position: int
    log_index: int
    audit_id: UUID
    entry: str
    tenant_prev: str
    leaf_hash: str


async def checkpoint(request: web.Request) -> web.Response:
    """Return the latest signed note, with what witnesses have signed of it."""
    async with _admitted(request):
        parameters(raw_query(request))
        note = note_of(await _sealed(request))
    return revalidated(request, note.encode(), "text/plain", _cached(request, ANEW))


async def tile(request: web.Request) -> web.Response:
    """Return a tile, full or as far as its path says; nothing beyond what is signed."""
    async with _admitted(request):
        parameters(raw_query(request))
        try:
            path = parse_tile_path("{level}/{path}".format_map(request.match_info))
        except Malformed:
            raise NotFound(NO_TILE) from None
        sealed = await _sealed(request)
        hashes = await request.app[TREE].tile(request.app[REPOSITORY], sealed, path)
    if hashes is None:
        raise NotFound(NO_TILE)
    media = "application/octet-stream"
    return revalidated(request, hashes, media, _cached(request, FOR_GOOD))


async def consistency(request: web.Request) -> web.Response:
    """Return the proof that the log of one size grew out of that of a smaller one."""
    async with _admitted(request):
        query = growth_query(raw_query(request))
        growth = await _growth(request, query)
    headers = {"Cache-Control": _cached(request, ANEW)}
    return web.Response(body=msgspec.json.encode(growth), content_type=JSON, headers=headers)


async def _growth(request: web.Request, query: GrowthQuery) -> Growth:
    sealed = await _sealed(request)
    size = sealed.size if query.size is None else query.size
    for name, given in (("from", query.old_size), ("to", size)):
        if given > sealed.size:
            raise InvalidParameter(
                f"{name} must not be more than {sealed.size}, which is what is sealed.",
                extensions={"parameter": name},
            )
    tree, repository = request.app[TREE], request.app[REPOSITORY]
    proof = await tree.consistency(repository, sealed, query.old_size, size)
    larger = await of_size(repository, sealed, size)
    return Growth(
        old_size=query.old_size,
        size=size,
        proof=[one.hex() for one in proof],
        checkpoint=note_of(larger) if larger else None,
    )


async def entries(request: web.Request) -> web.Response:
    """Return a page of the tenant's log, oldest first: what has a place, sealed or about to be."""
    who = await caller(request, "audit")
    query = entries_query(raw_query(request))
    cursors = request.app[CURSORS]
    listing = query.listing(who.context.tenant_id)
    after = query.after
    if query.cursor is not None:
        after = int(cursors.decode(query.cursor, listing)[0])
    found = ProofEntries(after, query.limit + 1)
    rows = await request.app[REPOSITORY].many(found, who.context)
    page, cursor, link = rows[: query.limit], None, None
    if len(rows) > query.limit:
        cursor = cursors.encode(listing, (str(page[-1].pos),))
        link = f'</v1/audit/entries?limit={query.limit}&cursor={cursor}>; rel="next"'
    items = (
        Placed(
            position=row.pos,
            log_index=row.log_index,
            audit_id=row.audit_id,
            entry=row.entry,
            tenant_prev=row.tenant_prev.hex(),
            leaf_hash=row.leaf_hash.hex(),
        )
        for row in page
    )
    documents = (msgspec.json.encode(item).decode() for item in items)
    return shown(joined(documents, b'"next_cursor":' + msgspec.json.encode(cursor), link))


@asynccontextmanager
async def _admitted(request: web.Request) -> AsyncIterator[None]:
    """Let anyone in, in turn, or where that is switched off a key with scope audit.

    Raises: Unauthenticated, ScopeMissing, RateLimited, Unavailable.
    """
    if not request.app[PUBLIC]:
        await caller(request, "audit")
        yield
        return
    take_by_address(request)
    # Not counted among those under way: who waits for a turn here keeps nobody else out.
    with ending_with_client(request):
        async with request.app[STRANGERS].turn(WAITING_MAX):
            yield


async def _sealed(request: web.Request) -> CheckpointRow:
    sealed = await latest(request.app[REPOSITORY])
    if sealed is None:
        raise NotFound(NOTHING)
    return sealed


def _cached(request: web.Request, how: str) -> str:
    return f"{'public' if request.app[PUBLIC] else 'private'}, {how}"


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.get("/v1/audit/checkpoint", checkpoint),
        web.get("/v1/audit/tile/{level:[^/]+}/{path:.+}", tile),
        web.get("/v1/audit/consistency", consistency),
        web.get("/v1/audit/entries", entries),
    ]
