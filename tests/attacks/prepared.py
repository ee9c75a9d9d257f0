"""A small real log, made once: two tenants, every kind, sealed thrice; and what clients kept."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from service.proof.entry import leaf_bytes
from service.proof.receipt import Receipt
from service.proof.tiles import prove_inclusion
from service.repository.base import Repository
from tests.amending import amended, propose, take
from tests.attacks.site import Site, site_on
from tests.attacks.witness import cosign, keep
from tests.erasing import erased
from tests.factories import (
    Tenant,
    World,
    active_skill,
    agent_body,
    amend,
    create,
    industry_body,
    job_role_body,
    make_tenant,
    make_world,
    skill_body,
    step,
    team_body,
)
from tests.postgres import Server
from tests.pruning import prune
from tests.sessions import acting

MANY: Final = 130
"""Skills of each tenant: more entries than a tile has hashes."""

PRUNED: Final = 139
"""Position of the first tenant up to which documents are gone: skills have one version there."""

SKILLS: Final = "SELECT count(*) FROM app.skill_create($1::uuid[], $2::jsonb[], 'draft')"
PLACED: Final = """
SELECT position.*, payload.salt, payload.body, convert_from(audit.entry_bytes(
    entry.tenant_id, entry.entity_type, entry.entity_id, entry.version, entry.operation,
    entry.actor, entry.key, entry.at, entry.payload_hash, entry.prev_hash), 'UTF8') AS entry
FROM audit.position
INNER JOIN audit.entry USING (tenant_id, audit_id)
INNER JOIN audit.payload USING (tenant_id, audit_id)
WHERE entry.entity_id = $1 AND entry.version = $2
"""


class Prepared(Struct, frozen=True):
    """The log: `database` as it is, `earlier` as it was when `held` and `receipt` were kept.

    Shapes: `victim` is a skill of `other` with five versions, the last of them sealed
    after `held`; `receipt` is JSON of its second; `latest` is the last checkpoint of three, whose
    sizes are `sizes`.
    """

    database: str
    earlier: str
    data_dir: Path
    earlier_dir: Path
    tenant: Tenant
    other: Tenant
    world: World
    victim: str
    held: str
    latest: str
    receipt: bytes
    sizes: tuple[int, int, int]


class Begun(Struct, frozen=True):
    """The log as it was when a client kept something of it."""

    tenant: Tenant
    other: Tenant
    world: World
    victim: str
    held: str
    receipt: bytes
    sizes: tuple[int, int]


def prepare(cluster: Server, template: str, directory: Path) -> Prepared:
    """Make it."""
    database, data_dir = cluster.clone(template), directory / "data"
    begun = asyncio.run(_begin(cluster, database, data_dir))
    earlier, earlier_dir = cluster.clone(database), directory / "earlier"
    shutil.copytree(data_dir, earlier_dir)
    third, latest = asyncio.run(_go_on(cluster, database, data_dir, begun))
    return Prepared(
        database=database,
        earlier=earlier,
        data_dir=data_dir,
        earlier_dir=earlier_dir,
        tenant=begun.tenant,
        other=begun.other,
        world=begun.world,
        victim=begun.victim,
        held=begun.held,
        latest=latest,
        receipt=begun.receipt,
        sizes=(*begun.sizes, third),
    )


async def _begin(cluster: Server, database: str, data_dir: Path) -> Begun:
    async with site_on(cluster, database, data_dir) as site:
        owner, app = await site.repository("owner"), await site.repository("app")
        tenant, other = [await make_tenant(owner) for _ in range(2)]
        await _skills(site, tenant)
        await _skills(site, other)
        first = await site.seal()
        world = await make_world(app, tenant)
        victim = str((await active_skill(app, other, tags=["one", "two"])).id)
        await amended(app, tenant, "skill", world.skill, {"description": "Amended."})
        await _varied(app, tenant, world)
        await _erased_and_pruned(site, tenant)
        second = await site.seal()
        await keep(await site.connect("worker"), second, cosign(await site.note() or ""))
        return Begun(
            tenant=tenant,
            other=other,
            world=world,
            victim=victim,
            held=await site.note() or "",
            receipt=await receipt_of(site, victim, 2),
            sizes=(first, second),
        )


async def _go_on(cluster: Server, database: str, data_dir: Path, begun: Begun) -> tuple[int, str]:
    tenant, other = begun.tenant, begun.other
    async with site_on(cluster, database, data_dir) as site:
        app = await site.repository("app")
        await step(app, other.author, "skill", begun.victim, "deprecated")
        await propose(
            app, tenant.author, "industry", begun.world.industry, {"description": "Open."}
        )
        made = await create(app, tenant.author, "skill", skill_body())
        await amend(app, tenant.author, "skill", made.id, {"governance_notes": "Seen."})
        return await site.seal(), await site.note() or ""


async def _varied(app: Repository, tenant: Tenant, world: World) -> None:
    """Write what a document can have: each is rendered once more by a verification."""
    author = tenant.author
    odd = {
        "aliases": ["b", "a", "Ä", "\U0001f33f", 'a "quote" \\ and </tag>'],
        "tags": ["b", "B", "ä", "a-1", "a1", "\uff21", "\U0001f33f"],
        "custom_attributes": {"z": 1.10, "a": [1e3, -0.0, None, True, {"é": "\u2028"}], "": ""},
        "governance_notes": "Line\nand\ttab.",
        "external_id": "src:1",
    }
    vector = [((7 * at) % 19 - 9) / 7 for at in range(384)]
    parent = str((await create(app, author, "skill", skill_body())).id)
    body = skill_body(parent_ids=[world.skill, parent], embedding_384=vector, **odd)
    child = await create(app, author, "skill", body)
    await amend(app, author, "skill", child.id, {"embedding_384": [1e-5, *vector[1:]]})
    await step(app, author, "skill", child.id, "archived")
    place = {"scheme": "isic", "code": "01.1", "level": 3}
    body = industry_body(embedding_384=vector, description=None, **place)
    industry = str((await create(app, author, "industry", body)).id)
    body = job_role_body([world.skill], industry_id=industry, tags=["x"])
    body["required_skills"].append({"id": parent, "relation": "optional"})
    job_role = str((await create(app, author, "job_role", body)).id)
    team = str((await create(app, author, "team", team_body(job_role, industry, **odd))).id)
    skills = [parent, world.skill]
    await create(app, author, "agent", agent_body(job_role, industry, skills, team_id=team))
    await propose(app, author, "job_role", world.job_role, {"seniority_level": None})
    await take(app, author, "job_role", world.job_role, "withdrawn")


async def _erased_and_pruned(site: Site, tenant: Tenant) -> None:
    """Erase an archived skill and one in force, and prune what the tenant wrote first."""
    app = await site.repository("app")
    for status in ("archived", "active"):
        made = await active_skill(app, tenant)
        await amended(app, tenant, "skill", made.id, {"description": "Amended."})
        if status == "archived":
            await step(app, tenant.author, "skill", made.id, status)
        await erased(app, tenant.author, "skill", made.id)
    await site.seal()
    await prune(await site.connect("owner"), tenant.id, PRUNED)


async def _skills(site: Site, tenant: Tenant) -> None:
    app = await site.repository("app")
    bodies = [json.dumps(skill_body(tags=["a", "b"])) for _ in range(MANY)]
    async with app.pool.connection() as connection, acting(connection, tenant.author):
        ids = await connection.fetchval(
            "SELECT array_agg(uuidv7()) FROM generate_series(1, $1::int)", MANY
        )
        await connection.execute(SKILLS, ids, bodies)


async def receipt_of(site: Site, entity: str, version: int) -> bytes:
    """Make the receipt of a version, as the service does."""
    row = await site.superuser.fetchrow(PLACED, entity, version)
    assert row
    rows = await site.superuser.fetch("SELECT level, index, nodes FROM audit.tile")
    tiles = {(one["level"], one["index"]): one["nodes"] for one in rows}
    size, index = site.state.size, row["log_index"]
    entry_hash = await site.superuser.fetchval(
        "SELECT entry_hash FROM audit.entry WHERE audit_id = $1", row["audit_id"]
    )
    leaf = leaf_bytes(str(row["tenant_id"]), row["pos"], entry_hash, row["tenant_prev"])
    return msgspec.json.encode(
        Receipt(
            audit_id=str(row["audit_id"]),
            entry=row["entry"],
            salt=row["salt"].hex(),
            document=row["body"],
            log_index=index,
            position=row["pos"],
            leaf=leaf.decode(),
            proof=[one.hex() for one in prove_inclusion(index, size, tiles)],
            checkpoint=await site.note() or "",
        )
    )
