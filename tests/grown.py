"""Trees of any size, defined a second time, word for word as RFC 9162 defines them."""

from collections.abc import Sequence
from hashlib import sha256

from service.proof.tiles import Frontier, Tile, extend


def leaf_hashes(count: int, salt: str = "") -> list[bytes]:
    """Give the hashes of so many different leaves."""
    return [sha256(b"\x00" + f"{salt}{number}".encode()).digest() for number in range(count)]


def tiles_of(hashes: Sequence[bytes]) -> dict[Tile, bytes]:
    """Put leaves into tiles."""
    return extend(Frontier(), hashes)[1]


def split(length: int) -> int:
    """Give the largest power of two smaller than a length."""
    power = 1
    while 2 * power < length:
        power *= 2
    return power


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, from the leaves' hashes."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return sha256(b"\x01" + tree_hash(hashes[:k]) + tree_hash(hashes[k:])).digest()


def path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if index < k:
        return [*path(index, hashes[:k]), tree_hash(hashes[k:])]
    return [*path(index - k, hashes[k:]), tree_hash(hashes[:k])]


def subproof(size: int, hashes: Sequence[bytes], *, known: bool = True) -> list[bytes]:
    """PROOF, with known, and SUBPROOF of RFC 9162, 2.1.4.1."""
    if size == len(hashes):
        return [] if known else [tree_hash(hashes)]
    k = split(len(hashes))
    if size <= k:
        return [*subproof(size, hashes[:k], known=known), tree_hash(hashes[k:])]
    return [*subproof(size - k, hashes[k:], known=False), tree_hash(hashes[:k])]
