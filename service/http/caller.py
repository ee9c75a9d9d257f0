"""Who calls: a key is looked up once, remembered for a few seconds, and asked for its scope.

Revocation stops reads within `CACHE_S` and writes at once: the triggers read the key's row.
That there is no such key is remembered too, for less than it takes to make one and use it.
"""

from collections import OrderedDict
from contextlib import nullcontext, suppress
from http import HTTPStatus
from typing import Final, TypeVar

from aiohttp import web
from msgspec import Struct

from service.errors import RateLimited, ScopeMissing, Unauthenticated
from service.http.clock import Clock
from service.http.counted import counted
from service.http.lookups import Answer, Lookups
from service.http.rates import LEFT, RATES, require_address, take_by_address, take_by_key
from service.http.renewals import Renewals
from service.http.request import KEYS_ARE_MADE, bearer, request_id
from service.http.request_log import WHO
from service.http.tokens import Tokens, looks_like_token
from service.repository.base import Context, Repository
from service.repository.keys import Identity
from service.usecases.keys import key_hash

T = TypeVar("T")

CACHE_S: Final = 4.0
CACHE_MAX: Final = 10_000
RENEWED_S: Final = CACHE_S / 2
"""A key that is used when no more than this is left of its time is asked for again."""

UNKNOWN_S: Final = 0.5
"""A key is random: nobody asks for it before it is there. This only spares the database."""
UNKNOWN_MAX: Final = 1_000
UNKNOWN: Final = f"The key is unknown, expired or revoked. {KEYS_ARE_MADE}"


_UNASKED: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""What a path or method gets that there is not, whoever asks; it counts for nobody."""


class Caller(Struct, frozen=True, kw_only=True):
    """The identity behind a request and the context that its statements run in."""

    identity: Identity
    context: Context


class Authenticator:
    """Finds identities by keys, and by tokens where an issuer is named."""

    def __init__(self, repository: Repository, clock: Clock, tokens: Tokens | None = None) -> None:
        self._tokens = tokens
        self._lookups = Lookups(repository, clock)
        self._renewals = Renewals(repository, clock, self._renewed)
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Identity]] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()

    async def identity(self, key: str, *, anew: bool = False) -> Identity:
        """Find whose key or token this is; `anew` asks the database whatever is remembered.

        Raises: Unauthenticated, Unavailable.
        """
        if self._tokens is not None and looks_like_token(key):
            return await self._tokens.identity(key)
        digest = key_hash(key)
        now = self._clock.monotonic()
        until, found = self._known.get(digest, (0.0, None))
        if self._unknown.get(digest, 0.0) > now:
            raise Unauthenticated(UNKNOWN)
        if found is None or until < now or anew:
            answer = await self._lookups.find(digest, familiar=found is not None)
            found = answer.identity
            self._remember(digest, found, answer.asked_s)
        elif until < now + RENEWED_S:
            self._renewals.want(digest)
        if found is None or (found.expires_at and found.expires_at <= self._clock.now()):
            raise Unauthenticated(UNKNOWN)
        return found

    def remembers(self, key: str) -> bool:
        """Say whether the key has been good before, or names one of the issuer's that is known."""
        if self._tokens is not None and looks_like_token(key):
            return self._tokens.names_known(key)
        return key_hash(key) in self._known

    def is_at_hand(self, key: str) -> bool:
        """Say whether nobody else's pace keeps the key from being looked up at once."""
        if self._tokens is not None and looks_like_token(key):
            return self._tokens.is_at_hand(key)
        return self.remembers(key)

    def recalled(self, key: str) -> Identity | None:
        """Give whose key this is as far as it is remembered, and wait for nobody."""
        return self.recalled_by(key_hash(key))

    def recalled_by(self, digest: bytes) -> Identity | None:
        """Give whose key has this hash as far as it is remembered, and wait for nobody."""
        until, found = self._known.get(digest, (0.0, None))
        now = self._clock.monotonic()
        if found is None or until < now:
            return None
        if until < now + RENEWED_S:
            self._renewals.want(digest)
        return None if found.expires_at and found.expires_at <= self._clock.now() else found

    def _renewed(self, digest: bytes, answer: Answer) -> None:
        """Take what a renewal found, unless the key was asked for after it, or is forgotten."""
        until, found = self._known.get(digest, (0.0, None))
        if found is not None and until <= answer.asked_s + CACHE_S:
            self._remember(digest, answer.identity, answer.asked_s)

    def _remember(self, digest: bytes, found: Identity | None, now: float) -> None:
        if found is None:
            self._known.pop(digest, None)
            _put(self._unknown, digest, now + UNKNOWN_S, UNKNOWN_MAX)
        else:
            _put(self._known, digest, (now + CACHE_S, found), CACHE_MAX)


def _put(cache: OrderedDict[bytes, T], digest: bytes, value: T, most: int) -> None:
    cache[digest] = value
    cache.move_to_end(digest)
    while len(cache) > most:
        cache.popitem(last=False)


AUTHENTICATOR: Final = web.AppKey("authenticator", Authenticator)


async def caller(request: web.Request, *scopes: str) -> Caller:
    """Find who calls and make sure that the key has one of these scopes.

    Raises: Unauthenticated, RateLimited, ScopeMissing.
    """
    authenticator = request.app[AUTHENTICATOR]
    try:
        key = bearer(request)
        if not authenticator.remembers(key):
            require_address(request)
        # Its look-up may have to wait for those of others like it, or for the issuer: nobody else
        # does.
        with nullcontext() if authenticator.is_at_hand(key) else counted(request).aside():
            identity = await authenticator.identity(key)
    except RateLimited:
        raise
    except Exception:
        # Whatever kept it from being known.
        take_by_address(request)
        raise
    take_by_key(request, str(identity.key_id))
    require(identity, *scopes)
    context = context_of(identity, request_id(request))
    request[WHO] = context
    return Caller(identity=identity, context=context)


async def recall(request: web.Request, response: web.StreamResponse) -> None:
    """Let also what was refused before anybody was looked up tell a known key what it has left."""
    keys = request.app[RATES].keys
    if response.status not in _UNASKED or keys is None or LEFT in request:
        return
    with suppress(Unauthenticated):
        known = request.app[AUTHENTICATOR].recalled(bearer(request))
        if known is not None:
            request[LEFT] = keys.left(str(known.key_id))


def require(identity: Identity, *scopes: str, header: str | None = None) -> None:
    """Make sure that a key has one of these scopes; `header` names it where there are two keys.

    Raises: ScopeMissing.
    """
    if scopes and not set(scopes) & set(identity.scopes):
        raise ScopeMissing(
            lacking(" or ".join(scopes), header),
            extensions={"required_scope": scopes[0] if len(scopes) == 1 else list(scopes)},
        )


def lacking(scope: object, header: str | None = None) -> str:
    """Say that a key lacks a scope; `header` names it where there are two keys."""
    return f"This needs a key with scope {scope}{f' in {header}' if header else ''}."


def context_of(identity: Identity, request_id: str) -> Context:
    """Make the context that statements of a request run in."""
    return Context(
        tenant_id=str(identity.tenant_id),
        governance_agent_id=str(identity.governance_agent_id),
        key_id=str(identity.key_id),
        request_id=request_id,
    )
