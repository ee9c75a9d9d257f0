"""The head of a usual request, from its bytes; tests/http/test_short_way.py compares both ways."""

import time

from service.http.usual import HEAD_MAX, usual

BEGIN = b"Host: x\r\nAuthorization: Bearer some-key\r\nA: a"
TURNS = 9
TIMES = 30


def test_blanks_around_a_value_are_not_of_it() -> None:
    """Nor is one that stands inside left out."""
    found = usual(b"Host: x\r\nauthorization:\t Bearer  key \t\r\nRequest-Id:one \r\n\r\n")

    assert found is not None
    assert ("key", "one") == (found.key, found.request_id)
    assert usual(b"Host: x\r\nAuthorization: Bearer a b\r\n\r\n") is None


def test_blanks_cost_no_more_than_letters() -> None:
    """Whoever sends thousands of them keeps nobody waiting: it was 400 times as much."""
    room = HEAD_MAX - len(BEGIN) - 5
    blanks, letters = (BEGIN + fill * room + b"b\r\n\r\n" for fill in (b" ", b"x"))

    assert usual(blanks) is not None is not usual(letters)
    assert min(_cost(blanks) for _ in range(TURNS)) < TIMES * min(
        _cost(letters) for _ in range(TURNS)
    )


def _cost(lines: bytes) -> float:
    begun = time.process_time()
    usual(lines)
    return time.process_time() - begun
