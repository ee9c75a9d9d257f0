"""What a conflict adds for the client: who holds what is taken, where a change can be proposed.

Asked as the caller: what another governance agent keeps as a draft is not named.
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from service.errors import CertifiedIsImmutable, CodeTaken, Conflict, ExternalIdTaken, NameTaken
from service.model.kinds import Kind
from service.repository.amendments import AmendmentByEntity
from service.repository.base import Context, Repository
from service.repository.entities import (
    EntityById,
    EntityIdByExternalId,
    EntityIdByName,
    Found,
    IndustryIdByCode,
)
from service.usecases.proposals import point_to_amendment

HIDDEN: Final = " You cannot see it: it may be another governance agent's draft."


async def explained(
    conflict: Conflict,
    repository: Repository,
    context: Context,
    kind: Kind,
    body: Struct,
    identity: str | None = None,
) -> Conflict:
    """Complete a conflict that a body met; `identity` is that of the entity it was to change."""
    if isinstance(conflict, CertifiedIsImmutable):
        point_to_amendment(conflict, kind, identity)
    elif isinstance(conflict, NameTaken | ExternalIdTaken | CodeTaken):
        wanted = await _wanted(repository, context, kind, body, identity)
        await _named(conflict, repository, context, kind, wanted)
    return conflict


async def certifying(
    conflict: Conflict, repository: Repository, context: Context, kind: Kind, identity: str
) -> Conflict:
    """Complete a conflict that an amendment met on its way into the entity `identity`."""
    if isinstance(conflict, NameTaken | ExternalIdTaken | CodeTaken):
        stored = await repository.maybe(AmendmentByEntity(kind.name, identity), context)
        if stored is not None:
            wanted: dict[str, Any] = msgspec.json.decode(stored.document)
            await _named(conflict, repository, context, kind, wanted)
    return conflict


async def _named(
    conflict: Conflict,
    repository: Repository,
    context: Context,
    kind: Kind,
    wanted: dict[str, Any],
) -> None:
    holder = await _holder(conflict, repository, context, kind, wanted)
    if holder is None:
        conflict.detail += HIDDEN
    else:
        conflict.extensions["existing_id"] = str(holder.id)


async def _wanted(
    repository: Repository, context: Context, kind: Kind, body: Struct, identity: str | None
) -> dict[str, Any]:
    """Give what the entity would have been: its fields as stored, and over them those given."""
    stored = None
    if identity is not None:
        stored = await repository.maybe(EntityById(kind.name, identity), context)
    fields: dict[str, Any] = msgspec.json.decode(stored.document) if stored else {}
    given = msgspec.structs.asdict(body).items()
    return fields | {name: value for name, value in given if value is not UNSET}


async def _holder(
    conflict: Conflict,
    repository: Repository,
    context: Context,
    kind: Kind,
    wanted: dict[str, Any],
) -> Found | None:
    if isinstance(conflict, CodeTaken):
        query = IndustryIdByCode(wanted["scheme"], wanted["code"])
        return await repository.maybe(query, context)
    if isinstance(conflict, ExternalIdTaken):
        by_id = EntityIdByExternalId(kind.name, wanted["external_id"])
        return await repository.maybe(by_id, context)
    scope = None
    if wanted.get("scheme") is not None:
        scope = f"{wanted['scheme']} {wanted['level']}"
    return await repository.maybe(EntityIdByName(kind.name, wanted["name"], scope), context)
