"""Two checkpoints: of one log and one history, or the proof that there are two."""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from service.proof.checkpoint import Checkpoint, incarnation_of
from service.proof.fault import ProofError
from service.proof.tree import verify_consistency

Word = Literal["consistent", "forked", "rollback", "unknown"]
CODES: Final[dict[Word, int]] = {"consistent": 0, "forked": 1, "rollback": 1, "unknown": 2}


class Comparison(Struct, frozen=True):
    """What two checkpoints are to each other.

    `transferable`: the two notes alone convince anybody who knows the log's key.
    """

    word: Word
    message: str
    transferable: bool = False

    @property
    def exit_code(self) -> int:
        """Give the code that the command ends with."""
        return CODES[self.word]


class Proof(Struct, frozen=True):
    """Hashes that are to prove growth; `by_log` when the log itself has given them."""

    hashes: Sequence[bytes]
    by_log: bool


def at_once(one: Checkpoint, other: Checkpoint) -> Comparison | None:
    """Compare what needs no proof; None: the larger has to be shown to have grown out of the other.

    Both are signed: whoever opened them has seen to that.
    """
    if incarnation_of(one.origin)[0] != incarnation_of(other.origin)[0]:
        return Comparison(
            "unknown", f"These are two logs, {one.origin} and {other.origin}: nothing to compare."
        )
    if one.size != other.size:
        return None
    if one.root == other.root:
        return Comparison(
            "consistent", f"Both are of the same {one.size} entries{_lives(one, other)}."
        )
    return Comparison(
        "forked",
        f"There are two histories of {one.size} entries, both signed: the two notes prove it to "
        "anybody who knows the key. It was done by whoever has the signing key"
        f"{_lives(one, other)}.",
        transferable=True,
    )


def behind(size: int, before: int) -> Comparison:
    """Say that a log shows less than it has signed."""
    return Comparison(
        "rollback",
        f"The log shows {size} entries and has shown {before} signed ones: it was rolled back, by "
        "whoever brought back an older database, or whoever has the signing key.",
    )


def by_proof(one: Checkpoint, other: Checkpoint, proof: Proof) -> Comparison:
    """Tell whether a proof leads from the smaller checkpoint to the larger one."""
    old, new = sorted((one, other), key=lambda each: each.size)
    try:
        verify_consistency(old.size, new.size, list(proof.hashes), old.root, new.root)
    except ProofError as error:
        if not proof.by_log:
            return Comparison("unknown", f"The proof that was given proves nothing. {error}")
        return Comparison(
            "forked",
            f"The log cannot show that its {new.size} entries grew out of the {old.size} that were "
            f"signed before. {error} It was done by whoever has the signing key"
            f"{_lives(old, new)}. Keep both notes: with the log's own note of {old.size} entries "
            "beside yours anybody is convinced.",
        )
    return Comparison(
        "consistent",
        f"The {new.size} entries grew out of the {old.size}: nothing of them was changed"
        f"{_lives(old, new)}.",
    )


def _lives(old: Checkpoint, new: Checkpoint) -> str:
    if old.origin == new.origin:
        return ""
    return f" (the log was taken up again between them: {old.origin}, {new.origin})"
