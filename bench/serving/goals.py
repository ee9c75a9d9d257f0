"""What was measured against what was to be reached: the ratios of issue and design."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from bench.result import Row, by_round, several, shown
from bench.serving.bulk import BULK, SET_BASED, BulkResult
from bench.serving.causes import cause
from bench.serving.parts import BUSY
from bench.serving.rounds import Result
from bench.serving.servers import BLACKSHEEP, CONSTANT, FASTAPI, LITESTAR, PLANT, UNLOGGED


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


class BulkGoal(Struct, frozen=True, kw_only=True):
    """The same of a bulk; without `other` a number of Plant alone."""

    operation: str
    number: str
    words: str
    other: str = ""
    least: float | None = None
    most: float | None = None
    turned: bool = False


BULK_GOALS: Final = (
    BulkGoal(
        operation="import",
        number="cpu_us",
        words="processor time of the client, SQLAlchemy in bulk / Plant",
        other=BULK,
        least=10,
        turned=True,
    ),
    BulkGoal(
        operation="import",
        number="seconds",
        words="time, Plant / one INSERT … SELECT",
        other=SET_BASED,
        most=1.5,
    ),
    BulkGoal(
        operation="export",
        number="rate",
        words="rows a second, Plant / SQLAlchemy",
        other=BULK,
        least=4,
    ),
    BulkGoal(
        operation="import", number="extra_mb", words="memory beyond the idle process", most=10
    ),
    BulkGoal(
        operation="export", number="extra_mb", words="memory beyond the idle process", most=10
    ),
)
BULK_HOW: Final = (
    "Medians of rounds in turns, one tenant. Plant: `POST /v1/imports` of lines that are validated "
    "and looked up by external id, `GET /v1/exports`; the memory is the most that was seen of the "
    "service. The processor time is all outside PostgreSQL: the service, which seals the log too; "
    "SQLAlchemy's client, and what the service takes meanwhile to seal its rows. SQLAlchemy: "
    "`insert()` of lists of dictionaries, 5,000 at a time, unvalidated; a stream of mapped objects "
    "through the Pydantic model. What is exported is the table and all that was imported. INSERT … "
    "SELECT: the function that Plant's import ends in, of rows that the server makes itself."
)
WORDS: Final = {
    "rate": ("answers a second", ""),
    "cpu_us": ("processor time of the service", "µs"),
    "server_us": ("processor time of PostgreSQL", "µs"),
    "cpu_us+server_us": ("processor time of service and PostgreSQL", "µs"),
    "p50_ms": ("p50", "ms"),
    "p99_ms": ("p99", "ms"),
    "pss_mb": ("memory of the process", "MB"),
}
"""What a number is, and its unit."""

BULK_UNITS: Final = {"rate": "rows/s", "cpu_us": "µs a row", "seconds": "s"}
HOW: Final = (
    "Medians over all rounds, in which the servers take turns in an order that is turned about; "
    "each has a second before it is measured, and the others stand still meanwhile."
)


def value(result: Result, number: str) -> float:
    """Give a number of a result, or the sum of several."""
    return sum(result.middle(one) for one in number.split("+"))


def rows(size: int, tenants: int, results: Sequence[Result]) -> list[Row]:
    """Make a row of each goal whose both sides were measured."""
    found = {(one.server, one.operation, one.connections): one for one in results}
    made = []
    for goal in GOALS:
        ours = found.get((PLANT, goal.operation, goal.connections))
        theirs = found.get((goal.other, goal.operation, goal.connections))
        if ours is None or theirs is None:
            continue
        one, other = value(ours, goal.number), value(theirs, goal.number)
        words, unit = WORDS[goal.number]
        made.append(
            Row(
                what=f"{size:,} rows, {several(tenants, 'tenant')}, {goal.operation}, "
                f"{several(goal.connections, 'connection')}: "
                f"{words}, {f'{goal.other} / Plant' if goal.turned else f'Plant / {goal.other}'}",
                value=other / one if goal.turned else one / other,
                least=goal.least,
                most=goal.most,
                how=HOW,
                beside=f"{shown(one, unit)} against {shown(other, unit)}",
                cause=cause(goal.operation, goal.number, goal.other, tenants),
            )
        )
    return made


def bulk_rows(size: int, results: Sequence[BulkResult]) -> list[Row]:
    """Make the rows of import and export."""
    found = {(one.operation, one.way): one for one in results}
    made = []
    for goal in BULK_GOALS:
        ours = found.get((goal.operation, PLANT))
        theirs = found.get((goal.operation, goal.other)) if goal.other else None
        if ours is None or (goal.other and theirs is None):
            continue
        one = ours.middle(goal.number)
        other = theirs.middle(goal.number) if theirs else 1.0
        made.append(
            Row(
                what=f"{size:,} rows, {goal.operation} of {ours.rounds[0].rows:,}: {goal.words}",
                value=other / one if goal.turned else one / other,
                unit="" if theirs else "MB",
                least=goal.least,
                most=goal.most,
                how=BULK_HOW,
                beside=_beside(goal, ours, theirs) if theirs else "",
                cause=cause(goal.operation, goal.number, goal.other),
            )
        )
    return made


def _beside(goal: BulkGoal, ours: BulkResult, theirs: BulkResult) -> str:
    number, unit = goal.number, BULK_UNITS[goal.number]
    above, below = (theirs, ours) if goal.turned else (ours, theirs)
    rounds = by_round(*((getattr(one, number) for one in each.rounds) for each in (above, below)))
    middles = f"{shown(ours.middle(number), unit)} against {shown(theirs.middle(number), unit)}"
    return f"{middles}; {rounds}"
