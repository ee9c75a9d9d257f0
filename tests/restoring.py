"""Tenants to export, and empty ones into which exports are restored."""

import json
import secrets
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from service.repository.base import Context, Repository
from service.usecases.exporting import export
from service.usecases.restoring import Restore
from tests.factories import (
    AGENTS,
    Actor,
    Tenant,
    active_skill,
    amend,
    create,
    industry_body,
    make_actor,
    make_world,
    raise_to,
    skill_body,
    step,
)
from tests.imports import fed

VECTOR = [0.25] + [0.1] * 383


class Empty(Struct, frozen=True):
    """A tenant without entities, and who may restore there."""

    name: str
    admin: Actor

    def as_(self, actor: Actor) -> Context:
        """Read here as a governance agent of another tenant that was restored with it."""
        return msgspec.structs.replace(
            self.admin.context, governance_agent_id=actor.context.governance_agent_id
        )


async def make_empty(owner: Repository) -> Empty:
    """Make a tenant with one key, which may restore."""
    name = f"e-{secrets.token_hex(6)}"
    return Empty(name, (await make_actor(owner, name, "admin", ["read", "admin"]))[1])


def named(tenant: Tenant) -> dict[UUID, str]:
    """Name the governance agents of a tenant for the one into which it is restored."""
    return {
        UUID(actor.context.governance_agent_id): actor.name
        for actor in (tenant.author, tenant.certifier)
    }


async def exported(repository: Repository, context: Context, *, embeddings: bool = True) -> bytes:
    """Export all that is seen."""
    pages = [lines async for _, lines in export(repository, context, embeddings=embeddings)]
    return b"".join(pages)


async def restored(
    repository: Repository, into: Empty, stream: bytes, agents: dict[UUID, str]
) -> int:
    """Restore an export."""
    run = Restore(repository, into.admin.context, agents)
    return await run.run(fed(stream.splitlines()))


def closed(documents: list[bytes]) -> bytes:
    """Put the last line behind documents, which it fits."""
    body = b"".join(line + b"\n" for line in documents)
    last = {"count": len(documents), "digest": f"sha256:{sha256(body).hexdigest()}"}
    return body + json.dumps(last, separators=(",", ":")).encode() + b"\n"


def changed(line: bytes, **fields: Any) -> bytes:
    """Change members of a document, written as PostgreSQL writes."""
    return json.dumps(json.loads(line) | fields, separators=(",", ":"), ensure_ascii=False).encode()


async def make_motley(repository: Repository, tenant: Tenant) -> None:
    """Make entities of all kinds and states, with all that a document can say."""
    await make_world(repository, tenant)
    parents = [str((await active_skill(repository, tenant)).id) for _ in range(2)]
    body = skill_body(
        name='Quoted "é" \\ end',
        external_id="a/b",
        parent_ids=parents,
        aliases=["one", "zwölf"],
        tags=["b", "a"],
        custom_attributes={"z": 1.50, "a": [{"b": None}], "n": 12500.0},
        governance_notes="Notes\nof two lines.",
        embedding_384=VECTOR,
    )
    full = await create(repository, tenant.author, "skill", body)
    await amend(repository, tenant.author, "skill", full.id, {"description": "Again."})
    later = str(full.id)
    # A parent that is younger than its child, and so stands behind it.
    await amend(repository, tenant.author, "skill", parents[0], {"tags": ["late"]})
    child = await create(repository, tenant.author, "skill", skill_body())
    await amend(repository, tenant.author, "skill", child.id, {"parent_ids": parents})
    young = await create(repository, tenant.author, "skill", skill_body())
    await amend(repository, tenant.author, "skill", later, {"parent_ids": [str(young.id)]})
    for state in ("under_review", "certified", "active", "deprecated"):
        made = await create(repository, tenant.author, "skill", skill_body())
        await raise_to(repository, tenant, "skill", made.id, state)
    gone = await create(repository, tenant.author, "skill", skill_body(tags=["x"]))
    await step(repository, tenant.author, "skill", gone.id, "archived")
    levels = industry_body(scheme="S", code="1", level=1, description=None, embedding_384=VECTOR)
    await create(repository, tenant.author, "industry", levels)
    # Of another author: a draft that no export of the first one has.
    await create(repository, tenant.certifier, "skill", skill_body())


async def come_back(owner: Repository, into: Empty) -> Tenant:
    """Give the governance agents that were restored keys of their own."""
    made = {
        name: await make_actor(owner, into.name, name, scopes) for name, scopes in AGENTS.items()
    }
    actors = {name: actor for name, (_, actor) in made.items()}
    return Tenant(into.name, made["author"][0], **actors)
