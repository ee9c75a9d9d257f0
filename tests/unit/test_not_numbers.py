"""NaN and the infinities: a body with one of them is no JSON, and the answer says where it is."""

import json
import math
import random
from typing import Any

import pytest

from service.errors import FieldError, InvalidBody, MalformedJson
from service.model.batch import prepare
from service.model.decode import decode, decode_line
from service.model.documents import SkillPatch
from service.model.not_numbers import PLACED_MAX
from service.model.pointer import STEPS_MAX
from service.model.restored import document

MIB = 1024 * 1024
ODD = [math.nan, math.inf, -math.inf]
ATOMS: list[Any] = [None, True, 0, -1.5, "", "NaN", "-Infinity", 'a"b\\', "[{,:", "é\u2028", *ODD]
NAMES = ["a", "NaN", "x/y~z", 'q"\\', "{[,", "", "é", "\ud800"]


def refused(body: bytes, pointer: str = "") -> MalformedJson:
    """Give the problem of a body that is no JSON."""
    with pytest.raises(MalformedJson) as raised:
        decode(body, SkillPatch, pointer)
    return raised.value


def places(problem: MalformedJson | InvalidBody) -> list[tuple[str, str]]:
    """Give pointer and rule of what a problem points at."""
    return [(fault.pointer, fault.rule) for fault in problem.errors]


def value(chance: random.Random, depth: int = 0) -> Any:
    """Make a value that has one of them here and there."""
    roll = chance.random()
    if depth > 4 or roll < 0.4:
        return chance.choice(ATOMS)
    if roll < 0.7:
        return [value(chance, depth + 1) for _ in range(chance.randrange(5))]
    chosen = chance.sample(NAMES, chance.randrange(5))
    return {name: value(chance, depth + 1) for name in chosen}


def first(tree: Any, pointer: str = "") -> str | None:
    """Find the first of them in a tree, slowly."""
    if isinstance(tree, float) and not math.isfinite(tree):
        return pointer
    inner: Any = enumerate(tree) if isinstance(tree, list) else ()
    for step, below in tree.items() if isinstance(tree, dict) else inner:
        name = str(step).replace("~", "~0").replace("/", "~1").replace("\ud800", "?")
        found = first(below, f"{pointer}/{name}")
        if found is not None:
            return found
    return None


@pytest.mark.parametrize(
    "body,pointer,where",
    [
        (b"NaN", "", "it is NaN, which is no number of JSON, at line 1, column 1."),
        (b'{"level": NaN}', "/level", "/level is NaN, which is no number of JSON, at line 1,"),
        (b'{"a": {"b": [1, -2, "x,y",\n [], {"c": 1}, -Infinity]}}', "/a/b/5", "line 2, column 16"),
        (b'{"a": Infinity, "b": NaN}', "/a", "is Infinity, which"),
        (b'{"a": NaN, "a": 1}', "/a", "column 7."),
        (b'{"a": 1, "a": [0, NaN]}', "/a/1", "column 19."),
        (b'{"a~/\\u0022" : NaN}', '/a~0~1"', "column 16."),
        (b'{"a": NaN, "b": ', "/a", "column 7."),
    ],
)
def test_the_first_one_is_pointed_at(body: bytes, pointer: str, where: str) -> None:
    """By its pointer, its rule, and line and column in words."""
    problem = refused(body)

    assert [(pointer, "number-range")] == places(problem)
    assert where in problem.detail


def test_pointers_begin_with_what_the_body_is_part_of() -> None:
    """As those of every other fault."""
    assert [("/operations/3/a/0", "number-range")] == places(
        refused(b'{"a": [NaN]}', "/operations/3")
    )


def test_a_slow_look_finds_the_same() -> None:
    """Brackets, commas and colons in texts and names lead nobody astray."""
    chance = random.Random(7)
    found = set()
    for _ in range(3_000):
        tree = {"x": value(chance), "name": [value(chance)]}
        pointer = first(tree)
        if pointer is not None:
            text = json.dumps(tree, indent=chance.choice([None, 1]), ensure_ascii=False)
            text = text.replace("\ud800", "\\ud800")
            assert [(pointer, "number-range")] == places(refused(text.encode())), text
            found.add(pointer)

    assert len(found) > 300


def test_the_line_of_an_import_names_its_column() -> None:
    """The number of the line stands beside the problem."""
    with pytest.raises(MalformedJson) as raised:
        decode_line(b'{"kind": "industry", "level": -Infinity}')

    said = "/level is -Infinity, which is no number of JSON, at column 31."
    assert f"The line is not JSON: {said}" == raised.value.detail
    assert [("/level", "number-range")] == places(raised.value)


def test_the_line_of_an_export_names_its_place() -> None:
    """What is restored is read as strictly."""
    with pytest.raises(MalformedJson) as raised:
        document(b'{"entity_type": "skill", "embedding_384": [0, NaN]}')

    assert [("/embedding_384/1", "number-range")] == places(raised.value)


def test_a_batch_names_the_operation() -> None:
    """The pointer leads through the whole body."""
    with pytest.raises(MalformedJson) as raised:
        prepare(b'{"operations": [{}, {"op": "create", "body": {"embedding_384": [NaN]}}]}')

    assert [("/operations/1/body/embedding_384/0", "number-range")] == places(raised.value)


@pytest.mark.parametrize("depth", [STEPS_MAX, STEPS_MAX + 1, 100])
@pytest.mark.parametrize("opening,closing", [(b"[", b"]"), (b'{"' + b"x" * 500 + b'":', b"}")])
def test_a_pointer_is_no_longer_than_can_be_answered(
    depth: int, opening: bytes, closing: bytes
) -> None:
    """Of what stands deeper than anything may, what holds it is named."""
    problem = refused(opening * depth + b"NaN" + closing * depth)
    [fault] = problem.errors

    assert STEPS_MAX == fault.pointer.count("/")
    assert fault.message.startswith("is " if depth == STEPS_MAX else "holds ")
    assert len(fault.pointer) <= STEPS_MAX * 101


@pytest.mark.parametrize(
    "filling", [b"[],", b"0,", b'"",', b'{"":0},', b'"\\\\\\"",', b"-1,", b" \n"], ids=repr
)
@pytest.mark.parametrize("most", [PLACED_MAX, MIB])
def test_the_place_is_told_of_what_is_not_too_large(filling: bytes, most: int) -> None:
    """To look for it holds all others up, so that a large body is told what is in it, not where."""
    head, tail = b'{"a": [', b"NaN]}"
    count = (most - len(head) - len(tail)) // len(filling)
    problem = refused(head + filling * count + tail)
    expected = 0 if filling.isspace() else count

    if most == PLACED_MAX:
        assert [(f"/a/{expected}", "number-range")] == places(problem)
    else:
        assert [] == places(problem)
        assert "NaN or Infinity, which are no numbers of JSON" in problem.detail


def test_a_batch_names_a_number_that_is_too_large() -> None:
    """It is JSON: 422, as it would be alone; of a large body only that there may be one."""
    body = b'{"operations": [{}, {"op": "create", "body": {"a": [1, {"b": -1e999}], "c": 1e999}}]}'
    with pytest.raises(InvalidBody) as raised:
        prepare(body)

    assert [("/operations/1/body/a/1/b", "number-range")] == places(raised.value)
    with pytest.raises(MalformedJson, match="beyond double precision"):
        prepare(body + b" " * PLACED_MAX)


def test_a_fault_is_encoded_as_any_other() -> None:
    """Its members are those that docs/errors.md shows."""
    message = "is NaN, which is no number of JSON"

    assert (FieldError("/a", "number-range", message),) == refused(b'{"a": NaN}').members()[
        "errors"
    ]
