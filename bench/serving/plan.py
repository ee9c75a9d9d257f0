"""What is measured in an hour, and what everything is."""

from itertools import product

from msgspec import Struct

from bench.serving.operations import OPERATIONS
from bench.serving.parts import (
    BULK_ROWS,
    BUSY,
    CONNECTIONS,
    EVERYWHERE,
    FULL_ROUNDS,
    OF_MANY_KEYS,
    ROWS,
    TENANTS,
    USUAL,
    Growth,
    Lessening,
    Part,
)


class Plan(Struct, frozen=True):
    """Everything that is to be measured in a run, in this order."""

    parts: list[Part]
    growths: list[Growth]

    @property
    def all(self) -> list[Part | Growth]:
        """List them in this order."""
        return [*self.parts, *self.growths]

    @property
    def expected_s(self) -> float:
        """Reckon how long it takes on two cores."""
        return sum(one.expected_s for one in self.all)

    @property
    def words(self) -> list[str]:
        """Say what is planned, part by part, and how long it should take."""
        lines = [one.words for one in self.all]
        return [*lines, f"{self.expected_s / 60:.0f} minutes in all"]


def lessening(tenants: int) -> Lessening:
    """Say what is shown by a table of so many tenants."""
    return OF_MANY_KEYS if tenants == TENANTS[-1] else EVERYWHERE


def core() -> Plan:
    """Plan what is measured in an hour: one table whole, other sizes as far as goals are set."""
    parts = [
        Part(
            rows=USUAL[0],
            tenants=USUAL[1],
            operations=tuple(OPERATIONS),
            connections=CONNECTIONS,
            bulk=BULK_ROWS,
            overload=True,
            lessened=EVERYWHERE,
        ),
        *(
            Part(
                rows=USUAL[0],
                tenants=count,
                operations=("get", "create"),
                connections=(BUSY,),
                lessened=lessening(count) if count > 1 else None,
            )
            for count in (TENANTS[0], TENANTS[-1])
        ),
    ]
    return Plan(parts, [Growth(rows=ROWS)])


def full() -> Plan:
    """Plan everything: every size, every number of tenants and connections, every server."""
    parts = [
        Part(
            rows=rows,
            tenants=tenants,
            operations=tuple(OPERATIONS),
            connections=CONNECTIONS,
            rounds=FULL_ROUNDS,
            seconds=2,
            bulk=BULK_ROWS,
            overload=(rows, tenants) == USUAL,
            lessened=lessening(tenants) if rows == ROWS[0] and tenants > 1 else None,
        )
        for rows, tenants in product(ROWS, TENANTS)
    ]
    return Plan(parts, [Growth(rows=ROWS, seconds=2)])
