"""Receipts: one entry with everything that proves it, as JSON and as c2sp.org/tlog-proof."""

import json
import re
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from service.proof.checkpoint import Checkpoint, open_checkpoint
from service.proof.encoded import from_base64, from_hex, to_base64
from service.proof.entry import (
    Entry,
    Leaf,
    entry_hash,
    parse_entry,
    parse_leaf,
    payload_hash,
)
from service.proof.fault import Malformed, Unproven
from service.proof.keys import VerifierKey
from service.proof.tree import HASH_LENGTH, leaf_hash, verify_inclusion

SALT_LENGTH: Final = 16
TLOG_PROOF: Final = "c2sp.org/tlog-proof@v1"
# A path is no longer than an index has bits.
PROOF_LENGTH_MAX: Final = 63

_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,17})", re.ASCII)


class Receipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `GET …/receipt` answers; `entry`, `document` and `leaf` are the exact bytes as text.

    Shapes: `salt` and the hashes of `proof` in hex; `salt` and `document` are null when the
    document was erased. `audit_id` is a handle of the service: nothing proves it.
    """

    audit_id: str
    entry: str
    salt: str | None
    document: str | None
    log_index: int
    position: int
    leaf: str
    proof: list[str]
    checkpoint: str


class Proved(Struct, frozen=True):
    """What a receipt or a proof has proved.

    Shapes: `entry` and `document` when they came along; without its document an entry says that
    something was written, when and by whom, and not what.
    """

    leaf: Leaf
    leaf_hash: bytes
    log_index: int
    checkpoint: Checkpoint
    entry: Entry | None = None
    document: str | None = None


class TlogProof(Struct, frozen=True):
    """A tlog-proof taken apart; nothing is verified yet."""

    index: int
    proof: list[bytes]
    checkpoint: str
    extra: bytes | None = None


def parse_receipt(content: bytes | str) -> Receipt:
    """Read a receipt: its members in any order and with any white space, each once, and no others.

    Raises: Malformed.
    """
    try:
        receipt = msgspec.json.decode(content, type=Receipt)
        members = json.loads(content, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"This is no receipt: {error}.") from None
    # Of two members with one name each reader would show the one that it likes.
    if len(members) != len(Receipt.__struct_fields__):
        raise Malformed("This is no receipt: a member is there twice.")
    return receipt


def check_receipt(receipt: Receipt, keys: Sequence[VerifierKey]) -> Proved:
    """Check everything that a receipt says, from the document to the signature.

    Raises: Malformed, Unproven.
    """
    written = receipt.entry.encode()
    entry = parse_entry(written)
    leaf = parse_leaf(receipt.leaf.encode())
    if (receipt.salt is None) != (receipt.document is None):
        raise Malformed("Salt and document are there both, or neither when they were erased.")
    if receipt.salt is not None and receipt.document is not None:
        salt = from_hex(receipt.salt, "The salt", SALT_LENGTH)
        if payload_hash(salt, receipt.document.encode()) != entry.payload_hash:
            raise Unproven("The document with its salt is not the one that the entry names.")
    if leaf.tenant != entry.tenant or leaf.entry_hash != entry_hash(written):
        raise Unproven("The leaf is not that of the entry.")
    if leaf.position != receipt.position:
        raise Unproven(f"The leaf has position {leaf.position}, not {receipt.position}.")
    proof = [from_hex(each, "A hash of the proof", HASH_LENGTH) for each in receipt.proof]
    proved = _prove(receipt.leaf.encode(), receipt.log_index, proof, receipt.checkpoint, keys)
    return replace(proved, entry=entry, document=receipt.document)


def format_tlog_proof(index: int, proof: Sequence[bytes], checkpoint: str, leaf: bytes) -> str:
    """Write the tlog-proof of a leaf, whose bytes stand in it as extra data."""
    hashes = "".join(f"{to_base64(each)}\n" for each in proof)
    return f"{TLOG_PROOF}\nextra {to_base64(leaf)}\nindex {index}\n{hashes}\n{checkpoint}"


def parse_tlog_proof(text: str) -> TlogProof:
    """Take a tlog-proof apart.

    Raises: Malformed.
    """
    head, blank, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    if first != TLOG_PROOF or not blank or not lines:
        raise Malformed(f"The text is no proof: it begins with {TLOG_PROOF} and an index.")
    extra = None
    if lines[0].startswith("extra "):
        extra = from_base64(lines.pop(0).removeprefix("extra "), "The extra data")
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if index is None:
        raise Malformed("The index of the entry is not where it must be in the proof.")
    if len(lines) > 1 + PROOF_LENGTH_MAX:
        raise Malformed("No proof has so many hashes.")
    proof = [from_base64(line, "A hash of the proof", HASH_LENGTH) for line in lines[1:]]
    return TlogProof(int(index[1]), proof, checkpoint, extra)


def check_tlog_proof(text: str, keys: Sequence[VerifierKey], leaf: bytes | None = None) -> Proved:
    """Check a tlog-proof of a leaf; without one, of that in its extra data.

    Raises: Malformed, Unproven.
    """
    taken = parse_tlog_proof(text)
    content = taken.extra if leaf is None else leaf
    if content is None:
        raise Malformed("Neither is there a leaf, nor does the proof bring one.")
    return _prove(content, taken.index, taken.proof, taken.checkpoint, keys)


def _prove(
    leaf: bytes,
    index: int,
    proof: Sequence[bytes],
    note: str,
    keys: Sequence[VerifierKey],
) -> Proved:
    parsed, hashed = parse_leaf(leaf), leaf_hash(leaf)
    checkpoint = open_checkpoint(note, keys)
    verify_inclusion(hashed, index, checkpoint.size, proof, checkpoint.root)
    # The n-th of a tenant's leaves has n - 1 before it.
    if parsed.position > index + 1:
        raise Unproven(f"Index {index} of the log is too early for position {parsed.position}.")
    return Proved(parsed, hashed, index, checkpoint)
