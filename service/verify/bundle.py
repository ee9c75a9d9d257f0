"""A proof bundle: a file with a tenant's whole history, checked without a database."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from service.proof.bundle_check import Report, check_bundle
from service.proof.checkpoint import parse_checkpoint
from service.proof.fault import Damaged, ProofError, Undecided
from service.proof.keys import VerifierKey
from service.proof.note import parse_note
from service.refusal import Refusal
from service.verify.carried import explained, is_bundle, unplaced
from service.verify.damage import NOWHERE, Finding, Place
from service.verify.evidence import Evidence
from service.verify.question import Show
from service.verify.verdict import Verdict

TAIL_BYTES: Final = 1024 * 1024
"""The last line is shorter."""

STEP: Final = 1_000


class BundleUnreadable(Refusal):
    """There is no such file, or it may not be read."""


def verify_bundle(path: Path, evidence: Evidence, show: Show) -> Verdict:
    """Check a bundle from its first byte to its last.

    Raises: BundleUnreadable.
    """
    verdict = Verdict()
    verdict.unchecked += evidence.useless
    if not evidence.pinned:
        verdict.unchecked.append(
            "the signature: no key is pinned. Give it with --key, as `plant audit key` prints it"
        )
        return verdict
    begun = time.monotonic()
    try:
        with path.open("rb") as file, show("verifying entries", None) as progress:
            last = [(0, b"")]

            def lines() -> Iterator[bytes]:
                for number, line in enumerate(file, 1):
                    last[0] = number, line
                    if number % STEP == 0:
                        progress.advance(STEP)
                    yield line

            if not is_bundle(file):
                verdict.unchecked.append(f"{path}: this is no bundle, going by how it begins")
                return verdict
            keys = evidence.pinned.of(_origin(file))
            try:
                report = _checked(verdict, evidence, lines(), keys)
            except Damaged as damaged:
                report = None
                _add(verdict, explained(damaged, file, last[0], keys))
    except OSError as error:
        raise BundleUnreadable(
            f"{path} cannot be read: {error.strerror or error}.", "Check the path."
        ) from None
    verdict.seconds["entries"] = time.monotonic() - begun
    if report is not None:
        _tell(verdict, report, evidence)
    return verdict


def _checked(
    verdict: Verdict, evidence: Evidence, lines: Iterator[bytes], keys: list[VerifierKey]
) -> Report | None:
    leaves = {one.leaf.leaf.position: one.leaf.leaf_hash for one in evidence.held if one.leaf}
    try:
        held = [one.checkpoint for one in evidence.held]
        return check_bundle(lines, keys, held, leaves)
    except Undecided as undecided:
        verdict.unchecked.append(str(undecided))
    return None


def _add(verdict: Verdict, damaged: Damaged) -> None:
    place = NOWHERE if damaged.position is None else Place(position=damaged.position)
    verdict.add(Finding(damaged.kind, unplaced(damaged), damaged.who, place))


def _origin(file: BinaryIO) -> str:
    """Find which life of which log the last line is of, believing nothing; none when unreadable."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL_BYTES))
    last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    file.seek(0)
    try:
        return parse_checkpoint(parse_note(msgspec.json.decode(last)["checkpoint"]).text).origin
    except (ProofError, msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return ""


def _tell(verdict: Verdict, report: Report, evidence: Evidence) -> None:
    sealed = report.checkpoint
    verdict.counts |= {
        "entries": report.count,
        "entities": report.entities,
        "erased": report.erased,
        "pruned": report.pruned,
        "withheld": report.withheld,
        "checkpoints_held": report.held,
    }
    verdict.notes.append(
        f"the history of tenant {report.tenant} up to {sealed.size:,} entries of {sealed.origin}; "
        "whether more were sealed a later checkpoint tells"
    )
    others = {one.leaf.leaf.tenant for one in evidence.held if one.leaf} - {report.tenant}
    if others:
        verdict.unchecked.append(f"receipts of other tenants: {', '.join(sorted(others))}")
