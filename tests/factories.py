"""The only way tests make rows: tenants as the owner, entities through the write path."""

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from msgspec import Struct

from service.repository.base import Context, Repository
from service.repository.entities import AMEND, CREATE, EntityById, EntityStep, Written
from service.usecases.keys import create_key

AGENTS = {
    "author": ["read", "write", "audit", "admin"],
    "certifier": ["read", "write", "certify"],
    "reader": ["read"],
}


class Actor(Struct, frozen=True):
    """A governance agent with its key."""

    name: str
    key: str
    context: Context


ActorWith = Callable[..., Awaitable[Actor]]
"""Makes a key of these scopes: the fixture `actor_with`."""


class Tenant(Struct, frozen=True):
    """A tenant with three governance agents."""

    name: str
    id: UUID
    author: Actor
    certifier: Actor
    reader: Actor


async def make_actor(
    owner: Repository, tenant: str, name: str, scopes: list[str]
) -> tuple[UUID, Actor]:
    """Make a governance agent with a key of these scopes; returns the tenant's id too."""
    made = await create_key(owner, tenant, name, scopes)
    context = Context(
        tenant_id=str(made.tenant_id),
        governance_agent_id=str(made.governance_agent_id),
        key_id=str(made.key_id),
        request_id="test",
    )
    return made.tenant_id, Actor(name, made.key, context)


async def make_tenant(owner: Repository) -> Tenant:
    """Make a tenant of its own for one test."""
    name = f"t-{secrets.token_hex(6)}"
    made = {agent: await make_actor(owner, name, agent, scopes) for agent, scopes in AGENTS.items()}
    actors = {agent: actor for agent, (_, actor) in made.items()}
    return Tenant(name, made["author"][0], **actors)


def unique(prefix: str) -> str:
    """Make a name that nothing else has."""
    return f"{prefix} {secrets.token_hex(5)}"


def skill_body(**fields: Any) -> dict[str, Any]:
    """Make the body of a skill with sane defaults."""
    return {
        "name": unique("skill"),
        "description": "What it is.",
        "category": "technical",
        **fields,
    }


def industry_body(**fields: Any) -> dict[str, Any]:
    """Make the body of an industry with sane defaults."""
    return {"name": unique("industry"), "description": "What it is.", **fields}


def job_role_body(skills: list[str], **fields: Any) -> dict[str, Any]:
    """Make the body of a job role that needs these skills."""
    return {
        "name": unique("job role"),
        "description": "What it does.",
        "seniority_level": "mid",
        "required_skills": [{"id": str(one), "relation": "essential"} for one in skills],
        **fields,
    }


def team_body(job_role: str, industry: str, **fields: Any) -> dict[str, Any]:
    """Make the body of a team."""
    return {
        "name": unique("team"),
        "description": "Who they are.",
        "job_role_id": str(job_role),
        "industry_id": str(industry),
        **fields,
    }


def agent_body(job_role: str, industry: str, skills: list[str], **fields: Any) -> dict[str, Any]:
    """Make the body of an agent."""
    return {
        "name": unique("agent"),
        "description": "What it does.",
        "job_role_id": str(job_role),
        "industry_id": str(industry),
        "skill_ids": [str(one) for one in skills],
        **fields,
    }


async def create(repository: Repository, actor: Actor, kind: str, body: dict[str, Any]) -> Written:
    """Create an entity through the write path, as the service does."""
    return await repository.one(CREATE[kind](json.dumps(body)), actor.context, writes=True)


async def amend(
    repository: Repository, actor: Actor, kind: str, identity: UUID | str, patch: dict[str, Any]
) -> Written:
    """Change an entity whatever its version."""
    query = AMEND[kind](str(identity), None, json.dumps(patch))
    return await repository.one(query, actor.context, writes=True)


async def step(
    repository: Repository,
    actor: Actor,
    kind: str,
    identity: UUID | str,
    to: str,
    *,
    reason: str = "for the test",
    successor: UUID | str | None = None,
) -> Written:
    """Take one life-cycle step."""
    named = str(successor) if successor else None
    query = EntityStep(kind, str(identity), None, to, reason, named)
    return await repository.one(query, actor.context, writes=True)


async def raise_to(
    repository: Repository, tenant: Tenant, kind: str, identity: UUID | str, status: str
) -> Written:
    """Take a draft of the author's as far as a state in force, by two identities."""
    written = await step(repository, tenant.author, kind, identity, "under_review")
    if status != "under_review":
        written = await step(repository, tenant.certifier, kind, identity, "certified")
    if status in {"active", "deprecated"}:
        written = await step(repository, tenant.author, kind, identity, "active")
    if status == "deprecated":
        written = await step(repository, tenant.author, kind, identity, "deprecated")
    return written


async def active_skill(repository: Repository, tenant: Tenant, **fields: Any) -> Written:
    """Make a skill that is active."""
    made = await create(repository, tenant.author, "skill", skill_body(**fields))
    return await raise_to(repository, tenant, "skill", made.id, "active")


class World(Struct, frozen=True):
    """One active entity of each kind, each resting on the others."""

    skill: str
    industry: str
    job_role: str
    team: str
    agent: str


async def make_world(repository: Repository, tenant: Tenant) -> World:
    """Make one active entity of each kind: an agent in a team, both of one job role."""
    skill = str((await active_skill(repository, tenant)).id)
    made = await create(repository, tenant.author, "industry", industry_body())
    industry = str(made.id)
    await raise_to(repository, tenant, "industry", industry, "active")
    made = await create(repository, tenant.author, "job_role", job_role_body([skill]))
    job_role = str(made.id)
    await raise_to(repository, tenant, "job_role", job_role, "active")
    made = await create(repository, tenant.author, "team", team_body(job_role, industry))
    team = str(made.id)
    body = agent_body(job_role, industry, [skill], team_id=team)
    agent = str((await create(repository, tenant.author, "agent", body)).id)
    await raise_to(repository, tenant, "agent", agent, "active")
    await raise_to(repository, tenant, "team", team, "active")
    return World(skill, industry, job_role, team, agent)


async def document(
    repository: Repository, actor: Actor, kind: str, identity: UUID | str
) -> dict[str, Any] | None:
    """Read an entity as this actor, None when it is not visible."""
    found = await repository.maybe(EntityById(kind, str(identity)), actor.context)
    return json.loads(found.document) if found else None
