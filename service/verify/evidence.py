"""What a verifier brings along: pinned keys, the sealer's state, checkpoints, receipts."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from service.proof.fault import Malformed, ProofError
from service.proof.keys import COSIGNATURE, Signer, VerifierKey, parse_vkey
from service.refusal import Refusal
from service.sealing.keys import Keyring
from service.sealing.refused import LogRefused
from service.sealing.state import State, StateFile, state_path
from service.sealing.witness import parse_witnesses
from service.settings import Settings
from service.verify.held import Held, read_checkpoint, read_receipt
from service.verify.pinned import Pinned

NAMELESS: Final = "plant.local/any"
STATE: Final = "The sealer's state"
BYTES_MAX: Final = 16 * 1024 * 1024
"""Of a file with a checkpoint or a receipt, whose document may be long."""


class BadKey(Refusal):
    """A verifier key that is none."""

    exit_code = 64


def pinned_of(settings: Settings, given: Sequence[str]) -> Pinned:
    """Give the keys that are named, else those of one's own key file, none where there is none.

    Raises: BadKey, KeysUnreadable.
    """
    if given:
        return Pinned([_vkey(text) for text in given])
    try:
        seeds = Keyring(settings).seeds()
    except LogRefused as refusal:
        raise KeysUnreadable(refusal.wrong, refusal.way_out) from None
    return Pinned([Signer(NAMELESS, seed).vkey for seed in seeds], bare=True)


def witnesses_of(settings: Settings, given: Sequence[str]) -> list[VerifierKey]:
    """Give the keys of witnesses that are named, else of those that are shown this log.

    Raises: BadKey, BadWitnesses.
    """
    keys = [_vkey(text) for text in given]
    for key in keys:
        if key.kind != COSIGNATURE:
            raise BadKey(f"The key {key.name} is a log's, not a witness's.", "Name it with --key.")
    return keys or [witness.key for witness in parse_witnesses(settings.witnesses)]


def _vkey(text: str) -> VerifierKey:
    try:
        return parse_vkey(text)
    except Malformed as error:
        raise BadKey(f"{text!r} is no verifier key: {error}", "See `plant audit key`.") from None


class KeysUnreadable(Refusal):
    """The key file here is not as it must be: nothing is told of the log."""


class Evidence:
    """Collects what a log is held against; `useless` says of what is not, and why."""

    def __init__(self, pinned: Pinned) -> None:
        self.pinned = pinned
        self.held: list[Held] = []
        self.useless: list[str] = []
        self.cluster: int | None = None

    @property
    def notes(self) -> list[str]:
        """Say of what one holds how little it proves."""
        return [
            f"{one.source} proves the entry and not what was said: it is without its document"
            for one in self.held
            if one.leaf is not None and one.leaf.document is None
        ]

    def add_state(self, settings: Settings) -> None:
        """Take the state of the sealer that works here, where there is one."""
        try:
            state = StateFile(state_path(settings)).read()
        except LogRefused as refusal:
            self.useless.append(str(refusal))
            return
        if state is not None:
            self._add(STATE, partial(self._opened, state))

    def _opened(self, state: State, source: str) -> Held:
        held = read_checkpoint(source, state.note, self.pinned)
        self.cluster = state.system_identifier
        return held

    def _read(self, read: Callable[[str, str, Pinned], Held], path: Path, source: str) -> Held:
        return read(source, small_text(path), self.pinned)

    def add_checkpoints(self, paths: Sequence[Path]) -> None:
        """Take checkpoints that were kept."""
        for path in paths:
            self._add(f"The checkpoint in {path}", partial(self._read, read_checkpoint, path))

    def add_receipts(self, paths: Sequence[Path]) -> None:
        """Take receipts that were kept, as JSON or as tlog-proofs."""
        for path in paths:
            self._add(f"The receipt in {path}", partial(self._read, read_receipt, path))

    def _add(self, source: str, read: Callable[[str], Held]) -> None:
        try:
            self.held.append(read(source))
        except (OSError, ProofError) as error:
            said = getattr(error, "strerror", None) or str(error)
            self.useless.append(f"{source}: {said}")


def small_text(path: Path) -> str:
    """Read a file with a checkpoint or a receipt.

    Raises: OSError, Malformed.
    """
    with path.open("rb") as file:
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise Malformed(f"It has more than {BYTES_MAX} bytes.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Malformed("It is not UTF-8.") from None
