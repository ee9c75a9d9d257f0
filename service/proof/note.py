"""Signed notes (c2sp.org/signed-note) and cosignatures of witnesses (c2sp.org/tlog-cosignature).

What a note says counts only after `verify`: an unsigned note is text from a stranger.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from service.proof.encoded import from_base64, to_base64
from service.proof.fault import Malformed, Unproven
from service.proof.keys import (
    COSIGNATURE,
    ED25519,
    KEY_ID_LENGTH,
    SIGNATURE_LENGTH,
    Signer,
    VerifierKey,
    is_key_name,
)

NOTE_LENGTH_MAX: Final = 65_536
SIGNATURES_MAX: Final = 64

_DASH: Final = "— "
_TIMESTAMP_LENGTH: Final = 8
_TIME_MAX: Final = 2**63 - 1


class Signature(Struct, frozen=True):
    """One signature line: who signed, with which key, and what the key made of the text."""

    name: str
    key_id: bytes
    made: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.made)}\n"


class Note(Struct, frozen=True):
    """A note taken apart; nothing is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def by(self, key: VerifierKey) -> list[Signature]:
        """Give the signatures that claim to be a key's."""
        return [
            each for each in self.signatures if (each.name, each.key_id) == (key.name, key.key_id)
        ]


def sign(text: str, signers: Sequence[Signer]) -> str:
    """Write the note of a text, signed by each of one or more keys.

    Raises: Malformed for a text that no note has.
    """
    _require_text(text)
    lines = [
        str(Signature(signer.vkey.name, signer.vkey.key_id, signer.sign(text.encode())))
        for signer in signers
    ]
    if not lines:
        raise Malformed("A note has at least one signature.")
    return f"{text}\n{''.join(lines)}"


def parse_note(note: str) -> Note:
    """Take a note apart.

    Raises: Malformed.
    """
    if len(note) > NOTE_LENGTH_MAX:
        raise Malformed(f"A note has at most {NOTE_LENGTH_MAX} characters.")
    text, blank, lines = note.rpartition("\n\n")
    text += "\n"
    if not blank or not lines.endswith("\n"):
        raise Malformed("A note is text, an empty line, and lines of signatures.")
    _require_text(text)
    signatures = tuple(parse_signature(f"{line}\n") for line in lines[:-1].split("\n"))
    if len(signatures) > SIGNATURES_MAX:
        raise Malformed(f"A note has at most {SIGNATURES_MAX} signatures.")
    return Note(text, signatures)


def parse_signature(line: str) -> Signature:
    """Read a signature line, its end of line included.

    Raises: Malformed.
    """
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not line.endswith("\n") or not is_key_name(name):
        raise Malformed("A signature is a line: a dash, the key's name, base64.")
    made = from_base64(encoded[:-1], "A signature")
    if len(made) <= KEY_ID_LENGTH:
        raise Malformed("A signature is too short.")
    return Signature(name, made[:KEY_ID_LENGTH], made[KEY_ID_LENGTH:])


def verify(note: str, keys: Sequence[VerifierKey]) -> str:
    """Give the text of a note that at least one of a log's pinned keys has signed.

    Signatures of other keys are ignored; one that claims to be a pinned key's and is not makes the
    whole note worthless.
    Raises: Malformed, Unproven.
    """
    taken = parse_note(note)
    message = taken.text.encode()
    signed = 0
    for key in keys:
        if key.kind != ED25519:
            raise Malformed(f"The key {key.name} is a witness's: it vouches for no text alone.")
        for each in taken.by(key):
            if not key.holds(each.made, message):
                raise Unproven(f"The signature of {key.name} is not that of this text.")
            signed += 1
    if not signed:
        names = ", ".join(sorted({each.name for each in taken.signatures}))
        raise Unproven(f"No pinned key has signed this; signed it has {names}.")
    return taken.text


def verify_cosignatures(note: str, witnesses: Sequence[VerifierKey]) -> dict[str, int]:
    """Give, for each witness that has cosigned a checkpoint, the latest time at which it did.

    Units: seconds since 1970.
    Raises: Malformed, and Unproven for a cosignature that is not the witness's whose name it has.
    """
    taken = parse_note(note)
    times: dict[str, int] = {}
    for witness in witnesses:
        if witness.kind != COSIGNATURE:
            raise Malformed(f"The key {witness.name} is a log's, not a witness's.")
        for each in taken.by(witness):
            stamp, made = each.made[:_TIMESTAMP_LENGTH], each.made[_TIMESTAMP_LENGTH:]
            time_s = int.from_bytes(stamp)
            if (
                len(made) != SIGNATURE_LENGTH
                or time_s > _TIME_MAX
                or not witness.holds(made, cosigned(taken.text, time_s))
            ):
                raise Unproven(f"The cosignature of {witness.name} is not that of this text.")
            times[witness.name] = max(time_s, times.get(witness.name, 0))
    return times


def cosigned(text: str, time_s: int) -> bytes:
    """Give the bytes that a witness signs (cosignature/v1)."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def add_signatures(note: str, lines: str) -> str:
    """Add signature lines that a note does not have yet, such as a witness's answer.

    Raises: Malformed.
    """
    taken = parse_note(note)
    if not lines.endswith("\n"):
        raise Malformed("Signatures are whole lines.")
    added = dict.fromkeys(parse_signature(f"{line}\n") for line in lines[:-1].split("\n"))
    return note + "".join(str(each) for each in added if each not in taken.signatures)


def _require_text(text: str) -> None:
    if not text.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise Malformed("The text of a note is lines without control characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed("The text of a note is not Unicode.") from None
