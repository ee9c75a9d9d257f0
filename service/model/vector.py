"""Vectors of 384 numbers as bytes: the server's binary form, and what a client sends."""

import math
import operator
import struct
from collections.abc import Iterator, Sequence
from typing import Final

DIMENSIONS: Final = 384
SIZE: Final = 4 * DIMENSIONS
"""Bytes of a vector: IEEE-754 singles, big-endian."""

_HEADER: Final = struct.pack(">HH", DIMENSIONS, 0)
_UNIT_ENOUGH: Final = 1e-6
_NUMBERS: Final = struct.Struct(f">{DIMENSIONS}f")


def wire(vector: bytes) -> bytes:
    """Give a vector as PostgreSQL takes and sends it: its dimensions stand before it.

    Source: pgvector, src/vector.c, vector_recv.
    """
    return _HEADER + vector


def unwired(sent: bytes) -> bytes:
    """Give the numbers of a vector that the server sent."""
    return sent[len(_HEADER) :]


def each(vectors: bytes) -> Iterator[bytes]:
    """Cut vectors that stand one behind the other."""
    for start in range(0, len(vectors), SIZE):
        yield vectors[start : start + SIZE]


def unit(numbers: Sequence[float]) -> bytes:
    """Bring 384 finite numbers, not all zero, to unit length; what has it stays as it is."""
    length = math.hypot(*numbers)
    if abs(length - 1) > _UNIT_ENOUGH:
        numbers = [number / length for number in numbers]
    return _NUMBERS.pack(*numbers)


def cosine(one: bytes, other: bytes) -> float:
    """Give the cosine between two vectors of unit length."""
    products = map(operator.mul, _NUMBERS.unpack(one), _NUMBERS.unpack(other))
    return float(sum(products))
