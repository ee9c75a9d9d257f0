"""Entity tags in conditions are read as RFC 9110 writes them, and no other way."""

import pytest

from service.errors import MalformedRequest, PreconditionRequired
from service.model.etag import Condition, if_match, if_none_match, quoted


@pytest.mark.parametrize(
    "value,expected",
    [
        ('"a"', Condition(any=False, strong=("a",))),
        ("*", Condition(any=True)),
        ("\t* ", Condition(any=True)),
        ('"a", "b"', Condition(any=False, strong=("a", "b"))),
        ('"a","b"', Condition(any=False, strong=("a", "b"))),
        ('"a,b"', Condition(any=False, strong=("a,b",))),
        (', "a" ,, "b",', Condition(any=False, strong=("a", "b"))),
        ('W/"a"', Condition(any=False, weak=("a",))),
        ('"b", W/"a"', Condition(any=False, strong=("b",), weak=("a",))),
        ('"W/"', Condition(any=False, strong=("W/",))),
        ('""', Condition(any=False, strong=("",))),
    ],
)
def test_tags_and_lists_of_them_are_read(value: str, expected: Condition) -> None:
    """Strong, weak, several, and commas inside a tag."""
    assert expected == if_match(value)
    assert expected == if_none_match(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        ",",
        "a",
        '"a',
        'a"',
        '"a" "b"',
        '"a"b',
        "'a'",
        'w/"a"',
        'W / "a"',
        '*, "a"',
        '"a", *',
        '"a b"',
        '"é"',
        '"\udcff"',
        '"a\x7f"',
        '"a"\n',
        "**",
        '"' * 3,
    ],
)
def test_anything_else_is_malformed(value: str) -> None:
    """A tag without quotes is a mistake to be told of, not a version that never matches."""
    with pytest.raises(MalformedRequest, match="If-Match"):
        if_match(value)
    with pytest.raises(MalformedRequest, match="If-None-Match") as refused:
        if_none_match(value)

    assert value != "" or refused.value.detail.endswith("commas between: it is empty")


@pytest.mark.timeout(5)
@pytest.mark.parametrize("filler", [" ", ",", ' ,"a"', '"', 'W/""'])
def test_a_long_header_is_read_in_linear_time(filler: str) -> None:
    """A header as long as the server takes does not keep the process busy."""
    value = '"a"' + filler * (8000 // len(filler)) + "x"

    with pytest.raises(MalformedRequest):
        if_match(value)


def test_a_change_needs_a_condition() -> None:
    """Without If-Match the answer is 428; without If-None-Match there is no condition."""
    with pytest.raises(PreconditionRequired):
        if_match(None)
    assert if_none_match(None) is None


def test_if_match_compares_strongly() -> None:
    """A weak tag never admits a change."""
    assert if_match('"a", "b"').admits("b")
    assert if_match("*").admits("anything")
    assert not if_match('"a"').admits("A")
    assert not if_match('W/"a"').admits("a")


def test_if_none_match_compares_weakly() -> None:
    """A weak tag is good enough to save a transfer."""
    condition = if_none_match('"x", W/"a"')

    assert condition is not None
    assert condition.names("a")
    assert condition.names("x")
    assert not condition.names("b")
    assert Condition(any=True).names("b")


def test_quoting_gives_back_what_was_read() -> None:
    """The header form of a tag is read as that tag."""
    assert if_match(quoted("3f2a")).strong == ("3f2a",)
