"""The head of a request that says nothing unusual, read from its bytes.

Whatever a header could change of an answer, but for those that are read here, makes a head an
unusual one; so does a character that a parser might take for something else.
"""

import re
from typing import Final, NamedTuple

from service.errors import Problem
from service.model.etag import Condition, if_none_match

HEAD_MAX: Final = 4096
"""Bytes of a head that is looked at."""

READ: Final = frozenset({"authorization", "host", "if-none-match", "request-id", "traceparent"})
"""Names of headers, in lower case, that are read here."""

UNUSUAL: Final = frozenset(
    {
        "certifier-authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "idempotency-key",
        "if-match",
        "prefer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Names of headers with which a request is not for here."""

_LINES: Final = re.compile(rb"(?:[A-Za-z0-9-]+:[\t -~]*\r\n)+\r\n")
# Blanks around a value are stripped afterwards: an expression that leaves them out would try each
# of thousands of blanks as the last one.
_LINE: Final = re.compile(rb"([A-Za-z0-9-]+):([\t -~]*)\r\n")
_BLANKS: Final = "\t "
_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9_-]{1,200})")


class Usual(NamedTuple):
    """What a usual head says; `request_id` and `traceparent` are empty where it has none."""

    key: str
    request_id: str
    traceparent: str
    condition: Condition | None


def usual(lines: bytes) -> Usual | None:
    """Read the lines behind a request line, the empty one included; None for an unusual head.

    A key has neither a dot nor any other character of a token.
    """
    if len(lines) > HEAD_MAX or _LINES.fullmatch(lines) is None:
        return None
    given = [(name.lower().decode(), value) for name, value in _LINE.findall(lines)]
    names = {name for name, _ in given}
    if len(names) < len(given) or "host" not in names or not UNUSUAL.isdisjoint(names):
        return None
    values = {name: value.decode().strip(_BLANKS) for name, value in given if name in READ}
    key = _BEARER.fullmatch(values.get("authorization", ""))
    if key is None:
        return None
    try:
        condition = if_none_match(values.get("if-none-match"))
    except Problem:
        return None
    return Usual(key[1], values.get("request-id", ""), values.get("traceparent", ""), condition)
