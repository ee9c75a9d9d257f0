"""What was signed, as the database has it: checkpoints, and the log's lives."""

from collections.abc import Sequence
from typing import Final

from service.proof.checkpoint import incarnation_of, parse_checkpoint
from service.proof.fault import ProofError
from service.proof.note import parse_note
from service.repository.verify_rows import CheckpointRow, IncarnationRow
from service.verify.damage import Place, found
from service.verify.pinned import Pinned
from service.verify.verdict import Verdict
from service.verify.wanted import Queue, Wanted

UNSIGNED: Final = "The last checkpoint is not signed by a pinned key."


class Seals:
    """Checks checkpoints in the order in which they were signed.

    `strangers` counts those that only keys have signed which are not pinned: what they say is held
    against the tree all the same.
    """

    def __init__(self, verdict: Verdict, wanted: Queue, pinned: Pinned) -> None:
        self._verdict = verdict
        self._wanted = wanted
        self._pinned = pinned
        self._lives: dict[int, IncarnationRow] = {}
        self.size = 0
        self.count = self.strangers = 0
        # Whether the last one that was looked at is signed by a pinned key.
        self._trusted = False

    def lives(self, rows: Sequence[IncarnationRow]) -> None:
        """Check that the log's lives follow on each other; numbers may be left out by a restore."""
        before: IncarnationRow | None = None
        for row in rows:
            if before is not None and row.size < before.size:
                self._add("incarnation", f"{row.origin} begins before {before.origin}.")
            elif incarnation_of(row.origin)[1] != row.incarnation:
                self._add("incarnation", f"Life {row.incarnation} is called {row.origin}.")
            self._lives[row.incarnation] = row
            self._wanted.add(
                Wanted(row.size, row.root, f"The beginning of {row.origin}", "incarnation")
            )
            before = row

    def along(self, rows: Sequence[CheckpointRow], size: int) -> None:
        """Check the next checkpoints; the tree has this size already."""
        for row in rows:
            self.count += 1
            self._trusted = False
            self._check(row, size)

    def _check(self, row: CheckpointRow, size: int) -> None:
        name = f"The checkpoint of {row.size} entries"
        try:
            claimed = parse_checkpoint(parse_note(row.note).text)
            strange = bool(self._pinned) and self._pinned.is_strangers(row.note)
            if not strange and self._pinned:
                self._pinned.open(row.note)
                self._trusted = True
        except ProofError as error:
            self._add("checkpoint", f"{name} cannot be believed: {error}")
            return
        self.strangers += strange
        life = self._lives.get(row.incarnation)
        if (claimed.origin, claimed.size, claimed.root) != (row.origin, row.size, row.root):
            self._add("checkpoint", f"{name} has columns that are not what its note says.")
        elif life is None or life.origin != row.origin or row.size < life.size:
            self._add("checkpoint", f"{name} is of no life of the log.")
        elif row.size < max(self.size, size):
            self._add("checkpoint", f"{name} was signed after a larger one.")
        else:
            self.size = row.size
            self._wanted.add(Wanted(row.size, claimed.root, name))

    def end(self) -> None:
        """Check that the last checkpoint is signed by who was pinned."""
        if self._pinned and self.count and not self._trusted:
            self._add("signature", UNSIGNED)

    def _add(self, damage: str, message: str) -> None:
        self._verdict.add(found(damage, Place(), message))
