"""Where the leader works: the catalogue's statements over one connection of plant_worker."""

from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from msgspec import Struct

from service.database.lone import Lone
from service.proof.tiles import Tile
from service.repository.base import Many, Maybe, One, Repository
from service.repository.sealing import LogTiles

R = TypeVar("R", bound=Struct)


class Desk:
    """Statements over a connection that nobody else uses; failures come as the driver raises them.

    `repository` is for its statements only: its own pool is not touched.
    """

    def __init__(self, repository: Repository, lone: Lone) -> None:
        self.repository = repository
        self.lone = lone

    async def one(self, query: One[R]) -> R:
        """Run a statement that always returns a row."""
        return await self.repository.one(query, connection=self.lone.connection)

    async def maybe(self, query: Maybe[R]) -> R | None:
        """Run a statement that returns a row or none."""
        return await self.repository.maybe(query, connection=self.lone.connection)

    async def many(self, query: Many[R]) -> list[R]:
        """Run a statement that returns rows."""
        return await self.repository.many(query, connection=self.lone.connection)

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """Be in a transaction, which commits at the end."""
        return self.lone.transaction()

    async def tiles(self, names: list[Tile]) -> dict[Tile, bytes]:
        """Read tiles of the tree, as far as there are any."""
        if not names:
            return {}
        levels, indexes = zip(*names, strict=True)
        rows = await self.many(LogTiles(list(levels), list(indexes), len(names)))
        return {(row.level, row.index): row.nodes for row in rows}
