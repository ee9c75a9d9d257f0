"""The tree of RFC 9162, section 2.1: hashes, and what a proof says when it is right.

Shapes: a hash is 32 bytes; an index starts at 0; a size is the number of leaves; a proof is a
sequence of hashes, for an inclusion from the leaf's sibling up to a child of the root.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from service.proof.fault import Malformed, Unproven

HASH_LENGTH: Final = 32
# A size or an index is a bigint in PostgreSQL.
SIZE_MAX: Final = 2**63 - 1
EMPTY_ROOT: Final = sha256(b"").digest()

Hashes = Sequence[bytes]


def leaf_hash(leaf: bytes) -> bytes:
    """Hash the bytes of a leaf."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: bytes) -> bytes:
    """Give the root of a complete subtree from the hashes at its foot, one after the other.

    Shapes: 32 bytes times a power of two.
    """
    while len(hashes) > HASH_LENGTH:
        hashes = b"".join(
            [sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, len(hashes), 64)]
        )
    return hashes


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Hashes) -> bytes:
    """Give the root that a leaf's hash and a proof lead to (RFC 9162, 2.1.3.2).

    Raises: Malformed for a hash that is none, Unproven for an index or a length that no proof of
    such a tree has.
    """
    _require_hashes(leaf, *proof)
    _require_sizes(index, size)
    if index >= size:
        raise Unproven(f"A log of {size} entries has no index {index}.")
    node, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Unproven(f"The proof of index {index} in a log of {size} is too long.")
        if node & 1 or node == last:
            root = node_hash(sibling, root)
            # Levels at which the last node has no sibling are skipped.
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise Unproven(f"The proof of index {index} in a log of {size} is too short.")
    return root


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Hashes, root: bytes) -> None:
    """Check that a leaf's hash stands at an index of the tree with this size and root.

    Raises: Malformed, Unproven.
    """
    _require_hashes(root)
    if root_from_inclusion(leaf, index, size, proof) != root:
        raise Unproven(f"The proof of index {index} in a log of {size} leads to another root.")


def verify_consistency(
    old_size: int, size: int, proof: Hashes, old_root: bytes, root: bytes
) -> None:
    """Check that a tree grew out of an older one (RFC 9162, 2.1.4.2).

    The empty tree has one root, and everything grew out of it, without a proof.
    Raises: Malformed, Unproven.
    """
    _require_hashes(old_root, root, *proof)
    _require_sizes(old_size, size)
    if old_size > size:
        raise Unproven(f"A log of {size} entries did not grow out of one of {old_size}.")
    for length, claimed in ((old_size, old_root), (size, root)):
        if length == 0 and claimed != EMPTY_ROOT:
            raise Unproven("An empty log has another root.")
    if old_size in (0, size):
        if proof:
            raise Unproven(f"From {old_size} to {size} entries there is nothing to prove.")
        if old_size and old_root != root:
            raise Unproven(f"Two logs of {size} entries have different roots.")
        return
    before, after = _roots_from_consistency(old_size, size, proof, old_root)
    if before != old_root:
        raise Unproven(f"The proof leads to another root for the first {old_size} entries.")
    if after != root:
        raise Unproven(f"The proof leads to another root for {size} entries.")


def _roots_from_consistency(
    old_size: int, size: int, proof: Hashes, old_root: bytes
) -> tuple[bytes, bytes]:
    rest = list(proof)
    # A complete subtree is itself the first hash, which the proof leaves out.
    if old_size & (old_size - 1) == 0:
        rest.insert(0, old_root)
    if not rest:
        raise Unproven(f"The proof from {old_size} to {size} entries is too short.")
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = rest[0]
    for sibling in rest[1:]:
        if last == 0:
            raise Unproven(f"The proof from {old_size} to {size} entries is too long.")
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise Unproven(f"The proof from {old_size} to {size} entries is too short.")
    return before, after


def _require_hashes(*hashes: bytes) -> None:
    for each in hashes:
        if len(each) != HASH_LENGTH:
            raise Malformed(f"A hash has {HASH_LENGTH} bytes, not {len(each)}.")


def _require_sizes(*sizes: int) -> None:
    for each in sizes:
        if not 0 <= each <= SIZE_MAX:
            raise Malformed(f"{each} is no size or index of a log.")
