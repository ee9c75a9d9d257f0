"""The statements of matching, row by row, against a second reckoning from the same facts.

Of a small world in which much is alike: every order has its ties. What is asked for is drawn.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import cycle
from math import log
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec import Struct

from service.database.vectors import as_bytes
from service.model.vector import unit, wire
from service.repository.base import Repository
from service.repository.match import (
    MatchAgents,
    MatchJobRoles,
    MatchSkills,
    MatchSkillsExact,
    MatchSkillsNear,
)
from tests.factories import Actor, Tenant, make_actor, make_tenant, unique
from tests.labels import ADD, singles
from tests.sessions import Connection
from tests.triggers import asleep

pytestmark = pytest.mark.database

Row = dict[str, Any]

ASKED = 60
IN_FORCE = ("certified", "active", "deprecated")
STATES = (*IN_FORCE, "draft", "under_review", "archived")
SOURCES = ("name", "alias", "description", "caller")
CALLED = ("name", "alias", "caller")
MODELS = ("m/1", "m/2", "caller")
LIKENESSES = (0.53, 0.77, 0.91, 1.0)

BASE = """
INSERT INTO app.base_entity (
    tenant_id, id, entity_type, name, description, status, governance_agent_id, created_at,
    updated_at, archived_at, version_hash, last_entry_id, document
) VALUES (
    $1, $2, $3, $4, 'What it is.', $5, $6, now(), now(), CASE $5 WHEN 'archived' THEN now() END,
    sha256(''), uuidv7(), $2::uuid::text
)
"""
NEEDS = """
INSERT INTO app.job_role_skill (tenant_id, job_role_id, skill_id, relation, private_to)
VALUES ($1, $2, $3, $4, $5)
"""
HAS = """
INSERT INTO app.agent_skill (tenant_id, agent_id, skill_id, private_to) VALUES ($1, $2, $3, $4)
"""


class World(Struct):
    """What there is, of one tenant; whoever asks sees all but drafts, or its own drafts too."""

    tenant: Tenant
    other: Actor
    entities: dict[str, dict[UUID, Row]]
    needs: list[tuple[UUID, UUID, str]]
    has: list[tuple[UUID, UUID]]
    labels: list[Row]
    vectors: list[bytes]

    def seen(self, kind: str, actor: Actor) -> dict[UUID, Row]:
        """Give entities that an actor sees."""
        agent = actor.context.governance_agent_id
        return {
            identity: row
            for identity, row in self.entities[kind].items()
            if row["private_to"] in {None, agent}
        }

    def in_force(self, kind: str) -> set[UUID]:
        """Give the ids of what others rely on."""
        return {one for one, row in self.entities[kind].items() if row["status"] in IN_FORCE}

    def weighed(self) -> dict[UUID, float]:
        """Give the weight of each skill that a job role in force needs."""
        roles = self.in_force("job_role")
        needing = Counter(skill for role, skill, _ in self.needs if role in roles)
        return {one: log((1 + len(roles)) / (1 + count)) + 1 for one, count in needing.items()}

    def needed(self, role: UUID, actor: Actor) -> dict[UUID, float]:
        """Give what a job role needs, with what it weighs."""
        if role not in self.seen("job_role", actor):
            return {}
        weights = self.weighed()
        # What no role in force needs weighs most.
        most = log(1 + len(self.in_force("job_role"))) + 1
        return {
            skill: weights.get(skill, most) * (1.0 if relation == "essential" else 0.3)
            for one, skill, relation in self.needs
            if one == role
        }


def drawn(tenant: Tenant, other: Actor, seed: int) -> World:
    """Draw what there is."""
    chance = random.Random(seed)

    def some(kind: str, count: int) -> dict[UUID, Row]:
        made = {}
        for _, status, author in zip(
            range(count), cycle(STATES), cycle([tenant.author] * 8 + [other]), strict=False
        ):
            agent = author.context.governance_agent_id
            made[UUID(int=chance.getrandbits(128), version=4)] = {
                "status": status, "agent": agent, "name": unique(kind),
                "private_to": agent if status == "draft" else None,
            }  # fmt: skip
        return made

    counts = {"skill": 30, "job_role": 18, "agent": 24, "industry": 6}
    entities = {kind: some(kind, count) for kind, count in counts.items()}
    skills = list(entities["skill"])
    # Three in turn need the same.
    wanted = [
        [(skill, chance.choice(["essential", "optional"])) for skill in chance.sample(skills, many)]
        for many in (1, 2, 3, 4, 5, 6)
    ]
    needs = [
        (role, *one) for nth, role in enumerate(entities["job_role"]) for one in wanted[nth // 3]
    ]
    has = [
        (agent, skill)
        for agent in entities["agent"]
        for skill in chance.sample(skills, chance.randint(0, 8))
    ]
    # Few directions, so that what is alike is so to the last bit.
    axes = [[float(place == number) for place in range(384)] for number in range(4)]
    vectors = [wire(unit(one)) for one in axes]
    vectors += [
        wire(unit([0.6 * a + 0.8 * b for a, b in zip(axes[0], axes[nth], strict=True)]))
        for nth in (1, 2, 3)
    ]
    labels = [
        {
            "id": identity, "kind": kind, "no": no, "source": chance.choice(SOURCES),
            "label": chance.choice("abcd"), "embedder": chance.choice(MODELS),
            "vector": chance.choice(vectors), "lexical": chance.choice(vectors),
            "private_to": row["private_to"],
        }
        for kind in ("skill", "industry")
        for identity, row in entities[kind].items()
        for no in chance.sample(range(9), chance.randint(0, 6))
    ]  # fmt: skip
    brought: set[UUID] = set()
    for one in labels:
        # A caller brings one vector.
        if one["source"] == "caller" and one["id"] in brought:
            one["source"] = "alias"
        elif one["source"] == "caller":
            brought.add(one["id"])
    return World(tenant, other, entities, needs, has, labels, vectors)


async def planted(superuser: Connection, world: World) -> None:
    """Write it beneath the rules."""
    tenant = world.tenant.id
    private = {
        identity: row["private_to"] for rows in world.entities.values()
        for identity, row in rows.items()
    }  # fmt: skip
    bases = [
        (tenant, identity, kind, row["name"], row["status"], row["agent"])
        for kind, rows in world.entities.items()
        for identity, row in rows.items()
    ]
    labels = [
        (tenant, one["id"], one["no"], one["kind"], one["source"], one["label"], bytes(32),
         one["embedder"], singles(one["vector"][4:]), singles(one["lexical"][4:]),
         one["private_to"])
        for one in world.labels
    ]  # fmt: skip
    async with asleep(superuser, "app.base_entity"):
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.executemany(BASE, bases)
        await superuser.executemany(NEEDS, [(tenant, *one, private[one[0]]) for one in world.needs])
        await superuser.executemany(HAS, [(tenant, *one, private[one[0]]) for one in world.has])
        await superuser.executemany(ADD, labels)


async def stocked(owner: Repository, superuser: Connection) -> World:
    """Have the world of a tenant, and that of another one."""
    await as_bytes(superuser)
    worlds = []
    for seed in (1, 2):
        tenant = await make_tenant(owner)
        _, other = await make_actor(owner, tenant.name, "other", ["read", "write"])
        worlds.append(drawn(tenant, other, seed))
        await planted(superuser, worlds[-1])
    await superuser.execute("ANALYZE")
    return worlds[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(owner: Repository, superuser: Connection) -> World:
    """Have a tenant, and another one like it."""
    return await stocked(owner, superuser)


@pytest.fixture(params=["author", "reader"])
def actor(world: World, request: pytest.FixtureRequest) -> Actor:
    """Ask as one who has drafts, and as one who has none."""
    found: Actor = getattr(world.tenant, request.param)
    return found


def cosine(one: bytes, other: bytes | None) -> float | None:
    """Compare two vectors."""
    if other is None:
        return None
    return sum(a * b for a, b in zip(singles(one[4:]), singles(other[4:]), strict=True))


def rounded(rows: Sequence[Any], digits: int = 6) -> list[Any]:
    """Give rows with their numbers as far as they are told apart."""
    return [tuple(_round(value, digits) for value in row) for row in rows]


def _round(value: Any, digits: int) -> Any:
    if isinstance(value, list):
        return [_round(one, digits) for one in value]
    return round(value, digits) if isinstance(value, float) else value


class Probe(Struct):
    """What a skill is to be near to."""

    vector: bytes | None
    lexical: bytes
    text: str | None
    least: float

    def likeness(self, label: Row, models: Sequence[str], words: float) -> float:
        """Say how near a label is."""
        if self.text is not None and label["label"] == self.text.lower():
            return 1.0
        return self.compared(label, models, words)

    def compared(self, label: Row, models: Sequence[str], words: float) -> float:
        """Say how near the vectors of a label are."""
        parts = [words * (cosine(label["lexical"], self.lexical) or 0.0)]
        meant = cosine(label["vector"], self.vector)
        if meant is not None and label["embedder"] in models:
            parts.append(meant)
        return min(0.999, max(parts))


def probes(world: World, chance: random.Random) -> list[Probe]:
    """Draw some."""
    return [
        Probe(
            chance.choice([*world.vectors, None]), chance.choice(world.vectors),
            chance.choice([None, "A", "b", "x"]), chance.choice([0.1, 0.55, 0.999]),
        )
        for _ in range(chance.randint(1, 4))
    ]  # fmt: skip


def candidates(world: World) -> list[Row]:
    """Give the labels by which skills in force are called."""
    skills = world.in_force("skill")
    return [one for one in world.labels if one["id"] in skills and one["source"] in CALLED]


Near = tuple[float, str]


def ranked(found: list[tuple[UUID, float, str]], count: int) -> list[tuple[UUID, float, str]]:
    """Give the nearest skills, each by its nearest label."""
    best: dict[UUID, Near] = {}
    for skill, similarity, label in sorted(found, key=lambda one: (-round(one[1], 6), one[2])):
        best.setdefault(skill, (similarity, label))
    order = sorted(best, key=lambda skill: (-round(best[skill][0], 6), skill))
    return [(skill, *best[skill]) for skill in order[:count]]


async def test_of_skills_the_vectors_of_their_names_are_given(
    repository: Repository, world: World, actor: Actor
) -> None:
    """The caller's before the name's; by id, whatever the state, of skills alone."""
    chance = random.Random(3)
    asked = [*world.entities["skill"], *world.entities["industry"], UUID(int=5)]
    for count in (len(asked), 4):
        ids = chance.sample(asked, count)
        seen = world.seen("skill", actor)
        expected = []
        for identity in sorted(seen.keys() & set(ids)):
            named = sorted(
                (one["source"], one["no"], one["embedder"], one["vector"], one["lexical"])
                for one in world.labels
                if one["id"] == identity and one["source"] in {"name", "caller"}
            )
            vectors = named[0][2:] if named else (None, None, None)
            expected.append((identity, seen[identity]["status"] in IN_FORCE, *vectors))
        rows = await repository.many(MatchSkills([str(one) for one in ids]), actor.context)

        assert expected == [
            (row.id, row.in_force, row.embedder, row.embedding_384, row.lexical_384) for row in rows
        ]


async def test_all_skills_in_force_are_compared_with_each_probe(
    repository: Repository, world: World, actor: Actor
) -> None:
    """The nearest of each, by its nearest label; equal ones by label and by id."""
    chance = random.Random(3)
    told = 0
    for _ in range(ASKED):
        asked = probes(world, chance)
        models = chance.sample(MODELS, chance.randint(1, 2))
        words, count = chance.choice([0.5, 0.95]), chance.choice([1, 3, 50])
        expected = [
            (nth, *row)
            for nth, probe in enumerate(asked, 1)
            for row in ranked(
                [
                    (one["id"], probe.likeness(one, models, words), one["label"])
                    for one in candidates(world)
                    if probe.compared(one, models, words) >= probe.least
                ],
                count,
            )
        ]
        query = MatchSkillsExact(
            [probe.vector for probe in asked], [probe.lexical for probe in asked],
            [probe.text for probe in asked], [probe.least for probe in asked], models,
            words, count,
        )  # fmt: skip
        rows = await repository.many(query, actor.context)
        told += len(expected)

        assert rounded(expected) == rounded(
            [(row.nth, row.skill_id, row.similarity, row.label) for row in rows]
        )
    assert told > 5 * ASKED


async def test_the_indexes_lead_to_the_same_skills(
    repository: Repository, world: World, actor: Actor
) -> None:
    """However near they are; where all labels are asked for, each row counts all of them."""
    chance = random.Random(3)
    for _ in range(ASKED):
        asked = probes(world, chance)
        models = chance.sample(MODELS, chance.randint(1, 2))
        words, count = chance.choice([0.5, 0.95]), chance.choice([1, 3, 50])
        labels = candidates(world)
        of_models = [one for one in labels if one["embedder"] in models]
        expected = []
        for nth, probe in enumerate(asked, 1):
            led = len(labels) + (len(of_models) if probe.vector else 0)
            found = [
                (one["id"], probe.likeness(one, models, words), one["label"]) for one in labels
            ]
            expected += [(nth, *row, led) for row in ranked(found, count)]
        query = MatchSkillsNear(
            [probe.vector for probe in asked], [probe.lexical for probe in asked],
            [probe.text for probe in asked], models, words, count, 1000,
        )  # fmt: skip
        rows = await repository.many(query, actor.context)

        assert rounded(expected) == rounded(
            [(row.nth, row.skill_id, row.similarity, row.label, row.led) for row in rows]
        )


async def test_agents_come_by_how_much_they_cover(
    repository: Repository, app: Connection, world: World, actor: Actor
) -> None:
    """With what covers each need, the likest first, then by id."""
    # No list has its order from that of another.
    await app.execute("SET enable_presorted_aggregate = off")
    chance = random.Random(3)
    agents = world.in_force("agent")
    told = 0
    for role in [*world.entities["job_role"]] * 4:
        skills = list(world.entities["skill"])
        pairs = [
            (chance.choice(skills), chance.choice(skills), chance.choice(LIKENESSES))
            for _ in range(chance.randint(20, 150))
        ]
        count = chance.choice([1, 3, 50])
        need = world.needed(role, actor)
        covering: dict[UUID, dict[UUID, tuple[float, UUID]]] = defaultdict(dict)
        for needed, held, similarity in sorted(pairs, key=lambda one: (-one[2], one[1])):
            for agent, skill in world.has:
                if skill == held and agent in agents and needed in need:
                    covering[agent].setdefault(needed, (similarity, held))
        scores = {
            agent: round(
                sum(need[skill] * likeness**4 for skill, (likeness, _) in own.items())
                / sum(need.values()),
                6,
            )
            for agent, own in covering.items()
        }
        order = sorted(need, key=lambda skill: (-round(need[skill], 9), skill))
        expected = [
            (
                agent, str(agent), scores[agent], order,
                [covering[agent].get(skill, (None, None))[1] for skill in order],
                [covering[agent].get(skill, (None, None))[0] for skill in order],
            )
            for agent in sorted(scores, key=lambda one: (-scores[one], one))[:count]
        ]  # fmt: skip
        needed_ids, held_ids, likenesses = zip(*pairs, strict=True)
        query = MatchAgents(str(role), needed_ids, held_ids, likenesses, count)
        rows = await repository.many(query, actor.context, connection=app)
        told += len(expected)

        assert rounded(expected) == rounded(
            [
                (row.id, row.document, row.score, row.needed, row.by_ids, row.similarities)
                for row in rows
            ]
        )
    assert told > ASKED


async def test_job_roles_come_by_how_well_what_was_given_fits(
    repository: Repository, world: World, actor: Actor
) -> None:
    """Both shares count: what is met of the need, and what is used of what was given."""
    chance = random.Random(3)
    told = 0
    for _ in range(ASKED):
        skills = list(world.entities["skill"])
        given = [
            (place, skill, chance.choice(LIKENESSES))
            for place in range(chance.randint(1, 5))
            for skill in chance.sample(skills, chance.randint(1, 4))
        ]
        covered = {skill: chance.choice(LIKENESSES) for skill in chance.sample(skills, 15)}
        count = chance.choice([1, 3, 50])
        expected = _fitting(world, actor, given, covered)[:count]
        places, ids, likenesses = zip(*given, strict=True)
        query = MatchJobRoles(places, ids, likenesses, list(covered), list(covered.values()), count)
        rows = await repository.many(query, actor.context)
        told += len(expected)

        assert rounded(expected) == rounded(
            [
                (row.id, row.document, row.score,
                 sorted(zip(row.needed, rounded([row.weights])[0], strict=True)))
                for row in rows
            ]
        )  # fmt: skip
    assert told > ASKED


def _fitting(
    world: World, actor: Actor, given: list[tuple[int, UUID, float]], covered: dict[UUID, float]
) -> list[Any]:
    weights = world.weighed()
    needs = {role: world.needed(role, actor) for role in world.in_force("job_role")}
    tops: dict[int, float] = {}
    used: dict[UUID, dict[int, float]] = defaultdict(dict)
    for place, skill, similarity in given:
        if skill not in weights:
            continue
        value = similarity**4 * weights[skill]
        tops[place] = max(tops.get(place, 0.0), value)
        for role, need in needs.items():
            if skill in need:
                used[role][place] = max(used[role].get(place, 0.0), value)
    found = []
    for role, places in used.items():
        need = needs[role]
        met = sum(weight * covered.get(skill, 0.0) ** 4 for skill, weight in need.items())
        met /= sum(need.values())
        share = sum(places.values()) / sum(tops.values())
        score = round(5 * met * share / (4 * met + share), 6) if met and share else 0.0
        weighed = sorted(zip(need, rounded([need.values()])[0], strict=True))
        found.append((role, str(role), score, weighed))
    return sorted(found, key=lambda one: (-one[2], one[0]))
