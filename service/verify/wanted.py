"""Sizes and roots that a tree is held against, in the order of their sizes."""

import heapq
from collections.abc import Iterable

from msgspec import Struct


class Wanted(Struct, frozen=True, order=True):
    """The root that a tree of a size must have, who says so, and which damage it is if not."""

    size: int
    root: bytes
    source: str
    damage: str = "root"


class Queue:
    """What is still to be compared, smallest first."""

    def __init__(self, wanted: Iterable[Wanted] = ()) -> None:
        self._heap = list(wanted)
        heapq.heapify(self._heap)

    def add(self, wanted: Wanted) -> None:
        """Want one more."""
        heapq.heappush(self._heap, wanted)

    def up_to(self, size: int) -> list[Wanted]:
        """Take what is wanted of trees up to a size."""
        taken = []
        while self._heap and self._heap[0].size <= size:
            taken.append(heapq.heappop(self._heap))
        return taken

    @property
    def rest(self) -> list[Wanted]:
        """Give what nothing was large enough for."""
        return sorted(self._heap)
