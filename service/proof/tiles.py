"""The tree as tiles (c2sp.org/tlog-tiles): which a proof needs, proofs from them, growth.

A tile holds up to 256 hashes of one level; each hash of level n + 1 stands for a full tile of
level n. A tile may hold more than a size asks for: what is younger is passed over. Nothing here
fetches: a caller asks which tiles are needed, gets them, and hands them over as a mapping.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct

from service.proof.fault import Malformed, Unproven
from service.proof.tree import EMPTY_ROOT, HASH_LENGTH, SIZE_MAX, fold, node_hash

HEIGHT: Final = 8
WIDTH: Final = 256
TILE_BYTES: Final = WIDTH * HASH_LENGTH

# Level and index.
Tile = tuple[int, int]
Tiles = Mapping[Tile, bytes]
# First leaf, and the one after the last.
Range = tuple[int, int]


class Frontier(Struct, frozen=True):
    """The right edge of a tree: all that growing needs.

    Shapes: `edge` has the hashes of the partial tile of each level, from the leaves up, and
    nothing where the last tile of a level is full.
    """

    size: int = 0
    edge: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """Give the root of the tree."""
        return root(self.size, {tile: self.edge[tile[0]] for tile in root_tiles(self.size)})


def width(level: int, index: int, size: int) -> int:
    """Count the hashes of a tile in a tree of this size, 0 to 256."""
    return min(WIDTH, max(0, (size >> HEIGHT * level) - WIDTH * index))


def root_tiles(size: int) -> list[Tile]:
    """Name the tiles that the root of a tree is made from: the partial ones at its right edge."""
    return _tiles([(0, size)])


def inclusion_tiles(index: int, size: int) -> list[Tile]:
    """Name the tiles that an inclusion proof is made from.

    Raises: Unproven for an index that is not in a tree of this size.
    """
    return _tiles(_inclusion_ranges(index, size))


def consistency_tiles(old_size: int, size: int) -> list[Tile]:
    """Name the tiles that a consistency proof is made from.

    Raises: Unproven when the older tree is larger.
    """
    return _tiles(_consistency_ranges(old_size, size))


def root(size: int, tiles: Tiles) -> bytes:
    """Compute the root of the tree of the first leaves.

    Raises: Unproven when a tile is absent or too short.
    """
    return _hash((0, size), tiles) if size else EMPTY_ROOT


def prove_inclusion(index: int, size: int, tiles: Tiles) -> list[bytes]:
    """Prove that a leaf is in the tree of this size.

    Raises: Unproven.
    """
    return [_hash(each, tiles) for each in _inclusion_ranges(index, size)]


def prove_consistency(old_size: int, size: int, tiles: Tiles) -> list[bytes]:
    """Prove that the tree of a size grew out of that of a smaller one.

    Raises: Unproven.
    """
    return [_hash(each, tiles) for each in _consistency_ranges(old_size, size)]


def frontier(size: int, tiles: Tiles) -> Frontier:
    """Take the right edge of a tree out of its tiles (`root_tiles` names them).

    Raises: Unproven.
    """
    needed = dict(root_tiles(size))
    levels = max(needed, default=-1) + 1
    return Frontier(
        size,
        tuple(
            _hashes(tiles, (level, needed[level]), 0, width(level, needed[level], size))
            if level in needed
            else b""
            for level in range(levels)
        ),
    )


def extend(grown: Frontier, leaf_hashes: Sequence[bytes]) -> tuple[Frontier, dict[Tile, bytes]]:
    """Append leaves; give the new right edge and every tile that changed, whole.

    Raises: Malformed for a hash that is none.
    """
    if any(len(each) != HASH_LENGTH for each in leaf_hashes):
        raise Malformed(f"A leaf hash has {HASH_LENGTH} bytes.")
    size = grown.size + len(leaf_hashes)
    changed: dict[Tile, bytes] = {}
    edge: list[bytes] = []
    level, new = 0, b"".join(leaf_hashes)
    while new or level < len(grown.edge):
        old = grown.edge[level] if level < len(grown.edge) else b""
        hashes = old + new
        first = (grown.size >> HEIGHT * level) // WIDTH
        cuts = range(0, len(hashes), TILE_BYTES)
        if new:
            changed |= {
                (level, first + at // TILE_BYTES): hashes[at : at + TILE_BYTES] for at in cuts
            }
        full = len(hashes) // TILE_BYTES * TILE_BYTES
        edge.append(hashes[full:])
        new = b"".join([fold(hashes[at : at + TILE_BYTES]) for at in range(0, full, TILE_BYTES)])
        level += 1
    return Frontier(size, tuple(edge)), changed


def _inclusion_ranges(index: int, size: int) -> list[Range]:
    """Give the ranges whose roots are the proof: RFC 9162, 2.1.3.1, from the leaf up."""
    if not 0 <= index < size <= SIZE_MAX:
        raise Unproven(f"A log of {size} entries has no index {index}.")
    ranges: list[Range] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return ranges[::-1]


def _consistency_ranges(old_size: int, size: int) -> list[Range]:
    """Give the ranges whose roots are the proof: RFC 9162, 2.1.4.1."""
    if not 0 <= old_size <= size <= SIZE_MAX:
        raise Unproven(f"A log of {size} entries did not grow out of one of {old_size}.")
    if old_size == 0:
        return []
    ranges: list[Range] = []
    low, high = 0, size
    while high != old_size:
        middle = low + _split(high - low)
        if old_size <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    if low:
        ranges.append((low, high))
    return ranges[::-1]


def _split(length: int) -> int:
    """Give the largest power of two below a length of 2 or more."""
    return 1 << ((length - 1).bit_length() - 1)


def _subtrees(span: Range) -> Iterator[tuple[int, int]]:
    """Cut a range into complete subtrees, from the left: height and place among its like."""
    low, high = span
    while low < high:
        height = (high - low).bit_length() - 1
        yield height, low >> height
        low += 1 << height


def _place(height: int, at: int) -> tuple[Tile, int, int]:
    """Find a complete subtree: its tile, and the first and the number of hashes in it."""
    level, inside = divmod(height, HEIGHT)
    first = at << inside
    return (level, first // WIDTH), first % WIDTH, 1 << inside


def _tiles(ranges: Sequence[Range]) -> list[Tile]:
    """Name the tiles of ranges, each once."""
    return sorted({_place(*subtree)[0] for span in ranges for subtree in _subtrees(span)})


def _hash(span: Range, tiles: Tiles) -> bytes:
    """Compute the root of a range that starts where a subtree may."""
    *rest, found = [_folded(_hashes(tiles, *_place(height, at))) for height, at in _subtrees(span)]
    for left in reversed(rest):
        found = node_hash(left, found)
    return found


@lru_cache(maxsize=1024)
def _folded(hashes: bytes) -> bytes:
    """Fold, and remember it: most of what proofs of one log are made from is the same."""
    return fold(hashes)


def _hashes(tiles: Tiles, tile: Tile, first: int, count: int) -> bytes:
    """Take hashes out of a tile."""
    held = tiles.get(tile, b"")
    if len(held) < (first + count) * HASH_LENGTH:
        raise Unproven(
            f"Tile {tile[1]} of level {tile[0]} has {len(held) // HASH_LENGTH} hashes; "
            f"{first + count} are needed."
        )
    return held[first * HASH_LENGTH : (first + count) * HASH_LENGTH]
