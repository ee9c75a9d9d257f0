"""Proof bundles: the lines of a tenant's whole history, and what proves that they are all of it.

The first line says whose history it is, each line after it is one entry in the order of the
tenant's positions, the last line has the proof. docs/audit-format.md has it byte for byte.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from service.proof.entry import NUMBER_MAX, is_hash, is_id
from service.proof.fault import Malformed

FORMAT: Final = "plant-proof/v1"
# What stands in place of the salt when there is no document to show.
WITHHELD: Final = b"withheld"
ERASED: Final = b"erased"
PRUNED: Final = b"pruned"
Absent = Literal[b"withheld", b"erased", b"pruned"]
Content = TypeVar("Content", bound=Struct)


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line."""

    format: str
    tenant_id: str


class Grown(Struct, frozen=True, forbid_unknown_fields=True):
    """A consistency proof: from a size that the reader holds a checkpoint of, to the bundle's.

    Shapes: hashes in hex.
    """

    size: int
    proof: list[str]


class Trailer(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The last line.

    Shapes: `log_index` and `proof` are of the last entry's leaf, null and empty when there is
    none; hashes in hex; `checkpoint` is the text of the signed note.
    """

    count: int
    log_index: int | None
    proof: list[str]
    checkpoint: str
    consistency: list[Grown] = []


def header_line(tenant_id: str) -> bytes:
    """Write the first line; a tenant's id is lower-case text."""
    return _line(Header(FORMAT, tenant_id))


def shown_line(entry: bytes, salt: bytes, document: bytes, leaf_hash: bytes) -> bytes:
    """Write an entry with its document."""
    return b"%b\t%b\t%b\t%b\n" % (entry, salt.hex().encode(), document, leaf_hash.hex().encode())


def absent_line(entry: bytes, why: Absent, leaf_hash: bytes) -> bytes:
    """Write an entry whose document is not shown: WITHHELD, ERASED or PRUNED."""
    return b"%b\t%b\t\t%b\n" % (entry, why, leaf_hash.hex().encode())


def trailer_line(
    count: int,
    last: tuple[int, Sequence[bytes]] | None,
    checkpoint: str,
    grown: Mapping[int, Sequence[bytes]] | None = None,
) -> bytes:
    """Write the last line.

    Shapes: `last` is log index and inclusion proof of the last entry's leaf in the checkpoint's
    tree; `grown` has, for sizes that the reader asked for, the consistency proof up to it.
    """
    log_index, proof = last or (None, ())
    consistency = [
        Grown(size, [each.hex() for each in hashes]) for size, hashes in (grown or {}).items()
    ]
    return _line(Trailer(count, log_index, [each.hex() for each in proof], checkpoint, consistency))


def parse_header(line: bytes) -> Header:
    """Read the first line.

    Raises: Malformed.
    """
    header = _parse(line, Header, "The first line of a bundle")
    if header.format != FORMAT:
        raise Malformed(f"This is a bundle of the format {header.format}, not {FORMAT}.")
    if not is_id(header.tenant_id):
        raise Malformed(f"{header.tenant_id} is no tenant's id.")
    return header


def parse_trailer(line: bytes) -> Trailer:
    """Read the last line.

    Raises: Malformed.
    """
    trailer = _parse(line, Trailer, "The last line of a bundle")
    proofs = [trailer.proof, *(each.proof for each in trailer.consistency)]
    if not all(is_hash(each) for proof in proofs for each in proof):
        raise Malformed("A proof in the last line of a bundle has something else than hashes.")
    sizes = (each.size for each in trailer.consistency)
    if not all(0 <= each <= NUMBER_MAX for each in (trailer.count, trailer.log_index or 0, *sizes)):
        raise Malformed("A number in the last line of a bundle is negative or has too many digits.")
    return trailer


def _line(content: Struct) -> bytes:
    return msgspec.json.encode(content) + b"\n"


def _parse(line: bytes, form: type[Content], what: str) -> Content:
    try:
        content = msgspec.json.decode(line, type=form)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is not as it must be: {error}.") from None
    # One spelling: nothing may hide in white space or in members that are given twice.
    if _line(content) != line:
        raise Malformed(f"{what} is not written as it must be.")
    return content
