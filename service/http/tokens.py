"""Where the keys of an issuer come from: a file or an address, read again when they may be new."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec
from aiohttp import web

from service.errors import Unauthenticated, Unavailable
from service.http.clock import Clock
from service.refusal import Refusal
from service.repository.base import Repository
from service.repository.keys import Identity, TokenAuthenticate
from service.settings import Settings
from service.usecases.issuer_keys import BYTES_MAX, is_address, keys_in, keys_of
from service.usecases.keys import SCOPES
from service.usecases.tokens import (
    REFUSED,
    Said,
    SigningKey,
    key_id_of,
    verified,
)
from service.values import Claims

log = logging.getLogger(__name__)

FRESH_S: Final = 300.0
"""How long keys are used before they are read again."""

AGAIN_S: Final = 5.0
"""How long nobody reads them again after that was tried: a token may name a key that is none."""

FETCH_S: Final = 3.0


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens are taken, and what their claims mean."""

    keys: str
    issuer: str
    audience: str
    names: Claims


class IssuerKeys:
    """The keys of the issuer as last read; those that were good stay while it is away."""

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._keys: dict[str | None, SigningKey] = {}
        self._read_at = self._tried_at = float("-inf")
        self._reading = asyncio.Lock()
        self.failing: str | None = None

    @property
    def count(self) -> int:
        """Tell how many keys are known."""
        return len(self._keys)

    def has(self, key_id: str | None) -> bool:
        """Say whether the key with this name was among those that were read last."""
        return self._found(key_id) is not None

    def is_at_hand(self, key_id: str | None) -> bool:
        """Say whether who needs the key with this name does not have them read again."""
        return self._clock.monotonic() - self._read_at <= FRESH_S and self.has(key_id)

    async def begin(self) -> None:
        """Read the keys before anybody needs them: what keeps one from it is said at once."""
        await self._renew(None)

    async def key(self, key_id: str | None) -> SigningKey:
        """Find the key that a token names; without a name the only one there is.

        Raises: Unauthenticated, Unavailable.
        """
        # One asks for keys that are old; whoever comes meanwhile with one that was good goes on.
        if not (self.is_at_hand(key_id) or (self._reading.locked() and self.has(key_id))):
            await self._renew(key_id)
        found = self._found(key_id)
        if found is None:
            # What is new at an issuer that does not answer cannot be told from what is wrong.
            if self.failing is not None or not self._keys:
                raise Unavailable(
                    "The keys of the issuer cannot be read just now. Nothing was done: try again."
                )
            raise Unauthenticated(REFUSED.format("it names a key that the issuer does not have"))
        return found

    def _found(self, key_id: str | None) -> SigningKey | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    async def _renew(self, key_id: str | None) -> None:
        async with self._reading:
            now = self._clock.monotonic()
            if self.is_at_hand(key_id) or now - self._tried_at < AGAIN_S:
                return
            self._tried_at = now
            try:
                self._keys = await self._read()
                self._read_at = now
                self.failing = None
            except (OSError, TimeoutError, ValueError, aiohttp.ClientError, Refusal) as error:
                self.failing = _words(error)
                log.warning("the keys of the issuer cannot be read: %s", self.failing)

    async def _read(self) -> dict[str | None, SigningKey]:
        if not is_address(self._source):
            return await asyncio.to_thread(keys_of, self._source)
        timeout = aiohttp.ClientTimeout(total=FETCH_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(self._source, allow_redirects=False) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                raise ValueError(f"the answer is {answer.status}")
            return keys_in(await answer.content.read(BYTES_MAX + 1))


def _words(error: Exception) -> str:
    """Say what went wrong; of what the network says the sort alone, which names no address."""
    if isinstance(error, Refusal | ValueError) and not isinstance(error, aiohttp.ClientError):
        return str(error).partition("\n")[0]
    return type(error).__name__


class Tokens:
    """Finds identities by tokens."""

    def __init__(self, told: TokenSettings, repository: Repository, clock: Clock) -> None:
        self._told = told
        self.keys = IssuerKeys(told.keys, clock)
        self._repository = repository
        self._clock = clock

    def names_known(self, token: str) -> bool:
        """Say whether a token names a key of the issuer's that is known, or can name none."""
        return _of_its_key(token, self.keys.has)

    def is_at_hand(self, token: str) -> bool:
        """Say whether nobody has to ask the issuer for the key that a token names, if it can."""
        return _of_its_key(token, self.keys.is_at_hand)

    async def identity(self, token: str) -> Identity:
        """Find whom a token stands for; it ends when the token does.

        Raises: Unauthenticated, Unavailable.
        """
        signing = await self.keys.key(key_id_of(token))
        told = self._told
        claims = verified(token, signing, told.issuer, told.audience, told.names, self._clock.now())
        found = await self._repository.maybe(_lookup(claims), writes=False)
        if found is None:
            raise Unauthenticated(REFUSED.format(_unmet(claims)))
        ends = (one for one in (found.expires_at, claims.expires_at) if one is not None)
        return msgspec.structs.replace(found, expires_at=min(ends))


def _of_its_key(token: str, said: Callable[[str | None], bool]) -> bool:
    """Give what is said of the key that a token names; True of a token that can name none."""
    try:
        return said(key_id_of(token))
    except Unauthenticated:
        return True


def _unmet(claims: Said) -> str:
    """Say what no row has been made for, as the token names it."""
    scopes = ", ".join(scope for scope in SCOPES if scope in claims.scopes) or "none"
    return (
        f"no key of `plant key create --issuer` is for tenant {claims.tenant}, "
        f"agent {claims.agent} and no more than its scopes ({scopes})"
    )


def _lookup(claims: Said) -> TokenAuthenticate:
    scopes: list[str] = [scope for scope in SCOPES if scope in claims.scopes]
    return TokenAuthenticate(claims.issuer, claims.tenant, claims.agent, scopes)


TOKENS: Final = web.AppKey("tokens", Tokens)


async def begun(app: web.Application) -> AsyncIterator[None]:
    """Read the keys while the service starts, which waits for nobody."""
    reading = asyncio.create_task(app[TOKENS].keys.begin())
    yield
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


def looks_like_token(bearer: str) -> bool:
    """Say whether what a client sent is a token: keys have no dots."""
    return bearer.count(".") == 2  # noqa: PLR2004 - three parts


def by_settings(settings: Settings, repository: Repository, clock: Clock) -> Tokens | None:
    """Have what finds identities by tokens, where somebody may issue them."""
    if not (settings.jwks and settings.jwt_issuer and settings.jwt_audience):
        return None
    import jwt  # noqa: F401 - now, and not while the first who has a token waits

    told = TokenSettings(
        keys=settings.jwks,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        names=settings.jwt_claims,
    )
    return Tokens(told, repository, clock)
