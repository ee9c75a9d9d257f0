"""Keys of the service: made, listed, revoked; only a hash is ever stored."""

import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from msgspec import Struct

from service.errors import FieldError, InvalidBody
from service.repository.base import Repository
from service.repository.keys import (
    GovernanceAgentAdd,
    GovernanceAgentByName,
    KeyAdd,
    TenantAdd,
    TenantByName,
)

SCOPES: Final = ("read", "write", "certify", "audit", "admin")
PREFIX: Final = "plant_"
SECRET_BYTES: Final = 32


class CreatedKey(Struct, frozen=True, kw_only=True):
    """A key that was just made; the only time that it can be read."""

    key: str
    key_id: UUID
    tenant_id: UUID
    governance_agent_id: UUID
    scopes: list[str]
    expires_at: datetime | None
    created: dict[str, bool]


class Absent(Exception):  # noqa: N818 - what is absent is the tenant or the agent
    """A tenant or governance agent that should be there is not."""


def key_hash(key: str) -> bytes:
    """Reduce a key to what is stored; it is random enough for a plain hash."""
    return sha256(key.encode()).digest()


async def create_key(
    repository: Repository,
    tenant: str,
    agent: str,
    scopes: list[str],
    expires_at: datetime | None = None,
    *,
    existing: bool = False,
) -> CreatedKey:
    """Make a key, and its tenant and governance agent when they are new.

    Raises: Absent when `existing` and one of them is not there.
    """
    _check_scopes(scopes)
    async with repository.pool.transaction() as connection:
        made_tenant = None
        if not existing:
            made_tenant = await repository.maybe(TenantAdd(tenant), connection=connection)
        found = made_tenant or await repository.maybe(TenantByName(tenant), connection=connection)
        if found is None:
            raise Absent(f"There is no tenant {tenant}.")
        made_agent = None
        if not existing:
            made_agent = await repository.maybe(
                GovernanceAgentAdd(found.tenant_id, agent), connection=connection
            )
        owner = made_agent or await repository.maybe(
            GovernanceAgentByName(found.tenant_id, agent), connection=connection
        )
        if owner is None:
            raise Absent(f"Tenant {tenant} has no governance agent {agent}.")
        key = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        stored = await repository.one(
            KeyAdd(found.tenant_id, owner.id, key_hash(key), scopes, expires_at),
            connection=connection,
        )
    return CreatedKey(
        key=key,
        key_id=stored.id,
        tenant_id=found.tenant_id,
        governance_agent_id=owner.id,
        scopes=scopes,
        expires_at=expires_at,
        created={"tenant": made_tenant is not None, "governance_agent": made_agent is not None},
    )


def _check_scopes(scopes: list[str]) -> None:
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise InvalidBody(
            f"Scopes are {', '.join(SCOPES)}.",
            errors=[FieldError("/scopes", "one-of", f"must be among {', '.join(SCOPES)}")],
        )
