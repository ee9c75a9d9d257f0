"""What the description says of a body is what decoding takes: no more, and no less."""

import random
import re
import unicodedata
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from service.errors import FieldError, InvalidBody, InvalidParameter
from service.model.decode import decode, decode_line
from service.model.documents import StatusStep
from service.model.fields import SINGLE_MAX, SINGLE_ZERO
from service.model.kinds import BY_NAME, KINDS
from service.model.lines import Line
from service.model.query import list_query
from service.model.text import (
    LINE_PATTERN,
    NOTES_PATTERN,
    PROSE_PATTERN,
    line_fault,
    notes_fault,
    prose_fault,
)
from service.openapi.document import described
from tests.described import invalid

ID, OTHER = "0190a1b2-0000-7000-8000-000000000001", "0190a1b2-0000-7000-8000-000000000002"
ROUNDS = 200
SPACES = [" ", "\u00a0", "\u2003", "\u3000"]
CHARACTERS = [char for code in range(0x3100) if unicodedata.category(char := chr(code)) != "Cs"] + [
    "\ufeff",
    "\U0001f33f",
]

BODIES: list[type[Struct]] = [kind.create for kind in KINDS.values()]
BODIES += [kind.patch for kind in KINDS.values()]
BODIES += [kind.import_line for kind in KINDS.values()]
BODIES.append(StatusStep)

BEYOND = {"size", "depth", "surrogate", "repeated reference"}
"""Rules that the description gives in words only."""

REFERRING = re.compile("/(required_skills|skill_ids|parent_ids)/")

TEXTS = ["", " ", "a", " a", "a ", "a\tb", "a\nb", "a\n", "\x00", "\x85", "\u00a0a", "ü", "a b",
         "x" * 64, "x" * 65, "x" * 255, "x" * 256, "x" * 10_000, "x" * 10_001]  # fmt: skip
REFERENCES: list[Any] = [
    {"id": ID}, {"external_id": "a"}, {"id": ID, "external_id": "a"}, {}, {"external_id": " a"},
    {"id": ID, "relation": "optional"}, {"id": ID, "relation": "none"}, {"id": OTHER, "x": 1}, ID,
]  # fmt: skip
VECTORS = [
    [0.0] * 384, [0.5] * 384, [0.5] * 383, [0.5] * 385, [0.0] * 383 + [SINGLE_MAX],
    [1e39] + [0.5] * 383, [SINGLE_ZERO] + [0.5] * 383, [SINGLE_ZERO * 2] + [0.5] * 383,
    ["a"] * 384, [0] * 383 + [1],
]  # fmt: skip
ATTRIBUTES: list[Any] = [
    {}, {"a": 1}, {"a": {"b": ["c", None, True]}}, {"a": "\x00"}, {"a\x01": 1}, {"a\n": "b\t"},
    {"a": 2**63}, {"a": -(2**63)}, {"a": [1e300]}, {"a": {"b": {"\x7f": 1}}}, [], "a",
]  # fmt: skip
OTHERS: list[Any] = [None, True, 0, 1, 99, 100, 1.5, [], {}, [None], ID, "draft", "technical"]
CHOICES = ["active", "deprecated", "senior", "mid", "certification", "NACE2", "certified"]


LISTS = {"aliases", "tags", "parent_ids", "skill_ids", "required_skills"}
POOLS = {
    "embedding_384": VECTORS,
    "custom_attributes": ATTRIBUTES,
    "level": OTHERS,
    **dict.fromkeys(["parent_ids", "skill_ids", "required_skills"], REFERENCES),
    **dict.fromkeys(["industry_id", "job_role_id", "team_id"], REFERENCES),
    **dict.fromkeys(["category", "seniority_level", "to"], CHOICES),
    "successor_id": [ID, None, "a"],
}


def value(chance: random.Random, name: str) -> Any:
    """Make a value that a field takes or nearly, and now and then one for another field."""
    pool = POOLS.get(name, TEXTS)
    if chance.random() < 0.2:
        pool = chance.choice([TEXTS, REFERENCES, VECTORS, ATTRIBUTES, OTHERS, CHOICES])
    if name not in LISTS or chance.random() < 0.1:
        return chance.choice(pool)
    if chance.random() < 0.1:
        return [chance.choice(pool)] * chance.choice([50, 51, 200, 201])
    return chance.choices(pool, k=chance.randrange(4))


def body(chance: random.Random, wanted: type[Struct]) -> dict[str, Any]:
    """Make a body that is right but for a few members."""
    right = {"name": "Go", "description": "d", "category": "technical", "external_id": "e"}
    right |= {"job_role_id": ID, "industry_id": ID, "to": "active", "reason": "r"}
    tag = wanted.__struct_config__.tag
    if tag is not None:
        right |= {"job_role_id": {"id": ID}, "industry_id": {"id": ID}}  # type: ignore[dict-item]
    made: dict[str, Any] = {
        field.name: right[field.name] for field in msgspec.structs.fields(wanted) if field.required
    }
    names = [*wanted.__struct_fields__, "colour"]
    for name in chance.sample(names, chance.randrange(1, 3)):
        made[name] = value(chance, name)
    if {"scheme", "code"} <= set(names) and chance.random() < 0.3:
        for name, fit in (("scheme", "a"), ("code", "b"), ("level", 3)):
            made[name] = chance.choice([fit, fit, None])
    return made if tag is None else {"kind": tag, **made}


def _beyond(fault: FieldError) -> str:
    """Name a rule; that two objects mean the same entity no schema can see."""
    repeated = fault.rule == "duplicate" and REFERRING.match(fault.pointer)
    return "repeated reference" if repeated else fault.rule


def refused(raw: bytes, wanted: type[Struct]) -> set[str] | None:
    """Give the rules by which a body is refused, None when it is taken."""
    try:
        decode_line(raw) if issubclass(wanted, Line) else decode(raw, wanted)
    except InvalidBody as problem:
        return {_beyond(fault) for fault in problem.errors}
    return None


@pytest.mark.parametrize("wanted", BODIES, ids=lambda one: one.__name__)
def test_schema_and_decoding_agree(wanted: type[Struct]) -> None:
    """A body is taken when the schema admits it, and refused when it does not."""
    chance = random.Random(wanted.__name__)
    taken = 0
    for _ in range(ROUNDS):
        made = body(chance, wanted)
        faults = invalid(f"#/components/schemas/{wanted.__name__}", made)
        rules = refused(msgspec.json.encode(made), wanted)
        taken += rules is None
        if rules is None or not rules <= BEYOND:
            assert bool(faults) == bool(rules), (made, faults, rules)

    assert 5 < taken < ROUNDS - 5


@pytest.mark.parametrize(
    "pattern, fault",
    [(LINE_PATTERN, line_fault), (PROSE_PATTERN, prose_fault), (NOTES_PATTERN, notes_fault)],
)
def test_patterns_are_the_rules(pattern: str, fault: Any) -> None:
    """For every character, alone, at either end and between letters."""
    compiled = re.compile(pattern.removesuffix("$") + r"\Z")
    for char in CHARACTERS:
        for text in (char, f"{char}a", f"a{char}", f"a{char}b", f"{char} "):
            assert (compiled.search(text) is None) == bool(fault(text)), (pattern, text)


@pytest.mark.parametrize("name", BY_NAME)
def test_filters_and_their_schemas_agree(name: str) -> None:
    """What the schema of a filter admits a list takes, and nothing else."""
    kind = BY_NAME[name]
    at = f"#/paths/~1v1~1{kind.path}/get/parameters"
    parameters = described()["paths"][f"/v1/{kind.path}"]["get"]["parameters"]
    values = [*TEXTS, *CHOICES, ID, ID.upper(), "a  ", "draft"]
    for index, parameter in enumerate(parameters):
        if parameter.get("name") not in kind.filters:
            continue
        for text in values:
            quoted = "".join(f"%{byte:02X}" for byte in text.encode())
            admitted = not invalid(f"{at}/{index}/schema", [text])
            try:
                list_query(f"{parameter['name']}={quoted}", kind)
            except InvalidParameter:
                taken = False
            else:
                taken = True
            assert taken == admitted, (parameter["name"], text)
