"""What one holds from outside the database: the sealer's state, checkpoints, receipts."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from service.proof.bundle_check import KEY_HOLDER
from service.proof.checkpoint import Checkpoint, incarnation_of
from service.proof.receipt import (
    TLOG_PROOF,
    Proved,
    check_receipt,
    check_tlog_proof,
    parse_receipt,
    parse_tlog_proof,
)
from service.repository.verify_rows import IncarnationRow
from service.verify.damage import Finding, Place, found
from service.verify.pinned import Pinned
from service.verify.verdict import Verdict
from service.verify.wanted import Queue, Wanted

FORK: Final = "fork"


class Held(Struct, frozen=True):
    """A checkpoint that one holds, opened before; `source` says where from, as a sentence begins.

    `leaf`: what a receipt proved beside it.
    """

    source: str
    checkpoint: Checkpoint
    leaf: Proved | None = None


def read_checkpoint(source: str, text: str, pinned: Pinned) -> Held:
    """Open a checkpoint that somebody has kept.

    Raises: Malformed, Unproven.
    """
    return Held(source, pinned.open(text))


def read_receipt(source: str, text: str, pinned: Pinned) -> Held:
    """Check a receipt, as JSON or as tlog-proof, all by itself.

    Raises: Malformed, Unproven.
    """
    if text.startswith(TLOG_PROOF):
        note = parse_tlog_proof(text).checkpoint
        proved = check_tlog_proof(text, pinned.of(pinned.open(note).origin))
    else:
        receipt = parse_receipt(text)
        proved = check_receipt(receipt, pinned.of(pinned.open(receipt.checkpoint).origin))
    return Held(source, proved.checkpoint, proved)


def compare_later(
    verdict: Verdict,
    wanted: Queue,
    held: Sequence[Held],
    lives: Sequence[IncarnationRow],
    sealed: int,
) -> None:
    """Have checkpoints compared with the tree as it grows; say at once of what it cannot reach."""
    names = {incarnation_of(one.origin)[0] for one in lives}
    latest = max((one.incarnation for one in lives), default=0)
    for each in held:
        there = each.checkpoint
        log, life = incarnation_of(there.origin)
        later = [one for one in lives if one.incarnation > life]
        if lives and log not in names:
            verdict.unchecked.append(
                f"{each.source} is of the log {there.origin}, and this one is {lives[-1].origin}"
            )
        elif later and there.size > min(one.size for one in later):
            verdict.add(found("rollback", Place(), _given_up(each, later)))
        elif there.size > sealed or (lives and life > latest):
            verdict.add(found("rollback", Place(), _behind(each, sealed)))
        else:
            wanted.add(Wanted(there.size, there.root, each.source, FORK))


def _given_up(held: Held, later: Sequence[IncarnationRow]) -> str:
    first = min(later, key=lambda one: one.size)
    return (
        f"{held.source} is of {held.checkpoint.size} entries. The log says that it was taken up "
        f"again as {first.origin} with {first.size} of them: what followed was given up."
    )


def _behind(held: Held, sealed: int) -> str:
    there = held.checkpoint
    return (
        f"{held.source} is of {there.size} entries of {there.origin}, and the log has {sealed}: "
        "what was sealed is gone."
    )


def contradictions(held: Sequence[Held]) -> list[Finding]:
    """Find receipts of one position that prove different leaves: only the log's key can do that."""
    first: dict[tuple[str, int], Held] = {}
    findings = []
    for each in held:
        if each.leaf is None:
            continue
        leaf = each.leaf.leaf
        other = first.setdefault((leaf.tenant, leaf.position), each)
        if not is_kept(other, each.leaf.leaf_hash):
            place = Place(tenant=leaf.tenant, position=leaf.position)
            words = f"{other.source} and {each.source} prove two entries here, both signed."
            findings.append(Finding("receipt", words, KEY_HOLDER, place))
    return findings


def is_kept(held: Held, leaf: bytes | None) -> bool:
    """Tell whether what stands at the index of a receipt is what the receipt proved."""
    return held.leaf is None or held.leaf.leaf_hash == leaf
