"""A monitor: what a log showed last, kept in a file, against what it shows now."""

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

from service.proof.checkpoint import Checkpoint, incarnation_of
from service.proof.fault import ProofError
from service.refusal import Refusal
from service.verify.compare import Comparison, Proof, at_once, behind, by_proof
from service.verify.pinned import Pinned
from service.verify.remote import Service

Word = Literal["first", "same", "grown", "damaged"]


class WatchRefusal(Refusal):
    """What was seen last cannot be read or kept."""


class Look(Struct, frozen=True):
    """What was seen: `notes` are the notes that contradict each other, where they do."""

    word: Word
    message: str
    size: int
    notes: tuple[str, ...] = ()


class Monitor:
    """Looks at a log again and again; `path` is where the last checkpoint is kept."""

    def __init__(self, service: Service, pinned: Pinned, path: Path) -> None:
        self._service = service
        self._pinned = pinned
        self._path = path

    def look(self) -> Look:
        """Fetch the checkpoint, hold it against the last one, and keep it when it is right.

        Raises: ServiceSilent, WatchRefusal.
        """
        kept = self._kept()
        note = self._service.checkpoint()
        try:
            now = self._pinned.open(note)
        except ProofError as error:
            message = f"The checkpoint that is shown is not the log's. {error}"
            return Look("damaged", message, 0, tuple(one for one in (kept, note) if one))
        if kept is None:
            self._keep(note)
            return Look("first", f"{now.size} entries of {now.origin}, seen first.", now.size)
        before = self._opened(kept)
        found = self._compared(before, now)
        if found.word != "consistent":
            return Look("damaged", found.message, now.size, (kept, note))
        self._keep(note)
        return Look("same" if before == now else "grown", found.message, now.size)

    def _compared(self, before: Checkpoint, now: Checkpoint) -> Comparison:
        found = at_once(before, now)
        if found is not None:
            return found
        (_, old_life), (_, life) = incarnation_of(before.origin), incarnation_of(now.origin)
        if now.size < before.size or life < old_life:
            return behind(now.size, before.size)
        growth = self._service.growth(before.size, now.size)
        return by_proof(before, now, Proof(growth.hashes(), by_log=True))

    def _kept(self) -> str | None:
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise WatchRefusal(
                f"What was seen last, in {self._path}, cannot be read: {error}.",
                "Name another file with --state, or put it back.",
            ) from None

    def _opened(self, note: str) -> Checkpoint:
        try:
            return self._pinned.open(note)
        except ProofError as error:
            raise WatchRefusal(
                f"What was seen last, in {self._path}, is not signed by a key that is pinned: "
                f"{error}",
                "Pin the key that has signed it too, or name another file with --state.",
            ) from None

    def _keep(self, note: str) -> None:
        """Replace the file: after a crash there is the old note or the new one."""
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise WatchRefusal(
                f"{self._path} cannot be written: {error.strerror or error}.",
                "Name another file with --state.",
            ) from None


def state_of(service: Service) -> Path:
    """Name the file in which the last checkpoint of a service is kept, here."""
    return Path(f"{service.name.replace(':', '-')}.checkpoint")
