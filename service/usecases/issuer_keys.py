"""The keys of an issuer as a JWK set has them, and the file that is to have one."""

from pathlib import Path
from typing import Final

import msgspec

from service.refusal import Refusal
from service.usecases.tokens import SigningKey, signing_keys

BYTES_MAX: Final = 1024 * 1024
SORTS: Final = "RS256 (of 2048 bits at least), ES256 or EdDSA"


class NoIssuerKeys(Refusal):
    """PLANT_JWKS names a file that is of no use."""

    exit_code = 64


def is_address(source: str) -> bool:
    """Say whether the keys come over HTTP, and not from a file."""
    return source.startswith(("http://", "https://"))


def keys_in(raw: bytes) -> dict[str | None, SigningKey]:
    """Read a JWK set.

    Raises: ValueError, in words, for what is none and for one with no key that signs.
    """
    if len(raw) > BYTES_MAX:
        raise ValueError(f"has more than {BYTES_MAX:,} bytes")
    try:
        found = msgspec.json.decode(raw, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("is no JSON object") from None
    if not isinstance(found.get("keys"), list):
        raise ValueError("is no JWK set: it has no list `keys`")  # noqa: TRY004 - what it says is wrong
    keys = signing_keys(found)
    if not keys:
        raise ValueError(f"has no public key for signatures by {SORTS}")
    return keys


def keys_of(path: str) -> dict[str | None, SigningKey]:
    """Read the keys of a file.

    Raises: NoIssuerKeys.
    """
    try:
        with Path(path).open("rb") as file:
            return keys_in(file.read(BYTES_MAX + 1))
    except OSError as error:
        words = f"cannot be read: {error.strerror or error}"
    except ValueError as error:
        words = str(error)
    raise NoIssuerKeys(
        f"PLANT_JWKS: {path} {words}.",
        "Name the file with the issuer's JWK set, or its https address.",
    )
