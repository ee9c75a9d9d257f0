"""Receipts and checkpoints by themselves: no database, no service, only pinned keys."""

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

from service.proof.checkpoint import Checkpoint, parse_checkpoint
from service.proof.fault import ProofError
from service.proof.note import parse_note
from service.proof.receipt import TLOG_PROOF, Proved, parse_receipt, parse_tlog_proof
from service.verify.compare import at_once
from service.verify.damage import HOLDER, NOBODY, NOWHERE, Finding, Place
from service.verify.evidence import small_text
from service.verify.held import Held, read_checkpoint, read_receipt
from service.verify.pinned import Pinned
from service.verify.verdict import Verdict

CARRIER: Final = "whoever made the file or carried it"
BEGINNINGS: Final = ('{"audit_id":', TLOG_PROOF)
"""Of what was a receipt, whatever became of the rest."""
SIGNED: Final = "\n\n— "
NO_KEY: Final = "no key is pinned. Give it with --key, as `plant audit key` prints it"
INTACT: Final = "each is whole, signed with a pinned key, and none contradicts another."

Read = Callable[[str, str, Pinned], Held]


class NotSuchAFile(ProofError):  # noqa: N818 - as Refusal: the word a person reads
    """A file is of another sort than was said, so that nothing is told of it."""


def verify_offline(
    checkpoints: Sequence[Path], receipts: Sequence[Path], pinned: Pinned
) -> Verdict:
    """Check each file, and hold those against each other that need no proof for that."""
    verdict = Verdict(intact=INTACT)
    if not pinned:
        verdict.unchecked.append(f"the signatures: {NO_KEY}")
        return verdict
    held: list[Held] = []
    for path in receipts:
        held += _looked_at(verdict, path, "receipt", pinned)
    for path in checkpoints:
        held += _looked_at(verdict, path, "checkpoint", pinned)
    verdict.counts = {"receipts": len(receipts), "checkpoints": len(checkpoints)}
    verdict.notes += [_told(each) for each in held]
    for one, other in combinations(held, 2):
        _compare(verdict, one, other)
    sizes = {each.checkpoint.size for each in held}
    if len(sizes) > 1:
        verdict.notes.append(
            "that the log grew from one of these sizes to the next takes a proof of the service or "
            "of the database (`plant audit compare`, `plant audit verify`)"
        )
    return verdict


def _looked_at(verdict: Verdict, path: Path, sort: str, pinned: Pinned) -> list[Held]:
    source, note = f"The {sort} in {path}", None
    try:
        text = _text(path)
        note = _receipts_note(text) if sort == "receipt" else _own_note(text)
        if note is not None:
            _require_known(pinned, note)
        read: Read = read_receipt if sort == "receipt" else read_checkpoint
        return [read(source, text, pinned)]
    except (OSError, NotSuchAFile) as error:
        verdict.unchecked.append(f"{source}: {getattr(error, 'strerror', None) or error}")
    except ProofError as error:
        signed = note is None or not pinned.is_strangers(note)
        damage, who = (sort, CARRIER) if signed else ("signature", f"{NOBODY}, or {CARRIER}")
        verdict.add(Finding(damage, f"{source} does not hold: {error}", who))
    return []


def _text(path: Path) -> str:
    try:
        return small_text(path)
    except ProofError as error:
        raise NotSuchAFile(str(error)) from None


def _receipts_note(text: str) -> str | None:
    """Give the checkpoint of a receipt, None of one that is broken.

    Raises: NotSuchAFile.
    """
    try:
        taken = parse_tlog_proof(text) if text.startswith(TLOG_PROOF) else parse_receipt(text)
    except ProofError as error:
        if text.startswith(BEGINNINGS):
            return None
        raise NotSuchAFile(f"it is no receipt. {error}") from None
    return _parsed(taken.checkpoint)


def _own_note(text: str) -> str | None:
    if SIGNED not in text or text.startswith(BEGINNINGS):
        raise NotSuchAFile("it is no checkpoint: nothing in it is signed.")
    return _parsed(text)


def _parsed(note: str) -> str | None:
    """Give a note back whose text is that of a checkpoint."""
    try:
        parse_checkpoint(parse_note(note).text)
    except ProofError:
        return None
    return note


def _require_known(pinned: Pinned, note: str) -> None:
    """Refuse a note of which nobody knows who must have signed it.

    Raises: NotSuchAFile.
    """
    origin = note.partition("\n")[0]
    if not pinned.of(origin):
        names = ", ".join(sorted({key.name for key in pinned.keys}))
        raise NotSuchAFile(f"it is of the log {origin}, and pinned are keys of {names}.")
    if pinned.bare and pinned.is_strangers(note):
        raise NotSuchAFile(
            f"it is of the log {origin}, and no key of the key file here has signed it. Give that "
            "log's with --key."
        )


def _compare(verdict: Verdict, one: Held, other: Held) -> None:
    here, there = one.checkpoint, other.checkpoint
    if (found := at_once(here, there)) is not None:
        if found.word == "forked":
            message = f"{one.source} and {_small(other.source)}: {found.message}"
            verdict.add(Finding("fork", message, HOLDER))
        elif found.word == "unknown":
            verdict.unchecked.append(f"{one.source} and {_small(other.source)}: {found.message}")
            return
    if one.leaf and other.leaf and here.origin == there.origin:
        _compare_leaves(verdict, (one, one.leaf), (other, other.leaf))


def _compare_leaves(verdict: Verdict, one: tuple[Held, Proved], other: tuple[Held, Proved]) -> None:
    """Find two entries at one place, or places of a tenant in two orders: both were signed."""
    (here, mine), (there, theirs) = one, other
    ours = mine.leaf.tenant == theirs.leaf.tenant
    places = (mine.leaf.position, mine.log_index), (theirs.leaf.position, theirs.log_index)
    same_index = mine.log_index == theirs.log_index
    turned = ours and (places[0][0] < places[1][0]) != (places[0][1] < places[1][1])
    doubled = ours and (places[0][0] == places[1][0]) != same_index
    if (same_index and mine.leaf_hash != theirs.leaf_hash) or turned or doubled:
        verdict.add(
            Finding(
                "fork",
                f"{here.source} and {_small(there.source)} have two entries for one place: there "
                "are two histories, both signed. Keep both files: they are the evidence.",
                HOLDER,
                Place(log_index=mine.log_index) if same_index else NOWHERE,
            )
        )


def _told(held: Held) -> str:
    sealed: Checkpoint = held.checkpoint
    of = f"the {sealed.size:,} entries of {sealed.origin}"
    if held.leaf is None:
        return f"{_small(held.source)} is of {of}"
    leaf, entry = held.leaf.leaf, held.leaf.entry
    what = f"{entry.kind} {entry.entity} version {entry.version}, " if entry else ""
    return (
        f"{_small(held.source)} proves {what}position {leaf.position} of tenant {leaf.tenant}, log "
        f"index {held.leaf.log_index} of {of}"
    )


def _small(source: str) -> str:
    return source[:1].lower() + source[1:]
