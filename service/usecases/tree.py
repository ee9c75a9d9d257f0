"""The signed tree as a process reads it: checkpoints, tiles, and the proofs made from them.

A tile is a prefix of what it will be, so one that was read once serves for every checkpoint that
it is long enough for. Tiles are kept by incarnation: what a restore has taken back is grown anew.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from service.errors import Defect
from service.proof import tiles
from service.proof.fault import ProofError
from service.proof.tile_path import TilePath
from service.proof.tiles import Tile, width
from service.proof.tree import HASH_LENGTH, verify_inclusion
from service.repository.base import Repository
from service.repository.proof import (
    CheckpointRow,
    ProofCheckpoint,
    ProofCheckpointOfSize,
    ProofTiles,
)

CACHE_BYTES: Final = 16 * 1024 * 1024
"""Of tiles in memory: those of some 500,000 entries."""


class Tree:
    """Reads the tree; `bytes_max` of its tiles are kept."""

    def __init__(self, bytes_max: int = CACHE_BYTES) -> None:
        self._bytes_max = bytes_max
        self._held: OrderedDict[tuple[int, Tile], bytes] = OrderedDict()
        self.bytes = 0

    async def inclusion(
        self, repository: Repository, sealed: CheckpointRow, index: int, leaf: bytes, **how: Any
    ) -> list[bytes]:
        """Prove that a leaf's hash is in the tree of a checkpoint, and check that it does.

        Raises: Defect, when the tiles do not lead to what was signed.
        """
        wanted = tiles.inclusion_tiles(index, sealed.size)
        found = await self._tiles(repository, sealed, wanted, **how)

        def proven() -> list[bytes]:
            proof = tiles.prove_inclusion(index, sealed.size, found)
            verify_inclusion(leaf, index, sealed.size, proof, sealed.root)
            return proof

        return self._checked(sealed, wanted, proven)

    async def consistency(
        self, repository: Repository, sealed: CheckpointRow, old_size: int, size: int, **how: Any
    ) -> list[bytes]:
        """Prove that the tree of one size grew out of that of a smaller one.

        Shapes: neither is larger than the checkpoint's. Raises: Defect, when tiles are absent.
        """
        wanted = tiles.consistency_tiles(old_size, size)
        found = await self._tiles(repository, sealed, wanted, **how)
        return self._checked(sealed, wanted, lambda: tiles.prove_consistency(old_size, size, found))

    async def tile(
        self, repository: Repository, sealed: CheckpointRow, path: TilePath
    ) -> bytes | None:
        """Read the hashes that a path names; None for what is beyond the checkpoint.

        Raises: Defect, when the tile is absent.
        """
        tile = path.level, path.index
        if path.width > width(*tile, sealed.size):
            return None
        found = await self._tiles(repository, sealed, [tile])
        held = found.get(tile, b"")[: path.width * HASH_LENGTH]
        if len(held) < path.width * HASH_LENGTH:
            raise Defect from ProofError(f"Tile {path} is sealed and not there.")
        return held

    async def _tiles(
        self, repository: Repository, sealed: CheckpointRow, wanted: Sequence[Tile], **how: Any
    ) -> Mapping[Tile, bytes]:
        """Give tiles that are long enough for a checkpoint, as far as there are such."""
        found: dict[Tile, bytes] = {}
        for tile in wanted:
            held = self._held.get((sealed.incarnation, tile), b"")
            if len(held) >= width(*tile, sealed.size) * HASH_LENGTH:
                self._held.move_to_end((sealed.incarnation, tile))
                found[tile] = held
        missing = [tile for tile in wanted if tile not in found]
        if missing:
            levels, indexes = map(list, zip(*missing, strict=True))
            for row in await repository.many(ProofTiles(levels, indexes), **how):
                found[row.level, row.index] = row.nodes
                self._keep((sealed.incarnation, (row.level, row.index)), row.nodes)
        return found

    def _keep(self, key: tuple[int, Tile], hashes: bytes) -> None:
        self._forget(key)
        self._held[key] = hashes
        self.bytes += len(hashes)
        while self.bytes > self._bytes_max:
            self._forget(next(iter(self._held)))

    def _forget(self, key: tuple[int, Tile]) -> None:
        self.bytes -= len(self._held.pop(key, b""))

    def _checked(
        self, sealed: CheckpointRow, wanted: Sequence[Tile], proven: Callable[[], list[bytes]]
    ) -> list[bytes]:
        try:
            return proven()
        except ProofError as error:
            # Whoever mends the table is not to be told the same again.
            for tile in wanted:
                self._forget((sealed.incarnation, tile))
            raise Defect from error


async def latest(repository: Repository, **how: Any) -> CheckpointRow | None:
    """Read the latest checkpoint; None before there is a first."""
    return await repository.maybe(ProofCheckpoint(), **how)


async def of_size(repository: Repository, sealed: CheckpointRow, size: int) -> CheckpointRow | None:
    """Read the checkpoint of a size in the incarnation of another, when there is one."""
    if size == sealed.size:
        return sealed
    return await repository.maybe(ProofCheckpointOfSize(sealed.incarnation, size))


def note_of(sealed: CheckpointRow) -> str:
    """Give the signed note of a checkpoint with what witnesses have added."""
    return sealed.note + sealed.cosignatures
