"""What an answer with a document looks like: headers, entity tags, lists joined from documents."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from aiohttp import web

from service.errors import FieldError, InvalidBody
from service.http.request import if_none_match
from service.model.etag import Condition, quoted
from service.repository.entities import Written

JSON: Final = "application/json"
CREATED: Final = 201
PRIVATE: Final = "private, no-cache"
"""Documents belong to whoever holds a key; a cache asks again, which the entity tag makes cheap."""


class Content(NamedTuple):
    """What a read answers: a body; `etag` of a document, `link` of a page with one behind it."""

    body: bytes
    etag: str | None = None
    link: str | None = None

    def is_had(self, condition: Condition | None) -> bool:
        """Say whether the client has it, so that 304 is enough."""
        return condition is not None and self.etag is not None and condition.names(self.etag)

    @property
    def headers(self) -> dict[str, str]:
        """Give what the headers say of it, be it sent or not."""
        headers = {} if self.etag is None else {"ETag": quoted(self.etag)}
        headers["Cache-Control"] = PRIVATE
        if self.link is not None:
            headers["Link"] = self.link
        return headers


def shown(content: Content, condition: Condition | None = None) -> web.Response:
    """Answer with what was read, or 304 when the client has it."""
    if content.is_had(condition):
        return web.Response(status=304, headers=content.headers)
    return web.Response(body=content.body, content_type=JSON, headers=content.headers)


def document(body: str, etag: str, condition: Condition | None = None) -> web.Response:
    """Answer with a document, or 304 when the client has it."""
    return shown(Content(body.encode(), etag), condition)


def written(row: Written, location: str | None = None) -> web.Response:
    """Answer a write: the document, its entity tag and the log entry; where it is, when new."""
    headers = {"ETag": quoted(row.etag), "Cache-Control": PRIVATE, **entry_header(row)}
    if location is not None and row.status == CREATED:
        headers["Location"] = location
    if row.replayed:
        headers["Idempotency-Replayed"] = "true"
    return web.Response(
        body=row.document.encode(), status=row.status, content_type=JSON, headers=headers
    )


def entry_header(row: Written) -> dict[str, str]:
    """Name the entry that a write has left; nothing where it found all as it should be."""
    if row.audit_id is None or row.entry_hash is None:
        return {}
    return {"Audit-Entry": entry_named(row.audit_id, row.entry_hash)}


def entry_named(audit_id: UUID, entry_hash: bytes) -> str:
    """Name an entry as `Audit-Entry` does."""
    return f"id={audit_id}, hash={entry_hash.hex()}"


def rehearsed(row: Written) -> web.Response:
    """Answer a dry run: the document as it would be, and nothing that says it is there."""
    answer = document(row.document, row.etag)
    answer.headers["Preference-Applied"] = "tx=rollback"
    return answer


def joined(documents: Iterable[str | None], rest: bytes, link: str | None = None) -> Content:
    """Make a list of documents as they are; `rest` is what follows the items."""
    body = b'{"items":[' + ",".join(filter(None, documents)).encode() + b"]," + rest + b"}"
    return Content(body, link=link)


def looked_up(ids: Sequence[str], found: Mapping[str, str | None]) -> Content:
    """List what was found of some ids, in their order, and which are missing."""
    missing = [identity for identity in ids if identity not in found]
    documents = (found[identity] for identity in ids if identity in found)
    return joined(documents, b'"missing":' + msgspec.json.encode(missing))


def revalidated(request: web.Request, body: bytes, media: str, cached: str) -> web.Response:
    """Answer with bytes that have no version: their hash is their tag, and 304 says that it is.

    Texts are UTF-8.
    """
    condition = if_none_match(request)
    etag = sha256(body).hexdigest()[:32]
    headers = {"ETag": quoted(etag), "Cache-Control": cached}
    if condition is not None and condition.names(etag):
        return web.Response(status=304, headers=headers)
    charset = "utf-8" if media.startswith("text/") else None
    return web.Response(body=body, content_type=media, charset=charset, headers=headers)


def require_room(documents: Sequence[str | None]) -> None:
    """Make sure that all documents that `limit` asked for are there.

    Raises: InvalidBody, naming how many fit.
    """
    fit = sum(document is not None for document in documents)
    if fit < len(documents):
        message = f"asks for more than an answer may hold: {fit} of these entities fit"
        raise InvalidBody(
            f"/limit {message}. Ask for fewer.",
            errors=[FieldError("/limit", "size", message)],
            extensions={"fitting": fit},
        )
