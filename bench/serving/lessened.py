"""What each way of Plant is worth: the same service beside itself with one of them taken away."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from bench.ground import Ground
from bench.serving.load import write_requests
from bench.serving.operations import OPERATIONS
from bench.serving.parts import BUSY, Lessening, Part
from bench.serving.rounds import Case, Result, Turn, shown, take_turns
from bench.serving.servers import PLANT, Server, plant
from bench.serving.stock import Stock

PATIENT: Final = {"PLANT_ACQUIRE_TIMEOUT_MS": "9000"}
"""What is slower without a way is to show it, and not to refuse whoever would wait too long."""


def without(way: str) -> str:
    """Name Plant without one of its ways."""
    return f"{PLANT} without {way}"


def lessened(
    place: Ground, stock: Stock, part: Part, lessening: Lessening, say: Callable[[str], None]
) -> list[Result]:
    """Measure each in turn with all others, on a table of its own; nobody may be connected to it.

    Each leads its own log, and what it has to seal of its creates it seals while it is measured.
    """
    say(f"starting Plant, and Plant without {', '.join(lessening.ways)}")
    found = []
    with _servers(place, lessening.ways) as servers:
        for server in servers:
            server.pause()
        for operation in lessening.operations:
            turns = []
            for server in servers:
                path = place.directory / f"{operation}-without-{server.port}.txt"
                server.resume()
                write_requests(path, OPERATIONS[operation](server, stock))
                server.pause()
                turns.append(Turn(server, path))
            case = Case(operation, BUSY)
            results, bad = take_turns(place, case, turns, part.rounds, lessening.seconds)
            say("; ".join([f"{operation}: {shown(results)}", *bad]))
            found += results
    return found


@contextmanager
def _servers(place: Ground, ways: tuple[str, ...]) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        names = {PLANT: (), **{without(way): (way,) for way in ways}}
        copies = {
            name: stack.enter_context(place.copy(f"{place.database}_{number}"))
            for number, name in enumerate(names)
        }
        yield [
            stack.enter_context(plant(copies[name], name, *way, **PATIENT))
            for name, way in names.items()
        ]
