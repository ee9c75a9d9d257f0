"""Tokens of an issuer (JWT): who signed them, for whom, until when, and what they say.

Three algorithms are taken, each only with the key that the issuer has published for it. What a
token says is mapped to a tenant, a governance agent and scopes by settings; a row made by
`plant key create --issuer` has to stand for them.

PyJWT and what it takes of cryptography come when they are needed: they are five megabytes, and
most services know no issuer.

Source: https://www.rfc-editor.org/rfc/rfc8725 (best current practices).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

from service.errors import Unauthenticated
from service.usecases.keys import NAME
from service.values import Claims

ALGORITHMS: Final = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
"""What a token may be signed with, and the sort of key that it takes."""

LENGTH_MAX: Final = 4_096
LEEWAY_S: Final = 10
KEYS_MAX: Final = 100
TIME_MAX: Final = 2**33
"""Seconds of Unix time, in the year 2242; neither infinity nor NaN is less."""

RSA_BITS_MIN: Final = 2_048
REFUSED: Final = "The token is not valid here: {}."


class Said(Struct, frozen=True):
    """What a token says, once it is known to be true."""

    issuer: str
    tenant: str
    agent: str
    scopes: list[str]
    expires_at: datetime


class SigningKey(Struct, frozen=True):
    """A key of the issuer with the one algorithm that it is for."""

    algorithm: str
    key: Any


def key_id_of(token: str) -> str | None:
    """Read which key a token says it is signed with, without believing anything.

    Raises: Unauthenticated for what is no token that is taken.
    """
    if len(token) > LENGTH_MAX:
        raise Unauthenticated(REFUSED.format(f"it is longer than {LENGTH_MAX:,} characters"))
    import jwt

    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Unauthenticated(REFUSED.format("it cannot be read")) from None
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Unauthenticated(REFUSED.format(f"it is not signed with {', '.join(ALGORITHMS)}"))
    if "crit" in header:
        raise Unauthenticated(REFUSED.format("it has an extension that is not known"))
    found = header.get("kid")
    return found if isinstance(found, str) else None


def signing_keys(document: Mapping[str, Any]) -> dict[str | None, SigningKey]:
    """Read a JWK set; keys that are no good for signatures that are taken are passed over.

    Raises: ValueError for what is no JWK set.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("it has no list of keys")  # noqa: TRY004 - what it has is wrong
    import jwt

    found: dict[str | None, SigningKey] = {}
    for one in listed[:KEYS_MAX]:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or "d" in one:
            continue
        algorithm = _algorithm(one)
        if algorithm is None:
            continue
        try:
            key = jwt.PyJWK(one, algorithm).key
        except jwt.PyJWTError:
            continue
        if getattr(key, "key_size", RSA_BITS_MIN) < RSA_BITS_MIN and algorithm == "RS256":
            continue
        found.setdefault(one.get("kid"), SigningKey(algorithm, key))
    return found


def _algorithm(key: Mapping[str, Any]) -> str | None:
    """Name the algorithm of a JWK: the one it says, where its sort fits, else that of its sort."""
    for name, sort in ALGORITHMS.items():
        if key.get("kty") == sort and key.get("alg", name) == name:
            curve = {"ES256": "P-256", "EdDSA": "Ed25519"}.get(name)
            return name if curve in {None, key.get("crv")} else None
    return None


def verified(
    token: str, signing: SigningKey, issuer: str, audience: str, names: Claims, now: datetime
) -> Said:
    """Check a token whole and read what it says.

    Raises: Unauthenticated, saying what is wrong with it.
    """
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            signing.key,
            algorithms=[signing.algorithm],
            issuer=issuer,
            audience=audience,
            options={
                "require": ["exp", "iss", "aud"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.InvalidIssuerError:
        raise Unauthenticated(REFUSED.format("it is of another issuer")) from None
    except jwt.InvalidAudienceError:
        raise Unauthenticated(REFUSED.format("it is for another audience")) from None
    except jwt.MissingRequiredClaimError as missing:
        raise Unauthenticated(REFUSED.format(f"it has no {missing.claim}")) from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Unauthenticated(REFUSED.format("its signature is not the issuer's")) from None
    expires_at = _in_time(claims, now)
    return Said(
        issuer=issuer,
        tenant=_text(claims, names.tenant),
        agent=_text(claims, names.agent),
        scopes=_scopes(claims, names),
        expires_at=expires_at,
    )


def _in_time(claims: Mapping[str, Any], now: datetime) -> datetime:
    """Give when it ends; by our clock, which tests move."""
    seconds = now.timestamp()
    expires, begins = claims["exp"], claims.get("nbf", 0)
    if not _is_time(expires) or not _is_time(begins):
        raise Unauthenticated(REFUSED.format("its times are no numbers"))
    if expires + LEEWAY_S <= seconds:
        raise Unauthenticated(REFUSED.format("it has expired"))
    if begins - LEEWAY_S > seconds:
        raise Unauthenticated(REFUSED.format("it is not valid yet"))
    return datetime.fromtimestamp(expires, UTC)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < TIME_MAX


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """Find a claim: as it is called, or along dots."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = _claim(claims, name)
    if not isinstance(found, str) or not found:
        raise Unauthenticated(REFUSED.format(f"it has no {name}"))
    if NAME.fullmatch(found) is None:
        raise Unauthenticated(REFUSED.format(f"its {name} is no name of one that is here"))
    return found


def _scopes(claims: Mapping[str, Any], names: Claims) -> list[str]:
    found = _claim(claims, names.scopes)
    named: Sequence[object] = found.split() if isinstance(found, str) else ()
    if isinstance(found, list):
        named = found
    return [
        one.removeprefix(names.prefix)
        for one in named
        if isinstance(one, str) and one.startswith(names.prefix)
    ]
