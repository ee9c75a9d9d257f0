"""The parts of a plan, and how long each takes: tables, operations, connections, rounds."""

from typing import Final

from msgspec import Struct

from bench.result import several
from bench.serving.operations import OPERATIONS, SEARCH, WRITES
from bench.serving.without import AHEAD
from bench.serving.without import WAYS as ALL_WAYS

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
SEARCHED_MOST: Final = 20_000
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

OVERLOAD_S: Final = 50.0
"""A round of too much, and its set-up."""

COPIED_S: Final = 8.0
"""Of one more Plant with a copy of a table."""


def _filled_s(rows: int) -> float:
    return rows / FILLED + rows / SEALED


def _turn_s(operation: str, seconds: int) -> float:
    return WARM_S + seconds + BETWEEN_S + (SEALED_S if operation in WRITES else 0)


class Lessening(Struct, frozen=True, kw_only=True):
    """What Plant is asked beside itself without each of some ways. Units: `seconds` of a round.

    A round is short, since what is told apart is told by processor time.
    """

    ways: tuple[str, ...]
    operations: tuple[str, ...]
    seconds: int

    @property
    def words(self) -> str:
        """Name the ways."""
        return "each of its ways" if self == EVERYWHERE else ", ".join(self.ways)

    def expected_s(self, rounds: int) -> float:
        """Reckon how long it takes on two cores."""
        turns = sum(_turn_s(operation, self.seconds) for operation in self.operations)
        return (1 + len(self.ways)) * (COPIED_S + rounds * turns)


EVERYWHERE: Final = Lessening(
    ways=tuple(way for way in ALL_WAYS if way != AHEAD),
    operations=("get", "list", "create"),
    seconds=1,
)
OF_MANY_KEYS: Final = Lessening(ways=(AHEAD,), operations=("get",), seconds=6)
"""Worth something where keys are many, once the first of them would be over."""


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
    lessened: Lessening | None = None

    @property
    def searched(self) -> bool:
        """Say whether it is searched, which takes vectors."""
        most = min(SEARCHED_MOST, COMPARED_MOST * self.tenants)
        return SEARCH in self.operations and self.rows <= most

    def connections_of(self, operation: str) -> tuple[int, ...]:
        """List over how many connections an operation is asked for.

        Of 256 who write or search at the same time Plant refuses those who would wait in vain, as
        it is meant to: that is measured as overload. So what is slow is asked for over BUSY at
        most, or over the fewest alone where all are more.
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
        overload = OVERLOAD_S * min(self.rounds, ROUNDS) if self.overload else 0
        lessened = self.lessened.expected_s(self.rounds) if self.lessened else 0
        return set_up + measured + bulk + overload + lessened

    @property
    def things(self) -> list[str]:
        """Name everything that is measured."""
        found = [*self.asked]
        if self.bulk:
            found.append(f"import and export of {self.bulk:,} rows")
        if self.overload:
            found.append("Plant under overload")
        if self.lessened:
            found.append(f"Plant without {self.lessened.words}")
        return found

    @property
    def words(self) -> str:
        """Say what is planned."""
        return (
            f"{self.rows:,} rows of {several(self.tenants, 'tenant')}: {', '.join(self.things)}; "
            f"{self._over}{self.rounds} rounds; "
            f"all servers: {self.expected_s / 60:.0f} minutes"
        )

    @property
    def _over(self) -> str:
        """Say over how many connections; what is no operation has its own."""
        if not self.asked:
            return ""
        found = f"{', '.join(map(str, self.connections))} connections"
        fewer = [one for one in self.asked if self.connections_of(one) != self.connections]
        if fewer:
            alone = ", ".join(map(str, self.connections_of(fewer[0])))
            found += f" ({', '.join(fewer)}: {alone} alone)"
        return f"{found}; "


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
            f"tables of {', '.join(f'{rows:,}' for rows in self.rows)} rows of "
            f"{several(self.tenants, 'tenant')} in turns: {', '.join(UNSEARCHED)}; "
            f"1 connection; {self.rounds} rounds; "
            f"Plant alone: {self.expected_s / 60:.0f} minutes"
        )
