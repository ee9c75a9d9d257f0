"""What each way of Plant is worth: the same service beside itself with one of them taken away."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from bench.ground import Ground
from bench.serving.load import write_requests
from bench.serving.operations import OPERATIONS
from bench.serving.rounds import Case, Result, Turn, shown, take_turns
from bench.serving.servers import PLANT, Server, plant
from bench.serving.stock import Stock
from bench.serving.without import WAYS

ASKED: Final = ("get", "list", "create")
SECONDS: Final = 1
"""Of a round: what is told apart here is told by processor time."""


PATIENT: Final = {"PLANT_ACQUIRE_TIMEOUT_MS": "9000"}
"""What is slower without a way is to show it, and not to refuse whoever would wait too long."""


def without(way: str) -> str:
    """Name Plant without one of its ways."""
    return f"{PLANT} without {way}"


def lessened(
    place: Ground, stock: Stock, connections: int, rounds: int, say: Callable[[str], None]
) -> list[Result]:
    """Measure each in turn with all others, on a table of its own; nobody may be connected to it.

    Each leads its own log, and what it has to seal of its creates it seals while it is measured.
    """
    say("starting Plant, and Plant without each of its ways")
    found = []
    with _servers(place) as servers:
        for server in servers:
            server.pause()
        for operation in ASKED:
            turns = []
            for server in servers:
                path = place.directory / f"{operation}-without-{server.port}.txt"
                server.resume()
                write_requests(path, OPERATIONS[operation](server, stock))
                server.pause()
                turns.append(Turn(server, path))
            case = Case(operation, connections)
            results, bad = take_turns(place, case, turns, rounds, SECONDS)
            say("; ".join([f"{operation}: {shown(results)}", *bad]))
            found += results
    return found


@contextmanager
def _servers(place: Ground) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        ways = {PLANT: (), **{without(way): (way,) for way in WAYS}}
        copies = {
            name: stack.enter_context(place.copy(f"{place.database}_{number}"))
            for number, name in enumerate(ways)
        }
        yield [
            stack.enter_context(plant(copies[name], name, *way, **PATIENT))
            for name, way in ways.items()
        ]
