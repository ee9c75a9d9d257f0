"""All cases of a table of one size: every operation over every number of connections."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.audit.inserts import WITHOUT
from bench.ground import Ground
from bench.serving.agreement import agree
from bench.serving.asking import answer
from bench.serving.bulk import BulkResult, measured
from bench.serving.load import BadAnswersError, Request, write_requests
from bench.serving.operations import OPERATIONS, WRITES
from bench.serving.pgbenched import pgbench
from bench.serving.report import Size
from bench.serving.rounds import Case, Result, take_turns
from bench.serving.servers import CONSTANT, PEERS, UNLOGGED, Server, constant, peer, plant
from bench.serving.stock import Stock, fill

FULL: Final = (5, 2)
"""Rounds, and seconds of each."""

QUICKLY: Final = (1, 1)
BULK_ROUNDS: Final = 3
"""Of import and export, which take long."""

CEILED: Final = ("get", "list", "many")
"""Operations for which there is a constant of the same length."""

PENDING: Final = "SELECT count(*) FROM audit.pending"
PLACED_S: Final = 600.0
"""A million entries take a minute or more."""

Tell = Callable[[str], None]


class Scale(Struct, frozen=True):
    """How much is measured."""

    operations: tuple[str, ...]
    connections: tuple[int, ...]
    rounds: int
    seconds: int
    bulk: int


class Field(Struct, frozen=True):
    """All servers at work on one table; `others` serve some operations only."""

    plant: Server
    peers: list[Server]
    constant: Server
    unlogged: Server

    @property
    def all(self) -> list[Server]:
        """List them."""
        return [self.plant, *self.peers, self.constant, self.unlogged]

    def asked(self, operation: str) -> list[Server]:
        """List those that have an operation."""
        also = [self.constant] if operation in CEILED else []
        also += [self.unlogged] if operation == "create" else []
        return [self.plant, *self.peers, *also]


def measured_at(
    ground: Ground, python: Path, rows: int, tenants: int, scale: Scale, say: Tell
) -> Size:
    """Fill a table, have all servers agree on it, and measure them.

    Raises: DisagreementError, NotServingError.
    """
    with ground.copy(f"rows_{rows}_{tenants}") as place:
        stock = fill(place, rows, tenants, say)
        with place.copy(f"unlogged_{rows}_{tenants}") as bare:
            bare.run(WITHOUT)
            say("starting the servers")
            with _field(place, bare, python, stock) as field:
                _let_rest(place)
                compared = agree(place, field.plant, field.peers, stock)
                say(f"{compared} answers are the same")
                requests = _requests(place.directory, field, stock, scale)
                for server in field.all:
                    server.pause()
                results, failed = _cases(place, field, requests, scale, say)
                field.plant.resume()
                moved = _moved(place, python, field.plant, stock, scale, say)
        alone = pgbench(place, stock)
        return Size(rows, tenants, compared, results, moved, alone, failed)


@contextmanager
def _field(place: Ground, bare: Ground, python: Path, stock: Stock) -> Iterator[Field]:
    with ExitStack() as stack:
        ours = stack.enter_context(plant(place))
        lengths = {
            name: len(answer(ours, OPERATIONS[name](ours, stock)[0]).body) for name in CEILED
        }
        yield Field(
            ours,
            [stack.enter_context(peer(place, python, name)) for name in PEERS],
            stack.enter_context(constant(place, lengths)),
            stack.enter_context(plant(bare, UNLOGGED)),
        )


def _requests(
    directory: Path, field: Field, stock: Stock, scale: Scale
) -> dict[str, list[tuple[Server, Path]]]:
    """Write what each server is sent, for each operation."""
    found: dict[str, list[tuple[Server, Path]]] = {}
    for operation in scale.operations:
        for server in field.asked(operation):
            if server.name == CONSTANT:
                requests = [Request("GET", f"/{operation}", {})]
            else:
                requests = OPERATIONS[operation](server, stock)
            path = directory / f"{operation}-{server.port}.txt"
            write_requests(path, requests)
            found.setdefault(operation, []).append((server, path))
    return found


def _cases(
    place: Ground,
    field: Field,
    requests: dict[str, list[tuple[Server, Path]]],
    scale: Scale,
    say: Tell,
) -> tuple[list[Result], list[str]]:
    """Measure case by case; gives what came of it, and what has failed."""

    def sealed() -> None:
        field.plant.resume()
        try:
            _let_rest(place)
        finally:
            field.plant.pause()

    results: list[Result] = []
    failed: list[str] = []
    for operation in scale.operations:
        after = sealed if operation in WRITES else _nothing
        for connections in scale.connections:
            case = Case(operation, connections)
            try:
                found = take_turns(
                    place, case, requests[operation], scale.rounds, scale.seconds, after
                )
            except BadAnswersError as bad:
                say(f"FAILED: {bad}")
                failed.append(f"{connections} connections, {bad}")
                continue
            say(f"{operation}, {connections} connections: {_shown(found)}")
            results += found
    return results, failed


def _moved(
    place: Ground, python: Path, plant: Server, stock: Stock, scale: Scale, say: Tell
) -> list[BulkResult]:
    """Import and export, where that is asked for."""
    if not scale.bulk:
        return []
    rounds = min(BULK_ROUNDS, scale.rounds)
    found = measured(place, python, plant, stock.shops[-1].actor, scale.bulk, rounds)
    rates = (f"{one.operation} {one.way} {one.middle('rate'):,.0f} rows/s" for one in found)
    say("; ".join(rates))
    return found


def _let_rest(place: Ground) -> None:
    """Wait until every entry has its place in the log."""
    until = time.monotonic() + PLACED_S
    while place.run(PENDING) != [(0,)]:
        if time.monotonic() > until:
            raise TimeoutError("entries wait for their place")
        time.sleep(0.1)


def _nothing() -> None:
    """Do nothing: a read leaves nothing behind."""


def _shown(results: Sequence[Result]) -> str:
    return "; ".join(
        f"{one.server} {one.middle('rate'):,.0f}/s"
        f" {one.middle('cpu_us'):,.0f}+{one.middle('server_us'):,.0f} µs"
        for one in results
    )
