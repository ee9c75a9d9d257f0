"""What handlers take from a request: identity, conditions, query and body, each checked once."""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from aiohttp import web
from aiohttp.helpers import parse_mimetype

from service.errors import (
    BodyTooLarge,
    MalformedRequest,
    NotFound,
    Unauthenticated,
    UnsupportedMediaType,
    shown,
)
from service.model import etag
from service.model.kinds import KINDS, Kind
from service.model.strict import is_uuid

BODY_MAX: Final = 1024 * 1024

KEYS_ARE_MADE: Final = "Whoever runs the service makes one: `plant key create`."
BODY_S: Final = 8.0
"""Less than a whole request may take, so that a body that does not come is 400 and not 504."""
JSON: Final = ("application/json",)
MERGE_PATCH: Final = ("application/merge-patch+json", "application/json")
NDJSON: Final = ("application/x-ndjson", "application/ndjson")

IDS_AT_ONCE: Final = 256

REQUEST_ID: Final = web.RequestKey("request_id", str)

SINGLE: Final = frozenset(
    {
        "accept-encoding",
        "authorization",
        "certifier-authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "request-id",
        "transfer-encoding",
    }
)
"""Headers, in lower case, that may stand once: of two, one part of a chain may read the other."""

_REQUEST_ID: Final = re.compile(r"[!#-&(-+\--:=?-Z^-z~]{1,128}")
_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]{1,8000}=*)")


def _new_ids() -> Iterator[str]:
    """Give random UUIDs (version 4); the kernel is asked for the bytes of many at once."""
    while True:
        drawn = os.urandom(16 * IDS_AT_ONCE).hex()
        for start in range(0, len(drawn), 32):
            one = drawn[start : start + 32]
            variant = "89ab"[int(one[16], 16) & 3]
            yield f"{one[:8]}-{one[8:12]}-4{one[13:16]}-{variant}{one[17:20]}-{one[20:]}"


_NEW_IDS: Final = _new_ids()


def usable_id(given: str) -> str:
    """Give a request id as the client sent it when it can be used, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else next(_NEW_IDS)


def request_id(request: web.BaseRequest) -> str:
    """Return the id of a request: the client's when it is usable, else a new one."""
    known = request.get(REQUEST_ID)
    if known is None:
        known = usable_id(request.headers.get("Request-Id", ""))
        request[REQUEST_ID] = known
    return known


def refuse_repeated(request: web.BaseRequest) -> None:
    """Refuse a header given twice that may stand once.

    Raises: MalformedRequest.
    """
    # The raw headers: iterating over the parsed ones yields each name once.
    names = [name.lower() for name, _ in request.raw_headers]
    if len(set(names)) == len(names):
        return
    repeated = {name.decode("ascii", "replace") for name, n in Counter(names).items() if n > 1}
    for name in sorted(repeated & SINGLE):
        raise MalformedRequest(f"The header {name} is given more than once.")


def path_id(request: web.Request, name: str = "id", kind: Kind | None = None) -> str:
    """Return a UUID of the path in lower case; what is none names nothing.

    `kind`: what it is the id of, where that is not what the path begins with.
    Raises: NotFound, in the words that a UUID of nothing gets.
    """
    text = request.match_info[name]
    if not is_uuid(text):
        kind = kind or KINDS.get(request.path.split("/")[2])
        raise NotFound(kind.absent if kind else None)
    return text.lower()


def raw_query(request: web.BaseRequest) -> str:
    """Return the query string as it was sent."""
    return request.raw_path.partition("#")[0].partition("?")[2]


def bearer(request: web.BaseRequest, header: str = "Authorization") -> str:
    """Return the key that a header carries.

    Raises: Unauthenticated.
    """
    value = request.headers.get(header)
    if value is None:
        raise Unauthenticated.unasked(f"Send a key as `{header}: Bearer <key>`. {KEYS_ARE_MADE}")
    found = _BEARER.fullmatch(value)
    if found is None:
        raise Unauthenticated.unasked(
            f"{header} must have the form `Bearer <key>`. {KEYS_ARE_MADE}"
        )
    return found[1]


def if_match(request: web.BaseRequest) -> etag.Condition:
    """Return the condition under which an entity may change.

    Raises: PreconditionRequired, MalformedRequest.
    """
    return etag.if_match(request.headers.get("If-Match"))


def if_none_match(request: web.BaseRequest) -> etag.Condition | None:
    """Return the condition under which a document need not be sent again.

    Raises: MalformedRequest.
    """
    return etag.if_none_match(request.headers.get("If-None-Match"))


def check_media(request: web.BaseRequest, media: tuple[str, ...]) -> None:
    """Refuse a body that is not of one of these types in plain UTF-8.

    Raises: UnsupportedMediaType.
    """
    given = request.headers.get("Content-Type", "")
    if not _is_media(given, media):
        named = f"not {shown(given)}" if given else "and say so in Content-Type"
        raise UnsupportedMediaType(
            f"Send {' or '.join(media)} in UTF-8, {named}.", extensions={"accepted": media}
        )
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.strip().lower() != "identity":
        raise UnsupportedMediaType(
            "Send the body without a Content-Encoding.", extensions={"accepted": media}
        )


async def read_body(
    request: web.BaseRequest,
    limit: int = BODY_MAX,
    within_s: float = BODY_S,
    take: Callable[[int], None] = lambda _: None,
) -> bytes:
    """Read a body of at most `limit` bytes and stop reading at the first byte too many.

    `take` is told of each piece how long it is, and may refuse it.

    Raises: BodyTooLarge, MalformedRequest.
    """
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            while chunk := await request.content.readany():
                take(len(chunk))
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
    except web.RequestPayloadError:
        raise MalformedRequest("The body is not framed as its headers say.") from None
    except TimeoutError:
        # Also what becomes of a chunk that is none: the framework leaves its reader waiting.
        raise MalformedRequest(f"The body did not arrive within {within_s:g} seconds.") from None
    return bytes(body)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is larger than the {limit:,} bytes that this resource takes.",
        extensions={"limit_bytes": limit},
    )


@lru_cache(maxsize=64)
def _is_media(given: str, media: tuple[str, ...]) -> bool:
    parsed = parse_mimetype(given)
    suffix = f"+{parsed.suffix}" if parsed.suffix else ""
    charset = parsed.parameters.get("charset", "utf-8").lower()
    return f"{parsed.type}/{parsed.subtype}{suffix}" in media and charset in {"utf-8", "utf8"}
