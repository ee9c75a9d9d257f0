"""Pointers into a body: made where there is a fault, and not for all that stands in it."""

from typing import Any

import pytest

from service.errors import InvalidBody
from service.model import pointer
from service.model.decode import decode
from service.model.pointer import STEPS_MAX, pointer_to, walked
from service.model.search import SearchBody

LONG = "~" * 98 + "\U0001d11e"
DEEP = 800


def test_a_deep_and_wide_body_makes_no_pointer_to_what_is_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each would be as long as all names on the way: 88 kB of a body were a gigabyte of them."""
    made: list[str] = []
    member = pointer.member

    def noted(parent: str, name: str) -> str:
        made.append(name)
        return member(parent, name)

    monkeypatch.setattr(pointer, "member", noted)
    opened, closed = f'{{"{LONG}":' * DEEP, "}" * DEEP
    zeros = ",".join("0" * 1500)
    with pytest.raises(InvalidBody) as raised:
        decode(f'{{"x":{opened}[{zeros}]{closed}}}'.encode(), SearchBody)

    assert ["/x"] == [fault.pointer for fault in raised.value.errors]
    assert len(made) < 10


def test_of_a_member_that_stands_twice_too_deep_the_first_steps_are_told() -> None:
    """Nothing that is taken is as deep."""
    twice = '{"a": 1, "a": 2}'
    faults = []
    for depth in (STEPS_MAX - 1, STEPS_MAX, 200):
        body = '{"b":' * depth + twice + "}" * depth
        with pytest.raises(InvalidBody) as raised:
            decode(body.encode(), SearchBody)
        faults += [fault for fault in raised.value.errors if fault.rule == "member-twice"]

    assert ["/b" * (STEPS_MAX - 1) + "/a", "/b" * STEPS_MAX, "/b" * STEPS_MAX] == [
        fault.pointer for fault in faults
    ]
    assert [True, False, False] == [fault.message.startswith("stands") for fault in faults]


def test_all_comes_in_the_order_of_the_text() -> None:
    """With the place where it stands."""
    tree: dict[str, Any] = {"a": [{"b": 1}, 2, [3]], "c/d": {}}
    found = [(value, pointer_to("/0", place)[0]) for value, place in walked(tree)]

    assert found == [
        (tree, "/0"),
        (tree["a"], "/0/a"),
        ({"b": 1}, "/0/a/0"),
        (1, "/0/a/0/b"),
        (2, "/0/a/1"),
        ([3], "/0/a/2"),
        (3, "/0/a/2/0"),
        ({}, "/0/c~1d"),
    ]
