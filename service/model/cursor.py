"""Opaque, signed places in a list: a cursor holds for one tenant, kind, filters and order.

A token is base64url(HMAC-SHA256 cut to 16 bytes ‖ content). The content is msgpack, compressed
when a long name stands in it. The tenant goes into the signature only, so that a cursor of
another tenant looks like an altered one.
"""

import hmac
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from service.errors import CursorExpired, InvalidCursor

LIFETIME: Final = timedelta(hours=24)
TOKEN_LENGTH_MAX: Final = 8192
SECRET_LENGTH_MIN: Final = 32

_SIGNATURE_LENGTH: Final = 16
_COMPRESS_FROM: Final = 256
_PLAIN, _COMPRESSED = b"\x01", b"\x02"


class Listing(Struct, frozen=True, kw_only=True):
    """What a cursor pins: whose list of what, filtered and ordered how."""

    tenant: str
    kind: str
    filters: Mapping[str, Sequence[str]]
    order: str


class _Content(Struct, frozen=True, array_like=True):
    kind: str
    filters: bytes
    order: str
    issued_s: int
    position: tuple[str, ...]


class CursorCodec:
    """Makes and reads cursors with a secret that all instances share."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SECRET_LENGTH_MIN:
            raise ValueError(f"the cursor secret needs {SECRET_LENGTH_MIN} bytes or more")
        self._key = hmac.new(secret, b"plant cursor v1", sha256)
        self._decoder = msgspec.msgpack.Decoder(_Content)

    def encode(self, listing: Listing, position: Sequence[str], now: datetime) -> str:
        """Make the cursor of the place behind a row of a list."""
        content = msgspec.msgpack.encode(
            _Content(
                listing.kind,
                _digest(listing.filters),
                listing.order,
                int(now.timestamp()),
                tuple(position),
            )
        )
        if len(content) < _COMPRESS_FROM:
            packed = _PLAIN + content
        else:
            packed = _COMPRESSED + zlib.compress(content, 9)
        return urlsafe_b64encode(self._sign(listing.tenant, packed) + packed).rstrip(b"=").decode()

    def decode(self, token: str, listing: Listing, now: datetime) -> tuple[str, ...]:
        """Read the position from a cursor of this listing.

        Raises: InvalidCursor, CursorExpired.
        """
        content = self._open(token, listing.tenant)
        for member, made_for, used_for in (
            ("kind", content.kind, listing.kind),
            ("filter", content.filters, _digest(listing.filters)),
            ("order", content.order, listing.order),
        ):
            if made_for != used_for:
                raise InvalidCursor(
                    f"The cursor was made for another {member}: keep every parameter but cursor "
                    "and limit, or start again without a cursor."
                )
        if now - datetime.fromtimestamp(content.issued_s, UTC) > LIFETIME:
            raise CursorExpired
        return content.position

    def _open(self, token: str, tenant: str) -> _Content:
        raw = _unpadded(token)
        signature, packed = raw[:_SIGNATURE_LENGTH], raw[_SIGNATURE_LENGTH:]
        if not hmac.compare_digest(signature, self._sign(tenant, packed)):
            raise InvalidCursor(
                "The cursor was altered, or it is not one of yours: start again without a cursor."
            )
        content = packed[1:]
        if packed[:1] == _COMPRESSED:
            content = zlib.decompress(content)
        return self._decoder.decode(content)

    def _sign(self, tenant: str, packed: bytes) -> bytes:
        signature = self._key.copy()
        signature.update(len(tenant).to_bytes(4) + tenant.encode() + packed)
        return signature.digest()[:_SIGNATURE_LENGTH]


def _digest(filters: Mapping[str, Sequence[str]]) -> bytes:
    """Reduce filters to a few bytes; neither order nor repetition of values matters."""
    given = sorted((name, sorted(set(values))) for name, values in filters.items() if values)
    return sha256(msgspec.json.encode(given)).digest()[:8] if given else b""


def _unpadded(token: str) -> bytes:
    """Read base64url of which no other spelling exists, so that one letter changed is seen."""
    if len(token) <= TOKEN_LENGTH_MAX and token.isascii() and "=" not in token:
        padded = token.encode() + b"=" * (-len(token) % 4)
        try:
            raw = urlsafe_b64decode(padded)
        except ValueError:
            raw = b""
        if raw and urlsafe_b64encode(raw) == padded:
            return raw
    raise InvalidCursor("The cursor is not one of ours: start again without a cursor.")
