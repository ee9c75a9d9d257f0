"""What a search asks for, before the database is asked."""

import math
import random
import struct
from uuid import UUID

import msgspec
import pytest

from service.model.search import SearchBody, several
from service.model.vector import each, unit, unwired, wire


def numbers(vector: bytes) -> tuple[float, ...]:
    """Read the numbers of a vector."""
    return struct.unpack(">384f", vector)


@pytest.mark.parametrize("size", [1.0, 0.001, 3e38, 1e-38, 1 + 2e-6])
def test_a_vector_gets_the_length_one_and_keeps_its_direction(size: float) -> None:
    """However long or short it was; the header says how many numbers there are."""
    chance = random.Random(1)
    values = [chance.uniform(-1, 1) * size for _ in range(384)]
    found = numbers(unit(values))

    assert struct.pack(">hh", 384, 0) + unit(values) == wire(unit(values))
    assert unit(values) == unwired(wire(unit(values)))
    assert [unit(values)] * 2 == list(each(unit(values) * 2))
    assert pytest.approx(1, abs=1e-6) == math.hypot(*found)
    length = math.hypot(*values)
    assert pytest.approx([one / length for one in values], abs=1e-6) == list(found)


def test_what_has_the_length_one_stays_as_it_is() -> None:
    """A vector that the service has made comes through bit for bit."""
    once = numbers(unit([math.sin(number) for number in range(384)]))

    assert once == numbers(unit(list(once)))


@pytest.mark.parametrize(
    "given, wanted",
    [
        ("active", ("active",)),
        (["draft", "active", "draft"], ("active", "draft")),
        (msgspec.UNSET, ("certified",)),
        (UUID(int=1), ("00000000-0000-0000-0000-000000000001",)),
        ([UUID(int=2), UUID(int=1)], ("00000000-0000-0000-0000-000000000001",
                                      "00000000-0000-0000-0000-000000000002")),
    ],
)  # fmt: skip
def test_one_value_and_several_are_the_same_filter(given: object, wanted: tuple[str, ...]) -> None:
    """Each once and in one order, so that equal filters are known to be equal."""
    assert wanted == several(given, ("certified",))


def test_a_search_that_says_nothing_more_is_about_what_is_in_force() -> None:
    """The defaults of the contract."""
    body = SearchBody(text="a")

    assert 10 == body.limit
    assert {msgspec.UNSET} == {
        body.kinds, body.status, body.category, body.tag, body.industry_id, body.min_score
    }  # fmt: skip
