"""Amendments through the write path, as the service makes them."""

import json
from typing import Any
from uuid import UUID

from service.repository.amendments import AmendmentPropose, AmendmentStep, Stepped
from service.repository.base import Repository
from service.repository.entities import Written
from tests.factories import Actor, Tenant

PROPOSE = "SELECT app.amendment_propose($1, $2, $3, $4)"
TAKE = "SELECT app.amendment_take_step($1, $2, $3, $4, 'because')"


async def propose(
    repository: Repository,
    actor: Actor,
    kind: str,
    identity: UUID | str,
    patch: dict[str, Any],
    etag: str | None = None,
) -> Written:
    """Open the amendment of an entity, or change one's own."""
    query = AmendmentPropose(kind, str(identity), etag, json.dumps(patch))
    return await repository.one(query, actor.context, writes=True)


async def take(
    repository: Repository,
    actor: Actor,
    kind: str,
    identity: UUID | str,
    to: str,
    etag: str | None = None,
) -> Stepped:
    """Take one step of the open amendment of an entity."""
    query = AmendmentStep(kind, str(identity), etag, to, "for the test")
    return await repository.one(query, actor.context, writes=True)


async def reviewed(
    repository: Repository, tenant: Tenant, kind: str, identity: UUID | str, patch: dict[str, Any]
) -> Stepped:
    """Have an amendment by the author of a tenant under review."""
    await propose(repository, tenant.author, kind, identity, patch)
    return await take(repository, tenant.author, kind, identity, "under_review")


async def amended(
    repository: Repository, tenant: Tenant, kind: str, identity: UUID | str, patch: dict[str, Any]
) -> Stepped:
    """Have an amendment written by the author of a tenant and certified by its certifier."""
    await reviewed(repository, tenant, kind, identity, patch)
    return await take(repository, tenant.certifier, kind, identity, "certified")
