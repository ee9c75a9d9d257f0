"""The keys that a verifier has pinned, and what they have signed."""

from collections.abc import Sequence

from service.proof.checkpoint import (
    Checkpoint,
    incarnation_of,
    open_checkpoint,
    parse_checkpoint,
)
from service.proof.fault import Unproven
from service.proof.keys import VerifierKey
from service.proof.note import parse_note


class Pinned:
    """Keys of one log or of several; a key is that of all the incarnations of its log.

    `bare`: the keys are known and the log's name is not, as of who has the log's key file.
    """

    def __init__(self, keys: Sequence[VerifierKey], *, bare: bool = False) -> None:
        self.keys = list(keys)
        self.bare = bare

    def __bool__(self) -> bool:
        return bool(self.keys)

    def of(self, origin: str) -> list[VerifierKey]:
        """Give the keys of an origin, under its name."""
        base, _ = incarnation_of(origin)
        return [
            key.named(origin)
            for key in self.keys
            if self.bare or incarnation_of(key.name)[0] == base
        ]

    def open(self, note: str) -> Checkpoint:
        """Give the checkpoint in a note that one of these keys has signed.

        Raises: Malformed; Unproven when none has, or a signature is wrong.
        """
        claimed = parse_checkpoint(parse_note(note).text)
        keys = self.of(claimed.origin)
        if not keys:
            names = ", ".join(sorted({key.name for key in self.keys})) or "nobody"
            raise Unproven(f"It is of the log {claimed.origin}, and pinned are keys of {names}.")
        return open_checkpoint(note, keys)

    def is_strangers(self, note: str) -> bool:
        """Tell whether no signature of a note claims to be one of these keys'.

        Raises: Malformed.
        """
        taken = parse_note(note)
        return not any(taken.by(key) for key in self.of(parse_checkpoint(taken.text).origin))
