"""Requests that the parser cannot read, in our words."""

import re
from typing import Final

from aiohttp import http_exceptions as http
from aiohttp import web
from aiohttp.http import HttpVersion10, HttpVersion11

from service.http import patience


class LateHead(http.HttpProcessingError):
    """A request began and its headers did not come."""


class OtherVersion(http.HttpProcessingError):
    """A request of a version of HTTP that is not spoken here, or of none."""


class OtherCoding(http.HttpProcessingError):
    """A body in a transfer coding beside chunks."""


VERSIONS: Final = (HttpVersion11, HttpVersion10)
CHUNKED: Final = "chunked"


def check_framing(request: web.BaseRequest) -> None:
    """Refuse what the parser takes, and nobody here would understand.

    Raises: OtherVersion, OtherCoding.
    """
    # What is asked for once is kept, and the answer would begin with it.
    if request._version not in VERSIONS:  # noqa: SLF001
        request._version = HttpVersion11  # noqa: SLF001
        raise OtherVersion
    # Who has packed the chunks is told so: as the body they would be no JSON.
    if request.headers.get("Transfer-Encoding", CHUNKED).strip().lower() != CHUNKED:
        raise OtherCoding


_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (LateHead, f"The headers did not come within {patience.HEAD_S:g} seconds."),
    (OtherVersion, "The request must be one of HTTP/1.1 or HTTP/1.0."),
    (OtherCoding, "The only transfer coding taken is chunked: send the body uncompressed."),
    (http.BadHttpMethod, "The request line has no valid method."),
    (http.BadStatusLine, "The request line cannot be read."),
    (http.InvalidURLError, "The request target is not a valid URL."),
    (http.InvalidHeader, "A header cannot be read."),
    (http.ContentLengthError, "The body is not as long as Content-Length says."),
    (http.TransferEncodingError, "The body is not framed as Transfer-Encoding says."),
)
_TELLING: Final = (
    ("Missing 'Host' header", "The request has no Host header."),
    ("Too many headers", "The request has too many headers."),
)
"""Beginnings of what the parser says in errors that have no class of their own."""

_DUPLICATE: Final = re.compile(r"Duplicate '([A-Za-z-]+)' header found")


def in_our_words(exc: http.HttpProcessingError) -> str | None:
    """Say what the parser found without the client's bytes, which its own message quotes."""
    if isinstance(exc, http.LineTooLong):
        # One limit for both, and nothing in it says which of them was read.
        _, limit, _ = exc.args
        return f"The address or a header is longer than {limit:,} bytes."
    duplicate = _DUPLICATE.match(exc.message)
    if duplicate is not None:
        return f"The header {duplicate[1].lower()} is given more than once."
    for beginning, text in _TELLING:
        if exc.message.startswith(beginning):
            return text
    return next((text for kind, text in _WORDS if isinstance(exc, kind)), None)
