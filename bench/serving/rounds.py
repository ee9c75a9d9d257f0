"""Rounds in which servers take turns, so that what slows the machine down slows all of them."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import psycopg
from msgspec import Struct

from bench.ground import Ground
from bench.result import several
from bench.serving import usage
from bench.serving.load import BadAnswersError, Sent, send
from bench.serving.servers import Server

WARM_S: Final = 1
END_S: Final = 60.0
LOOK_S: Final = 0.05
RESTING: Final = 0.1
"""The share of a core that a server uses at most when it is asked nothing."""

BACKENDS: Final = """
SELECT pid FROM pg_stat_activity
WHERE datname = %s AND starts_with(application_name, %s)
"""


BUSY: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = %s AND starts_with(application_name, %s) AND state <> 'idle'
"""

Session: TypeAlias = "psycopg.Connection[tuple[int]]"


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


def nothing() -> None:
    """Do nothing: a read needs nothing and leaves nothing behind."""


class Around(Struct, frozen=True):
    """What is done before a server is sent anything, and after its round."""

    before: Callable[[], None] = nothing
    after: Callable[[], None] = nothing


class Turn(Struct, frozen=True):
    """A server that is asked in turn with others, the file of its requests, what is around it."""

    server: Server
    requests: Path
    around: Around = Around()


class Result(Struct, frozen=True):
    """All rounds of a server in a case."""

    server: str
    operation: str
    connections: int
    rounds: list[Taken]

    def middle(self, name: str) -> float:
        """Give the median of a number over all rounds."""
        return statistics.median(float(getattr(one, name)) for one in self.rounds)


def take_turns(
    ground: Ground, case: Case, turns: Sequence[Turn], rounds: int, seconds: int
) -> tuple[list[Result], list[str]]:
    """Measure servers, whose names are told apart, the order turned about each round.

    Gives what came of it, and which servers are left out since not all they gave was 2xx.
    """
    found: dict[str, list[Taken]] = {turn.server.name: [] for turn in turns}
    failed: dict[str, str] = {}
    with psycopg.connect(ground.url("superuser"), autocommit=True) as session:
        for number in range(rounds):
            for turn in turns if number % 2 == 0 else reversed(turns):
                server, requests = turn.server, turn.requests
                if server.name in failed:
                    continue
                server.resume()
                try:
                    turn.around.before()
                    warm(server, requests, case)
                    _let_end(session, server)
                    turn.around.before()
                    found[server.name].append(_taken(session, case, server, requests, seconds))
                except BadAnswersError as bad:
                    failed[server.name] = str(bad)
                finally:
                    server.pause()
                turn.around.after()
    results = [
        Result(name, case.operation, case.connections, each)
        for name, each in found.items()
        if name not in failed
    ]
    return results, list(failed.values())


def shown(results: Sequence[Result]) -> str:
    """Say in a line what each server took."""
    return "; ".join(
        f"{one.server} {one.middle('rate'):,.0f}/s"
        f" {one.middle('cpu_us'):,.0f}+{one.middle('server_us'):,.0f} µs"
        for one in results
    )


def warm(server: Server, requests: Path, case: Case) -> None:
    """Ask for a second; whoever has just been woken may refuse some of it."""
    with suppress(BadAnswersError):
        send(server.url, requests, connections=case.connections, seconds=WARM_S)


def _taken(session: Session, case: Case, server: Server, requests: Path, seconds: int) -> Taken:
    _let_end(session, server)
    before, used = usage.each_cpu_us(_backends(session, server)), usage.cpu_us(server.pid)
    try:
        sent = send(server.url, requests, connections=case.connections, seconds=seconds)
    except BadAnswersError as bad:
        where = f"{case.operation}, {several(case.connections, 'connection')}, {server.name}"
        words = f"{where}: {bad}. {server.complaint()}".rstrip()
        raise BadAnswersError(words) from None
    _let_end(session, server)
    used = usage.cpu_us(server.pid) - used
    after = usage.each_cpu_us(_backends(session, server))
    risen, memory = usage.risen(before, after), usage.pss_mb(server.pid)
    return of_round(sent, case.connections, used, risen, memory)


def of_round(sent: Sent, connections: int, cpu_us: float, server_us: float, pss_mb: float) -> Taken:
    """Share out among the requests what was used by all of them.

    When time was up each connection had one under way, which the server went on with.
    """
    served = sent.requests + connections
    return Taken(
        rate=sent.rate,
        p50_ms=sent.p50_ms,
        p99_ms=sent.p99_ms,
        cpu_us=cpu_us / served,
        server_us=server_us / served,
        pss_mb=pss_mb,
    )


def _let_end(session: Session, server: Server) -> None:
    """Wait until a server has done what it was asked: nobody is stopped in a transaction."""
    until = time.monotonic() + END_S
    while time.monotonic() < until:
        used = usage.cpu_us(server.pid)
        time.sleep(LOOK_S)
        ((busy,),) = session.execute(BUSY, (server.database, server.sessions))
        if not busy and usage.cpu_us(server.pid) - used < RESTING * LOOK_S * 1e6:
            return
    raise TimeoutError(f"{server.name} does not come to rest")


def _backends(session: Session, server: Server) -> list[int]:
    if not server.sessions:
        return []
    given = (server.database, server.sessions)
    return [row[0] for row in session.execute(BACKENDS, given)]
