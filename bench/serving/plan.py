"""What is measured, and how long that takes: tables, operations, connections, rounds."""

from itertools import product
from typing import Final

from msgspec import Struct

from bench.serving.operations import OPERATIONS, SEARCH, WRITES

CONNECTIONS: Final = (1, 16, 64, 256)
BUSY: Final = 64
"""Connections at which rates are compared."""

ROWS: Final = (10_000, 100_000, 1_000_000)
TENANTS: Final = (1, 20, 1_000)
USUAL: Final = (ROWS[0], 20)
BULK_ROWS: Final = 20_000
ROUNDS: Final = 3
FULL_ROUNDS: Final = 5
WARM_S: Final = 1
CEILED: Final = ("get", "list", "many")
"""Operations for which there is a constant of the same length."""

SLOW: Final = WRITES | {SEARCH}
"""Operations of which 256 at the same time are more than is served at once."""

UNSEARCHED: Final = tuple(name for name in OPERATIONS if name != SEARCH)
LABELLED_MOST: Final = 20_000
COMPARED_MOST: Final = 5_000
"""Of a tenant's labels (PLANT_SEARCH_EXACT_MAX): of more Plant goes along an index, which finds
most of what is near, and nobody could be asked for the same."""

PEERS: Final = 6
FILLED: Final = 3_000
"""Rows that are written in a second, with the log of everything."""

SEALED: Final = 12_000
"""Entries that find their place in a second."""

VECTORS: Final = 250
"""Vectors that are indexed in a second."""

STARTED_S: Final = 60.0
"""Of all servers, and of their agreement."""

STARTED_ALONE_S: Final = 5.0
"""Of Plant on one table."""

BETWEEN_S: Final = 0.3
"""From one round to the next, when nothing has to be sealed."""

SEALED_S: Final = 0.8
"""What the writes of a round take to be sealed."""

BULK_ROW_S: Final = 0.0032
"""A row in one round of all ways, in and out."""

OVERLOAD_S: Final = 60.0
LESSENED_S: Final = 220.0
"""Of Plant, and Plant without each of its ways, in three operations."""


def _filled_s(rows: int) -> float:
    return rows / FILLED + rows / SEALED


def _turn_s(operation: str, seconds: int) -> float:
    return WARM_S + seconds + BETWEEN_S + (SEALED_S if operation in WRITES else 0)


class Part(Struct, frozen=True, kw_only=True):
    """One table, and what is asked of it, of all servers.

    Shapes: `bulk` rows are imported, none where it is 0. Units: `seconds` of a round, by the number
    of connections where it is 0.
    """

    rows: int
    tenants: int
    operations: tuple[str, ...]
    connections: tuple[int, ...]
    rounds: int = ROUNDS
    seconds: int = 0
    bulk: int = 0
    overload: bool = False
    lessened: bool = False

    @property
    def searched(self) -> bool:
        """Say whether it is searched, which takes vectors."""
        most = min(LABELLED_MOST, COMPARED_MOST * self.tenants)
        return SEARCH in self.operations and self.rows <= most

    def connections_of(self, operation: str) -> tuple[int, ...]:
        """List over how many connections an operation is asked for.

        Of 256 who write or search at the same time Plant refuses those who would wait in vain, as
        it is meant to: that is measured as overload.
        """
        most = max(BUSY, min(self.connections)) if operation in SLOW else max(self.connections)
        return tuple(count for count in self.connections if count <= most)

    @property
    def asked(self) -> tuple[str, ...]:
        """List the operations that it is asked for."""
        return tuple(one for one in self.operations if one != SEARCH or self.searched)

    def round_s(self, connections: int) -> int:
        """Give the seconds of a round: many connections need a while to be all heard."""
        return self.seconds or (1 if connections < BUSY else 2)

    @property
    def expected_s(self) -> float:
        """Reckon how long it takes on two cores."""
        set_up = _filled_s(self.rows) + STARTED_S
        set_up += self.rows / VECTORS if self.searched else 0
        measured = sum(
            _servers(operation) * self.rounds * _turn_s(operation, self.round_s(connections))
            for operation in self.asked
            for connections in self.connections_of(operation)
        )
        bulk = BULK_ROW_S * self.bulk * min(self.rounds, ROUNDS)
        others = (OVERLOAD_S if self.overload else 0) + (LESSENED_S if self.lessened else 0)
        return set_up + measured + bulk + others

    @property
    def words(self) -> str:
        """Say what is planned."""
        return (
            f"{self.rows:,} rows of {self.tenants:,} tenants: {', '.join(_things(self))}; "
            f"{', '.join(map(str, self.connections))} connections; {self.rounds} rounds; "
            f"all servers: {self.expected_s / 60:.0f} minutes"
        )


def _servers(operation: str) -> int:
    return 1 + PEERS + (operation in CEILED) + (operation == "create")


class Growth(Struct, frozen=True, kw_only=True):
    """Tables of several sizes, from the smallest on, that Plant serves in turns.

    Everything but searches is asked over one connection. Units: `seconds` of a round.
    """

    rows: tuple[int, ...]
    tenants: int = USUAL[1]
    rounds: int = FULL_ROUNDS
    seconds: int = 1

    @property
    def expected_s(self) -> float:
        """Reckon how long it takes on two cores."""
        set_up = sum(_filled_s(rows) + STARTED_ALONE_S for rows in self.rows)
        turns = sum(_turn_s(operation, self.seconds) for operation in UNSEARCHED)
        return set_up + turns * self.rounds * len(self.rows)

    @property
    def words(self) -> str:
        """Say what is planned."""
        return (
            f"tables of {', '.join(f'{rows:,}' for rows in self.rows)} rows of {self.tenants:,} "
            f"tenants in turns: {', '.join(UNSEARCHED)}; 1 connection; {self.rounds} rounds; "
            f"Plant alone: {self.expected_s / 60:.0f} minutes"
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
            lessened=True,
        ),
        *(
            Part(rows=USUAL[0], tenants=count, operations=("get", "create"), connections=(BUSY,))
            for count in (1, 1_000)
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
            lessened=(rows, tenants) == USUAL,
        )
        for rows, tenants in product(ROWS, TENANTS)
    ]
    return Plan(parts, [Growth(rows=ROWS, seconds=2)])


def _things(part: Part) -> list[str]:
    things = [*part.asked]
    if part.bulk:
        things.append(f"import and export of {part.bulk:,} rows")
    if part.overload:
        things.append("Plant under overload")
    if part.lessened:
        things.append("Plant without each of its ways")
    return things
