"""The past: the structs of sql/history."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.repository.base import ANSWER_BYTES, Many, Maybe, One
from service.repository.entities import ListedById


class WasDocument(Struct, frozen=True):
    """The bytes that were served, None once they are gone, and their entity tag.

    `gone`: "erased", or "pruned" with digest and name of the file that has them.
    """

    document: str | None
    etag: str
    gone: str | None


class VersionRow(Struct, frozen=True):
    """One version of an entity; two identities of an import stand joined by `+`.

    No status once its document is erased or pruned.
    """

    version: int
    operation: str
    status: str | None
    at: datetime
    actor: str
    key: str
    audit_id: UUID
    entry_hash: bytes


class VersionDocument(Struct, frozen=True):
    """The bytes that one version was served as, None once they are gone; `gone` as above."""

    version: int
    document: str | None
    gone: str | None


class Now(Struct, frozen=True):
    """The database's time."""

    now: datetime


class Walked(Struct, frozen=True):
    """How many entities were looked at, and the last of them."""

    walked: int
    last: UUID | None


class EntityVersion(Maybe[WasDocument], frozen=True):
    """Find one version of an entity."""

    kind: str
    id: str
    version: int


class EntityAsOf(Maybe[WasDocument], frozen=True):
    """Find an entity as it was at a time."""

    kind: str
    id: str
    as_of: datetime


class EntityVersions(Many[VersionRow], frozen=True):
    """List the versions of an entity."""

    kind: str
    id: str
    before_version: int
    count: int


class EntityVersionPair(Many[VersionDocument], frozen=True):
    """Find two versions of an entity."""

    kind: str
    id: str
    version: int
    other_version: int


class EntitiesAsOf(Many[ListedById], frozen=True):
    """List a kind as it was at a time."""

    bytes_max = ANSWER_BYTES

    kind: str
    as_of: datetime
    before: str
    count: int
    walk: int


class EntitiesAsOfByStatus(Many[ListedById], frozen=True):
    """List a kind by state as it was at a time."""

    bytes_max = ANSWER_BYTES

    kind: str
    as_of: datetime
    before: str
    count: int
    statuses: tuple[str, ...]
    walk: int


class EntitiesAsOfWalked(One[Walked], frozen=True):
    """Tell how far a list of the past has looked."""

    kind: str
    as_of: datetime
    before: str
    walk: int


class HistoryNow(One[Now], frozen=True):
    """Tell the time by which changes are stamped."""
