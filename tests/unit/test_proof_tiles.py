"""Tiles: growth in any steps gives one tree, and proofs are made from the tiles that are named."""

import random

import pytest

from service.proof.fault import Malformed, Unproven
from service.proof.tile_path import TilePath, parse_tile_path
from service.proof.tiles import (
    TILE_BYTES,
    Frontier,
    Tile,
    consistency_tiles,
    extend,
    frontier,
    inclusion_tiles,
    prove_consistency,
    prove_inclusion,
    root,
    root_tiles,
    width,
)
from service.proof.tree import EMPTY_ROOT, verify_consistency, verify_inclusion
from tests.grown import leaf_hashes, path, subproof, tiles_of, tree_hash

HASHES = leaf_hashes(66_700)
TILES = tiles_of(HASHES)
EDGES = [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 4095, 65_535, 65_536, 65_537, 66_700]


def only(tiles: list[Tile], size: int) -> dict[Tile, bytes]:
    """Give the tiles as they were at a size, and no other."""
    return {tile: TILES[tile][: 32 * width(*tile, size)] for tile in tiles}


class TestGrowth:
    """`extend` and the right edge."""

    @pytest.mark.parametrize("seed", range(6))
    def test_steps_do_not_matter(self, seed: int) -> None:
        """Leaves appended in any steps give the same tiles, edge and root."""
        draw = random.Random(seed)
        grown, tiles, at = Frontier(), dict[Tile, bytes](), 0
        while at < len(HASHES):
            step = draw.choice([0, 1, 2, 255, 256, 257, 700, 20_000])
            grown, changed = extend(grown, HASHES[at : at + step])
            tiles |= changed
            at = grown.size

        assert tiles == TILES
        assert grown == frontier(len(HASHES), TILES)
        assert grown.root() == tree_hash(HASHES)

    def test_only_what_changed(self) -> None:
        """One leaf more changes one tile, or one of each level when tiles become full."""
        before = frontier(65_535, TILES)

        one, changed = extend(before, HASHES[65_535:65_536])
        assert {(0, 255), (1, 0), (2, 0)} == set(changed)
        assert TILE_BYTES == len(changed[0, 255]) == len(changed[1, 0])
        assert ({}, one) == extend(one, [])[::-1]
        assert {(0, 256)} == set(extend(one, HASHES[65_536:65_540])[1])

    @pytest.mark.parametrize("size", EDGES)
    def test_edge_from_tiles(self, size: int) -> None:
        """The right edge is found in the tiles that are named, and in no others."""
        edge = frontier(size, only(root_tiles(size), size))

        assert tree_hash(HASHES[:size]) == edge.root()
        assert extend(Frontier(), HASHES[:size])[0].root() == edge.root()

    def test_example_of_the_specification(self) -> None:
        """A tree of 70,000 has the tiles that c2sp.org/tlog-tiles counts."""
        size = 70_000

        assert [(0, 273), (1, 1), (2, 0)] == root_tiles(size)
        assert [112, 17, 1] == [width(*tile, size) for tile in root_tiles(size)]
        assert [256, 256, 0] == [width(0, 272, size), width(1, 0, size), width(0, 274, size)]
        assert [(1, 0)] == root_tiles(256)

    def test_short_hashes_are_refused(self) -> None:
        """A leaf hash of another length would shift every tile after it."""
        with pytest.raises(Malformed):
            extend(Frontier(), [HASHES[0], HASHES[1][:31], HASHES[2] + b"\x00"])


class TestProofs:
    """Roots and proofs from tiles."""

    @pytest.mark.parametrize("size", EDGES)
    def test_root(self, size: int) -> None:
        """The root is that of the definition, whether tiles have grown since or not."""
        expected = tree_hash(HASHES[:size])

        assert expected == root(size, TILES)
        assert expected == root(size, only(root_tiles(size), size))

    @pytest.mark.parametrize("size", range(1, 40))
    def test_small_trees_wholly(self, size: int) -> None:
        """Every inclusion and consistency proof of a small tree is that of the definition."""
        hashes = HASHES[:size]

        assert [path(at, hashes) for at in range(size)] == [
            prove_inclusion(at, size, TILES) for at in range(size)
        ]
        assert [subproof(old, hashes) for old in range(1, size + 1)] == [
            prove_consistency(old, size, TILES) for old in range(1, size + 1)
        ]

    @pytest.mark.parametrize("seed", range(40))
    def test_large_trees(self, seed: int) -> None:
        """Proofs need no tile but those named, at the width that they had, and they hold."""
        draw = random.Random(seed)
        size = draw.choice([draw.randint(1, len(HASHES)), draw.choice(EDGES[1:])])
        index, old_size = draw.randrange(size), draw.randint(0, size)
        old_root, new_root = tree_hash(HASHES[:old_size]), tree_hash(HASHES[:size])

        included = prove_inclusion(index, size, only(inclusion_tiles(index, size), size))
        grown = prove_consistency(old_size, size, only(consistency_tiles(old_size, size), size))
        verify_inclusion(HASHES[index], index, size, included, new_root)
        verify_consistency(old_size, size, grown, old_root, new_root)

    def test_missing_hashes_are_named(self) -> None:
        """A tile that is absent or short of hashes is named; nothing is proved without it."""
        tiles = only(inclusion_tiles(300, 700), 700)

        with pytest.raises(Unproven, match="Tile 2 of level 0 has 187 hashes; 188 are needed"):
            prove_inclusion(300, 700, tiles | {(0, 2): tiles[0, 2][:-32]})
        del tiles[0, 1]
        with pytest.raises(Unproven, match="Tile 1 of level 0 has 0 hashes"):
            prove_inclusion(300, 700, tiles)

    def test_no_proof_of_what_is_not_there(self) -> None:
        """Beyond the size there is no leaf, and no tree grew out of a larger one."""
        for index, size in [(0, 0), (5, 5), (-1, 5)]:
            with pytest.raises(Unproven):
                inclusion_tiles(index, size)
        with pytest.raises(Unproven):
            consistency_tiles(6, 5)
        assert EMPTY_ROOT == root(0, {})
        assert [] == consistency_tiles(0, 5)
        assert [] == prove_consistency(0, 5, {})


class TestPaths:
    """The path of a tile."""

    @pytest.mark.parametrize(
        "text,path_",
        [
            ("0/x001/x234/067", TilePath(0, 1_234_067)),
            ("0/000", TilePath(0, 0)),
            ("2/000.p/1", TilePath(2, 0, 1)),
            ("1/017.p/255", TilePath(1, 17, 255)),
            ("63/999", TilePath(63, 999)),
            ("0/x001/000", TilePath(0, 1000)),
            ("0/x010/x000/000.p/7", TilePath(0, 10_000_000, 7)),
        ],
    )
    def test_both_ways(self, text: str, path_: TilePath) -> None:
        """A path is read and written."""
        assert path_ == parse_tile_path(text)
        assert text == str(path_)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "0",
            "0/",
            "0/0",
            "0/67",
            "0/0067",
            "00/067",
            "64/067",
            "-1/067",
            "0/x000/067",
            "0/x001/x234/x067",
            "0/001/234/067",
            "0/X001/067",
            "0/x01/067",
            "0/067/",
            "/0/067",
            "0/067.p",
            "0/067.p/",
            "0/067.p/0",
            "0/067.p/256",
            "0/067.p/007",
            "0/067.p/+7",
            "0/067.P/7",
            "0/067.p/7/",
            "0/067.p/7\n",
            "0/067\n",
            " 0/067",
            "\u0660/067",
            "0/\u0660\u0666\u0667",
            "data/000",
            "entries/000",
            "0/" + "x999/" * 6 + "999",
            "0/x001/" + "x000/" * 40 + "000",
        ],
    )
    def test_one_spelling(self, text: str) -> None:
        """Whatever is not the spelling of a tile is refused."""
        with pytest.raises(Malformed):
            parse_tile_path(text)
