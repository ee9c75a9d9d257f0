"""A proof bundle: a file with a tenant's whole history, checked without a database."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from service.proof.bundle import parse_header
from service.proof.bundle_check import Report, check_bundle
from service.proof.checkpoint import parse_checkpoint
from service.proof.fault import Damaged, ProofError, Undecided
from service.proof.keys import VerifierKey
from service.proof.note import parse_note
from service.refusal import Refusal
from service.verify.carried import explained, is_bundle, unplaced
from service.verify.damage import NOWHERE, Finding, Place
from service.verify.evidence import Evidence
from service.verify.held import contradictions
from service.verify.question import Show
from service.verify.verdict import Verdict

TAIL_BYTES: Final = 1024 * 1024
"""The last line is shorter."""

HEAD_BYTES: Final = 1024
"""The first line is shorter."""

STEP: Final = 1_000
UNREADABLE: Final = (
    ProofError,
    msgspec.DecodeError,
    RecursionError,
    KeyError,
    TypeError,
    AttributeError,
)


class BundleUnreadable(Refusal):
    """There is no such file, or it may not be read."""


def verify_bundle(path: Path, evidence: Evidence, show: Show) -> Verdict:
    """Check a bundle from its first byte to its last.

    Raises: BundleUnreadable.
    """
    verdict = Verdict()
    verdict.unchecked += evidence.useless
    verdict.notes += evidence.notes
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
            leaves = _leaves(verdict, evidence, _tenant(file))
            try:
                report = _checked(verdict, evidence, lines(), keys, leaves)
            except Damaged as damaged:
                report = None
                _add(verdict, explained(damaged, file, last[0], keys))
    except OSError as error:
        raise BundleUnreadable(
            f"{path} cannot be read: {error.strerror or error}.", "Check the path."
        ) from None
    verdict.seconds["entries"] = time.monotonic() - begun
    if report is not None:
        _tell(verdict, report)
    return verdict


def _checked(
    verdict: Verdict,
    evidence: Evidence,
    lines: Iterator[bytes],
    keys: list[VerifierKey],
    leaves: dict[int, bytes],
) -> Report | None:
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
    except UNREADABLE:
        return ""


def _tenant(file: BinaryIO) -> str | None:
    """Find whose history it says that it is; None when the first line is not a bundle's."""
    first = file.readline(HEAD_BYTES)
    file.seek(0)
    try:
        return parse_header(first).tenant_id
    except ProofError:
        return None


def _leaves(verdict: Verdict, evidence: Evidence, tenant: str | None) -> dict[int, bytes]:
    """Give the leaves of the tenant's receipts by position, and say what is with the others."""
    for finding in contradictions(evidence.held):
        verdict.add(finding)
    proved = [one.leaf for one in evidence.held if one.leaf]
    others = {each.leaf.tenant for each in proved} - {tenant}
    if others and tenant is not None:
        verdict.unchecked.append(f"receipts of other tenants: {', '.join(sorted(others))}")
    return {each.leaf.position: each.leaf_hash for each in proved if each.leaf.tenant == tenant}


def _tell(verdict: Verdict, report: Report) -> None:
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
