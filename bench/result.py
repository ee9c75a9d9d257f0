"""What was measured, against what was to be reached."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

LARGE: Final = 100.0


class Row(Struct, frozen=True, kw_only=True):
    """One number.

    Shapes: `least` or `most` is the goal, neither where there is none. `how` says how it was
    measured, `beside` what it has to be seen with, such as a ratio, `cause` why a goal is missed,
    as far as that was measured.
    Units: `unit` is that of `value`, `least` and `most`; empty for a ratio.
    """

    what: str
    value: float
    unit: str = ""
    least: float | None = None
    most: float | None = None
    how: str
    beside: str = ""
    cause: str = ""

    @property
    def met(self) -> bool | None:
        """Say whether the goal is met; None where there is none."""
        if self.least is not None:
            return self.value >= self.least
        if self.most is not None:
            return self.value <= self.most
        return None

    @property
    def goal(self) -> str:
        """Say what the goal is."""
        if self.least is not None:
            return f"≥ {shown(self.least, self.unit)}"
        return "" if self.most is None else f"≤ {shown(self.most, self.unit)}"

    @property
    def measured(self) -> str:
        """Say what was measured."""
        return shown(self.value, self.unit)

    @property
    def verdict(self) -> str:
        """Say in a word whether the goal is met."""
        return {True: "yes", False: "NO", None: ""}[self.met]


class Outcome(Struct, frozen=True):
    """What came of one benchmark: its numbers, and all that they were made from."""

    rows: list[Row]
    raw: dict[str, Any]


def shown(value: float, unit: str) -> str:
    """Write a number: three digits of what is small, all of what is large."""
    number = f"{value:,.0f}" if value >= LARGE else f"{value:.3g}"
    return f"{number} {unit}".rstrip()


def several(count: int, what: str) -> str:
    """Write how many there are of what has a plural in s."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def by_round(above: Iterable[float], below: Iterable[float]) -> str:
    """Write the ratio of each round."""
    each = (one / other for one, other in zip(above, below, strict=False))
    return f"round by round {', '.join(f'{ratio:.3g}' for ratio in each)}"


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that a share of all, between 0 and 1, does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(rows: Sequence[Row]) -> list[str]:
    """Write a table for a terminal."""
    cells = [("what", "measured", "goal", "met?")]
    cells += [(row.what, row.measured, row.goal, row.verdict) for row in rows]
    what, measured, goal, _ = (max(map(len, column)) for column in zip(*cells, strict=True))
    return [
        f"{one.ljust(what)} | {two.rjust(measured)} | {three.rjust(goal)} | {four}".rstrip()
        for one, two, three, four in cells
    ]
