"""A leader that fell behind: entries that it places and seals a second, each hash checked."""

import time
from typing import Final

import psycopg
from msgspec import Struct

from bench.ground import Ground
from bench.pgbench import BenchError

LOOK_S: Final = 0.05
PATIENCE_S: Final = 300.0
HOW_FAR: Final = """
SELECT
    (SELECT coalesce(max(log_index) + 1, 0) FROM audit.position),
    (SELECT coalesce(max(size), 0) FROM audit.checkpoint WHERE incarnation = 1)
"""


class Look(Struct, frozen=True):
    """How far it was: entries with a place, entries under a checkpoint. Units: seconds."""

    at_s: float
    placed: int
    sealed: int


class Caught(Struct, frozen=True):
    """How it went, look by look."""

    looks: list[Look]

    @property
    def rate(self) -> float:
        """Give entries a second, from the last look that saw none placed to the first with all."""
        begun = [look for look in self.looks if look.placed == 0][-1]
        end = self.looks[-1]
        return end.sealed / (end.at_s - begun.at_s)

    def between(self, seconds: float = 1.0) -> list[float]:
        """Give entries a second placed in each stretch of so many seconds."""
        found, last = [], None
        for look in self.looks:
            if look.placed and last is None:
                last = look
            if last is not None and look.at_s - last.at_s >= seconds:
                found.append((look.placed - last.placed) / (look.at_s - last.at_s))
                last = look
        return found


def catch_up(ground: Ground, entries: int) -> Caught:
    """Start `plant worker` on a database whose queue is full; watch until all is sealed.

    Raises: BenchError.
    """
    looks: list[Look] = []
    with psycopg.connect(ground.url("superuser"), autocommit=True) as connection:
        begun = time.perf_counter()
        with ground.plant("worker").running() as worker:
            while not looks or looks[-1].sealed < entries:
                placed, sealed = connection.execute(HOW_FAR).fetchone() or (0, 0)
                looks.append(Look(time.perf_counter() - begun, placed, sealed))
                if looks[-1].at_s > PATIENCE_S or not worker.alive():
                    raise BenchError(f"{sealed} of {entries} are sealed: {worker.said()}")
                time.sleep(LOOK_S)
    return Caught(looks)
