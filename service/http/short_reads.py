"""Which reads of entities go past aiohttp: usual ones, whose bytes say all that there is to know.

Usual are the head of a request, its key, which is remembered and may read, and its path. Whatever
else a request is goes the long way, and gets the same answer there.
"""

import re
import time
from collections.abc import Callable, Coroutine
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from aiohttp import web

from service.errors import RateLimited
from service.http import contents
from service.http.answers import Content
from service.http.caller import AUTHENTICATOR, context_of
from service.http.contents import Entity
from service.http.cursors import CURSORS
from service.http.deprecation import DEPRECATED
from service.http.framing import Request
from service.http.rates import RATES, Left
from service.http.reading import REPOSITORY
from service.http.request import usable_id
from service.http.usual import HEAD_MAX, Usual, usual
from service.model.kinds import KINDS
from service.model.strict import is_uuid
from service.repository.base import Context
from service.repository.keys import Identity
from service.usecases.keys import key_hash

TARGET: Final = re.compile(r"/v1/([a-z-]+)(?:/([^/?#]+)|\?([^#]*))?")
TARGET_MAX: Final = 4096
"""Characters of a path and its query; what is longer goes the long way, which has a limit too."""

SCOPE: Final = "read"

Find = Callable[[Context], Coroutine[Any, Any, Content]]


class Known:
    """What the lines of a head say, and the hash of the key that is in them.

    `identity` is whose key it was when it was asked last, `whose` their ids as text.
    """

    __slots__ = ("digest", "identity", "usual", "whose")

    def __init__(self, head: Usual) -> None:
        self.usual = head
        self.digest = key_hash(head.key)
        self.identity: Identity | None = None
        self.whose = Context(tenant_id="", governance_agent_id="", key_id="")

    def context(self, identity: Identity) -> Context:
        """Make the context of a request of theirs."""
        if self.identity is not identity:
            self.identity, self.whose = identity, context_of(identity, "")
        whose = self.whose
        return Context(
            tenant_id=whose.tenant_id,
            governance_agent_id=whose.governance_agent_id,
            key_id=whose.key_id,
            request_id=usable_id(self.usual.request_id),
        )


@lru_cache(maxsize=1024)
def _known(lines: bytes) -> Known | None:
    head = usual(lines)
    return None if head is None else Known(head)


class Read(NamedTuple):
    """A read that is to be answered; `one` is what it asks for if that is one entity."""

    route: str
    find: Find
    one: Entity | None
    head: Usual
    context: Context
    left: Left | None
    begun: float


class ShortReads:
    """Knows reads by id, of several ids, and of pages."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._authenticator = app[AUTHENTICATOR]
        self._repository = app[REPOSITORY]

    def known(self, lines: bytes) -> Known | None:
        """Read the lines of a head; None for an unusual one."""
        return _known(lines) if len(lines) <= HEAD_MAX else None

    def read(self, request: Request, known: Known) -> Read | None:
        """Say what is asked for; None for what has to go the long way. It counts for its key."""
        asked = self._asked(request.target) if request.method == "GET" else None
        if asked is None or ("GET", asked[0]) in self._app[DEPRECATED]:
            return None
        identity = self._authenticator.recalled_by(known.digest)
        if identity is None or SCOPE not in identity.scopes:
            return None
        context, left = known.context(identity), None
        keys = self._app[RATES].keys
        if keys is not None:
            try:
                left = keys.take(context.key_id)
            except RateLimited:
                return None
        return Read(*asked, known.usual, context, left, time.perf_counter())

    def _asked(self, target: str) -> tuple[str, Find, Entity | None] | None:
        """Give the route of what is asked for, what finds it, and which one it is."""
        found = TARGET.fullmatch(target) if len(target) <= TARGET_MAX else None
        if found is None:
            return None
        path, identity, raw = found.groups()
        kind, repository = KINDS.get(path), self._repository
        if kind is not None and identity is not None:
            if not is_uuid(identity):
                return None
            one = Entity(kind, identity.lower())
            return f"/v1/{path}/{{id}}", partial(contents.entity, repository, asked=one), one
        if kind is not None:
            cursors = self._app[CURSORS]
            find = partial(contents.page, repository, kind=kind, raw=raw or "", cursors=cursors)
            return f"/v1/{path}", find, None
        if path == "entities" and identity is None:
            return "/v1/entities", partial(contents.several, repository, raw=raw or ""), None
        return None
