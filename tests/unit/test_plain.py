"""Lines that are plain are asked less, and refused for the same as all others."""

import json
import random
from typing import Any

import pytest

from service.errors import InvalidBody, MalformedJson
from service.model.decode import codec_of, decode_line
from service.model.lines import Line
from service.model.parsing import parse
from service.model.plain import is_plain

ID = "0190a1b2-0000-7000-8000-000000000001"
PLAIN: dict[str, Any] = {
    "kind": "skill",
    "external_id": "pottery/wheel",
    "name": "Wheel throwing",
    "description": "Clay, turned. In words.",
    "category": "technical",
    "aliases": ["throwing", "turning"],
    "tags": ["pottery", "craft"],
    "governance_notes": "",
    "custom_attributes": {"source": "bench", "rank": 7},
}
PARENTS = {"parent_ids": [{"external_id": "pottery"}]}
ROLE: dict[str, Any] = {"kind": "job_role", "external_id": "potter"}


def encoded(line: dict[str, Any]) -> bytes:
    """Write a line as compactly as it goes to the database."""
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()


def doubled(line: dict[str, Any], member: str) -> bytes:
    """Write a line that has a member, as text, once more at its end."""
    return encoded(line)[:-1] + b"," + member.encode() + b"}"


def faults(raw: bytes) -> list[tuple[str, str]]:
    """Say for what a line is refused."""
    with pytest.raises(InvalidBody) as raised:
        decode_line(raw)
    return [(error.pointer, error.rule) for error in raised.value.errors]


@pytest.mark.parametrize("line", [PLAIN, {**PLAIN, "custom_attributes": {}, "tags": []}])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_an_ordinary_line_is_plain(line: dict[str, Any], separators: tuple[str, str]) -> None:
    """With blanks between its members and without; its payload says the same."""
    raw = json.dumps(line, separators=separators).encode()
    read, payload = decode_line(raw)

    assert is_plain(raw, payload)
    assert codec_of(type(read)).passes_plain(read)
    assert line == json.loads(payload)
    assert PLAIN["external_id"] == read.external_id


@pytest.mark.parametrize(
    "change,fault",
    [
        ({"name": " a"}, ("/name", "trimmed")),
        ({"name": "a "}, ("/name", "trimmed")),
        ({"name": " "}, ("/name", "blank")),
        ({"name": "a\x7fb"}, ("/name", "control-character")),
        ({"name": "a\tb"}, ("/name", "control-character")),
        ({"name": "a\u00a0"}, ("/name", "trimmed")),
        ({"name": "a\u0085b"}, ("/name", "control-character")),
        ({"external_id": "x "}, ("/external_id", "trimmed")),
        ({"description": "  "}, ("/description", "blank")),
        ({"aliases": ["a", " b"]}, ("/aliases/1", "trimmed")),
        ({"aliases": ["a", "b", "a"]}, ("/aliases/2", "duplicate")),
        ({"tags": ["t", "t"]}, ("/tags/1", "duplicate")),
        ({"parent_ids": [{"external_id": "p"}] * 2}, ("/parent_ids/1", "duplicate")),
        ({"parent_ids": [{}]}, ("/parent_ids/0", "exactly-one")),
        ({"parent_ids": [{"id": ID.replace("-", "")}]}, ("/parent_ids/0/id", "uuid")),
        ({"custom_attributes": {"n": 2**63}}, ("/custom_attributes/n", "number-range")),
        ({"custom_attributes": {"n": -(2**63) - 1}}, ("/custom_attributes/n", "number-range")),
        ({"custom_attributes": {"n": 1e300}}, ("/custom_attributes/n", "number-range")),
        ({"custom_attributes": {"x": "y" * 32_761}}, ("/custom_attributes", "size")),
        ({"custom_attributes": {"x" * 32_763: 1}}, ("/custom_attributes", "size")),
        ({"embedding_384": [0.0] * 384}, ("/embedding_384", "zero-vector")),
    ],
)
def test_one_fault_in_a_plain_line_is_found(change: dict[str, Any], fault: tuple[str, str]) -> None:
    """Each look that stands for a rule is as strict as the rule."""
    assert [fault] == faults(encoded(PLAIN | change))


def test_the_size_of_attributes_is_counted_to_the_byte() -> None:
    """What just fits goes in."""
    attributes = {"x": "y" * 32_760}

    assert json.loads(decode_line(encoded(PLAIN | {"custom_attributes": attributes}))[1]) == (
        PLAIN | {"custom_attributes": attributes}
    )


@pytest.mark.parametrize(
    "line,member,pointer",
    [
        (PLAIN, '"name":"Wheel throwing"', "/name"),
        (PLAIN, '"kind":"skill"', "/kind"),
        (PLAIN | PARENTS, '"parent_ids":[]', "/parent_ids"),
        (
            PLAIN,
            '"parent_ids":[{"external_id":"a","external_id":"b"}]',
            "/parent_ids/0/external_id",
        ),
        (PLAIN, '"custom_attributes":{}', "/custom_attributes"),
        # As many quotation marks are lost as the default of `relation` brings.
        (
            ROLE,
            '"required_skills":[{"external_id":"a","external_id":"a"}]',
            "/required_skills/0/external_id",
        ),
        (ROLE, '"na\\u006de":"a","name":"b"', "/name"),
    ],
)
def test_what_stands_twice_in_a_plain_line_is_found(
    line: dict[str, Any], member: str, pointer: str
) -> None:
    """One of the two is not read, and would be lost without a word."""
    found = faults(doubled(line, member))

    assert (pointer, "member-twice") in found


def test_an_industry_that_is_plain_has_all_of_its_classification_or_none() -> None:
    """A rule between fields is asked whatever the texts are."""
    line = {"kind": "industry", "external_id": "i", "scheme": None, "code": None, "level": 1}

    assert [("/scheme", "all-or-none")] == faults(encoded(line))


def careful(raw: bytes) -> Line | None:
    """Read a line by all rules, one after the other; None where one refuses it."""
    try:
        line, payload = decode_line(raw)
    except (InvalidBody, MalformedJson):
        return None
    codec = codec_of(type(line))
    codec.examine(parse(raw, "line"), "")
    codec.check(line, "")
    assert json.loads(payload) == json.loads(raw)
    return line


def test_whatever_goes_in_by_looks_goes_in_by_rules() -> None:
    """Lines of few letters, so that the same comes again, and ends in a blank, often enough."""
    chance = random.Random(42)
    took = 0
    for _ in range(4_000):
        words = ["".join(chance.choices('ab \x7f\u00e9"\\', [9, 9, 1, 0.1, 0.2, 0.1, 0.1], k=3))
                 for _ in range(8)]  # fmt: skip
        line: dict[str, Any] = {
            "kind": "skill",
            "external_id": words[0],
            "name": words[1],
            "aliases": words[2 : 2 + chance.randrange(4)],
            "custom_attributes": {words[5]: chance.choice([1, 1.5, True, words[6], [words[7]]])},
        }
        raw = encoded(line)
        if chance.random() < 0.2:
            raw = doubled(line, f'"{chance.choice([*line])}":"ab"')
        took += careful(raw) is not None
    # Enough of both sorts, or nothing was shown.
    assert 500 <= took <= 3_500
