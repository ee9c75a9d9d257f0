"""What labels are compared with: vectors of meaning and of characters, and whose they are."""

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from service.repository.base import Context
from service.repository.search import SOURCES

CALLER: Final = "caller"
"""Stands for a model beside the vectors that callers gave."""

WORDS: Final = 0.95
"""What likeness of words counts beside likeness of meaning."""

AROUND: Final = 0.05
"""What counts, in a search, how far the labels of an entity fall behind its likest on average: of
two that share a label the one comes first whose other labels are nearer. With it, and with a fifth
off where meaning and words differ, of a hundred aliases of ESCO that were left out one at a time 91
were found first, of those with two typos 76; by the larger of the two alone 90 and 72."""


class Words(Protocol):
    """Gives vectors of the characters of texts, at once."""

    def embed(self, texts: Sequence[str]) -> bytes:
        """Give a vector for each text: 384 singles, big-endian, of length 1."""
        ...


class Meaning(Protocol):
    """Gives vectors of what texts mean, by a model."""

    async def vector(self, text: str, whose: str = "") -> bytes:
        """Give the vector of a text: 384 singles, big-endian, of length 1.

        What is remembered of it is remembered for `whose` only.
        """
        ...


class Probe(Struct, frozen=True):
    """What labels are compared with: a vector, one of characters, or both."""

    vector: bytes | None
    lexical: bytes | None

    @property
    def lists(self) -> int:
        """Give how many lists of labels an index leads to."""
        return (self.vector is not None) + (self.lexical is not None)


class Probes(Struct, frozen=True, kw_only=True):
    """What labels are compared with, and how."""

    each: Sequence[Probe]
    models: Sequence[str]
    sources: Sequence[str] = SOURCES
    words: float = WORDS
    around: float = AROUND
    but_id: str | None = None


def asker(context: Context) -> str:
    """Name for whom a text's vector is remembered: how long an answer takes tells nobody else."""
    return f"{context.tenant_id} {context.governance_agent_id}"
