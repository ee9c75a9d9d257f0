"""Hostile bodies: whatever comes, the answer is a problem with a place, or a sound struct."""

import json
import random
from collections.abc import Iterator

import msgspec
import pytest
from msgspec import Struct

from service.errors import InvalidBody, MalformedJson
from service.model.decode import decode, decode_line, payload
from service.model.documents import StatusStep
from service.model.kinds import KINDS

ID = "0190a1b2-0000-7000-8000-000000000001"
ROUNDS = 150

BODIES = [kind.create for kind in KINDS.values()]
BODIES += [kind.patch for kind in KINDS.values()]
BODIES.append(StatusStep)
NAMES = sorted({name for body in BODIES for name in body.__struct_fields__} | {"kind", "id", "x"})

ATOMS: list[object] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1.5,
    1e308,
    float("inf"),
    float("nan"),
    "",
    " x",
    "ok",
    "x" * 10_001,
    "\x00",
    "\x85",
    "\ud800",
    "\U0010ffff",
    ID,
    "technical",
    "active",
    "essential",
    "skill",
]


def value(chance: random.Random, depth: int = 0) -> object:
    """Make any JSON value, and some that JSON has not."""
    roll = chance.random()
    if depth > 4 or roll < 0.5:
        return chance.choice(ATOMS)
    if roll < 0.75:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return members(chance, depth + 1)


def members(chance: random.Random, depth: int = 0) -> dict[str, object]:
    """Make an object of known and odd names."""
    names = [*NAMES, "\ud800", "a/b~c", "\x00", "", "x" * 300, "external_id", "relation"]
    chosen = chance.sample(names, chance.randrange(8))
    return {name: value(chance, depth) for name in chosen}


def good(wanted: type[Struct]) -> dict[str, object]:
    """Make a body that is right."""
    fields = {"name": "Go", "description": "d", "category": "technical"}
    fields |= {"job_role_id": ID, "industry_id": ID, "to": "active", "reason": "r"}
    required = msgspec.structs.fields(wanted)
    return {field.name: fields[field.name] for field in required if field.required}


def bodies(chance: random.Random, wanted: type[Struct]) -> Iterator[bytes]:
    """Make bodies that are nearly right, quite wrong, and no JSON at all."""
    for _ in range(ROUNDS):
        body = good(wanted) | members(chance)
        text = json.dumps(body, ensure_ascii=chance.random() < 0.7).encode("utf-8", "surrogatepass")
        yield text
        if len(body) > 1:
            again = chance.choice([*body])
            more = json.dumps({again: chance.choice([body[again], value(chance)])}).encode()
            yield text[:-1] + b"," + more[1:]
        raw = bytearray(text)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(raw))
            raw[at : at + chance.randrange(3)] = bytes(chance.choices(range(256), k=2))
        yield bytes(raw)
        yield text[: chance.randrange(len(text))]


def unique_names(body: bytes) -> bool:
    """Say whether no object of a body has a member twice."""

    def refuse_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) < len(pairs):
            raise KeyError
        return dict(pairs)

    try:
        json.loads(body.decode(), object_pairs_hook=refuse_twice)
    except KeyError:
        return False
    return True


def outcome(body: bytes, wanted: type[Struct] | None) -> int:
    """Decode a body, check what comes of it, and give the status."""
    try:
        read = decode_line(body)[0] if wanted is None else decode(body, wanted)
    except MalformedJson as malformed:
        msgspec.json.encode(malformed.members())
        return malformed.status
    except InvalidBody as invalid:
        check(invalid, body)
        return invalid.status
    again = decode(payload(read), type(read)) if wanted else decode_line(payload(read))[0]
    return 200 if again == read and unique_names(body) else 0


def check(invalid: InvalidBody, body: bytes) -> None:
    """Fail when a refusal cannot be sent, or names no place."""
    pointers = [error.pointer for error in invalid.errors]

    assert len(msgspec.json.encode(invalid.members())) < 50_000
    assert pointers
    assert all(pointer == "" or pointer.startswith("/") for pointer in pointers)
    assert "" not in pointers or not body.lstrip().startswith(b"{")


@pytest.mark.parametrize("wanted", BODIES, ids=lambda wanted: wanted.__name__)
def test_hostile_bodies_are_refused_with_a_place(wanted: type[Struct]) -> None:
    """Nothing but the two problems is raised; what is taken reads the same again."""
    chance = random.Random(wanted.__name__)
    found = {outcome(body, wanted) for body in bodies(chance, wanted)}

    assert {400, 422} <= found <= {200, 400, 422}


@pytest.mark.parametrize("name", [kind.name for kind in KINDS.values()])
def test_hostile_lines_are_refused_with_a_place(name: str) -> None:
    """Import lines are as safe as bodies."""
    chance = random.Random(name)
    found = set()
    for body in bodies(chance, StatusStep):
        line = body.replace(b'"to": "active"', f'"kind": "{name}"'.encode())
        line = line.replace(b'"reason"', b'"external_id"')
        found.add(outcome(line, None))

    assert {400, 422} <= found <= {200, 400, 422}


@pytest.mark.parametrize("wanted", BODIES, ids=lambda wanted: wanted.__name__)
def test_good_bodies_pass(wanted: type[Struct]) -> None:
    """The generator of good bodies makes good bodies: the fuzz begins at the right place."""
    assert outcome(json.dumps(good(wanted)).encode(), wanted) == 200
