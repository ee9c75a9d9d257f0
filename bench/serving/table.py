"""A table that is served, and whoever leads its log: what has to be done around those who write."""

import time
from typing import Final

from msgspec import Struct

from bench.ground import Ground
from bench.serving.operations import WRITES
from bench.serving.rounds import Around
from bench.serving.servers import Server
from bench.serving.steps import withdraw
from bench.serving.stock import Stock

PENDING: Final = "SELECT count(*) FROM audit.pending"
PLACED_S: Final = 600.0
"""A million entries take a minute or more."""

LOOK_S: Final = 0.1


def until_placed(place: Ground, within_s: float = PLACED_S) -> None:
    """Wait until every entry has its place in the log; its leader has to be at work."""
    until = time.monotonic() + within_s
    while place.run(PENDING) != [(0,)]:
        if time.monotonic() > until:
            raise TimeoutError("entries wait for their place")
        time.sleep(LOOK_S)


class Table(Struct, frozen=True):
    """A filled table, and the Plant that serves it and leads its log."""

    place: Ground
    stock: Stock
    plant: Server

    def around(self, operation: str) -> Around:
        """Say what an operation needs before and after a turn, whoever is asked for it.

        What was written is sealed before the next has its turn; Plant stands still otherwise.
        """
        if operation not in WRITES:
            return Around()
        return (
            Around(self._withdraw, self._seal) if operation == "step" else Around(after=self._seal)
        )

    def _withdraw(self) -> None:
        withdraw(self.place.url("superuser"), self.stock.shops)

    def _seal(self) -> None:
        self.plant.resume()
        try:
            until_placed(self.place)
        finally:
            self.plant.pause()
