"""How much is measured: a full run, and one of two minutes to see that it works."""

from typing import Final

from msgspec import Struct


class Scale(Struct, frozen=True, kw_only=True):
    """How much of each.

    Units: `…_s` in seconds. Shapes: a history has `entities` times `versions` entries; `bundles`
    are the numbers of entries of the bundles that are checked.
    """

    quick: bool
    tenants: int = 16
    clients: int = 32
    rounds: int
    round_s: int
    steady_s: int
    entities: int
    versions: int
    bundles: tuple[int, ...]
    receipts: int

    @property
    def entries(self) -> int:
        """Count the entries of the history."""
        return self.entities * self.versions


FULL: Final = Scale(
    quick=False,
    rounds=9,
    round_s=6,
    steady_s=25,
    entities=40_000,
    versions=10,
    bundles=(400_000, 1_000_000),
    receipts=3_000,
)
QUICK: Final = Scale(
    quick=True,
    rounds=3,
    round_s=2,
    steady_s=6,
    entities=4_000,
    versions=5,
    bundles=(50_000,),
    receipts=500,
)
