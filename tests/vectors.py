"""Vectors as embedders give them, read back into numbers; and those of the published model."""

import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec

from service.embedding.embedder import VECTOR_BYTES, Embedder
from service.model.vector import DIMENSIONS

Vector = tuple[float, ...]


class Published(msgspec.Struct, frozen=True):
    """A text with its pieces and its vector, of all-MiniLM-L6-v2 in singles."""

    text: str
    pieces: list[int]
    vector: bytes


PUBLISHED = msgspec.json.decode(
    (Path(__file__).parent / "data" / "minilm" / "vectors.json").read_bytes(),
    type=list[Published],
)
"""What tests/oracle/make_minilm_vectors.py has written."""


def vectors_of(embedder: Embedder, texts: Sequence[str]) -> list[Vector]:
    """Embed texts, and make sure that so many vectors of the length 1 came back."""
    packed = embedder.embed(texts)
    assert len(packed) == len(texts) * VECTOR_BYTES
    found = unpacked(packed)
    assert [] == [text for text, one in zip(texts, found, strict=True) if not is_unit(one)]
    return found


def unpacked(packed: bytes) -> list[Vector]:
    """Read big-endian singles."""
    return list(struct.iter_unpack(f">{DIMENSIONS}f", packed))


def is_unit(vector: Vector) -> bool:
    """Say whether the length is 1, to six digits."""
    return abs(cosine(vector, vector) - 1) < 1e-6


def cosine(one: Vector, other: Vector) -> float:
    """Multiply two vectors of the length 1."""
    return sum(a * b for a, b in zip(one, other, strict=True))
