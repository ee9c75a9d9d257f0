"""Tenants, governance agents, keys and shared secrets: the structs of sql/key and sql/health."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from service.repository.base import Many, Maybe, One


class Identity(Struct, frozen=True):
    """Whose key this is, and what it may do."""

    tenant_id: UUID
    tenant_name: str
    governance_agent_id: UUID
    governance_agent_name: str
    key_id: UUID
    scopes: list[str]
    expires_at: datetime | None
    last_used_at: datetime | None


class IdentityOf(Identity, frozen=True):
    """Whose key has this hash."""

    key_hash: bytes


class TenantId(Struct, frozen=True):
    """The id of a tenant."""

    tenant_id: UUID


class Tenant(Struct, frozen=True):
    """A tenant and how many of its keys work."""

    tenant_id: UUID
    name: str
    created_at: datetime
    keys: int


class AgentId(Struct, frozen=True):
    """The id of a governance agent."""

    id: UUID


class GovernanceAgentName(Struct, frozen=True):
    """A governance agent and its name."""

    id: UUID
    name: str


class NewKey(Struct, frozen=True):
    """The id of a key that was stored."""

    id: UUID
    created_at: datetime


class Key(Struct, frozen=True):
    """A key as listings show it: never the key itself."""

    key_id: UUID
    tenant: str
    governance_agent: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    issuer: str | None


class Revoked(Struct, frozen=True):
    """When a key was revoked."""

    key_id: UUID
    revoked_at: datetime


class Rotated(Struct, frozen=True):
    """A key that was stored in another one's place, and how long that one still works."""

    key_id: UUID
    tenant_id: UUID
    governance_agent_id: UUID
    scopes: list[str]
    replaced_until: datetime


class Secret(Struct, frozen=True):
    """What instances share."""

    value: bytes


class Ping(Struct, frozen=True):
    """Whether the server is a standby."""

    standby: bool


class KeyAuthenticate(Maybe[Identity], frozen=True):
    """Find the identity behind the sha256 of a key, and note that it was used."""

    effect = "note"
    key_hash: bytes


class KeysAuthenticate(Many[IdentityOf], frozen=True):
    """Find the identities behind the sha256 of keys, and note that they were used."""

    effect = "note"
    key_hashes: list[bytes]


class TokenAuthenticate(Maybe[Identity], frozen=True):
    """Find the identity that a token stands for, and note that it was used."""

    effect = "note"
    issuer: str
    tenant: str
    governance_agent: str
    scopes: list[str]


class GovernanceAgentsById(Many[GovernanceAgentName], frozen=True):
    """Find the names of governance agents of the caller's tenant."""

    ids: list[str]


class TenantAdd(Maybe[TenantId], frozen=True):
    """Make a tenant unless it is there."""

    name: str


class TenantByName(Maybe[TenantId], frozen=True):
    """Find a tenant."""

    name: str


class TenantsList(Many[Tenant], frozen=True):
    """List tenants."""


class GovernanceAgentAdd(Maybe[AgentId], frozen=True):
    """Make a governance agent unless it is there."""

    tenant_id: UUID
    name: str


class GovernanceAgentByName(Maybe[AgentId], frozen=True):
    """Find a governance agent."""

    tenant_id: UUID
    name: str


class KeyAdd(One[NewKey], frozen=True):
    """Store the sha256 of a new key."""

    tenant_id: UUID
    governance_agent_id: UUID
    key_hash: bytes
    scopes: list[str]
    expires_at: datetime | None
    issuer: str | None = None


class KeysList(Many[Key], frozen=True):
    """List keys of a tenant or of all."""

    tenant: str | None


class KeyRevoke(Maybe[Revoked], frozen=True):
    """Revoke a key."""

    key_id: UUID


class KeyRotate(Maybe[Rotated], frozen=True):
    """Store the sha256 of a key in the place of one that works."""

    key_id: UUID
    key_hash: bytes
    expires_at: datetime | None
    overlap: timedelta


class SecretByName(Maybe[Secret], frozen=True):
    """Read a shared secret."""

    name: str


class HealthPing(One[Ping], frozen=True):
    """Ask whether the server answers."""
