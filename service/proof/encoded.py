"""Base64 and hex, read in the one spelling that each value has."""

import binascii
from base64 import b64decode, b64encode

from service.proof.fault import Malformed


def to_base64(value: bytes) -> str:
    """Write standard base64 with padding (RFC 4648, section 4)."""
    return b64encode(value).decode()


def from_base64(text: str, what: str, length: int | None = None) -> bytes:
    """Read standard base64; `length` in bytes, when only one will do.

    Raises: Malformed, naming what it should have been.
    """
    try:
        value = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = None
    # Bits beyond the last byte would give one value several spellings.
    if value is None or to_base64(value) != text:
        raise Malformed(f"{what} is not base64.")
    if length is not None and len(value) != length:
        raise Malformed(f"{what} has {length} bytes, not {len(value)}.")
    return value


def from_hex(text: str, what: str, length: int) -> bytes:
    """Read lower-case hex of so many bytes.

    Raises: Malformed, naming what it should have been.
    """
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != length or value.hex() != text:
        raise Malformed(f"{what} is not {2 * length} digits of lower-case hex.")
    return value
