"""Matching on real data: job roles of ESCO are found by what their skills are also called.

Half of the sample's job roles with their skills, and the real model. Only names have vectors, so no
alias that is asked with is among the labels; that is harder than leaving out one alias at a time.
"""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio
from msgspec import Struct

from service.database.vectors import as_bytes
from service.embedding.embedder import model_of
from service.embedding.minilm import MiniLM
from service.embedding.queries import Vectors
from service.embedding.trigram import Trigram
from service.model.match import GivenSkill
from service.model.vector import each, wire
from service.repository.base import Repository
from service.sample.packaged import load_sample
from service.usecases.match import match_job_roles
from service.usecases.near_skills import NearSkills
from tests.factories import Tenant, make_tenant
from tests.sessions import Connection
from tests.triggers import asleep

pytestmark = pytest.mark.database

ROLES = 50
PROFILES = 30
NOISE = 0.25
BASE = ["tenant_id", "id", "entity_type", "external_id", "name", "description", "status",
        "created_at", "updated_at", "version_hash", "last_entry_id", "governance_agent_id",
        "document"]  # fmt: skip
LABEL = ["tenant_id", "entity_id", "label_no", "entity_type", "source", "label", "text_sha256",
           "embedder", "embedding_384", "lexical_384"]  # fmt: skip


class World(Struct):
    """The sample in a tenant, its vectors, and what is asked: a job role by phrases."""

    tenant: Tenant
    vectors: Vectors
    profiles: list[tuple[str, list[str]]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(owner: Repository, superuser: Connection) -> AsyncIterator[World]:
    """Plant the sample's skills and job roles, and give the skills vectors of their names."""
    tenant = await make_tenant(owner)
    entities = chosen()
    ids = await planted(superuser, tenant, entities)
    skills = [one for one in entities if one["kind"] == "skill"]
    vectors = Vectors(MiniLM(2))
    names = [one["name"] for one in skills]
    meant, spelled = each(await vectors.vectors(names)), each(Trigram().embed(names))
    await as_bytes(superuser)
    rows = [
        (tenant.id, ids[skill["external_id"]], 0, "skill", "name", skill["name"], bytes(32),
         model_of(vectors.embedder), wire(one), wire(other))
        for skill, one, other in zip(skills, meant, spelled, strict=True)
    ]  # fmt: skip
    await superuser.copy_records_to_table(
        "entity_label", schema_name="app", columns=LABEL, records=rows
    )
    await superuser.execute("ANALYZE")
    yield World(tenant, vectors, profiles(entities))
    await vectors.close()


def chosen() -> list[dict[str, Any]]:
    """Choose job roles of the sample, and what they need."""
    entities = [msgspec.json.decode(line) for line in load_sample().active.splitlines()]
    roles = [one for one in entities if one["kind"] == "job_role"][:ROLES]
    needed = {need["external_id"] for role in roles for need in role["required_skills"]}
    return roles + [one for one in entities if one["external_id"] in needed]


async def planted(
    superuser: Connection, tenant: Tenant, entities: list[dict[str, Any]]
) -> dict[str, UUID]:
    """Write entities and links beneath the triggers, which cost most of the time; gives the ids."""
    fresh = await superuser.fetch("SELECT uuidv7() FROM generate_series(1, $1)", len(entities))
    ids = {one["external_id"]: row[0] for one, row in zip(entities, fresh, strict=True)}
    agent = UUID(tenant.author.context.governance_agent_id)
    now = datetime.now(UTC)
    base = [
        (tenant.id, ids[one["external_id"]], one["kind"], one["external_id"], one["name"],
         "Planted.", "active", now, now, bytes(32), ids[one["external_id"]], agent,
         msgspec.json.encode(one).decode())
        for one in entities
    ]  # fmt: skip
    links = [
        (tenant.id, ids[role["external_id"]], ids[need["external_id"]], need["relation"])
        for role in entities
        for need in role.get("required_skills", ())
    ]
    async with asleep(superuser, "app.base_entity"):
        await superuser.execute("SET LOCAL session_replication_role = replica")
        # The database is this module's own. All labels are compared: no index is needed.
        await superuser.execute("DROP INDEX app.entity_label_embedding_hnsw")
        await superuser.execute("DROP INDEX app.entity_label_lexical_hnsw")
        for table, columns, records in (
            ("base_entity", BASE, base),
            ("job_role_skill", ["tenant_id", "job_role_id", "skill_id", "relation"], links),
        ):
            await superuser.copy_records_to_table(
                table, schema_name="app", columns=columns, records=records
            )
    return ids


def profiles(entities: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Choose, for some job roles, other names of half the essential skills, and strange ones."""
    chance = random.Random(20)
    aliases = {
        one["external_id"]: one["aliases"]
        for one in entities
        if one["kind"] == "skill" and one.get("aliases")
    }
    roles = [one for one in entities if one["kind"] == "job_role"]
    found = []
    for role in chance.sample(roles, len(roles)):
        essential = [
            need["external_id"]
            for need in role["required_skills"]
            if need["relation"] == "essential" and need["external_id"] in aliases
        ]
        if len(essential) < 4:
            continue
        known = chance.sample(essential, len(essential) // 2)
        known += chance.sample(sorted(aliases), max(1, round(NOISE * len(known))))
        phrases = [chance.choice(aliases[one]) for one in known]
        found.append((role["external_id"], list(dict.fromkeys(phrases))))
    return found[:PROFILES]


async def places(world: World, repository: Repository, near: NearSkills) -> list[int | None]:
    """Say where the job role stands among the first ten, for each profile."""
    found = []
    for external_id, phrases in world.profiles:
        given = [GivenSkill(text=phrase) for phrase in phrases]
        fits, _ = await match_job_roles(near, repository, world.tenant.reader.context, given, 10)
        ids = [msgspec.json.decode(fit.document or "")["external_id"] for fit in fits]
        found.append(ids.index(external_id) if external_id in ids else None)
    return found


async def test_a_job_role_is_found_by_synonyms(world: World, repository: Repository) -> None:
    """95 of 100 among the first ten, from half the essential skills and a quarter of noise."""
    near = NearSkills(Trigram(), world.vectors, model_of(world.vectors.embedder))
    found = await places(world, repository, near)

    assert PROFILES == len(found)
    assert sum(place is not None for place in found) >= 0.95 * PROFILES, found
    assert sum(place == 0 for place in found) >= 0.80 * PROFILES, found


async def test_without_a_model_words_find_most(world: World, repository: Repository) -> None:
    """85 of 100 among the first ten: names share few characters with what means the same."""
    words = Trigram()
    found = await places(world, repository, NearSkills(words, None, model_of(words)))

    assert sum(place is not None for place in found) >= 0.85 * PROFILES, found


async def test_a_name_is_its_skill(
    world: World, repository: Repository, superuser: Connection
) -> None:
    """A phrase that is a skill's name is that skill, among all the others."""
    row = await superuser.fetchrow(
        "SELECT name, id FROM app.base_entity WHERE tenant_id = $1 AND entity_type = 'skill'"
        " ORDER BY id LIMIT 1", world.tenant.id,
    )  # fmt: skip
    assert row is not None
    near = NearSkills(Trigram(), world.vectors, model_of(world.vectors.embedder))
    given = [GivenSkill(text=row["name"].upper())]
    _, (taken,) = await match_job_roles(near, repository, world.tenant.reader.context, given, 1)

    assert (UUID(str(row["id"])), 1) == (taken.skills[0].skill_id, taken.skills[0].similarity)
