"""What labels are given: the vectors of a model, or of words alone where there is none."""

from collections.abc import Awaitable, Sequence
from typing import Protocol


class Vectors(Protocol):
    """Computes vectors of texts, beside the event loop.

    Shapes: one vector behind the other, as `service.model.vector` has them.
    """

    @property
    def model(self) -> str:
        """Name the model and its version; the same as `words` where there is none."""

    @property
    def words(self) -> str:
        """Name what computes the vectors of words, and its version."""

    def of_model(self, texts: Sequence[str]) -> Awaitable[bytes]:
        """Compute the vectors that compare meanings."""

    def of_words(self, texts: Sequence[str]) -> Awaitable[bytes]:
        """Compute the vectors that compare spellings."""
