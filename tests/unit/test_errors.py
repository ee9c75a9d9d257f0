"""Every problem is complete, safe to show, and explained in docs/errors.md."""

import ast
import re
from pathlib import Path

import msgspec
import pytest

import service
from service.constraints import BY_CONSTRAINT
from service.errors import (
    BY_SLUG,
    SHOWN_MAX,
    Conflict,
    FieldError,
    InvalidBody,
    NameTaken,
    NotFound,
    Problem,
    Unavailable,
    shown,
)
from tests.errors_page import PAGE, conflicts, rules_listed, sections

CONTRACT = {
    400: {
        "malformed-json",
        "malformed-request",
        "unknown-parameter",
        "invalid-parameter",
        "invalid-cursor",
    },
    401: {"unauthenticated"},
    403: {"scope-missing", "own-work"},
    404: {"not-found", "unknown-path"},
    405: {"method-not-allowed"},
    406: {"not-acceptable"},
    409: {
        "name-taken",
        "external-id-taken",
        "code-taken",
        "similar-exists",
        "reference-not-found",
        "step-not-allowed",
        "certified-is-immutable",
        "amendment-open",
        "amendment-outdated",
        "immutable-field",
        "not-in-force",
        "rule-violated",
        "in-use",
        "import-incomplete",
        "parent-cycle",
        "idempotency-in-progress",
        "not-sealed",
        "conflict",
    },
    410: {"cursor-expired", "erased", "pruned"},
    412: {"precondition-failed"},
    413: {"body-too-large"},
    415: {"unsupported-media-type"},
    422: {"invalid-body", "idempotency-key-reused"},
    428: {"precondition-required"},
    429: {"rate-limited"},
    500: {"defect"},
    503: {"unavailable"},
    504: {"outcome-unknown"},
}


def test_slugs_and_statuses_are_those_of_the_contract() -> None:
    """Each slug has its status, and there is none beyond the contract."""
    found: dict[int, set[str]] = {}
    for slug, problem in BY_SLUG.items():
        found.setdefault(problem.status, set()).add(slug)

    assert found == CONTRACT


@pytest.mark.parametrize("problem", BY_SLUG.values(), ids=BY_SLUG)
def test_a_problem_explains_itself_without_arguments(problem: type[Problem]) -> None:
    """The default detail is one sentence or two for a client, the title a few words."""
    raised = problem()

    assert raised.detail.endswith(".")
    assert "\n" not in raised.detail
    assert 4 < len(problem.title) <= 40


@pytest.mark.parametrize("slug", BY_SLUG)
def test_the_page_gives_cause_example_and_way_out(slug: str) -> None:
    """docs/errors.md has one section per slug with its status, an example and a way out."""
    section = sections()[slug]

    assert f"{BY_SLUG[slug].status} {BY_SLUG[slug].title}" in section
    assert "Way out:" in section
    assert f"/docs/errors#{slug}" in section


def test_the_page_has_no_section_without_a_problem() -> None:
    """What docs/errors.md explains exists."""
    assert set(sections()) == set(BY_SLUG)


def test_examples_on_the_page_are_what_the_classes_say() -> None:
    """The JSON of every example has the title and the status of its type."""
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    examples = [msgspec.json.decode(block, type=dict[str, object]) for block in blocks]

    assert len(examples) == len(BY_SLUG)
    for example in examples:
        problem = BY_SLUG[str(example["type"]).removeprefix("/docs/errors#")]
        assert (problem.title, problem.status) == (example["title"], example["status"])
        assert problem.retry_after_s == example.get("retry_after_s")


def rules_in(source: str) -> set[str]:
    """Give the rule of every FieldError and Fault that a module makes from literals."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = {"FieldError": 1, "Fault": 0}.get(node.func.id)
            if place is not None:
                constants = [n for n in ast.walk(node.args[place]) if isinstance(n, ast.Constant)]
                found |= {str(constant.value) for constant in constants}
    return found


def rules_of_constraints(*, conflicts: bool) -> set[str]:
    """Give the rules that broken constraints are answered with."""
    return {
        violation.rule or violation.problem.slug
        for violation in BY_CONSTRAINT.values()
        if issubclass(violation.problem, Conflict) is conflicts and violation.pointer is not None
    }


def rules_in_sql() -> set[str]:
    """Give the rules that our own functions name when they raise."""
    texts = [
        path.read_text(encoding="utf-8") for path in (PAGE.parents[1] / "migrations").iterdir()
    ]
    literal = re.compile(r"'rule',\s*'([a-z-]+)'|'(L1-[A-Z]+-\d)'")
    return {found[1] or found[2] for text in texts for found in literal.finditer(text)}


PARTS = ("model", "usecases", "http")
"""Where rules are named that a body may break."""

TERMINAL = {"keys.py"}
"""What only `plant key` refuses."""


def test_the_page_lists_every_rule_for_bodies() -> None:
    """What `rule` may say is in the table of invalid-body, and the table has no more."""
    root = Path(service.__file__).parent
    modules = [path for part in PARTS for path in (root / part).glob("*.py")]
    texts = (path.read_text("utf-8") for path in modules if path.name not in TERMINAL)
    used = set().union(*map(rules_in, texts)) - {"exists"} - RESTORING

    assert rules_listed(sections()["invalid-body"]) == used | rules_of_constraints(conflicts=False)


RESTORING = {"past", "as-exported"}
"""What a restoration asks, on the command line alone: docs/import.md."""


def test_the_page_lists_every_rule_for_conflicts() -> None:
    """What `rule` may say in a 409, from a constraint or from our SQL, is in a table."""
    assert RESTORING <= rules_in_sql()
    used = rules_in_sql() - RESTORING | rules_of_constraints(conflicts=True)

    assert {"exists", "L1-ROLE-1", "name-taken"} <= used
    assert rules_listed(conflicts()) == used - rules_listed(sections()["invalid-body"]) | {
        "successor"
    }


def test_members_stand_in_the_order_of_the_rfc() -> None:
    """type, title, status, detail, errors, then what helps."""
    problem = InvalidBody(
        "no", errors=[FieldError("/name", "blank", "must not be blank")], extensions={"x": 1}
    )

    assert ["type", "title", "status", "detail", "errors", "x"] == list(problem.members())
    assert problem.members()["type"] == "/docs/errors#invalid-body"


def test_an_extension_cannot_replace_a_member() -> None:
    """What SQL sends as an extension never overwrites status or detail."""
    problem = NotFound(extensions={"status": 200, "detail": "x", "existing_id": "y"})

    assert problem.members()["status"] == 404
    assert problem.members()["detail"] == "There is no such thing, or it is not yours."
    assert problem.members()["existing_id"] == "y"


def test_one_instance_does_not_change_its_class() -> None:
    """A retry time of one answer is not that of the next."""
    assert Unavailable(retry_after_s=30).members()["retry_after_s"] == 30
    assert Unavailable().members()["retry_after_s"] == 1


def test_conflicts_can_be_caught_as_one() -> None:
    """Each special conflict is a Conflict."""
    assert issubclass(NameTaken, Conflict)


@pytest.mark.parametrize("text", ["a\ud800b", "x" * 1000, "\udfff" * 500, "plain", ""])
def test_shown_text_is_short_and_encodable(text: str) -> None:
    """A client's text comes back cut and as valid UTF-8."""
    assert len(shown(text).encode()) <= 4 * SHOWN_MAX
    assert len(shown(text)) <= SHOWN_MAX
