"""When the request of a connection is one of those that a gate counts."""

from contextlib import suppress

import pytest

from service.database.gate import Gate
from service.http.counted import Counted


class Case:
    """A connection, and the gate that its requests come through."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gate = Gate(2, 1.0, lambda: self.now)
        self.one = Counted()

    @property
    def found(self) -> tuple[bool, int]:
        """Say whether its request is counted, and how many are."""
        return self.one.is_counted, self.gate.waiting


@pytest.fixture
def case() -> Case:
    """Have a connection without a request."""
    return Case()


def test_a_request_is_counted_once(case: Case) -> None:
    """Until it is done, however often that is said."""
    for _ in range(2):
        case.one.count(case.gate)
        assert (True, 1) == case.found
    for _ in range(2):
        case.one.discount(served=True)
        assert (False, 0) == case.found


def test_who_is_aside_is_not_counted_and_is_again_after_it(case: Case) -> None:
    """As one that was there before."""
    case.one.count(case.gate)
    with case.one.aside():
        assert (False, 0) == case.found
    assert (True, 1) == case.found


def test_who_was_not_counted_is_not_after_it(case: Case) -> None:
    """A second time neither: nothing is left of the first."""
    case.one.count(case.gate)
    with case.one.aside():
        pass
    case.one.discount(served=True)
    with case.one.aside():
        assert (False, 0) == case.found
    assert (False, 0) == case.found


def test_a_body_that_comes_meanwhile_counts_after_it(case: Case) -> None:
    """Its last byte makes it one of those under way, but not yet."""
    with case.one.aside():
        case.one.count(case.gate)
        assert (False, 0) == case.found
    assert (True, 1) == case.found


def test_who_is_done_meanwhile_is_not_counted_after_it(case: Case) -> None:
    """Its client has gone away."""
    case.one.count(case.gate)
    with case.one.aside():
        case.one.discount(served=False)
    assert (False, 0) == case.found


def test_who_is_refused_there_is_done(case: Case) -> None:
    """The next request on the connection is counted as ever."""
    case.one.count(case.gate)
    with pytest.raises(PermissionError), case.one.aside():
        raise PermissionError
    assert (False, 0) == case.found
    case.one.count(case.gate)
    assert (True, 1) == case.found


def test_nobody_learns_the_pace_from_who_was_refused_there(case: Case) -> None:
    """Ninety who come while each takes half a second are in time."""
    case.gate = Gate(100, 1.0, lambda: case.now, stalls=False)
    for _ in range(90):
        case.gate.enter()
    for _ in range(10):
        case.one.count(case.gate)
        with suppress(PermissionError), case.one.aside():
            case.now += 0.5
            raise PermissionError
        case.one.discount(served=True)
    assert not case.gate.full
