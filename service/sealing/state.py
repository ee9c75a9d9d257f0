"""What was signed last, kept outside the database: what a database is held against."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from service.database.durable import replace_private
from service.database.locks import lock
from service.proof.checkpoint import Checkpoint, parse_checkpoint
from service.proof.fault import ProofError
from service.proof.note import parse_note
from service.sealing.refused import LogRefused
from service.settings import Settings

FORMAT: Final = "plant-sealer-state/v1"
FILE: Final = "sealer.json"
RESTORED: Final = b'{"format": "plant-sealer-restored/v1"}\n'
"""What stands in the file of a database that was restored, whose last signature is not known."""

TURN_S: Final = 0.0
"""How long somebody else's turn is waited for: whoever meets one comes back later."""


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last signed size and root of one log, and where the database was.

    Shapes: `root` in hex.
    """

    format: Literal["plant-sealer-state/v1"] = FORMAT
    origin: str
    incarnation: int
    system_identifier: int
    size: int
    root: str
    note: str

    @property
    def checkpoint(self) -> Checkpoint:
        """Give what was signed."""
        return Checkpoint(self.origin, self.size, bytes.fromhex(self.root))


def state_path(settings: Settings) -> Path:
    """Give the place of the file."""
    return settings.sealer_state or settings.data_dir / FILE


class StateFile:
    """The file with the state; what it cannot do is a LogRefused for the reason `state`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def turn(self, wait_s: float = TURN_S) -> Iterator[None]:
        """Be the only one who reads and writes the file.

        Raises: Held when somebody else is, LogRefused.
        """
        with ExitStack() as stack:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                beside = self.path.with_name(f"{self.path.name}.lock")
                stack.enter_context(lock(beside, wait_s=wait_s))
            except OSError as error:
                raise self._unusable("used", error) from None
            yield

    def read(self) -> State | None:
        """Read the state; None when there is no file.

        Raises: LogRefused.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable("read", error) from None
        if text == RESTORED:
            raise LogRefused(
                "state",
                "The database was restored from a back-up, and what was signed last is not known "
                "here.",
                f"Put the newest sealer.json of the database that was backed up in the place of "
                f"{self.path}. If it is lost, `plant audit rebase` goes on under a new name: under "
                "the old one another end of the log may have been signed.",
            )
        found = _decoded(text)
        if found is None:
            raise LogRefused(
                "state",
                f"The sealer's state in {self.path} is not one that was written by Plant.",
                "Put the file back as it was. Without it nobody knows what was signed last: if it "
                "is lost, compare the last checkpoint with one that a client has kept (`plant "
                "audit compare`), and remove the file.",
            )
        return found

    def write(self, state: State) -> None:
        """Replace the state: after a crash there is the old one or the new one.

        Raises: LogRefused.
        """
        try:
            replace_private(self.path, msgspec.json.format(msgspec.json.encode(state)) + b"\n")
        except OSError as error:
            raise self._unusable("written", error) from None

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Let the file say, unless there is one, that a database is restored; not if that fails.

        Raises: Held when somebody else uses it, LogRefused.
        """
        with self.turn():
            there = self.path.exists()
            if not there:
                try:
                    replace_private(self.path, RESTORED)
                except OSError as error:
                    raise self._unusable("written", error) from None
            try:
                yield
            except BaseException:
                if not there:
                    self.path.unlink()
                raise

    def _unusable(self, what: str, error: OSError) -> LogRefused:
        return LogRefused(
            "state",
            f"The sealer's state in {self.path} cannot be {what}: {error.strerror or error}.",
            "Make room or give the right to it, or choose another place with PLANT_SEALER_STATE.",
        )


def _decoded(text: bytes) -> State | None:
    """Read a state; None for one that is not as it was written."""
    try:
        found = msgspec.json.decode(text, type=State, strict=True)
        agrees = parse_checkpoint(parse_note(found.note).text) == found.checkpoint
    except (msgspec.DecodeError, ProofError, ValueError):
        return None
    return found if agrees else None
