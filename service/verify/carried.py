"""What a bundle's file shows beside its lines: whether it is one, was cut, or was sealed so."""

from hashlib import sha256
from typing import BinaryIO, Final

from service.proof.bundle import FORMAT, parse_header, parse_trailer
from service.proof.checkpoint import open_checkpoint
from service.proof.diagnosis import CARRIER, leaf_of
from service.proof.encoded import from_hex
from service.proof.entry import ENTRY_FORMAT, NOTHING
from service.proof.fault import Damaged, ProofError
from service.proof.keys import VerifierKey
from service.proof.tree import HASH_LENGTH, verify_inclusion

HEAD_BYTES: Final = 120
LINE_BYTES_MAX: Final = 1024 * 1024
NAMED: Final = FORMAT.partition("/")[0].encode()
BEGINNING: Final = f'{{"format":"{FORMAT}"'.encode()
ENTRY: Final = f'["{ENTRY_FORMAT}"'.encode()
REWRITTEN: Final = f"{CARRIER}, and wrote the leaves after it anew"


def is_bundle(file: BinaryIO) -> bool:
    """Tell whether a file is or was a bundle: by its first line, or by an entry in the second."""
    first, second = file.readline(LINE_BYTES_MAX), file.read(len(ENTRY))
    file.seek(0)
    begun = bool(first) and BEGINNING.startswith(first)
    return begun or NAMED in first[:HEAD_BYTES] or second == ENTRY


def explained(
    damaged: Damaged, file: BinaryIO, last: tuple[int, bytes], keys: list[VerifierKey]
) -> Damaged:
    """Say what the file shows of a damage that the lines have shown.

    Shapes: `last` is the line that was read last, with its number from 1.
    """
    number, line = last
    kind, place, words, who = damaged.kind, damaged.position, unplaced(damaged), damaged.who
    if kind in {"form", "entry"} and not line.endswith(b"\n") and place in {None, number - 1}:
        kind, words, who = "cut", "The bundle ends here, in the middle of a line.", CARRIER
    elif kind == "history" and not _is_sealed(file, keys):
        who = f"{who}, or {REWRITTEN}"
    return Damaged(kind, words, who, place)


def unplaced(damaged: Damaged) -> str:
    """Give the message without the position, which stands before it anyway."""
    text = str(damaged)
    return text if damaged.position is None else text.partition(": ")[2]


def _is_sealed(file: BinaryIO, keys: list[VerifierKey]) -> bool:
    """Tell whether the entries are those of the signed tree, whatever they say of each other."""
    file.seek(0)
    try:
        tenant, leaf, line = parse_header(file.readline()).tenant_id, NOTHING, b""
        for position, line in enumerate(file, 1):
            if line[:1] != b"[":
                break
            hashed = sha256(line.partition(b"\t")[0]).hexdigest()
            leaf = bytes.fromhex(leaf_of(tenant, position, hashed, leaf.hex()))
        trailer = parse_trailer(line)
        sealed = open_checkpoint(trailer.checkpoint, keys)
        proof = [from_hex(each, "A hash of the proof", HASH_LENGTH) for each in trailer.proof]
        index = -1 if trailer.log_index is None else trailer.log_index
        verify_inclusion(leaf, index, sealed.size, proof, sealed.root)
    except ProofError:
        return False
    return True
