"""Rounds in which servers take turns, so that what slows the machine down slows all of them."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import psycopg
from msgspec import Struct

from bench.ground import Ground
from bench.serving import usage
from bench.serving.load import Sent, send
from bench.serving.servers import Server

WARM_S: Final = 1
BACKENDS: Final = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND starts_with(application_name, %s)
"""


class Taken(Struct, frozen=True):
    """One round of one server.

    Units: `cpu_us` and `server_us` are processor time for each request, of the process that
    answers and of its sessions in PostgreSQL; `pss_mb` at the end.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    server_us: float
    pss_mb: float


class Case(Struct, frozen=True):
    """What a server is asked, over how many connections."""

    operation: str
    connections: int


class Result(Struct, frozen=True):
    """All rounds of a server in a case."""

    server: str
    operation: str
    connections: int
    rounds: list[Taken]

    def middle(self, name: str) -> float:
        """Give the median of a number over all rounds."""
        return statistics.median(getattr(one, name) for one in self.rounds)


def take_turns(
    ground: Ground,
    case: Case,
    servers: Sequence[tuple[Server, Path]],
    rounds: int,
    seconds: int,
    after: Callable[[], None],
) -> list[Result]:
    """Measure servers, each with its file of requests, the order turned about each round.

    `after` is done after each round of each. Raises: BadAnswers.
    """
    found: dict[str, list[Taken]] = {server.name: [] for server, _ in servers}
    with psycopg.connect(ground.url("superuser"), autocommit=True) as session:
        for number in range(rounds):
            order = servers if number % 2 == 0 else list(reversed(servers))
            for server, requests in order:
                server.resume()
                try:
                    send(
                        server.url, requests, connections=case.connections, seconds=WARM_S
                    )
                    found[server.name].append(_taken(session, case, server, requests, seconds))
                finally:
                    server.pause()
                after()
    return [
        Result(name, case.operation, case.connections, each) for name, each in found.items()
    ]


def _taken(
    session: "psycopg.Connection[tuple[int]]",
    case: Case,
    server: Server,
    requests: Path,
    seconds: int,
) -> Taken:
    before, used = usage.each_cpu_us(_backends(session, server)), usage.cpu_us(server.pid)
    sent = send(server.url, requests, connections=case.connections, seconds=seconds)
    used = usage.cpu_us(server.pid) - used
    after = usage.each_cpu_us(_backends(session, server))
    return of_round(sent, used, usage.risen(before, after), usage.pss_mb(server.pid))


def of_round(sent: Sent, cpu_us: float, server_us: float, pss_mb: float) -> Taken:
    """Share out among the requests what was used by all of them."""
    return Taken(
        rate=sent.rate,
        p50_ms=sent.p50_ms,
        p99_ms=sent.p99_ms,
        cpu_us=cpu_us / sent.requests,
        server_us=server_us / sent.requests,
        pss_mb=pss_mb,
    )


def _backends(session: "psycopg.Connection[tuple[int]]", server: Server) -> list[int]:
    if not server.sessions:
        return []
    return [row[0] for row in session.execute(BACKENDS, (server.sessions,))]
