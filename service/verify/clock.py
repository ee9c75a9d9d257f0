"""Times against the order of the log: nothing is much older than what stands before it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from service.proof.tiles import HEIGHT
from service.repository.verify_rows import Timed
from service.verify.damage import Place, found
from service.verify.verdict import Verdict

TOLERANCE_US: Final = 3_600 * 1_000_000
"""A transaction may last as long as any setting lets it, and its entries are placed at its end."""


def doubtful(times: Mapping[int, tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Give the stretches of the log in which an entry may be too old: first index, latest before.

    Shapes: `times` has earliest and latest time of each stretch of 256 indexes.
    """
    latest = -(2**63)
    for block in sorted(times):
        first, last = times[block]
        if first < max(latest, last) - TOLERANCE_US:
            yield block << HEIGHT, latest
        latest = max(latest, last)


def check(verdict: Verdict, rows: Sequence[Timed], latest: int) -> None:
    """Say which entries of a stretch are too old."""
    for row in rows:
        if row.at_us < latest - TOLERANCE_US:
            verdict.add(found("clock", place_of(row)))
        latest = max(latest, row.at_us)


def place_of(row: Timed) -> Place:
    """Say what stands at an index."""
    return Place(
        tenant=str(row.tenant_id),
        kind=row.kind,
        entity=str(row.entity_id),
        version=row.version,
        position=row.pos,
        log_index=row.log_index,
    )
