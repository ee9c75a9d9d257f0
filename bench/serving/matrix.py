"""All cases of a table of one size: every operation over every number of connections."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.audit.inserts import WITHOUT
from bench.ground import Ground
from bench.result import several
from bench.serving.agreement import agree, agree_partly
from bench.serving.asking import answer
from bench.serving.bulk import BulkResult, measured
from bench.serving.lessened import lessened
from bench.serving.load import Request, write_requests
from bench.serving.operations import OPERATIONS, PARTS, asked
from bench.serving.overloaded import Stress, overload
from bench.serving.parts import BUSY, CEILED, Part
from bench.serving.pgbenched import pgbench
from bench.serving.report import Size
from bench.serving.rounds import Case, Result, Turn, shown, take_turns
from bench.serving.servers import CONSTANT, PEERS, UNLOGGED, Server, constant, peer, plant
from bench.serving.sessions import leave_nothing
from bench.serving.stock import Stock, fill
from bench.serving.table import Table, until_placed

FEW_ROUNDS: Final = 3
"""Of import and export, and of overload, which take long."""

OVERLOADED_S: Final = 4
"""Rounds that an overload lasts."""

Tell = Callable[[str], None]


class Field(Struct, frozen=True):
    """All servers at work on one table; `others` serve one operation or a few."""

    plant: Server
    peers: list[Server]
    others: dict[str, list[Server]]

    @property
    def all(self) -> list[Server]:
        """List them, each once."""
        others = [one for several in self.others.values() for one in several]
        return [self.plant, *self.peers, *dict.fromkeys(others)]

    def asked(self, operation: str) -> list[Server]:
        """List those that have an operation."""
        return [self.plant, *self.peers, *self.others.get(operation, [])]


def measured_at(ground: Ground, python: Path, part: Part, say: Tell) -> Size:
    """Fill a table, have all servers agree on it, and measure them.

    Raises: DisagreementError, NotServingError.
    """
    with ground.copy(f"rows_{part.rows}_{part.tenants}") as place:
        stock = fill(place, part.rows, part.tenants, say, searched=part.searched)
        ways = lessened(place, stock, part, part.lessened, say) if part.lessened else []
        looked = leave_nothing(place, python, stock, part.operations)
        say(f"{looked} sessions of peers keep nothing")
        with _field(place, python, part, stock) as field:
            table = Table(place, stock, field.plant)
            until_placed(table.place)
            # First: what the others write changes the length of what a constant has the length of.
            compared = agree_partly(field.plant, field.others, stock, part.operations)
            compared += agree(place, field.plant, field.peers, stock, part.operations)
            say(f"{compared} answers are the same")
            turns = _turns(table, field, part)
            for server in field.all:
                server.pause()
            results, failed = _cases(place, turns, part, say)
            field.plant.resume()
            moved = _moved(place, python, field.plant, stock, part, say)
            stress = _stressed(table, part, say)
        return Size(
            rows=part.rows,
            tenants=part.tenants,
            compared=compared,
            results=results,
            bulk=moved,
            pgbench=pgbench(place, stock),
            failed=failed,
            overload=stress,
            sessions=looked,
            lessened=ways,
        )


@contextmanager
def _field(place: Ground, python: Path, part: Part, stock: Stock) -> Iterator[Field]:
    """Start the servers, one of them on a copy without the log."""
    with ExitStack() as stack:
        bare = stack.enter_context(place.copy(f"unlogged_{part.rows}_{part.tenants}"))
        bare.run(WITHOUT)
        ours = stack.enter_context(plant(place))
        lengths = {
            name: len(answer(ours, OPERATIONS[name](ours, stock)[0]).body) for name in CEILED
        }
        peers = [stack.enter_context(peer(place, python, name)) for name in PEERS]
        ceiling = stack.enter_context(constant(place, lengths))
        others = {name: [ceiling] for name in CEILED}
        others["create"] = [stack.enter_context(plant(bare, UNLOGGED))]
        yield Field(ours, peers, others)


def _turns(table: Table, field: Field, part: Part) -> dict[str, list[Turn]]:
    """Write what each server is sent, for each operation."""
    found: dict[str, list[Turn]] = {}
    for operation, ask in asked(table.stock, part.operations).items():
        around = table.around(operation)
        for server in field.asked(operation):
            if server.name == CONSTANT:
                requests = [Request("GET", f"/{operation}", {})]
            else:
                requests = ask(server, table.stock)
            path = table.place.directory / f"{operation}-{server.port}.txt"
            write_requests(path, requests, PARTS.get(operation, 1))
            found.setdefault(operation, []).append(Turn(server, path, around))
    return found


def _cases(
    place: Ground, turns: dict[str, list[Turn]], part: Part, say: Tell
) -> tuple[list[Result], list[str]]:
    """Measure case by case; gives what came of it, and what has failed."""
    results: list[Result] = []
    failed: list[str] = []
    for operation, each in turns.items():
        for connections in part.connections_of(operation):
            case, seconds = Case(operation, connections), part.round_s(connections)
            found, bad = take_turns(place, case, each, part.rounds, seconds)
            say(
                "; ".join(
                    [f"{operation}, {several(connections, 'connection')}: {shown(found)}", *bad]
                )
            )
            results += found
            failed += bad
    return results, failed


def _moved(
    place: Ground, python: Path, plant: Server, stock: Stock, part: Part, say: Tell
) -> list[BulkResult]:
    """Import and export, where that is asked for."""
    if not part.bulk:
        return []
    rounds = min(FEW_ROUNDS, part.rounds)
    found = measured(place, python, plant, stock.shops[-1].actor, part.bulk, rounds)
    rates = (f"{one.operation} {one.way} {one.middle('rate'):,.0f} rows/s" for one in found)
    say("; ".join(rates))
    return found


def _stressed(table: Table, part: Part, say: Tell) -> list[Stress]:
    """Ask for too much, where that is asked for."""
    if not part.overload:
        return []
    until_placed(table.place)
    rounds = min(FEW_ROUNDS, part.rounds)
    found = overload(table.plant, table.stock, OVERLOADED_S * part.round_s(BUSY), rounds)
    kept = (f"{one.times} times the capacity: {one.kept:.0%} of it kept" for one in found)
    say("; ".join(kept))
    return found
