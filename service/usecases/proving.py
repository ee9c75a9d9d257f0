"""Export for proof: the tenant's log up to the latest checkpoint, with what its reader may see.

All of one snapshot, and one page in memory whatever the length of the log. docs/audit-format.md
has the bundle byte for byte. A stream without its last line is incomplete.
"""

from collections.abc import AsyncGenerator, Sequence
from itertools import takewhile
from typing import Final

from service.errors import InvalidParameter, NotSealed
from service.proof.bundle import (
    ERASED,
    PRUNED,
    WITHHELD,
    Absent,
    absent_line,
    header_line,
    shown_line,
    trailer_line,
)
from service.repository.base import Context, Repository
from service.repository.proof import ProofEnd, ProofPage, ProvenEntry
from service.usecases.exporting import exporting
from service.usecases.tree import Tree, latest, note_of

PAGE: Final = 1_000

ABSENT: Final[dict[str, Absent]] = {"withheld": WITHHELD, "erased": ERASED, "pruned": PRUNED}
"""Why a document is not shown, as SQL says it and as the bundle does."""


async def proven(
    repository: Repository, context: Context, tree: Tree, since: Sequence[int] = ()
) -> AsyncGenerator[tuple[int, bytes], None]:
    """Read the log of the caller's tenant as a bundle.

    `since` are the sizes of checkpoints that the reader holds: growth from each is proven as well.
    Shapes: pairs of the number of entries so far and the bytes of some whole lines.

    Raises: NotSealed, InvalidParameter for a size beyond what is sealed, Unavailable, Defect when
    the log does not lead to what was signed, and what the server raises.
    """
    async with exporting(repository, context) as connection:
        how = {"connection": connection}
        sealed = await latest(repository, **how)
        if sealed is None or not sealed.size:
            raise NotSealed
        if max(since, default=0) > sealed.size:
            raise InvalidParameter(
                f"since must not be more than {sealed.size}, which is what is sealed.",
                extensions={"parameter": "since"},
            )
        end = await repository.maybe(ProofEnd(sealed.size), context, **how)
        last = None
        if end is not None:
            index, leaf = end.log_index, end.leaf_hash
            last = index, await tree.inclusion(repository, sealed, index, leaf, **how)
        grown = {
            size: await tree.consistency(repository, sealed, size, sealed.size, **how)
            for size in since
        }
        yield 0, header_line(context.tenant_id)
        count, position, upto = 0, 0, end.pos if end is not None else 0
        while page := await repository.many(ProofPage(position, upto, PAGE), context, **how):
            # Up to the first for which there was no room; the first of a page has it always.
            fitting = list(takewhile(_has_come, page))
            count, position = count + len(fitting), fitting[-1].pos
            yield count, b"".join(map(line_of, fitting))
        yield count, trailer_line(count, last, note_of(sealed), grown)


def _has_come(row: ProvenEntry) -> bool:
    return row.document is not None or row.state != "shown"


def line_of(row: ProvenEntry) -> bytes:
    """Write the line of an entry."""
    entry = row.entry.encode()
    if row.salt is None or row.document is None:
        return absent_line(entry, ABSENT[row.state], row.leaf_hash)
    return shown_line(entry, row.salt, row.document.encode(), row.leaf_hash)
