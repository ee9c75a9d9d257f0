"""Bodies of far too many values: one fault that names the bound, and none of them walked."""

import json
import random
from typing import Any, NoReturn

import msgspec
import pytest
from msgspec import Struct
from msgspec import inspect as shapes

from service.errors import InvalidBody, MalformedJson
from service.model import decode as decoding
from service.model import strict
from service.model.amendments import AmendmentStatusStep
from service.model.bounds import SMALL_BYTES, VALUES_MAX, counted, exceeds
from service.model.decode import Codec, codec_of, decode, decode_line
from service.model.documents import JobRoleCreate, SkillCreate, SkillPatch, StatusStep
from service.model.fields import ATTRIBUTES_SIZE_MAX
from service.model.kinds import KINDS
from service.model.match import MatchBody
from service.model.operations import OF
from service.model.search import DuplicatesBody, SearchBody

MIB = 1024 * 1024
SKILL = {"name": "n", "description": "d", "category": "technical"}
PARTS = ("create", "put", "patch", "import_line")
BODIES: list[type[Struct]] = [
    *{getattr(kind, name): None for name in PARTS for kind in KINDS.values()},
    *(StatusStep, AmendmentStatusStep, SearchBody, DuplicatesBody, MatchBody, *OF.values()),
]
TEXTS = ["a", "", "'", '"', "\\", '\\"', '\\\\"[,{', "[]", "{}", "é\u2028"]


def encoded(body: object) -> bytes:
    """Write without blanks."""
    return json.dumps(body, separators=(",", ":")).encode()


def value(chance: random.Random, depth: int = 0) -> Any:
    """Make any JSON value."""
    roll = chance.random()
    if depth > 4 or roll < 0.5:
        return chance.choice([1, -1.5, None, True, *TEXTS])
    if roll < 0.75:
        return [value(chance, depth + 1) for _ in range(chance.randrange(5))]
    names = [f"{chance.choice(TEXTS)}{number}" for number in range(chance.randrange(5))]
    return {name: value(chance, depth + 1) for name in names}


def walked(tree: Any) -> int:
    """Count the values of a tree one by one."""
    within = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return 1 + sum(map(walked, within))


@pytest.mark.parametrize("seed", range(20))
def test_values_are_counted_without_being_read(seed: int) -> None:
    """Whatever texts hold, and whatever blanks stand between."""
    chance = random.Random(seed)
    for _ in range(200):
        tree = value(chance)
        for indent in (None, 2):
            assert walked(tree) == counted(json.dumps(tree, indent=indent).encode())


def most(found: shapes.Type, name: str = "") -> int:
    """Say how many values there are at most in what has a shape."""
    if isinstance(found, shapes.Metadata):
        return most(found.type, name)
    if isinstance(found, shapes.UnionType):
        return max(most(one, name) for one in found.types)
    if isinstance(found, shapes.StructType):
        within = (most(field.type, field.encode_name) for field in found.fields)
        return 1 + (found.tag_field is not None) + sum(within)
    if isinstance(found, shapes.ListType):
        assert found.max_length is not None, name
        return 1 + found.max_length * most(found.item_type)
    return OPEN[name] if isinstance(found, shapes.DictType) else 1


OPEN = {"custom_attributes": ATTRIBUTES_SIZE_MAX // 2}
OPEN |= dict.fromkeys(
    ("body", "patch"), max(most(codec_of(one).shape) for one in BODIES[: -len(OF)])
)
"""Of what any member may stand in: as many values as fit, and those of what is sent alone."""


@pytest.mark.parametrize("wanted", BODIES, ids=lambda one: one.__name__)
def test_nothing_that_is_taken_has_as_many(wanted: type[Struct]) -> None:
    """So that nothing is refused for it which would be taken otherwise."""
    assert 0 < most(codec_of(wanted).shape) < VALUES_MAX


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be parsed, nor any value of it be looked at."""

    def read(*_: object, **__: object) -> NoReturn:
        raise AssertionError

    for owner, name in (
        *((decoding, "parse"), (strict, "walked"), (strict, "is_doubtful")),
        *((Codec, "examine"), (Codec, "check")),
    ):
        monkeypatch.setattr(owner, name, read)


FLAT = {"a": [1] * 500_000}
MANY: dict[str, tuple[type[Struct], bytes, str, str, str]] = {
    "attributes": (SkillCreate, encoded(SKILL | {"custom_attributes": {f"a{n}": 1 for n in range(
        60_000)}}), "/custom_attributes", "size",
        "is 648,891 bytes as compact JSON; at most 32,768 fit"),
    "attributes of texts": (SkillPatch, encoded({"custom_attributes": {"a": ["b"] * 250_000}}),
        "/custom_attributes", "size", "is 1,000,007 bytes as compact JSON; at most 32,768 fit"),
    "aliases": (SkillCreate, encoded(SKILL | {"aliases": ["a"] * 190_000}),
        "/aliases", "max-length", "has 190,000 elements; at most 200 are allowed"),
    "skills": (JobRoleCreate, encoded({"name": "n", "required_skills": [{"id": "x"}] * 80_000}),
        "/required_skills", "max-length", "has 80,000 elements; at most 500 are allowed"),
    "numbers": (SkillPatch, encoded({"embedding_384": [0.5] * 200_000}),
        "/embedding_384", "max-length", "has 200,000 elements; exactly 384 are needed"),
    "kinds": (SearchBody, encoded({"kinds": ["skill"] * 100_000}),
        "/kinds", "max-length", "has 100,000 elements; at most 5 are allowed"),
    "members": (SearchBody, encoded({f"m{n}": 1 for n in range(70_000)}),
        "", "max-length", "has 70,000 members; 10 are known here"),
    "a member again and again": (SkillCreate, b"{" + b'"name":"n",' * 80_000 + b'"tags":[]}',
        "", "size", "holds 80,002 values; what is taken has less than 20,000"),
    "an unknown member": (SkillCreate, encoded({"aliasse": FLAT}),
        "/aliasse", "unknown-field", "is not known here: perhaps aliases is meant"),
    "an array as a name": (SkillCreate, encoded({"name": [1] * 100_000}),
        "/name", "type", "must be a text, not an array"),
    "an object as aliases": (SkillCreate, encoded({"aliases": FLAT}),
        "/aliases", "type", "must be an array, not an object"),
    "an array": (SkillCreate, encoded([1] * 500_000),
        "", "type", "must be an object, not an array"),
    "within an element": (JobRoleCreate, encoded({"required_skills": [FLAT]}),
        "/required_skills", "size", "holds 500,003 values; what is taken has less than 20,000"),
}  # fmt: skip


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("case", MANY.values(), ids=MANY)
def test_of_too_many_values_one_fault_is_told(
    case: tuple[type[Struct], bytes, str, str, str],
) -> None:
    """Field, rule and bound, wherever the body stands; none of the values is looked at."""
    wanted, body, pointer, rule, message = case
    assert len(body) <= MIB
    with pytest.raises(InvalidBody) as raised:
        decode(body, wanted, "/operations/0/body")
    (fault,) = raised.value.errors

    assert (f"/operations/0/body{pointer}", rule) == (fault.pointer, fault.rule)
    assert message == fault.message


BROKEN = {
    b'{"a":[' + b"1," * 200_000: "The body is not JSON: its end is missing.",
    b'{"a":[' + b"1," * 200_000 + b"x]}": "The body is not JSON: byte 400,007 cannot stand there.",
    b"[" * 500_000: "The body is nested too deeply.",
    b'{"a":' * 100_000 + b",".join([b"1"] * 30_000): "The body is nested too deeply.",
    b'{"a":"\xff",' + b'"b":1,' * 60_000 + b'"c":1}': "The body is not UTF-8: byte 7.",
}


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("body, detail", BROKEN.items(), ids=map(str, range(len(BROKEN))))
def test_what_is_no_json_is_malformed_all_the_same(body: bytes, detail: str) -> None:
    """And it is told why, and where that is known."""
    with pytest.raises(MalformedJson) as raised:
        decode(body, SkillCreate)

    assert detail == raised.value.detail


LINES = {
    "skill": ('"skill"', "/aliases", "max-length"),
    "of no kind": ("1", "/aliases", "size"),
    "of another kind": ('"skull"', "/aliases", "size"),
}


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("kind, pointer, rule", LINES.values(), ids=LINES)
def test_a_line_is_told_the_same(kind: str, pointer: str, rule: str) -> None:
    """By its kind, where it has one."""
    aliases = ",".join(['"a"'] * 190_000)
    with pytest.raises(InvalidBody) as raised:
        decode_line(f'{{"kind":{kind},"external_id":"x","aliases":[{aliases}]}}'.encode())
    (fault,) = raised.value.errors

    assert (pointer, rule) == (fault.pointer, fault.rule)


def test_up_to_so_many_each_fault_is_told() -> None:
    """Also beside a bound that is not kept, and of a text that is long for other reasons."""
    body = SKILL | {"aliases": ["a"] * 201, "tags": [1], "custom_attributes": {"a": [1] * 19_000}}
    text = json.dumps(body).encode() + b" " * SMALL_BYTES
    with pytest.raises(InvalidBody) as raised:
        decode(text, SkillCreate)

    assert not exceeds(text)
    assert ["/aliases", "/tags/0", "/custom_attributes"] == [
        fault.pointer for fault in raised.value.errors
    ]


def test_texts_are_no_values() -> None:
    """However many commas, brackets and quotation marks they hold."""
    notes = ',[{"' * 2_000
    body = msgspec.json.encode(SKILL | {"governance_notes": notes}) + b" " * SMALL_BYTES

    assert not exceeds(b'["' + b",[{" * 100_000 + b'"]')
    assert not exceeds(msgspec.json.encode(['"' * 300_000]))
    assert notes == decode(body, SkillCreate).governance_notes
