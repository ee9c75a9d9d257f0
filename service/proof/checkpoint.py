"""Checkpoints (c2sp.org/tlog-checkpoint): which log, how many entries, which root, signed."""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from service.proof.encoded import from_base64, to_base64
from service.proof.fault import Malformed, Unproven
from service.proof.keys import Signer, VerifierKey, is_key_name
from service.proof.note import parse_note, sign, verify
from service.proof.tree import EMPTY_ROOT, HASH_LENGTH, SIZE_MAX

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_INCARNATION: Final = re.compile(r"(?P<base>.+)/inc(?P<number>[1-9][0-9]{0,8})", re.ASCII)


class Checkpoint(Struct, frozen=True):
    """A log of so many entries has this root. Extension lines are kept and mean nothing here."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not is_key_name(self.origin):
            raise Malformed("The origin of a log has neither spaces nor plus signs.")
        if not 0 <= self.size <= SIZE_MAX:
            raise Malformed(f"{self.size} is no size of a log.")
        if len(self.root) != HASH_LENGTH:
            raise Malformed(f"A root has {HASH_LENGTH} bytes, not {len(self.root)}.")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise Malformed("An empty log has another root.")
        if any(not line or "\n" in line for line in self.extensions):
            raise Malformed("An extension of a checkpoint is a line with something in it.")

    def text(self) -> str:
        """Write the text that is signed."""
        lines = (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint, without its signatures.

    Raises: Malformed.
    """
    if not text.endswith("\n"):
        raise Malformed("A checkpoint's text ends with its line.")
    origin, size, root, *extensions = [*text[:-1].split("\n"), "", ""]
    extensions = extensions[:-2]
    if not _SIZE.fullmatch(size):
        raise Malformed("The second line of a checkpoint is the number of entries.")
    return Checkpoint(
        origin,
        int(size),
        from_base64(root, "The root in the checkpoint", HASH_LENGTH),
        tuple(extensions),
    )


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer]) -> str:
    """Write the signed note of a checkpoint; every signer has the log's origin for a name.

    Raises: Malformed.
    """
    for signer in signers:
        if signer.vkey.name != checkpoint.origin:
            raise Malformed(f"{signer.vkey.name} signs for itself, not for {checkpoint.origin}.")
    return sign(checkpoint.text(), signers)


def open_checkpoint(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Give the checkpoint in a note that a pinned key of its own log has signed.

    Raises: Malformed; Unproven when no pinned key signed it, or one of another log did.
    """
    checkpoint = parse_checkpoint(verify(note, keys))
    if not any(key.name == checkpoint.origin and parse_note(note).by(key) for key in keys):
        raise Unproven(
            f"The checkpoint is of {checkpoint.origin}, and another log's key signed it."
        )
    return checkpoint


def origin_of(base: str, incarnation: int) -> str:
    """Name a log's incarnation: the first has the bare name.

    Shapes: incarnations are counted from 1.
    """
    return base if incarnation == 1 else f"{base}/inc{incarnation}"


def incarnation_of(origin: str) -> tuple[str, int]:
    """Give the bare name of a log and which of its incarnations an origin names."""
    found = _INCARNATION.fullmatch(origin)
    if found is None or int(found["number"]) == 1:
        return origin, 1
    return found["base"], int(found["number"])
