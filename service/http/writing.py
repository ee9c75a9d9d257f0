"""What every write shares: the key it may be repeated under, the dry run, and the answer.

A handler makes a `Write`, reads its body, puts `request_json` into its query, has it `done` and
gives its `answer`. The statement does the rest: it looks at the key before the entity.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final, TypeVar

from aiohttp import web
from msgspec import Struct

from service.errors import (
    Conflict,
    IdempotencyInProgress,
    InvalidBody,
    OutcomeUnknown,
    PreconditionFailed,
    PreconditionRequired,
    Problem,
)
from service.http import sent
from service.http.answers import rehearsed, written
from service.http.caller import Caller, require
from service.http.conflicts import Refused
from service.http.preferences import preferred
from service.http.request import if_match, raw_query
from service.model.etag import WEAK
from service.model.idempotency import idempotency_key, remembered
from service.repository.base import One, Repository
from service.repository.entities import Written

Explain = Callable[[Refused], Awaitable[Refused]]

R = TypeVar("R", bound=Struct)
W = TypeVar("W", bound=Written)

KEYED: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods that take a key; DELETE repeats without harm."""

NOTHING: Final = ""
"""As entity tags: none, so that no version matches."""

OWN_TEXT: Final = frozenset({"external_id"})
"""Parts of paths that are a client's own text; all others are ids, whose case means nothing."""


class Write:
    """One write on its way from the headers to the answer.

    Raises: MalformedRequest for a key that cannot be read, ScopeMissing for a dry run by who may
    not read: it would be a read that leaves no entry.
    """

    def __init__(self, request: web.Request, repository: Repository, who: Caller) -> None:
        self._request = request
        self._repository = repository
        self._context = who.context
        self._identity = who.identity
        key = None
        if request.method in KEYED:
            key = idempotency_key(request.headers.get("Idempotency-Key"))
        self.dry = prefers_rollback(request.headers.getall("Prefer", ()))
        if self.dry:
            require(who.identity, "read")
        # A dry run neither uses a key up nor answers what was done under it.
        self._key = None if self.dry else key
        self._unconditional = False
        self._weak_only = False

    def etags(self) -> str | None:
        """Give the tags of If-Match as SQL takes them: None for `*`; a weak tag matches nothing.

        Without the header a request with a key is looked up all the same, and does nothing new.

        Raises: PreconditionRequired, MalformedRequest.
        """
        if self._key is not None and "If-Match" not in self._request.headers:
            self._unconditional = True
            return NOTHING
        condition = if_match(self._request)
        self._weak_only = condition.weak_only
        # None of ours has a comma, by which SQL parts them.
        tags = [tag for tag in condition.strong if "," not in tag]
        return None if condition.any else ",".join(tags)

    def request_json(self, body: bytes) -> str | None:
        """Write what SQL remembers this request by; None when it is not to be remembered."""
        if self._key is None:
            return None
        method, query = self._request.method, raw_query(self._request)
        return remembered(self._key, method, canonical_path(self._request), query, body)

    async def was_done(self, query: One[W]) -> bool:
        """Say whether a request under this key was done before; what it would do now is undone.

        Raises: IdempotencyInProgress, IdempotencyKeyReused, Unavailable.
        """
        if self._key is None:
            return False
        try:
            return (await self._repository.rehearsed(query, self._context)).replayed
        except IdempotencyInProgress:
            raise
        except (Conflict, InvalidBody):
            return False

    async def done(self, query: One[R], explain: Explain | None = None) -> R:
        """Do it, or in a dry run try it and undo it; `explain` completes what it is refused with.

        Raises: Problem.
        """
        try:
            return await self._sent(query)
        except PreconditionFailed as unmet:
            if self._unconditional:
                raise PreconditionRequired from None
            if self._weak_only:
                unmet.detail = WEAK
            raise
        except (Conflict, InvalidBody) as refused:
            if explain is None:
                raise
            raise await explain(refused) from refused

    async def _sent(self, query: One[R]) -> R:
        if self.dry:
            return await self._repository.rehearsed(query, self._context)
        sending = partial(sent.begin, self._request)
        try:
            return await self._repository.written(query, self._context, sending)
        except OutcomeUnknown:
            raise
        except Problem:
            sent.settle(self._request)
            raise

    def answer(self, row: Written, location: str | None = None) -> web.Response:
        """Answer with what was done, or would be; `location` is where it is when it is new."""
        if not self.dry and row.audit_id is None:
            # It would be a read that leaves no entry.
            require(self._identity, "read")
        return rehearsed(row) if self.dry else written(row, location)


def canonical_path(request: web.Request) -> str:
    """Write the path of a request in its one form: that of the route, ids in lower case."""
    resource = request.match_info.route.resource
    if resource is None:
        return request.path
    parts = {
        name: text.replace("%", "%25").replace("/", "%2F") if name in OWN_TEXT else text.lower()
        for name, text in request.match_info.items()
    }
    return resource.canonical.format_map(parts)


def prefers_rollback(values: Iterable[str]) -> bool:
    """Say whether Prefer asks for a dry run."""
    return preferred(values, "tx") == "rollback"
