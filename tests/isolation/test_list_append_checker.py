"""The search for anomalies, on histories written by hand: it finds each, and nothing where none."""

from typing import Any

import pytest

from tests.isolation.list_append import Append, Found, History, Outcome, Read, Transaction, look


def wrote(key: str, value: int) -> Append:
    """Append a value."""
    return Append(key, value)


def read(key: str, *values: int) -> Read:
    """Read a list."""
    return Read(key, values)


def did(*operations: Append | Read, outcome: Outcome = "committed") -> Transaction:
    """Do this in one transaction."""
    return Transaction(operations, outcome)


HISTORIES: dict[str, tuple[list[Transaction], dict[str, tuple[int, ...]]]] = {
    "lost": ([did(wrote("x", 1)), did(wrote("x", 2))], {"x": (2,)}),
    "doubled": ([did(wrote("x", 1)), did(wrote("x", 2))], {"x": (1, 2, 1)}),
    "aborted_read": (
        [did(wrote("x", 1), outcome="aborted"), did(read("x", 1))],
        {"x": ()},
    ),
    "intermediate_read": ([did(wrote("x", 1), wrote("x", 2)), did(read("x", 1))], {"x": (1, 2)}),
    "disagreeing": (
        [did(wrote("x", 1)), did(wrote("x", 2)), did(read("x", 2))],
        {"x": (1, 2)},
    ),
    "own_write_unseen": ([did(wrote("x", 1), read("x"))], {"x": (1,)}),
    "write_cycle": (
        [did(wrote("x", 1), wrote("y", 1)), did(wrote("x", 2), wrote("y", 2))],
        {"x": (1, 2), "y": (2, 1)},
    ),
    "circular": (
        [did(wrote("x", 1), read("y", 1)), did(wrote("y", 1), read("x", 1))],
        {"x": (1,), "y": (1,)},
    ),
    "single": (
        [did(wrote("x", 1), wrote("y", 1)), did(read("x"), read("y", 1))],
        {"x": (1,), "y": (1,)},
    ),
    "skew": (
        [did(read("x"), wrote("y", 1)), did(read("y"), wrote("x", 1))],
        {"x": (1,), "y": (1,)},
    ),
}


def names(found: Found) -> set[str]:
    """Name what is wrong."""
    return {name for name in Found.__struct_fields__ if getattr(found, name)}


@pytest.mark.parametrize("anomaly", HISTORIES)
def test_each_anomaly_is_found(anomaly: str) -> None:
    """In the smallest history that shows it."""
    found = names(look(History(*HISTORIES[anomaly])))
    implied: dict[str, set[str]] = {
        # What lies on a cycle of writes lies on one of writes and reads.
        "write_cycle": {"circular", "skew"},
        "doubled": {"write_cycle", "circular", "skew"},
        "aborted_read": {"disagreeing"},
        "intermediate_read": {"single"},
        "circular": {"skew"},
    }

    assert {anomaly} <= found <= {anomaly} | implied.get(anomaly, set())


@pytest.mark.parametrize(
    "history,final",
    [
        ([], {}),
        ([did(wrote("x", 1)), did(read("x", 1), wrote("x", 2), read("x", 1, 2))], {"x": (1, 2)}),
        ([did(wrote("x", 1), outcome="aborted"), did(read("x"))], {"x": ()}),
        (
            [did(read("x"), wrote("y", 1)), did(read("y", 1), wrote("x", 1)), did(read("x", 1))],
            {"x": (1,), "y": (1,)},
        ),
        (
            # What was aborted afterwards may have read what never fitted together.
            [did(wrote("x", 1), wrote("y", 1)), did(read("x"), read("y", 1), outcome="aborted")],
            {"x": (1,), "y": (1,)},
        ),
    ],
)
def test_what_has_an_order_is_no_anomaly(history: list[Transaction], final: Any) -> None:
    """One transaction after the other explains all that was read."""
    assert set() == names(look(History(history, final)))


def test_a_lost_update_is_a_cycle_with_one_antidependency() -> None:
    """Two read the same list and both append: one of them read what is not the one before."""
    both = [did(read("x"), wrote("x", 1)), did(read("x"), wrote("x", 2))]

    assert {"single"} == names(look(History(both, {"x": (1, 2)})))


def test_the_members_of_a_cycle_are_told() -> None:
    """By their places in the history; who is not on it is left out."""
    history = [did(wrote("z", 1)), *HISTORIES["skew"][0], did(read("z", 1))]

    assert [(1, 2)] == look(History(history, {"x": (1,), "y": (1,), "z": (1,)})).skew
