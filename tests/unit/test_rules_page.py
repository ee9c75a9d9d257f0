"""The table of rules in docs/errors.md: a rule is said to ask what the service asks by it."""

import re

import pytest
from msgspec import Struct

from service.errors import InvalidBody
from service.http.answers import JSON, require_room
from service.http.request import NDJSON
from service.model.decode import decode
from service.model.documents import JobRoleCreate, SkillPatch
from service.model.match import MatchBody
from service.model.search import DuplicatesBody, SearchBody
from tests.errors_page import PAGE

ID = "0190a1b2-0000-7000-8000-000000000001"
TWICE = f'["{ID}", "{ID}"]'.encode()


def row(rule: str) -> set[str]:
    """Give what a row of the table names as code."""
    found = re.search(rf"^\| `{rule}` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return set(re.findall("`([^`]+)`", found[1]))


@pytest.mark.parametrize(
    "body,wanted,rule,named",
    [
        (
            b'{"name": "n", "description": "d", "required_skills": [{}]}',
            JobRoleCreate,
            "exactly-one",
            {"id", "external_id"},
        ),
        (b'{"skills": [{}]}', MatchBody, "exactly-one", {"id", "text"}),
        (
            b'{"skills": [{"text": "a"}], "job_role_id": "%s"}' % ID.encode(),
            MatchBody,
            "exactly-one",
            {"skills", "job_role_id"},
        ),
        (b"{}", MatchBody, "required", set()),
        (
            b'{"id": "%s", "kind": "skill", "text": "a"}' % ID.encode(),
            DuplicatesBody,
            "exactly-one",
            {"id", "kind", "text"},
        ),
        (b'{"tags": ["a", "a"]}', SkillPatch, "duplicate", {"tags"}),
        (b'{"aliases": ["a", "a"]}', SkillPatch, "duplicate", {"aliases"}),
        (b'{"parent_ids": ' + TWICE + b"}", SkillPatch, "duplicate", {"parent_ids"}),
        (b'{"skills": [{"text": "a"}, {"text": "a"}]}', MatchBody, "duplicate", {"skills"}),
    ],
)
def test_a_rule_names_the_members_that_it_is_about(
    body: bytes, wanted: type[Struct], rule: str, named: set[str]
) -> None:
    """Whoever is refused by it finds their case."""
    with pytest.raises(InvalidBody) as raised:
        decode(body, wanted)

    assert {rule} == {fault.rule for fault in raised.value.errors}
    assert named <= row(rule)


def test_a_value_may_stand_twice_where_any_of_several_is_asked_for() -> None:
    """The rule `duplicate` says where it does not hold."""
    body = b'{"text": "a", "kinds": ["skill", "skill"], "tag": ["t", "t"], "industry_id": '
    decode(body + TWICE + b"}", SearchBody)

    assert "kinds" in row("duplicate")


def test_the_size_of_an_answer_is_asked_by_a_rule() -> None:
    """Of the member `limit`, and `fitting` beside it says how many there is room for."""
    with pytest.raises(InvalidBody) as raised:
        require_room(["{}", None])

    [fault] = raised.value.errors
    assert ("/limit", "size") == (fault.pointer, fault.rule)
    assert {"limit", *raised.value.extensions} <= row("size")


def test_what_is_no_number_is_asked_by_a_rule() -> None:
    """A problem of another type has it too."""
    assert {"NaN", "malformed-json"} <= {
        word for code in row("number-range") for word in code.split()
    }


def test_pairs_are_said_to_come_in_every_form_that_is_offered() -> None:
    """What the 406 offers stands in the section, JSON apart."""
    page = (PAGE.parent / "api.md").read_text(encoding="utf-8")
    section = page.partition("\n### Duplicates\n")[2].partition("\n## ")[0]

    assert JSON not in NDJSON
    assert [] == [media for media in NDJSON if f"`{media}`" not in section.replace("Accept: ", "")]
