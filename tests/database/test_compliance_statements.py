"""Each check of sql/compliance against what it should tell, row by row.

What the rules would refuse is planted beneath them. Each kind has one that breaks a check in
more ways than are told, ones that break it in each way once, and one that is as it should be; what
is expected is reckoned from the same facts, apart from SQL.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from itertools import cycle, pairwise
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.repository.base import Repository
from service.repository.compliance import CHECKS, statement_of
from tests.database.test_compliance_plans import HISTORY
from tests.factories import Tenant, active_skill, make_tenant, unique
from tests.sessions import Connection, acting
from tests.triggers import asleep

pytestmark = pytest.mark.database

Row = dict[str, Any]
Violation = tuple[str, UUID | None]

MANY = 104
"""More of one sort than the hundred that are told."""
BLANK = "\u2003"
IN_FORCE = ("certified", "active", "deprecated")
OUT_OF_FORCE = ("under_review", "draft", "archived")
STATES = (*IN_FORCE, *OUT_OF_FORCE)
OF_LOG = {"L0-02", "L0-03", "L0-04", "L0-05"}

OPEN = """
SET LOCAL session_replication_role = replica;
ALTER TABLE app.base_entity DROP CONSTRAINT IF EXISTS base_entity_description_present;
ALTER TABLE app.industry_entity DROP CONSTRAINT IF EXISTS industry_entity_code_key;
ALTER TABLE app.industry_entity DROP CONSTRAINT IF EXISTS industry_entity_classified_whole;
"""


class Facts:
    """Rows to plant, by table; ids are in no order, and what a draft says is its author's."""

    def __init__(self, tenant: Tenant, seed: int) -> None:
        self.tenant = tenant
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.subjects: list[UUID] = []
        self._author = UUID(tenant.author.context.governance_agent_id)
        self._chance = random.Random(seed)

    def entity(self, kind: str, status: str = "active", **own: Any) -> UUID:
        """Have an entity with its row of its kind."""
        identity = self.bare(kind, status)
        self._row(f"{kind}_entity", status, id=identity, **own)
        return identity

    def bare(self, kind: str, status: str = "active", **own: Any) -> UUID:
        """Have an entity without a row of its kind."""
        identity = UUID(int=self._chance.getrandbits(128), version=4)
        row = {
            "tenant_id": self.tenant.id,
            "id": identity,
            "entity_type": kind,
            "name": unique(kind),
            "description": "What it is.",
            "status": status,
            "governance_agent_id": self._author,
        }
        self.rows["base_entity"].append(row | own)
        return identity

    def asked(self, identity: UUID) -> UUID:
        """Ask the checks of this one."""
        self.subjects.append(identity)
        return identity

    def _row(self, table: str, status: str, **own: Any) -> None:
        private = {"private_to": self._author} if status == "draft" else {}
        self.rows[table].append({"tenant_id": self.tenant.id, **own, **private})

    def linked(self, table: str, **own: Any) -> None:
        """Have a link."""
        self._row(table, "active", **own)

    def child(self, kind: str, one: UUID, parent: UUID) -> None:
        """Have a parent of an entity."""
        self.linked("entity_parent", entity_id=one, parent_id=parent, entity_type=kind)

    def skills(self, role: UUID, relation: str, skills: list[UUID]) -> None:
        """Have skills of a job role."""
        for skill in skills:
            self.linked("job_role_skill", job_role_id=role, skill_id=skill, relation=relation)

    def each(self, kind: str, states: tuple[str, ...], count: int, **own: Any) -> list[UUID]:
        """Have entities in these states in turn."""
        turns = cycle(states)
        return [self.entity(kind, next(turns), **own) for _ in range(count)]


def stocked(facts: Facts) -> Facts:
    """Have every violation."""
    skill = {"category": "technical"}
    good = facts.each("skill", IN_FORCE, 6, **skill)
    bad = facts.each("skill", OUT_OF_FORCE, MANY, **skill)
    gone = facts.each("skill", ("archived",), MANY, **skill)
    industries = {status: facts.entity("industry", status) for status in STATES}
    roles = _roles(facts, industries, (good, bad, gone))
    _skills(facts)
    _industries(facts)
    teams = _teams(facts, industries, roles)
    _agents(facts, industries, roles, teams, (good, bad))
    return facts


def _skills(facts: Facts) -> None:
    facts.asked(facts.bare("skill", name=BLANK))
    facts.asked(facts.bare("skill", description=BLANK))
    facts.asked(facts.bare("skill", description=None))
    facts.asked(facts.bare("skill", governance_agent_id=UUID(int=1)))
    # A cycle of three, one that leads into it, and archived parents.
    one, two, three, outside = (
        facts.asked(facts.entity("skill", category="technical")) for _ in range(4)
    )
    for child, parent in ((one, two), (two, three), (three, one), (outside, one)):
        facts.child("skill", child, parent)
    for parent in facts.each("skill", STATES, 2 * len(STATES), category="technical"):
        facts.child("skill", outside, parent)
    _line(facts, [facts.entity("skill", category="technical") for _ in range(3)])


def _line(facts: Facts, line: list[UUID]) -> None:
    """Have a child, its parent and that one's parent, where nothing is wrong."""
    kind = facts.rows["base_entity"][-1]["entity_type"]
    for child, parent in pairwise(line):
        facts.child(kind, child, parent)
    for one in line:
        facts.asked(one)


def _industries(facts: Facts) -> None:
    facts.asked(facts.bare("industry", name=BLANK))
    crowd = {"scheme": "X", "code": "1", "level": 1}
    facts.asked(facts.each("industry", ("active",), MANY, **crowd)[0])
    one, two = (
        facts.asked(facts.entity("industry", scheme="Y", code="1", level=level))
        for level in (1, None)
    )
    facts.child("industry", one, two)
    facts.child("industry", two, one)
    outside = facts.asked(facts.entity("industry"))
    facts.child("industry", outside, one)
    _line(facts, [facts.entity("industry") for _ in range(3)])
    for own in ({"scheme": "Z"}, {"code": "1"}, {"scheme": "Y", "code": "2", "level": 1}):
        facts.asked(facts.entity("industry", **own))
    facts.asked(facts.entity("industry", scheme="Z", code="1", level=1))


def _roles(
    facts: Facts, industries: dict[str, UUID], skills: tuple[list[UUID], list[UUID], list[UUID]]
) -> dict[str, UUID]:
    good, bad, gone = skills
    mid = {"seniority_level": "mid"}
    crowd = facts.entity("job_role", industry_id=industries["archived"])
    facts.skills(crowd, "essential", bad)
    facts.skills(crowd, "optional", gone)
    some = facts.entity("job_role", industry_id=industries["archived"], **mid)
    facts.skills(some, "essential", [good[0], *bad[:3]])
    facts.skills(some, "optional", [good[1], *bad[3:6]])
    for parent in facts.each("job_role", STATES, len(STATES), **mid):
        facts.child("job_role", some, parent)
    clean = facts.entity("job_role", industry_id=industries["active"], **mid)
    facts.skills(clean, "essential", good[:3])
    unskilled = facts.entity("job_role", "under_review", **mid)
    facts.skills(unskilled, "optional", good)
    rowless = facts.bare("job_role", "archived")
    facts.skills(rowless, "essential", good)
    draft = facts.entity("job_role", "draft", **mid)
    for one in (crowd, some, clean, unskilled, rowless):
        facts.asked(one)
    return {
        "crowd": crowd, "some": some, "clean": clean, "unskilled": unskilled,
        "rowless": rowless, "draft": draft,
    }  # fmt: skip


def _teams(facts: Facts, industries: dict[str, UUID], roles: dict[str, UUID]) -> dict[str, UUID]:
    def team(role: str, industry: str, status: str = "active") -> UUID:
        own = {"job_role_id": roles[role], "industry_id": industries[industry]}
        return facts.asked(facts.entity("team", status, **own))

    crowd = team("clean", "active")
    others = cycle((("some", "active"), ("clean", "certified"), ("some", "certified")))
    for role, industry in (next(others) for _ in range(MANY)):
        _member(facts, crowd, roles[role], industries[industry])
    some = team("some", "certified")
    for status in STATES:
        _member(facts, some, roles["some"], industries["certified"], status)
        _member(facts, some, roles["clean"], industries["certified"], status)
        _member(facts, some, roles["some"], industries["active"], status)
    empty = team("crowd", "deprecated")
    for status in ("draft", "archived"):
        _member(facts, empty, roles["crowd"], industries["deprecated"], status)
    clean = team("clean", "active")
    _member(facts, clean, roles["clean"], industries["active"])
    for role, industry in (
        ("unskilled", "archived"), ("rowless", "under_review"), ("draft", "draft"),
    ):  # fmt: skip
        team(role, industry)
    archived = team("clean", "active", "archived")
    return {"clean": clean, "archived": archived}


def _member(facts: Facts, team: UUID, role: UUID, industry: UUID, status: str = "active") -> UUID:
    own = {"job_role_id": role, "industry_id": industry, "team_id": team}
    return facts.entity("agent", status, **own)


def _agents(
    facts: Facts,
    industries: dict[str, UUID],
    roles: dict[str, UUID],
    teams: dict[str, UUID],
    skills: tuple[list[UUID], list[UUID]],
) -> None:
    good, bad = skills
    for role, industry, team, known in (
        ("crowd", "active", "archived", [*good, *bad[::2]]),
        ("crowd", "archived", "clean", bad),
        ("some", "deprecated", "clean", [good[0], *bad[1:5]]),
        ("clean", "active", "clean", good),
        ("unskilled", "certified", "clean", []),
        ("rowless", "under_review", "clean", good[:2]),
        ("draft", "draft", "archived", good),
    ):
        agent = _member(facts, teams[team], roles[role], industries[industry])
        facts.asked(agent)
        for skill in known:
            facts.linked("agent_skill", agent_id=agent, skill_id=skill)


class Reckoned:
    """What each check should tell of an entity, from the facts alone."""

    def __init__(self, facts: Facts) -> None:
        self._rows = facts.rows
        self._base = {row["id"]: row for row in facts.rows["base_entity"]}

    def of(self, check: str, identity: UUID) -> list[Violation]:
        """Give what a check tells, in order, the first hundred."""
        name = statement_of(check)
        found = getattr(self, f"_{name}")(identity)
        if name == "l1_ind_2":
            found = sorted(found, key=lambda one: (one[0], one[1] or UUID(int=2**128 - 1)))
        else:
            # Nobody's at the end.
            found = sorted(found, key=lambda one: one[1] or UUID(int=2**128 - 1))
        return found[:100]

    def kind(self, identity: UUID) -> str:
        """Name the kind of an entity."""
        return str(self._base[identity]["entity_type"])

    def _where(self, table: str, **like: Any) -> list[Row]:
        return [
            row
            for row in self._rows[table]
            if all(row.get(name) == value for name, value in like.items())
        ]

    def _own(self, identity: UUID) -> Row:
        return next(iter(self._where(f"{self.kind(identity)}_entity", id=identity)), {})

    def _forceless(self, what: str, identity: UUID) -> list[Violation]:
        status = self._base[identity]["status"]
        return [(f"{what} is {status}.", identity)] if status not in IN_FORCE else []

    def _l0_01(self, identity: UUID) -> Iterator[Violation]:
        agent = self._base[identity]["governance_agent_id"]
        if agent == UUID(int=1):
            yield ("Its governance agent is not registered.", agent)

    def _l1_skill_1(self, identity: UUID) -> Iterator[Violation]:
        one = self._base[identity]
        if not (one["name"].strip() and (one["description"] or "").strip()):
            yield ("Name and description must not be blank.", None)

    def _l1_skill_2(self, identity: UUID) -> Iterator[Violation]:
        if "category" not in self._own(identity):
            yield ("The category must be set.", None)

    def _l1_ind_1(self, identity: UUID) -> Iterator[Violation]:
        if not self._base[identity]["name"].strip():
            yield ("The name must not be blank.", None)

    def _l1_ind_2(self, identity: UUID) -> Iterator[Violation]:
        yield from self._l1_parent_1(identity)
        own = self._own(identity)
        codes = ("scheme", "code", "level")
        if own and sum(own.get(name) is None for name in codes) not in {0, 3}:
            yield ("Scheme, code and level are given together or not at all.", None)
        if own.get("scheme") and own.get("code"):
            like = {"scheme": own["scheme"], "code": own["code"]}
            for other in self._where("industry_entity", **like):
                if other["id"] != identity:
                    yield ("Another industry has its scheme and code.", other["id"])

    def _l1_parent_1(self, identity: UUID) -> Iterator[Violation]:
        above: set[UUID] = set()
        todo = [identity]
        while todo:
            rows = self._where("entity_parent", entity_id=todo.pop())
            new = {row["parent_id"] for row in rows} - above
            above |= new
            todo += new
        if identity in above:
            yield ("It is among its own ancestors.", identity)

    def _l1_ref_1(self, identity: UUID) -> Iterator[Violation]:
        own = self._own(identity)
        parents = self._where("entity_parent", entity_id=identity)
        told = [("parent", row["parent_id"]) for row in parents]
        told += [
            ("optional skill", row["skill_id"])
            for row in self._where("job_role_skill", job_role_id=identity, relation="optional")
        ]
        told += [("team", own["team_id"])] if "team_id" in own else []
        if self.kind(identity) == "job_role" and "industry_id" in own:
            told.append(("industry", own["industry_id"]))
        for relation, target in told:
            if self._base[target]["status"] == "archived":
                yield (f"Its {relation} is archived.", target)

    def _essential(self, role: UUID) -> list[UUID]:
        rows = self._where("job_role_skill", job_role_id=role, relation="essential")
        return [row["skill_id"] for row in rows]

    def _l1_role_1(self, identity: UUID) -> Iterator[Violation]:
        if not self._essential(identity):
            yield ("A job role needs at least one essential skill.", None)

    def _l1_role_2(self, identity: UUID) -> Iterator[Violation]:
        for skill in self._essential(identity):
            yield from self._forceless("The essential skill", skill)

    def _l1_role_3(self, identity: UUID) -> Iterator[Violation]:
        if "seniority_level" not in self._own(identity):
            yield ("The seniority level must be set.", None)

    def _l1_team_1(self, identity: UUID) -> Iterator[Violation]:
        yield from self._forceless("Its job role", self._own(identity)["job_role_id"])

    def _l1_team_2(self, identity: UUID) -> Iterator[Violation]:
        yield from self._forceless("Its industry", self._own(identity)["industry_id"])

    def _l1_team_3(self, identity: UUID) -> Iterator[Violation]:
        own = self._own(identity)
        members = [
            row
            for row in self._where("agent_entity", team_id=identity)
            if self._base[row["id"]]["status"] not in {"draft", "archived"}
        ]
        if not members:
            yield ("A team needs at least one member.", None)
        for member in members:
            if any(member[name] != own[name] for name in ("job_role_id", "industry_id")):
                yield ("The member has another job role or industry.", member["id"])

    def _l1_agent_1(self, identity: UUID) -> Iterator[Violation]:
        yield from self._l1_team_1(identity)

    def _l1_agent_2(self, identity: UUID) -> Iterator[Violation]:
        yield from self._l1_team_2(identity)

    def _l1_agent_3(self, identity: UUID) -> Iterator[Violation]:
        known = {row["skill_id"] for row in self._where("agent_skill", agent_id=identity)}
        for skill in known:
            yield from self._forceless("The skill", skill)
        for skill in self._essential(self._own(identity)["job_role_id"]):
            if skill not in known:
                yield ("The essential skill of its job role is missing.", skill)


INSERT = "INSERT INTO app.{table} ({columns}) VALUES ({places})"
OF_BASE = """
INSERT INTO app.base_entity (
    tenant_id, id, entity_type, name, description, status, governance_agent_id,
    created_at, updated_at, archived_at, version_hash, last_entry_id, document
)
VALUES (
    $1, $2, $3, $4, $5, $6, $7,
    now(), now(), CASE $6 WHEN 'archived' THEN now() END, sha256('x'), uuidv7(), '{}'
)
"""


async def planted(superuser: Connection, facts: Facts) -> None:
    """Write what the facts say."""
    for table, rows in facts.rows.items():
        for row in rows:
            columns = list(row)
            places = ", ".join(f"${nth}" for nth in range(1, len(columns) + 1))
            text = INSERT.format(table=table, columns=", ".join(columns), places=places)
            await superuser.execute(OF_BASE if table == "base_entity" else text, *row.values())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def facts(owner: Repository, superuser: Connection) -> Facts:
    """Have every violation, and as many of another tenant."""
    found = [stocked(Facts(await make_tenant(owner), seed)) for seed in (1, 2)]
    async with asleep(superuser, "app.base_entity"):
        await superuser.execute(OPEN)
        for one in found:
            await planted(superuser, one)
    return found[0]


@pytest.mark.parametrize("who", ["reader", "author"])
@pytest.mark.parametrize("check", sorted({one for of in CHECKS.values() for one in of} - OF_LOG))
async def test_it_tells_these_violations_and_no_others(
    repository: Repository, catalog: Catalog, facts: Facts, check: str, who: str
) -> None:
    """In order, a hundred at most, of the entity that is asked; drafts alike to whom they are."""
    reckoned = Reckoned(facts)
    wrong = {}
    told = 0
    statement = catalog[statement_of(check)]
    async with repository.pool.connection() as app, acting(app, getattr(facts.tenant, who)):
        # No index gives an order that nobody asked for.
        await app.execute("SET LOCAL enable_seqscan = on")
        for way in ("indexscan", "indexonlyscan", "bitmapscan"):
            await app.execute(f"SET LOCAL enable_{way} = off")
        for identity in facts.subjects:
            if check not in CHECKS[reckoned.kind(identity)]:
                continue
            rows = await app.fetch(statement.text, identity)
            given = [(row["message"], row["entity_id"]) for row in rows]
            expected = reckoned.of(check, identity)
            told += len(expected)
            if expected != given:
                wrong[identity] = (expected, given)

    assert {} == wrong
    assert told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def forged(
    repository: Repository, owner: Repository, superuser: Connection
) -> tuple[Tenant, str]:
    """Have a skill whose author certified everything since, by a key that nobody has."""
    tenant = await make_tenant(owner)
    skill = str((await active_skill(repository, tenant)).id)
    author = tenant.author.context.governance_agent_id
    words = {"author": author, "certifier": author}
    keys = dict.fromkeys(("author_key", "certifier_key"), str(UUID(int=1)))
    await superuser.execute(HISTORY.format(id=skill, count=4 + 3 * MANY, **words, **keys))
    return tenant, skill


@pytest.mark.parametrize("check", ["L0-02", "L0-04", "L0-05"])
async def test_of_a_long_history_a_hundred_violations_are_told_in_order(
    repository: Repository, catalog: Catalog, forged: tuple[Tenant, str], check: str
) -> None:
    """The oldest versions first; where only words tell them apart, in the order of these."""
    tenant, skill = forged
    versions = range(5, 5 + 3 * MANY)
    expected = {
        "L0-02": [
            f"Version {one} ({'amend' if one % 2 else 'certify'}) is by a key without scope"
            f" {'write' if one % 2 else 'certify'}."
            for one in versions
        ],
        # Each is linked to the one before, and neither it nor its body is what was hashed.
        "L0-04": [
            f"Version {one} {fault}"
            for one in versions
            for fault in ("does not hash to its entry.", "has another body than was hashed.")
        ],
        "L0-05": sorted(f"Version {one} was certified by who wrote it." for one in versions[1::2]),
    }
    async with repository.pool.connection() as app, acting(app, tenant.author):
        rows = await app.fetch(catalog[statement_of(check)].text, skill)

    assert expected[check][:100] == [row["message"] for row in rows]
    assert {None} == {row["entity_id"] for row in rows}
