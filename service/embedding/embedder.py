"""What an embedder is: a name, a version, and texts that become vectors.

Vectors of two models have nothing to do with each other: beside each one stands the model that
made it, and only those of one model are compared.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from service.model.vector import SIZE
from service.refusal import Refusal

VECTOR_BYTES: Final = SIZE
"""Of one vector, as `embed` gives it."""


class EmbedderRefusal(Refusal):
    """An embedder was asked for that cannot work here."""


class Embedder(Protocol):
    """Something that turns texts into vectors, always the same text into the same vector."""

    @property
    def name(self) -> str:
        """Name the model, without a slash."""
        ...

    @property
    def version(self) -> str:
        """Tell from earlier ones: another version makes other vectors of the same text."""
        ...

    def embed(self, texts: Sequence[str]) -> bytes:
        """Give a vector for each text, in the order of the texts.

        Shapes: DIMENSIONS singles for each text, big-endian (IEEE 754), one vector after the other:
        the order of pgvector's binary format, whose header is the caller's to add. Each has the
        length 1, so none is zero, whatever the text says; nothing is refused for what it says.

        Raises: EmbedderRefusal when the model cannot be loaded.
        """
        ...


def model_of(embedder: Embedder) -> str:
    """Give what is stored beside each vector, such as `minilm-l6-v2-int8/1`."""
    return f"{embedder.name}/{embedder.version}"


def vector_at(vectors: bytes, place: int) -> bytes:
    """Take one vector out of many, counted from 0."""
    return vectors[place * VECTOR_BYTES : (place + 1) * VECTOR_BYTES]
