"""Every problem type can be met, its example on the page is what one gets, and there is no other.

That no other leaves the service is asked by `tests.catalogued` of every answer of every test;
here stands that it would be noticed, and that problems are made in one place.
"""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import service
from service.errors import BY_SLUG
from service.openapi.problems import entries
from service.repository.base import Repository
from service.settings import Settings
from tests.api import Answer, Api
from tests.catalogued import PROBLEM, strays
from tests.errors_page import conflicts, rules_listed, sections
from tests.leader import Sealer
from tests.postgres import Server
from tests.provoking import PLANTED, PROVOCATIONS, Behind, Ground
from tests.provoking_rules import RULES, SUCCEEDING
from tests.sessions import Connection

pytestmark = pytest.mark.database

CARRIED = {"import-incomplete"}
"""Told of a line in an answer that is none of a refusal: without `request_id`."""


@pytest.fixture(scope="module")
def database(cluster: Server, template: str) -> Iterator[str]:
    """Have a database with a trigger of its operator's own."""
    name = cluster.clone(template)
    for statement in PLANTED:
        cluster.run(statement, name)
    yield name
    cluster.drop(name)


@pytest.fixture
def behind(cluster: Server, template: str, database: str, settings: Settings) -> Behind:
    """Have what services are made of."""
    return Behind(cluster, template, database, settings)


@pytest.fixture
def ground(
    api: Api,
    behind: Behind,
    owner: Repository,
    repository: Repository,
    superuser: Connection,
    sealer: Sealer,
) -> Ground:
    """Have what provocations use."""
    return Ground(api, behind, owner, repository, superuser, sealer)


def shape(value: Any) -> Any:
    """Give the form of a value: the members of objects, the first element of lists, the types."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value).__name__


@pytest.mark.parametrize("slug", BY_SLUG)
async def test_each_type_is_met_as_its_page_shows_it(ground: Ground, slug: str) -> None:
    """Type, title and status are the same, and so are the members, in theirs too."""
    answer = await PROVOCATIONS[slug](ground)
    shown = dict(entries()[slug].example)
    if slug not in CARRIED:
        shown["request_id"] = answer.headers["Request-Id"]
        told = str(answer.json["retry_after_s"]) if "retry_after_s" in shown else None
        assert told == answer.headers.get("Retry-After")

    assert [f"/docs/errors#{slug}", shown["title"], shown["status"]] == [
        answer.json[name] for name in ("type", "title", "status")
    ]
    assert shown["status"] == answer.status
    assert shape(shown) == shape(answer.json)


LISTED = sorted(rules_listed(sections()["invalid-body"]) | rules_listed(conflicts()))


def rules_of(answer: Answer) -> set[str]:
    """Give the rules that a refusal names."""
    return {error["rule"] for error in answer.json["errors"]}


@pytest.mark.parametrize("rule", LISTED)
async def test_each_rule_of_the_page_is_met(ground: Ground, rule: str) -> None:
    """A refusal over HTTP names it; tests/unit/test_errors.py compares page and code."""
    answer = await RULES[rule](ground)

    of_bodies = rule in rules_listed(sections()["invalid-body"])
    assert (422 if of_bodies else 409) == answer.status
    assert rule in rules_of(answer)


async def test_what_others_need_has_a_successor(ground: Ground) -> None:
    """The rule that two types name is met under the second as well."""
    answer = await SUCCEEDING(ground)

    assert (409, {"successor"}) == (answer.status, rules_of(answer))


def test_nothing_is_provoked_that_is_no_type() -> None:
    """What was taken from the catalogue is taken from the table of provocations as well."""
    assert set(BY_SLUG) == set(PROVOCATIONS)
    assert set(LISTED) == set(RULES)


NAMED = {"type": "/docs/errors#not-found", "title": "Not found", "status": 404, "detail": "x"}


@pytest.mark.parametrize(
    "status, media, body",
    [
        (404, "text/plain", "404: Not Found"),
        (404, "application/json", json.dumps(NAMED | {"request_id": "x"})),
        (404, PROBLEM, json.dumps(NAMED)),
        (409, PROBLEM, json.dumps(NAMED | {"request_id": "x"})),
        (404, PROBLEM, json.dumps(NAMED | {"request_id": "x", "title": "Gone"})),
        (404, PROBLEM, json.dumps(NAMED | {"request_id": "x", "type": "not-found"})),
        (404, PROBLEM, json.dumps(NAMED | {"request_id": "x", "type": "/docs/errors#lost"})),
        (404, PROBLEM, json.dumps({"detail": "x", "request_id": "x"})),
    ],
)
def test_what_is_none_of_the_catalogue_is_noticed(status: int, media: str, body: str) -> None:
    """The check that all tests share sees a foreign type, title, status, form and lack."""
    good = json.dumps(NAMED | {"request_id": "x"}).encode()

    assert [] == strays("/v1/skills", 404, {"content-type": PROBLEM}, good)
    assert [] != strays("/v1/skills", status, {"content-type": media}, body.encode())


def made_outside() -> Iterator[str]:
    """Name what in service/http could answer with a refusal, but for the one place."""
    for module in sorted((Path(service.__file__).parent / "http").glob("*.py")):
        if module.name == "problems.py":
            continue
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and "web.HTTP" in ast.unparse(node):
                yield f"{module.name}: {ast.unparse(node)}"
            if isinstance(node, ast.Constant) and node.value == PROBLEM:
                yield f"{module.name}: {PROBLEM}"
            if not isinstance(node, ast.Call):
                continue
            for keyword in node.keywords:
                if keyword.arg == "status" and _may_refuse(keyword.value):
                    yield f"{module.name}: {ast.unparse(node)}"


def _may_refuse(status: ast.expr) -> bool:
    """Say whether a status that is written out is one of a refusal."""
    return isinstance(status, ast.Constant) and isinstance(status.value, int) and status.value > 399


def test_problems_are_made_in_one_place() -> None:
    """No handler makes a refusal by itself; `/readyz` reports what is not ready."""
    assert ["health.py"] == sorted({one.partition(":")[0] for one in made_outside()})
