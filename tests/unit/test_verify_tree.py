"""A log's places and tiles against each other, and a signed root that tells which is right."""

from uuid import UUID

import pytest

from service.proof.tiles import Frontier, Tile, extend
from service.repository.verify_rows import PositionRow, TileRow
from service.verify.tree import Tree
from service.verify.verdict import Verdict
from service.verify.wanted import Queue, Wanted
from tests.grown import leaf_hashes, tiles_of

TENANT = UUID(int=1)
SIZE = 700
OTHER = b"\xff" * 32


def root_of(hashes: list[bytes]) -> bytes:
    """Compute a root."""
    return extend(Frontier(), hashes)[0].root()


def looked_at(
    hashes: list[bytes],
    tiles: dict[Tile, bytes],
    *wanted: Wanted,
    sealed: int = SIZE,
    whole: bool = True,
    only: range | None = None,
) -> tuple[list[tuple[str, int | None]], Tree]:
    """Grow a tree; gives the kind and the index of each finding."""
    verdict = Verdict()
    tree = Tree(verdict, Queue(wanted), sealed, whole=whole)
    while tree.size < sealed:
        first = tree.size
        indexes = range(first, min(first + 256, len(hashes)))
        rows = {
            index: PositionRow(index, TENANT, TENANT, index + 1, OTHER, hashes[index])
            for index in indexes
            if only is None or index in only
        }
        tree.block(rows, tiles.get((0, first // 256), b""))
    tree.end()
    above = sorted((tile, nodes) for tile, nodes in tiles.items() if tile[0] > 0)
    for (level, index), nodes in above:
        tree.check_above(level, [TileRow(index, nodes)])
    tree.end_above()
    return [(one.damage, one.place.log_index) for one in verdict.findings], tree


@pytest.fixture
def hashes() -> list[bytes]:
    """Have leaves."""
    return leaf_hashes(SIZE)


@pytest.fixture
def tiles(hashes: list[bytes]) -> dict[Tile, bytes]:
    """Have their tiles."""
    return tiles_of(hashes)


def signed(hashes: list[bytes], *sizes: int) -> list[Wanted]:
    """Have roots of the first leaves signed."""
    return [Wanted(size, root_of(hashes[:size]), f"The checkpoint of {size}") for size in sizes]


def with_byte(nodes: bytes, at: int) -> bytes:
    """Change one byte."""
    return nodes[:at] + bytes([nodes[at] ^ 1]) + nodes[at + 1 :]


class TestTree:
    """Grown from places and tiles."""

    def test_agrees(self, hashes: list[bytes], tiles: dict[Tile, bytes]) -> None:
        """Every root at every size is found, that of nothing too, and every tile is compared."""
        found, tree = looked_at(hashes, tiles, *signed(hashes, 0, 1, 255, 256, 257, 600, 700))

        assert [] == found
        assert (7, len(tiles)) == (tree.roots, tree.tiles)

    @pytest.mark.parametrize("index", [0, 255, 256, 699])
    def test_a_place_was_changed(
        self, hashes: list[bytes], tiles: dict[Tile, bytes], index: int
    ) -> None:
        """The tiles lead to the signed root, so the place is what was changed; only that one."""
        wanted = signed(hashes, 100, 700)
        found, _ = looked_at([*hashes[:index], OTHER, *hashes[index + 1 :]], tiles, *wanted)

        assert [("tree", index)] == found

    @pytest.mark.parametrize("index", [0, 255, 256, 699])
    def test_a_tile_was_changed(
        self, hashes: list[bytes], tiles: dict[Tile, bytes], index: int
    ) -> None:
        """The places lead to the signed root, so the tile is what was changed; none above it is."""
        tile = (0, index // 256)
        tiles[tile] = with_byte(tiles[tile], index % 256 * 32)
        found, _ = looked_at(hashes, tiles, *signed(hashes, 100, 700))

        assert [("tile", index)] == found

    def test_a_tile_above_was_changed(self, hashes: list[bytes], tiles: dict[Tile, bytes]) -> None:
        """No root is made from it here, and still it is compared, each byte."""
        tiles[1, 0] = with_byte(tiles[1, 0], 33)
        found, _ = looked_at(hashes, tiles, *signed(hashes, 700))

        assert [("tile", None)] == found

    def test_a_tile_is_gone(self, hashes: list[bytes], tiles: dict[Tile, bytes]) -> None:
        """Of the leaves or above, whole or in part."""
        short = {**tiles, (0, 2): tiles[0, 2][:-32]}
        without = {tile: nodes for tile, nodes in tiles.items() if tile != (1, 0)}
        first = {tile: nodes for tile, nodes in tiles.items() if tile != (0, 1)}

        assert [("tile", 699)] == looked_at(hashes, short, *signed(hashes, 700))[0]
        assert [("tile", None)] == looked_at(hashes, without, *signed(hashes, 700))[0]
        assert [("tile", 256)] == looked_at(hashes, first, *signed(hashes, 700))[0]

    def test_a_tile_has_more(self, hashes: list[bytes], tiles: dict[Tile, bytes]) -> None:
        """Leaves that no checkpoint covers were sealed once: the checkpoint is gone."""
        found, _ = looked_at(hashes, tiles, *signed(hashes, 600), sealed=600)

        assert ("checkpoint", 600) in found

    def test_both_were_changed(self, hashes: list[bytes], tiles: dict[Tile, bytes]) -> None:
        """Places and tiles made anew agree with each other and with no signature: it says where."""
        forged = [*hashes[:300], OTHER, *hashes[301:]]
        found, _ = looked_at(forged, tiles_of(forged), *signed(hashes, 256, 400, 700))

        assert [("root", 256)] == found

    def test_what_one_holds(self, hashes: list[bytes], tiles: dict[Tile, bytes]) -> None:
        """A root from elsewhere that neither has is a fork, and settles nothing."""
        held = Wanted(300, OTHER, "Mine", "fork")
        found, _ = looked_at(hashes, tiles, held, *signed(hashes, 700))

        assert [("fork", None)] == found

    def test_of_an_empty_log(self) -> None:
        """Nothing has a root too, and another one is noticed."""
        assert [] == looked_at([], {}, *signed([], 0), sealed=0)[0]
        wanted = Wanted(0, OTHER, "The beginning", "incarnation")
        assert [("incarnation", None)] == looked_at([], {}, wanted, sealed=0)[0]

    def test_of_one_tenant(self, hashes: list[bytes], tiles: dict[Tile, bytes]) -> None:
        """Some places are held against the tiles, and the tiles against the signature."""
        some = range(100, 400)
        changed = [*hashes[:300], OTHER, *hashes[301:]]
        tiles_changed = {**tiles, (0, 2): with_byte(tiles[0, 2], 0)}

        def of_tenant(leaves: list[bytes], kept: dict[Tile, bytes]) -> list[tuple[str, int | None]]:
            return looked_at(leaves, kept, *signed(hashes, 700), whole=False, only=some)[0]

        assert [] == of_tenant(hashes, tiles)
        assert [("tree", 300)] == of_tenant(changed, tiles)
        assert "root" in {kind for kind, _ in of_tenant(hashes, tiles_changed)}

    def test_changed_and_never_signed(self, hashes: list[bytes], tiles: dict[Tile, bytes]) -> None:
        """A difference that no root settles is said too."""
        tiles[0, 0] = with_byte(tiles[0, 0], 0)
        found, _ = looked_at(hashes, tiles)

        assert ("tile", 0) in found
