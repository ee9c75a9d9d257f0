"""Which of many vectors are near to each other: all are compared with all, in blocks.

Exact, and in memory: 1.7 KB for each vector. The products of whole vectors are eight
times the work, so 48 numbers stand for each one first: its parts along the 47 directions in which a
sample of them is longest, and the length of what remains. The product of these is never less than
that of the vectors (Cauchy-Schwarz), and few pairs are left for which it is large enough.

It is a program, too, which takes vectors from its input and writes the pairs: see `comparison`.
"""

import os
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import msgspec

from service.model.vector import DIMENSIONS, SIZE

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[Any]]

BLOCK: Final = 512
"""Vectors that are compared with so many others at once: a megabyte of products."""

DIRECTIONS: Final = 47
SAMPLE: Final = 4_096
ROUNDED: Final = 1e-5
"""More than singles lose in a product of unit vectors, and than scores differ by elsewhere."""

DENSE: Final = 64
"""One in so many: of more than that the whole vectors are multiplied at once."""

_HALF: Final = 32
"""Bits of an owner in the number of a pair."""


class Near(NamedTuple):
    """Two owners, the smaller one first, and the largest product of a vector of each."""

    one: int
    other: int
    score: float


class Compared:
    """Vectors that are compared with each other; each has an owner, and own ones do not count.

    Shapes: vectors are 384 singles, big-endian, of length 1; owners count upwards.
    """

    def __init__(self, least: float, count: int) -> None:
        self._best = _Best(least, count)
        self._vectors: list[Numbers] = []
        self._owners: list[Numbers] = []

    def add(self, owners: Sequence[int], vectors: bytes) -> None:
        """Take some more vectors, which stand one behind the other."""
        import numpy as np

        numbers = np.frombuffer(vectors, ">f4").reshape(-1, DIMENSIONS)
        for start in range(0, len(owners), BLOCK):
            block = numbers[start : start + BLOCK].astype(np.float32)
            # The server takes what is off by a thousandth, and compares directions.
            block /= np.sqrt(np.einsum("ij,ij->i", block, block))[:, None]
            self._vectors.append(block)
            self._owners.append(np.array(owners[start : start + BLOCK], np.int64))

    def nearest(self) -> list[Near]:
        """Compare them, and give some more of the nearest than asked for: scores are rounded."""
        heads = self._heads()
        for at in range(len(heads)):
            for other in range(at, len(heads)):
                self._compare(at, other, heads[at], heads[other])
        return self._best.found()

    def _heads(self) -> "list[Numbers]":
        import numpy as np

        if not self._vectors:
            return []
        each = max(1, SAMPLE // len(self._vectors))
        sample = np.concatenate([one[:each] for one in self._vectors])
        _, along = np.linalg.eigh(sample.T @ sample)
        directions = along[:, -DIRECTIONS:]
        heads = []
        for one in self._vectors:
            parts = one @ directions
            # A little more than what remains, never less.
            rest = np.maximum(0, 1 - np.einsum("ij,ij->i", parts, parts)) + ROUNDED
            heads.append(np.hstack([parts, np.sqrt(rest)[:, None]]))
        return heads

    def _compare(self, at: int, other: int, head: "Numbers", heads: "Numbers") -> None:
        import numpy as np

        least = self._best.least - ROUNDED
        near = np.flatnonzero(head @ heads.T >= least)
        if not len(near):
            return
        whole, wholes = self._vectors[at], self._vectors[other]
        products = None
        if len(near) * DENSE > len(head) * len(heads):
            products = (whole @ wholes.T).ravel()
            near = np.flatnonzero(products >= least)
        rows, columns = np.divmod(near, len(heads))
        owner, owners = self._owners[at][rows], self._owners[other][columns]
        kept = owner < owners if at != other else (owner < owners) & (rows < columns)
        rows, columns, owner, owners = rows[kept], columns[kept], owner[kept], owners[kept]
        if products is None:
            scores = np.einsum("ij,ij->i", whole[rows], wholes[columns])
        else:
            scores = products[near[kept]]
        enough = scores >= least
        self._best.add(owner[enough], owners[enough], scores[enough])


class _Best:
    """The best pairs so far: when there are enough, only better ones are looked for."""

    def __init__(self, least: float, count: int) -> None:
        self.least = least
        self._count = 2 * count
        self._pairs: list[Numbers] = []
        self._scores: list[Numbers] = []
        self._waiting = 0

    def add(self, owner: "Numbers", owners: "Numbers", scores: "Numbers") -> None:
        self._pairs.append((owner << _HALF) + owners)
        self._scores.append(scores)
        self._waiting += len(scores)
        if self._waiting > 4 * self._count:
            self._settle()

    def found(self) -> list[Near]:
        self._settle()
        return [
            Near(pair >> _HALF, pair % (1 << _HALF), score)
            for pairs, scores in zip(self._pairs, self._scores, strict=True)
            for pair, score in zip(pairs.tolist(), scores.tolist(), strict=True)
        ]

    def _settle(self) -> None:
        """Keep each pair once, by its best score, and of these the best."""
        import numpy as np

        if not self._pairs:
            return
        pairs, scores = np.concatenate(self._pairs), np.concatenate(self._scores)
        order = np.lexsort((pairs, -scores))
        # Of several of one pair the first is the best.
        _, first = np.unique(pairs[order], return_index=True)
        kept = order[np.sort(first)][: self._count]
        self._pairs, self._scores, self._waiting = [pairs[kept]], [scores[kept]], 0
        if len(kept) == self._count:
            self.least = max(self.least, float(scores[kept[-1]]) + 2 * ROUNDED)


PRIORITY: Final = 10
"""How much everything else goes before it."""

COUNT: Final = struct.Struct("<I")
"""Before owners, as many of these, and their vectors."""


def compare(given: BinaryIO) -> bytes:
    """Read vectors to the end and give the pairs that are nearest as JSON."""
    least, count = msgspec.json.decode(given.readline(), type=tuple[float, int])
    compared = Compared(least, count)
    while head := given.read(COUNT.size):
        (vectors,) = COUNT.unpack(head)
        owners = struct.unpack(f"<{vectors}I", given.read(4 * vectors))
        compared.add(owners, given.read(SIZE * vectors))
    return msgspec.json.encode(compared.nearest())


if __name__ == "__main__":
    if sys.platform != "win32":
        os.nice(PRIORITY)
    with suppress(KeyboardInterrupt, BrokenPipeError):
        sys.stdout.buffer.write(compare(sys.stdin.buffer))
