"""How each rule that `errors` may name is broken, over HTTP and against a real database."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tests import provoking
from tests.api import PATHS, Answer
from tests.factories import create, skill_body, step
from tests.provoking import NEVER, Ground

BLANK = "\u2003"
"""An em space, which PostgreSQL's own check of a hand-typed row lets through."""


async def skill(on: Ground, **fields: Any) -> Answer:
    """Create a skill with fields that are wrong."""
    return await on.api.create("skill", **fields)


async def of(kind: str, on: Ground, **fields: Any) -> Answer:
    """Create an entity of another kind with fields that are wrong."""
    return await on.api.create(kind, **fields)


async def nothing(on: Ground) -> Answer:
    """Leave out everything."""
    return await on.api.post(PATHS["skill"], {})


async def member_twice(on: Ground) -> Answer:
    """Give a name twice."""
    raw = b'{"name":"a","name":"b","description":"c","category":"technical"}'
    return await on.api.send("POST", PATHS["skill"], raw=raw)


async def batch(operation: dict[str, Any] | None, on: Ground) -> Answer:
    """Send a batch of one operation, or of none."""
    return await on.api.post("/v1/batch", {"operations": [operation] if operation else []})


async def another_path(on: Ground) -> Answer:
    """Put under one external id what has another."""
    path = f"{PATHS['skill']}/by-external-id/a"
    body = skill_body(external_id="b")
    return await on.api.send("PUT", path, body, headers={"If-None-Match": "*"})


async def needless_successor(on: Ground) -> Answer:
    """Name a successor for what is not deprecated."""
    made = await on.api.made("skill")
    return await on.api.step(on.at(made), "archived", "*", successor_id=NEVER)


async def lacking_successor(on: Ground) -> Answer:
    """Deprecate what others need, and name no other instead."""
    return await on.api.step(on.at((await on.api.world())["skill"]), "deprecated", "*")


async def certified(kind: str, on: Ground, **fields: Any) -> Answer:
    """Try to certify an entity that does not meet the rules."""
    made = await on.api.made(kind, "under_review", **fields)
    return await on.certifier.step(on.at(made), "certified", "*")


async def typed(kind: str, on: Ground) -> Answer:
    """Try to certify what somebody typed by hand, past the service."""
    body = {"name": BLANK, "description": "x"} | (
        {"category": "technical"} if kind == "skill" else {}
    )
    made = await create(on.repository, on.tenant.author, kind, body)
    await step(on.repository, on.tenant.author, kind, made.id, "under_review")
    return await on.certifier.step(f"{PATHS[kind]}/{made.id}", "certified", "*")


async def archived_parent(on: Ground) -> Answer:
    """Try to certify what is below something archived."""
    parent = await on.api.made("skill")
    made = await on.api.made("skill", "under_review", parent_ids=[parent["id"]])
    await on.api.step(on.at(parent), "archived", "*")
    return await on.certifier.step(on.at(made), "certified", "*")


Broken = Callable[[Ground], Awaitable[Answer]]
AMEND = {"op": "amend", "kind": "skill", "id": NEVER, "if_match": "x", "patch": {}}
NAMELESS = {"op": "create", "kind": "skill", "ref": "a b", "body": skill_body()}


def deep(levels: int) -> dict[str, Any]:
    """Make an object of so many levels."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


RULES: dict[str, Broken] = {
    "required": nothing,
    "unknown-field": partial(skill, colour="red"),
    "member-twice": member_twice,
    "type": partial(skill, name=1),
    "one-of": partial(skill, category="craft"),
    "exactly-one": partial(of, "job_role", required_skills=[{}]),
    "all-or-none": partial(of, "industry", scheme="S", code="1", level=None),
    "uuid": partial(of, "team", job_role_id="x", industry_id=NEVER),
    "blank": partial(skill, name=" "),
    "trimmed": partial(skill, name=" x"),
    "min-length": partial(batch, None),
    "max-length": partial(skill, name="n" * 256),
    "control-character": partial(skill, name="a\x00"),
    "etag": partial(batch, AMEND),
    "ref": partial(batch, NAMELESS),
    "path": another_path,
    "surrogate": partial(skill, name="\ud800"),
    "duplicate": partial(skill, tags=["a", "a"]),
    "number-range": partial(of, "industry", scheme="S", code="1", level=100),
    "size": partial(skill, custom_attributes={"a": "x" * 33_000}),
    "depth": partial(skill, custom_attributes=deep(17)),
    "zero-vector": partial(skill, embedding_384=[0] * 384),
    "shape": partial(skill, name="planted 23514 base_entity_name_shape"),
    "name-taken": provoking.name_taken,
    "external-id-taken": provoking.external_id_taken,
    "code-taken": provoking.code_taken,
    "exists": provoking.reference_not_found,
    "acyclic": provoking.parent_cycle,
    "immutable": provoking.immutable_field,
    "successor": needless_successor,
    "L1-SKILL-1": partial(typed, "skill"),
    "L1-IND-1": partial(typed, "industry"),
    "L1-REF-1": archived_parent,
    "L1-ROLE-1": partial(certified, "job_role", required_skills=[]),
    "L1-ROLE-2": partial(certified, "job_role"),
    "L1-ROLE-3": partial(certified, "job_role", seniority_level=None),
    **{f"L1-TEAM-{number}": partial(certified, "team") for number in (1, 2, 3)},
    **{f"L1-AGENT-{number}": partial(certified, "agent") for number in (1, 2, 3)},
}
"""By what `rule` says. Of `successor`, which two types name, the second stands below."""

SUCCEEDING: Broken = lacking_successor
