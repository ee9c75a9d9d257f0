"""What a refusal adds for the client: who holds what is taken, where a change can be proposed.

And of the steps of a life cycle those that are left to whoever asks.
Asked as the caller: what another governance agent keeps as a draft is not named.
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, structs

from service.errors import (
    HIDDEN,
    AmendmentOutdated,
    CertifiedIsImmutable,
    CodeTaken,
    Conflict,
    ExternalIdTaken,
    InvalidBody,
    NameTaken,
    StepNotAllowed,
)
from service.http.caller import Caller
from service.model.kinds import Kind
from service.model.rules import CLASSIFICATION
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

ARCHIVED: Final = (
    "The entity is archived: its amendment can only be withdrawn, or rejected while it is under "
    "review."
)

OUTDATED_DRAFT: Final = (
    "It is based on version {base_version}, and the entity is at version {current_version}: PATCH "
    "it, which bases it on that version, and submit it again."
)

Refused = Conflict | InvalidBody
"""What the database says of a body or a step."""


async def explained(
    conflict: Refused,
    repository: Repository,
    context: Context,
    kind: Kind,
    body: Struct,
    identity: str | None = None,
) -> Refused:
    """Complete what a body met; `identity` is that of the entity it was to change."""
    if isinstance(conflict, InvalidBody):
        return placed(conflict, body)
    if isinstance(conflict, CertifiedIsImmutable):
        point_to_amendment(conflict, kind, identity)
    elif isinstance(conflict, NameTaken | ExternalIdTaken | CodeTaken):
        wanted = await _wanted(repository, context, kind, body, identity)
        await _named(conflict, repository, context, kind, wanted)
    return conflict


def placed(invalid: InvalidBody, patch: Struct) -> InvalidBody:
    """Point what lies between scheme, code and level to one of them that the patch has."""
    given = [name for name in CLASSIFICATION if getattr(patch, name, UNSET) is not UNSET]
    if given:
        invalid.errors = tuple(
            structs.replace(fault, pointer=f"/{given[0]}") if fault.rule == "all-or-none" else fault
            for fault in invalid.errors
        )
    return invalid


async def stepping(
    conflict: Refused, repository: Repository, who: Caller, kind: Kind, identity: str
) -> Refused:
    """Leave of the steps of an entity's life cycle those that who asks may take."""
    if isinstance(conflict, StepNotAllowed):
        stored = await repository.maybe(EntityById(kind.name, identity), who.context)
        owner = msgspec.json.decode(stored.document)["governance_agent_id"] if stored else None
        own = owner == who.context.governance_agent_id
        # Its author takes it back, others reject it; nobody certifies their own.
        needed = {"draft": "write" if own else "certify", "certified": "" if own else "certify"}
        _left(conflict, who, needed)
    return conflict


def _left(conflict: StepNotAllowed, who: Caller, needed: dict[str, str]) -> None:
    steps = conflict.extensions.get("allowed")
    if isinstance(steps, list):
        scopes = who.identity.scopes
        conflict.extensions["allowed"] = [
            to for to in steps if needed.get(str(to), "write") in scopes
        ]


async def certifying(
    conflict: Refused, repository: Repository, who: Caller, kind: Kind, identity: str, to: str
) -> Refused:
    """Complete a conflict that the step of an amendment of `identity` to that state met."""
    match conflict:
        case StepNotAllowed():
            _left(conflict, who, {"certified": "certify", "rejected": "certify"})
        case AmendmentOutdated() if conflict.extensions.get("current_status") == "archived":
            conflict.detail = ARCHIVED
        case AmendmentOutdated() if to == "under_review":
            # It is a draft, which nobody has to take back.
            conflict.detail = OUTDATED_DRAFT.format_map(conflict.extensions)
        case NameTaken() | ExternalIdTaken() | CodeTaken():
            stored = await repository.maybe(AmendmentByEntity(kind.name, identity), who.context)
            if stored is not None:
                wanted: dict[str, Any] = msgspec.json.decode(stored.document)
                await _named(conflict, repository, who.context, kind, wanted)
        case _:
            pass
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
