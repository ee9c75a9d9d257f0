"""The key under which a request may be repeated: its form, and what is remembered with it.

Source: https://www.rfc-editor.org/rfc/rfc8941#section-3.3.3 for the quoted form.
"""

import re
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from service.errors import EMPTY, MalformedRequest, shown

KEY_MAX: Final = 255

_BARE: Final = re.compile(r"[!#-~][!-~]*")
_QUOTED: Final = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])*)"')
_ESCAPED: Final = re.compile(r"\\(.)")


class Remembered(Struct, frozen=True):
    """A request as app.remembered and app.remember take it."""

    key: str
    method: str
    path: str
    request_hash: str


def idempotency_key(value: str | None) -> str | None:
    """Read the header: a quoted string or the bare key, which mean the same; None without one.

    Raises: MalformedRequest.
    """
    if value is None:
        return None
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        key = _ESCAPED.sub(r"\1", quoted[1])
    else:
        key = value if _BARE.fullmatch(value) else ""
    if 1 <= len(key) <= KEY_MAX:
        return key
    raise MalformedRequest(
        f"Idempotency-Key must have 1 to {KEY_MAX} visible ASCII characters, bare or between "
        f"quotation marks: {shown(value) or EMPTY}"
    )


def remembered(key: str, method: str, path: str, query: str, body: bytes) -> str:
    """Write what a request is remembered by; `body` is encoded the same whatever its member order.

    If-Match is no part of it: the first answer is given also when the entity has changed since.
    """
    digest = sha256(b"\n".join((query.encode("utf-8", "surrogateescape"), body))).hexdigest()
    return msgspec.json.encode(Remembered(key, method, path, digest)).decode()
