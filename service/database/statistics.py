"""What a pool tells of itself."""

from msgspec import Struct


class PoolStatistics(Struct, frozen=True):
    """What a pool is doing at this moment, and what it has refused since it opened.

    `size` counts connections that are open: those that are `idle` and those that are lent.
    """

    size: int
    idle: int
    waiting: int
    refused: int
    timeouts: int

    @property
    def in_use(self) -> int:
        """Count the connections that are lent."""
        return self.size - self.idle
