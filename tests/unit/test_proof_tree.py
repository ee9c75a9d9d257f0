"""Proofs of the tree hold for what they were made for, and for nothing else."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from service.proof.fault import Malformed, ProofError, Unproven
from service.proof.tree import (
    EMPTY_ROOT,
    SIZE_MAX,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)
from tests.grown import leaf_hashes, path, subproof, tree_hash

VECTORS = json.loads(
    (Path(__file__).parents[1] / "data" / "rfc6962" / "vectors.json").read_text(encoding="utf-8")
)
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]
SOME = bytes.fromhex("abacaba000000000000000000000000000000000000000000060061e00123456")


class Inclusion(NamedTuple):
    """What is claimed of a leaf."""

    leaf: bytes
    at: int
    size: int
    proof: list[bytes]
    root: bytes


class Consistency(NamedTuple):
    """What is claimed of two sizes."""

    old_size: int
    size: int
    proof: list[bytes]
    old_root: bytes
    root: bytes


def proof_of(vector: dict[str, Any]) -> list[bytes]:
    """Read the hashes of a vector."""
    return [bytes.fromhex(each) for each in vector["proof"]]


INCLUSIONS = [
    Inclusion(LEAVES[v["index"]], v["index"], v["size"], proof_of(v), ROOTS[v["size"] - 1])
    for v in VECTORS["inclusion"]
]
CONSISTENCIES = [
    Consistency(
        v["old_size"], v["size"], proof_of(v), ROOTS[v["old_size"] - 1], ROOTS[v["size"] - 1]
    )
    for v in VECTORS["consistency"]
]


def spoiled(proof: list[bytes], *strange: bytes) -> Iterator[list[bytes]]:
    """Lengthen, shorten and alter a proof."""
    for extra in (b"", SOME, *strange):
        yield [*proof, extra]
        yield [extra, *proof]
    for at, each in enumerate(proof):
        yield [*proof[:at], bytes([each[0] ^ 16]) + each[1:], *proof[at + 1 :]]
        yield [*proof[:at], each[:-1], *proof[at + 1 :]]
        yield [*proof[:at], each + b"\x00", *proof[at + 1 :]]
        yield [*proof[:at], *proof[at + 1 :]]
    if len(set(proof)) > 1:
        yield proof[::-1]


def spoiled_inclusions(right: Inclusion) -> Iterator[Inclusion]:
    """Give claims that are wrong in one point."""
    for index in (right.at - 1, right.at + 1, right.at ^ 2, -1, right.size, 2**70):
        yield right._replace(at=index)
    for size in (right.size // 2, 0, -1, 2**70):
        yield right._replace(size=size)
    if right.size > 1:
        yield right._replace(size=2 * right.size)
    for strange in (b"WrongLeaf", b"", SOME, EMPTY_ROOT, right.leaf + b"\x00"):
        yield right._replace(leaf=strange)
        yield right._replace(root=strange)
    for proof in spoiled(right.proof, right.root, right.leaf):
        yield right._replace(proof=proof)


def spoiled_consistencies(right: Consistency) -> Iterator[Consistency]:
    """Give claims that are wrong in one point."""
    for old_size in (right.old_size - 1, right.old_size + 1, right.old_size ^ 2, 0, -1, 2**70):
        yield right._replace(old_size=old_size)
    for size in (2 * right.size, right.size // 2, 0, -1, 2**70):
        yield right._replace(size=size)
    for strange in (b"WrongRoot", b"", SOME, EMPTY_ROOT, right.root + b"\x00"):
        yield right._replace(root=strange)
        yield right._replace(old_root=strange)
    if right.root != right.old_root:
        yield right._replace(root=right.old_root, old_root=right.root)
        yield right._replace(proof=[])
    for proof in spoiled(right.proof, right.root, right.old_root):
        yield right._replace(proof=proof)


class TestPublicVectors:
    """The vectors of transparency-dev/merkle, and the ways in which they are spoiled there."""

    def test_empty_root(self) -> None:
        """The empty tree has the hash of nothing."""
        assert tree_hash([]) == EMPTY_ROOT

    @pytest.mark.parametrize("size", range(1, 9))
    def test_roots(self, size: int) -> None:
        """The definition of the tests gives the published roots."""
        assert ROOTS[size - 1] == tree_hash(LEAVES[:size])

    @pytest.mark.parametrize("right", INCLUSIONS)
    def test_inclusions_hold(self, right: Inclusion) -> None:
        """Published inclusion proofs are accepted."""
        verify_inclusion(*right)

        assert right.root == root_from_inclusion(*right[:4])

    @pytest.mark.parametrize("right", CONSISTENCIES)
    def test_consistencies_hold(self, right: Consistency) -> None:
        """Published consistency proofs are accepted."""
        verify_consistency(*right)

    @pytest.mark.parametrize("right", INCLUSIONS)
    def test_spoiled_inclusions_fail(self, right: Inclusion) -> None:
        """Wrong indexes, sizes, leaves, roots and proofs are refused."""
        for wrong in spoiled_inclusions(right):
            with pytest.raises(ProofError):
                verify_inclusion(*wrong)

    @pytest.mark.parametrize("right", CONSISTENCIES)
    def test_spoiled_consistencies_fail(self, right: Consistency) -> None:
        """Wrong sizes, roots and proofs are refused."""
        for wrong in spoiled_consistencies(right):
            with pytest.raises(ProofError):
                verify_consistency(*wrong)


class TestEdges:
    """Sizes at which there is little or nothing to prove."""

    @pytest.mark.parametrize("size", [0, 1, 2, 9])
    def test_everything_grew_out_of_nothing(self, size: int) -> None:
        """From the empty tree no proof is needed, and only its own root is taken for it."""
        root = tree_hash(leaf_hashes(size))

        verify_consistency(0, size, [], EMPTY_ROOT, root)
        with pytest.raises(Unproven):
            verify_consistency(0, size, [], SOME, root)
        with pytest.raises(Unproven):
            verify_consistency(0, size, [SOME], EMPTY_ROOT, root)

    def test_empty_log_has_no_leaf(self) -> None:
        """Nothing is in the empty tree."""
        with pytest.raises(Unproven, match="no index 0"):
            verify_inclusion(SOME, 0, 0, [], EMPTY_ROOT)

    def test_equal_sizes_have_equal_roots(self) -> None:
        """Two roots of one size are a fork, whatever else is shown."""
        with pytest.raises(Unproven, match="different roots"):
            verify_consistency(3, 3, [], SOME, ROOTS[2])
        with pytest.raises(Unproven, match="nothing to prove"):
            verify_consistency(3, 3, [SOME], ROOTS[2], ROOTS[2])

    def test_no_byte_changes_sides(self) -> None:
        """Two hashes that are cut elsewhere hash to the same node, and are refused."""
        one, two, three = LEAVES[:3]
        forged = [two[1:]]
        assert node_hash(one, two) == node_hash(one + two[:1], two[1:]) == ROOTS[1]

        with pytest.raises(Malformed, match="32 bytes, not 33"):
            verify_inclusion(one + two[:1], 0, 2, forged, ROOTS[1])
        with pytest.raises(Malformed, match="32 bytes, not 33"):
            verify_consistency(2, 3, [three + b"x"], ROOTS[1], ROOTS[2])
        with pytest.raises(Malformed, match="32 bytes, not 0"):
            verify_consistency(2, 3, [three], ROOTS[1], b"")

    def test_largest_size(self) -> None:
        """The largest index of a bigint takes a proof of 62 hashes, and ends."""
        proof = [SOME] * 63

        root = root_from_inclusion(SOME, 0, SIZE_MAX, proof)
        verify_inclusion(SOME, 0, SIZE_MAX, proof, root)
        with pytest.raises(Unproven, match="too long"):
            verify_inclusion(SOME, 0, SIZE_MAX, [*proof, SOME], root)
        with pytest.raises(Malformed):
            verify_inclusion(SOME, 0, SIZE_MAX + 1, proof, root)


@pytest.mark.parametrize("seed", range(20))
def test_proofs_of_the_definition(seed: int) -> None:
    """What the definition proves is accepted; one altered hash, index or size is not."""
    draw = random.Random(seed)
    size = draw.randint(1, 90)
    hashes = leaf_hashes(size, salt=str(seed))
    index, old_size = draw.randrange(size), draw.randint(1, size)
    included = Inclusion(hashes[index], index, size, path(index, hashes), tree_hash(hashes))
    grown = Consistency(
        old_size, size, subproof(old_size, hashes), tree_hash(hashes[:old_size]), tree_hash(hashes)
    )

    verify_inclusion(*included)
    verify_consistency(*grown)
    for wrong in spoiled_inclusions(included):
        # Another size may have the same path: then the leaf is at that index of both.
        if wrong.size == included.size:
            with pytest.raises(ProofError):
                verify_inclusion(*wrong)
    for strange in spoiled_consistencies(grown):
        if (strange.old_size, strange.size) == (old_size, size):
            with pytest.raises(ProofError):
                verify_consistency(*strange)
