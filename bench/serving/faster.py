"""What the page says of where one of the peers answers more than Plant."""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.result import several
from bench.serving.rounds import Result
from bench.serving.servers import PEERS, PLANT

INTRO: Final = (
    "Where a peer gave more answers a second than Plant, by the medians of all rounds, and what "
    "each took for one. Plant authenticates, validates, and limits what one client can take from "
    "others; peers do not."
)
HEAD: Final = (
    "| table | operation | peer | Plant's answers, of the peer's | service µs | PostgreSQL µs |",
    "|---|---|---|---|---|---|",
)


def section(tables: Sequence[tuple[int, int, Sequence[Result]]]) -> list[str]:
    """Write a line for each, by rows, tenants and results of every table."""
    lines = [line for rows, tenants, results in tables for line in _lines(rows, tenants, results)]
    told = [INTRO, "", *HEAD, *lines] if lines else ["No peer gave more answers a second anywhere."]
    return ["", "### Where a peer is faster", "", *told]


def _lines(rows: int, tenants: int, results: Sequence[Result]) -> Iterator[str]:
    ours = {(one.operation, one.connections): one for one in results if one.server == PLANT}
    for one in results:
        plant = ours.get((one.operation, one.connections))
        if plant is None or one.server not in PEERS or one.middle("rate") <= plant.middle("rate"):
            continue
        cells = (
            f"{rows:,} rows, {several(tenants, 'tenant')}",
            f"{one.operation}, {several(one.connections, 'connection')}",
            one.server,
            f"{plant.middle('rate') / one.middle('rate'):.2f}",
            *(
                f"{plant.middle(number):,.0f} against {one.middle(number):,.0f}"
                for number in ("cpu_us", "server_us")
            ),
        )
        yield f"| {' | '.join(cells)} |"
