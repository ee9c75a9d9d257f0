"""Amendments: the structs of sql/amendment."""

from service.repository.base import Maybe, One
from service.repository.entities import Document, Found, Written


class Stepped(Written, frozen=True):
    """What a step answers with; the entity's new tag when its content became the amendment's."""

    entity_etag: str | None


class AmendmentByEntity(Maybe[Document], frozen=True):
    """Find the open amendment of an entity."""

    kind: str
    id: str


class AmendmentOpen(Maybe[Found], frozen=True):
    """Say which amendment of an entity is open."""

    kind: str
    id: str


class AmendmentOfEntity(Maybe[Found], frozen=True):
    """Say whether an amendment is one of an entity."""

    kind: str
    id: str
    amendment_id: str


class AmendmentPropose(One[Written], frozen=True):
    """Open an amendment, or change one's own draft of one."""

    kind: str
    id: str
    etags: str | None
    patch: str
    request: str | None = None


class AmendmentStep(One[Stepped], frozen=True):
    """Take one step of the open amendment of an entity."""

    kind: str
    id: str
    etags: str | None
    to_status: str
    reason: str | None
    request: str | None = None
