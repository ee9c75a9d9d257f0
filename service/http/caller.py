"""Who calls: a key is looked up once, remembered for a few seconds, and asked for its scope.

Revocation stops reads within `CACHE_S` and writes at once: the triggers read the key's row.
"""

from collections import OrderedDict
from typing import Final

from aiohttp import web
from msgspec import Struct

from service.errors import ScopeMissing, Unauthenticated
from service.http.clock import Clock
from service.http.request import KEYS_ARE_MADE, bearer, request_id
from service.repository.base import Context, Repository
from service.repository.keys import Identity, KeyAuthenticate
from service.usecases.keys import key_hash

CACHE_S: Final = 4.0
CACHE_MAX: Final = 10_000
UNKNOWN: Final = f"The key is unknown, expired or revoked. {KEYS_ARE_MADE}"


class Caller(Struct, frozen=True, kw_only=True):
    """The identity behind a request and the context that its statements run in."""

    identity: Identity
    context: Context


class Authenticator:
    """Finds identities by keys."""

    def __init__(self, repository: Repository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Identity | None]] = OrderedDict()

    async def identity(self, key: str) -> Identity:
        """Find whose key this is.

        Raises: Unauthenticated.
        """
        digest = key_hash(key)
        now = self._clock.monotonic()
        known = self._known.get(digest)
        if known is None or known[0] < now:
            found = await self._repository.maybe(KeyAuthenticate(digest), writes=False)
            if found is not None:
                self._remember(digest, found, now)
        else:
            found = known[1]
        if found is None or (found.expires_at and found.expires_at <= self._clock.now()):
            raise Unauthenticated(UNKNOWN)
        return found

    def _remember(self, digest: bytes, found: Identity, now: float) -> None:
        self._known[digest] = (now + CACHE_S, found)
        self._known.move_to_end(digest)
        while len(self._known) > CACHE_MAX:
            self._known.popitem(last=False)


AUTHENTICATOR: Final = web.AppKey("authenticator", Authenticator)


async def caller(request: web.Request, *scopes: str) -> Caller:
    """Find who calls and make sure that the key has one of these scopes.

    Raises: Unauthenticated, ScopeMissing.
    """
    identity = await request.app[AUTHENTICATOR].identity(bearer(request))
    require(identity, *scopes)
    return Caller(identity=identity, context=context_of(identity, request))


def require(identity: Identity, *scopes: str) -> None:
    """Make sure that a key has one of these scopes.

    Raises: ScopeMissing.
    """
    if scopes and not set(scopes) & set(identity.scopes):
        raise ScopeMissing(
            f"This needs a key with scope {' or '.join(scopes)}.",
            extensions={"required_scope": scopes[0] if len(scopes) == 1 else list(scopes)},
        )


def context_of(identity: Identity, request: web.BaseRequest) -> Context:
    """Make the context that statements of this request run in."""
    return Context(
        tenant_id=str(identity.tenant_id),
        governance_agent_id=str(identity.governance_agent_id),
        key_id=str(identity.key_id),
        request_id=request_id(request),
    )
