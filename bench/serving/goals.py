"""What was measured against what was to be reached: the ratios of issue and design."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from bench.result import Row
from bench.serving.rounds import Result
from bench.serving.servers import BLACKSHEEP, CONSTANT, FASTAPI, LITESTAR, PLANT, UNLOGGED

GROWTH_MOST: Final = 1.3
GROWN: Final = (10_000, 1_000_000)
"""Sizes between which the goal of growth is set."""

BUSY: Final = 64
"""Connections at which rates are compared."""


class Goal(Struct, frozen=True, kw_only=True):
    """A ratio of Plant to another server; `turned`: of the other to Plant.

    `number` is a field of Taken, or several joined by `+`.
    """

    operation: str
    number: str
    connections: int
    other: str
    least: float | None = None
    most: float | None = None
    turned: bool = False


GOALS: Final = (
    Goal(operation="get", number="rate", connections=BUSY, other=FASTAPI, least=25),
    Goal(operation="get", number="rate", connections=BUSY, other=LITESTAR, least=6),
    Goal(operation="get", number="rate", connections=BUSY, other=BLACKSHEEP, least=4),
    Goal(operation="get", number="cpu_us", connections=BUSY, other=CONSTANT, most=1.35),
    Goal(operation="get", number="p50_ms", connections=1, other=FASTAPI, most=0.2),
    Goal(operation="get", number="p99_ms", connections=256, other=FASTAPI, most=0.05),
    Goal(operation="list", number="rate", connections=BUSY, other=FASTAPI, least=8),
    Goal(
        operation="create",
        number="cpu_us",
        connections=BUSY,
        other=FASTAPI,
        least=8,
        turned=True,
    ),
    Goal(
        operation="create",
        number="cpu_us+server_us",
        connections=BUSY,
        other=FASTAPI,
        least=2,
        turned=True,
    ),
    Goal(operation="create", number="server_us", connections=BUSY, other=UNLOGGED, most=1.3),
    Goal(operation="get", number="pss_mb", connections=BUSY, other=FASTAPI, most=0.6),
)
WORDS: Final = {
    "rate": ("answers a second", "{:,.0f}"),
    "cpu_us": ("processor time of the service", "{:,.0f} µs"),
    "server_us": ("processor time of PostgreSQL", "{:,.0f} µs"),
    "cpu_us+server_us": ("processor time of service and PostgreSQL", "{:,.0f} µs"),
    "p50_ms": ("p50", "{:.3g} ms"),
    "p99_ms": ("p99", "{:.3g} ms"),
    "pss_mb": ("memory of the process", "{:.0f} MB"),
}
HOW: Final = (
    "Medians over all rounds, in which the servers take turns in an order that is turned about; "
    "each has a second before it is measured, and the others stand still meanwhile."
)


def value(result: Result, number: str) -> float:
    """Give a number of a result, or the sum of several."""
    return sum(result.middle(one) for one in number.split("+"))


def rows(size: int, results: Sequence[Result]) -> list[Row]:
    """Make a row of each goal whose both sides were measured."""
    found = {(one.server, one.operation, one.connections): one for one in results}
    made = []
    for goal in GOALS:
        ours = found.get((PLANT, goal.operation, goal.connections))
        theirs = found.get((goal.other, goal.operation, goal.connections))
        if ours is None or theirs is None:
            continue
        one, other = value(ours, goal.number), value(theirs, goal.number)
        words, form = WORDS[goal.number]
        made.append(
            Row(
                what=f"{size:,} rows, {goal.operation}, {goal.connections} connections: "
                f"{words}, {f'{goal.other} / Plant' if goal.turned else f'Plant / {goal.other}'}",
                value=other / one if goal.turned else one / other,
                least=goal.least,
                most=goal.most,
                how=HOW,
                beside=f"{form.format(one)} against {form.format(other)}",
            )
        )
    return made


def growth(sizes: Mapping[int, Sequence[Result]]) -> list[Row]:
    """Compare the medians of the smallest table with those of the largest."""
    if len(sizes) < 2:  # noqa: PLR2004 - there is nothing to compare
        return []
    small, large = min(sizes), max(sizes)
    before = {(one.operation, one.connections): one for one in _ours(sizes[small])}
    made = []
    for one in _ours(sizes[large]):
        other = before.get((one.operation, one.connections))
        if other is None or one.connections != 1:
            continue
        was, now = other.middle("p50_ms"), one.middle("p50_ms")
        made.append(
            Row(
                what=f"{one.operation}, 1 connection: p50 at {large:,} rows / at {small:,}",
                value=now / was,
                most=GROWTH_MOST if (small, large) == GROWN else None,
                how="One connection, so that nobody waits for another.",
                beside=f"{now:.3g} against {was:.3g} ms",
            )
        )
    return made


def _ours(results: Sequence[Result]) -> list[Result]:
    return [one for one in results if one.server == PLANT]
