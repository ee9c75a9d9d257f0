"""The routes of receipts: one version, proven, or a wait until that can be."""

from typing import Final
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import Struct

from service.errors import Unavailable
from service.http.accept import accepted
from service.http.answers import JSON, PRIVATE
from service.http.caller import caller
from service.http.deadline import extend
from service.http.leaving import ending_with_client
from service.http.reading import REPOSITORY, reading
from service.http.request import path_id, raw_query
from service.model.kinds import KINDS, Kind
from service.model.log import ReceiptQuery, amendment_receipt_query, receipt_query
from service.proof.receipt import Receipt, format_tlog_proof
from service.repository.base import Context
from service.usecases.receipts import Receipts, Subject, Unsealed, amendment, entity

RECEIPTS: Final = web.AppKey("receipts", Receipts)

TEXT: Final = "text/plain"
AGAIN_S: Final = 1
ACCEPTED: Final = 202


class Waiting(Struct, frozen=True):
    """That a version is not sealed yet."""

    audit_id: UUID
    sealed: bool
    position: int | None
    retry_after_s: int


class ReceiptsOf:
    """The handlers of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def routes(self) -> list[web.RouteDef]:
        """List the routes of this kind."""
        path = f"/v1/{self._kind.path}/{{id:[^/]+}}"
        return [
            web.get(f"{path}/receipt", self.receipt),
            web.get(f"{path}/amendment/receipt", self.amendment),
        ]

    async def receipt(self, request: web.Request) -> web.Response:
        """Return the receipt of a version; 202 while there is none, if need be after a wait."""
        who = await caller(request, "read")
        query = receipt_query(raw_query(request))
        media = accepted(request, JSON, TEXT)
        subject = entity(self._kind, path_id(request))
        return await _answered(request, who.context, subject, query, media)

    async def amendment(self, request: web.Request) -> web.Response:
        """Return the receipt of a version of an amendment, open or closed."""
        who = await caller(request, "read")
        query = amendment_receipt_query(raw_query(request))
        media = accepted(request, JSON, TEXT)
        wanted = (self._kind, path_id(request), query.amendment_id)
        subject = await amendment(reading(request), who.context, *wanted)
        return await _answered(request, who.context, subject, query, media)


async def _answered(
    request: web.Request, context: Context, subject: Subject, query: ReceiptQuery, media: str
) -> web.Response:
    """Answer with the receipt, or that it has to be waited for."""
    repository, receipts = reading(request), request.app[RECEIPTS]
    wanted = (repository, context, subject, query.version)
    found = await receipts.find(*wanted)
    if isinstance(found, Unsealed):
        if repository is not request.app[REPOSITORY]:
            # The primary may know more, and only there one waits.
            raise Unavailable("The replica has no receipt of it yet.")
        if query.wait_s:
            extend(request, query.wait_s)
            with ending_with_client(request):
                found = await receipts.find(*wanted, wait_s=query.wait_s)
    if isinstance(found, Unsealed):
        return _waiting(found)
    body = _text(found) if media == TEXT else msgspec.json.encode(found)
    charset = "utf-8" if media == TEXT else None
    headers = {"Cache-Control": PRIVATE, "Vary": "Accept"}
    return web.Response(body=body, content_type=media, charset=charset, headers=headers)


def _text(found: Receipt) -> bytes:
    """Write a receipt as a c2sp.org/tlog-proof, in whose extra data the leaf stands."""
    proof = [bytes.fromhex(one) for one in found.proof]
    leaf = found.leaf.encode()
    return format_tlog_proof(found.log_index, proof, found.checkpoint, leaf).encode()


def _waiting(found: Unsealed) -> web.Response:
    told = Waiting(found.audit_id, sealed=False, position=found.position, retry_after_s=AGAIN_S)
    return web.Response(
        body=msgspec.json.encode(told),
        status=ACCEPTED,
        content_type=JSON,
        headers={"Cache-Control": "no-store", "Retry-After": str(AGAIN_S)},
    )


def routes() -> list[web.RouteDef]:
    """List the routes of all kinds."""
    return [route for kind in KINDS.values() for route in ReceiptsOf(kind).routes()]
