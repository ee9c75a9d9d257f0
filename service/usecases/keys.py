"""Keys of the service: made and replaced; only a hash is ever stored."""

import re
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import Struct

from service.errors import FieldError, InvalidBody
from service.repository.base import Repository
from service.repository.keys import (
    GovernanceAgentAdd,
    GovernanceAgentByName,
    KeyAdd,
    KeyRotate,
    TenantAdd,
    TenantByName,
)

SCOPES: Final = ("read", "write", "certify", "audit", "admin")
PREFIX: Final = "plant_"
SECRET_BYTES: Final = 32

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""Of tenants and governance agents, as the tables have it too."""


class CreatedKey(Struct, frozen=True, kw_only=True):
    """A key that was just made; the only time that it can be read."""

    key: str
    key_id: UUID
    tenant_id: UUID
    governance_agent_id: UUID
    scopes: list[str]
    expires_at: datetime | None
    created: dict[str, bool]


class AdmittedTokens(Struct, frozen=True, kw_only=True):
    """A governance agent that tokens of an issuer stand for from now on."""

    issuer: str
    key_id: UUID
    tenant_id: UUID
    governance_agent_id: UUID
    scopes: list[str]
    expires_at: datetime | None
    created: dict[str, bool]


class _Row(NamedTuple):
    """What is stored of a key, or of an issuer's tokens."""

    scopes: list[str]
    digest: bytes
    ends: datetime | None
    issuer: str | None = None


class _Added(NamedTuple):
    """A row that was stored, and what had to be made for it."""

    key_id: UUID
    tenant_id: UUID
    governance_agent_id: UUID
    created: dict[str, bool]


class RotatedKey(Struct, frozen=True, kw_only=True):
    """A key that was made in another one's place; the only time that it can be read."""

    key: str
    key_id: UUID
    tenant_id: UUID
    governance_agent_id: UUID
    scopes: list[str]
    expires_at: datetime | None
    replaced_key_id: UUID
    replaced_until: datetime


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

    Raises: Absent when `existing` and one of them is not there, InvalidBody.
    """
    key = _new_key()
    row = _Row(scopes, key_hash(key), expires_at)
    made = await _added(repository, tenant, agent, row, existing=existing)
    return CreatedKey(
        key=key,
        key_id=made.key_id,
        tenant_id=made.tenant_id,
        governance_agent_id=made.governance_agent_id,
        scopes=scopes,
        expires_at=expires_at,
        created=made.created,
    )


async def admit_tokens(
    repository: Repository,
    issuer: str,
    tenant: str,
    agent: str,
    scopes: list[str],
    expires_at: datetime | None = None,
    *,
    existing: bool = False,
) -> AdmittedTokens:
    """Let tokens of an issuer stand for a governance agent; nobody has a key to the row.

    Raises: Absent when `existing` and one of them is not there, InvalidBody.
    """
    row = _Row(scopes, key_hash(_new_key()), expires_at, issuer)
    made = await _added(repository, tenant, agent, row, existing=existing)
    return AdmittedTokens(
        issuer=issuer,
        key_id=made.key_id,
        tenant_id=made.tenant_id,
        governance_agent_id=made.governance_agent_id,
        scopes=scopes,
        expires_at=expires_at,
        created=made.created,
    )


async def _added(
    repository: Repository, tenant: str, agent: str, row: _Row, *, existing: bool
) -> _Added:
    _check_scopes(row.scopes)
    _check_name("tenant", tenant)
    _check_name("agent", agent)
    async with repository.pool.transaction() as connection:
        made_tenant = None
        if not existing:
            made_tenant = await repository.maybe(TenantAdd(tenant), connection=connection)
        found = made_tenant or await repository.maybe(TenantByName(tenant), connection=connection)
        if found is None:
            raise Absent(f"There is no tenant {tenant!r}.")
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
        stored = await repository.one(
            KeyAdd(found.tenant_id, owner.id, row.digest, row.scopes, row.ends, row.issuer),
            connection=connection,
        )
    return _Added(
        stored.id,
        found.tenant_id,
        owner.id,
        {"tenant": made_tenant is not None, "governance_agent": made_agent is not None},
    )


async def rotate_key(
    repository: Repository, key_id: UUID, expires_at: datetime | None, overlap: timedelta
) -> RotatedKey:
    """Make a key in the place of one that works, which still works for the overlap.

    Raises: Absent when there is no such key or it works no more.
    """
    key = _new_key()
    made = await repository.maybe(
        KeyRotate(key_id, key_hash(key), expires_at, overlap), writes=True
    )
    if made is None:
        raise Absent(f"There is no key {key_id} that works.")
    return RotatedKey(
        key=key,
        key_id=made.key_id,
        tenant_id=made.tenant_id,
        governance_agent_id=made.governance_agent_id,
        scopes=made.scopes,
        expires_at=expires_at,
        replaced_key_id=key_id,
        replaced_until=made.replaced_until,
    )


def _new_key() -> str:
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def _check_name(what: str, name: str) -> None:
    if not NAME.fullmatch(name):
        text = (
            f"The name of the {what} begins with a letter or digit and holds up to 63 of "
            "A-Z a-z 0-9 . _ -"
        )
        raise InvalidBody(text, errors=[FieldError(f"/{what}", "pattern", text)])


def _check_scopes(scopes: list[str]) -> None:
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise InvalidBody(
            f"Scopes are {', '.join(SCOPES)}.",
            errors=[FieldError("/scopes", "one-of", f"must be among {', '.join(SCOPES)}")],
        )
