"""What came of asking a tenant for what is near to each probe."""

from msgspec import Struct

from bench.result import percentile


class Asked(Struct, frozen=True):
    """One kind of question: whose, by which tag, and what came of it, for each probe.

    Units: `…_ms` milliseconds. Shapes: `recalls` are shares of the ten that score best, `exact`
    counts answers for which everything was compared; `apart`: in a table of the tenant's own.
    """

    what: str
    labels: int
    ours_ms: list[float]
    recalls: list[float]
    short: int
    exact: int
    naive_ms: dict[str, list[float]] = {}
    naive_recalls: dict[str, list[float]] = {}
    filtered: bool = False
    apart: bool = False

    @property
    def p50_ms(self) -> float:
        """Give the middle of the times."""
        return percentile(self.ours_ms, 0.5)

    @property
    def recall(self) -> float:
        """Give the mean of the recalls."""
        return sum(self.recalls) / len(self.recalls)
