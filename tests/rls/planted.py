"""Rows of two tenants, and of two agents' drafts in one of them, in every table."""

import json
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from service.repository.base import Repository
from tests.amending import propose, reviewed
from tests.erasing import erased
from tests.factories import (
    Actor,
    Tenant,
    World,
    active_skill,
    agent_body,
    create,
    industry_body,
    job_role_body,
    make_tenant,
    make_world,
    skill_body,
    step,
    team_body,
    unique,
)
from tests.placed import place_all
from tests.pruning import prune
from tests.sessions import Connection

UNIT: Final = json.dumps([1.0] + [0.0] * 383)
_LABEL: Final = """
INSERT INTO app.entity_label (
    tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder,
    embedding_384, lexical_384, private_to
) VALUES ($1, $2, 1, $3, 'name', $6, sha256(convert_to($6, 'UTF8')), 'test',
    $5::text::public.vector, $5::text::public.vector, $4)
"""
_EMBEDDED: Final = """
INSERT INTO app.label_cursor (tenant_id, embedder, pos) VALUES ($1, 'test', 1)
ON CONFLICT DO NOTHING
"""
_RESTORED: Final = """
INSERT INTO audit.restoration (tenant_id, governance_agent_id, key_id) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
"""
_REMEMBERED: Final = """
INSERT INTO app.idempotency VALUES ($1, $2, 'POST', '/v1/skills', $3, sha256('k'), 201, '{}')
"""
_STAGED: Final = """
INSERT INTO app.import_line (tenant_id, import_id, line, governance_agent_id, body)
VALUES ($1, uuidv7(), 1, $2, '{"name": "hush"}')
"""


class Drafts(Struct, frozen=True):
    """A draft of each kind with everything that hangs on it, by the author of a tenant."""

    tenant: Tenant
    ids: dict[str, UUID]


async def drafts_of(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    world: World | None = None,
    actor: Actor | None = None,
    word: str = "hush",
) -> Drafts:
    """Make a draft of each kind, tagged, with a parent, links and a label, all saying a word."""
    world = world or await make_world(repository, tenant)
    actor = actor or tenant.author
    agent = actor.context.governance_agent_id
    code = "c" if actor == tenant.author else "e"
    ids = {}
    for kind, body in {
        "skill": skill_body(embedding_384=json.loads(UNIT)),
        "industry": industry_body(scheme="s", code=code, level=1),
        "job_role": job_role_body([world.skill], industry_id=world.industry),
        "team": team_body(world.job_role, world.industry),
        "agent": agent_body(world.job_role, world.industry, [world.skill], team_id=world.team),
    }.items():
        secret = {
            "name": unique(word),
            "tags": [word],
            "parent_ids": [getattr(world, kind)],
            "external_id": unique(word),
        }
        made = await create(repository, actor, kind, body | secret)
        ids[kind] = made.id
        await superuser.execute(_LABEL, tenant.id, made.id, kind, agent, UNIT, secret["name"])
    skill = str((await active_skill(repository, tenant)).id)
    await propose(repository, actor, "skill", skill, {"description": word})
    await superuser.execute(_REMEMBERED, tenant.id, agent, unique(word))
    await superuser.execute(_STAGED, tenant.id, agent)
    await superuser.execute(_EMBEDDED, tenant.id)
    await superuser.execute(_RESTORED, tenant.id, agent, actor.context.key_id)
    await place_all(superuser)
    await prune(superuser, tenant.id, 1)
    return Drafts(tenant, ids)


async def forgotten(repository: Repository, tenant: Tenant) -> None:
    """Have an entity whose past was erased. Lines that are staged go with it: do it first."""
    gone = await active_skill(repository, tenant)
    await erased(repository, tenant.author, "skill", gone.id)


async def full_tenant(repository: Repository, owner: Repository, superuser: Connection) -> Tenant:
    """Make a tenant with rows in force, and drafts of its author and of its certifier."""
    tenant = await make_tenant(owner)
    world = await make_world(repository, tenant)
    await superuser.execute(_LABEL, tenant.id, UUID(world.skill), "skill", None, UNIT, "open")
    for kind in ("skill", "agent", "job_role", "team", "industry"):
        # Rows in force with a tag and a parent: made with them, for both are content.
        body = {"tags": ["open"], "parent_ids": [getattr(world, kind)]}
        made = await create(repository, tenant.author, kind, _body(kind, world) | body)
        await _submit(repository, tenant, kind, made.id)
    await reviewed(repository, tenant, "skill", world.skill, {"description": "open"})
    await forgotten(repository, tenant)
    for actor in (tenant.author, tenant.certifier):
        await drafts_of(repository, superuser, tenant, world, actor)
    return tenant


def _body(kind: str, world: World) -> dict[str, Any]:
    bodies = {
        "skill": skill_body(),
        "industry": industry_body(),
        "job_role": job_role_body([world.skill]),
        "team": team_body(world.job_role, world.industry),
        "agent": agent_body(world.job_role, world.industry, [world.skill]),
    }
    return bodies[kind]


async def _submit(repository: Repository, tenant: Tenant, kind: str, identity: UUID) -> None:
    await step(repository, tenant.author, kind, identity, "under_review")
