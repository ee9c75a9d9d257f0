"""The tree is that of pymerkle, which others wrote: the same roots, proofs of the same hashes."""

import random
from typing import TYPE_CHECKING

import pytest

from service.proof.tiles import Frontier, Tile, extend, prove_consistency, prove_inclusion, root
from service.proof.tree import leaf_hash

if TYPE_CHECKING:
    from pymerkle import InmemoryTree

pytestmark = pytest.mark.oracle

SIZE = 3_000
LEAVES = [f"leaf {number}".encode() for number in range(SIZE)]
SIZES = [*range(1, 70), 255, 256, 257, 511, 512, 513, 2047, 2048, 2049, SIZE]


@pytest.fixture(scope="module")
def theirs() -> "InmemoryTree":
    """Grow their tree."""
    from pymerkle import InmemoryTree  # only where requirements/oracle.lock is installed

    tree = InmemoryTree(algorithm="sha256")
    for leaf in LEAVES:
        tree.append_entry(leaf)
    return tree


@pytest.fixture(scope="module")
def tiles() -> dict[Tile, bytes]:
    """Grow ours."""
    return extend(Frontier(), [leaf_hash(leaf) for leaf in LEAVES])[1]


@pytest.mark.parametrize("size", SIZES)
def test_roots(theirs: "InmemoryTree", tiles: dict[Tile, bytes], size: int) -> None:
    """Both have one root for each size."""
    assert theirs.get_root(size) == root(size, tiles)


@pytest.mark.parametrize("size", SIZES)
def test_inclusion(theirs: "InmemoryTree", tiles: dict[Tile, bytes], size: int) -> None:
    """A proof has the hashes of theirs, which begins with the leaf and has an order of its own."""
    for index in {0, size - 1, *random.Random(size).sample(range(size), min(size, 12))}:
        path = theirs.prove_inclusion(index + 1, size).serialize()["path"]
        ours = [leaf_hash(LEAVES[index]), *prove_inclusion(index, size, tiles)]

        assert sorted(path) == sorted(each.hex() for each in ours)


@pytest.mark.parametrize("size", SIZES)
def test_consistency(theirs: "InmemoryTree", tiles: dict[Tile, bytes], size: int) -> None:
    """Our roots satisfy their proof, which is that of the first new leaf: it goes down to leaves.

    So what ours has and theirs has not is at most one subtree of new leaves.
    """
    from pymerkle import verify_consistency

    for old_size in {1, size, *random.Random(size).sample(range(1, size + 1), min(size, 12))}:
        proof = theirs.prove_consistency(old_size, size)
        verify_consistency(root(old_size, tiles), root(size, tiles), proof)
        ours = {each.hex() for each in prove_consistency(old_size, size, tiles)}

        assert len(ours - set(proof.serialize()["path"])) <= 1
