"""Labels to fill tables with: real ones with their vectors, then copies with noise in them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from bench.relevance.vectors import meanings
from service.convert.esco import convert_lines
from service.embedding.trigram import Trigram
from service.model.vector import DIMENSIONS
from service.sample.packaged import load_sample

NOISE: Final = 0.45
"""Length of what is added to a vector of length 1: a copy has a cosine of .91 to its original."""
SEED: Final = 5

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class _Line(Struct, frozen=True):
    kind: str
    name: str
    description: str | None = None
    aliases: list[str] = []


class Entity(Struct, frozen=True):
    """What an entity is called: sources and texts, and the rows of both matrices they stand in."""

    labels: list[tuple[str, str]]
    begins: int


class Material(Struct, frozen=True):
    """Real entities, and two vectors for each label, row by row."""

    entities: list[Entity]
    vectors: Vectors
    lexicals: Vectors

    def copied(self, entity: Entity, chance: np.random.Generator) -> tuple[Vectors, Vectors]:
        """Give the vectors of a copy of an entity."""
        rows = slice(entity.begins, entity.begins + len(entity.labels))
        return noisy(self.vectors[rows], chance), noisy(self.lexicals[rows], chance)


def noisy(vectors: Vectors, chance: np.random.Generator) -> Vectors:
    """Add noise to unit vectors and bring them to unit length again."""
    noise = chance.standard_normal(vectors.shape, dtype=np.float32) * (NOISE / DIMENSIONS**0.5)
    made: Vectors = vectors + noise
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def material(data: Path | None, cache: Path, tell: Callable[[str], None]) -> Material:
    """Read the skills and job roles of a folder of ESCO, or of the sample that the package has."""
    entities: list[Entity] = []
    texts: list[str] = []
    for line in _lines(data):
        labels = [("name", line.name), *(("alias", alias) for alias in line.aliases)]
        if line.description:
            labels.append(("description", line.description))
        entities.append(Entity(labels, len(texts)))
        texts += [text for _, text in labels]
    known = meanings(texts, cache, tell)
    meant = b"".join(known[text] for text in texts)
    return Material(entities, _matrix(meant), _matrix(Trigram().embed(texts)))


def _lines(data: Path | None) -> Iterator[_Line]:
    lines = load_sample().active.splitlines() if data is None else convert_lines(data)
    for line in lines:
        one = msgspec.json.decode(line, type=_Line)
        if one.kind in ("skill", "job_role"):
            yield one


def _matrix(vectors: bytes) -> Vectors:
    return np.frombuffer(vectors, ">f4").reshape(-1, DIMENSIONS).astype(np.float32)
