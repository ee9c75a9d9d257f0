"""The log in a database: its entries, what was signed of them, and what waits for that."""

from typing import Final
from uuid import UUID

import msgspec

from service.repository.verify import (
    VerifyEntries,
    VerifyFacts,
    VerifyHistory,
    VerifyIncarnations,
    VerifyKept,
    VerifyPrunes,
    VerifyUnplaced,
    VerifyWaiting,
)
from service.repository.verify_rows import EntryRow, Facts, Fault, Faults, IncarnationRow, Prune
from service.verify.damage import Place, found
from service.verify.entries import Entries
from service.verify.held import compare_later
from service.verify.places import examine_clock, examine_places, name_places
from service.verify.question import NO_ID, Question
from service.verify.reader import PAGE, Reader
from service.verify.seals import Seals
from service.verify.verdict import FINDINGS_MAX
from service.verify.wanted import Queue

LIVES_MAX: Final = 10_000
PRUNES_MAX: Final = 1_000_000
WAIT_S_MAX: Final = 60.0
"""A sealer that runs leaves nothing waiting for so long."""

FAULTS: Final[dict[str, tuple[str, str]]] = {
    "hole": ("history", "There are versions missing before it."),
    "link": ("history", "It is not linked to the version before it."),
    "time": ("history", "It is not younger than the version before it."),
    "kind": ("history", "The version before it is of another kind."),
    "order": ("order", "It stands in the log before the version that it follows on."),
    "unplaced": ("unplaced", "It has no place in the log, and waits for none."),
    "queue": ("stray", "A row of the queue is for an entry that is not there."),
    "kept": ("kept", "A later entry says that the document was erased, and it is there."),
}
"""What the statements call what they find: the kind of damage, and the words for it."""


async def examine_log(reader: Reader, question: Question) -> None:
    """Look at all of it."""
    verdict = reader.verdict
    facts = await reader.one(VerifyFacts())
    lives = await reader.many(VerifyIncarnations(LIVES_MAX))
    wanted = Queue()
    seals = Seals(verdict, wanted, question.pinned)
    seals.lives(lives)
    compare_later(verdict, wanted, question.held, lives, facts.sealed or 0)
    _compare_cluster(reader, question, facts, lives)
    entries = await _examine_entries(reader, question, facts)
    await examine_places(reader, question, seals, wanted, facts)
    await examine_clock(reader, entries.times)
    with reader.stage("histories", "verifying histories"):
        for query in (VerifyUnplaced, VerifyHistory, VerifyKept):
            await find(reader, question, query)
    await name_places(reader)
    await _ask_what_waits(reader, facts)
    _say_what_was_missing(reader, question, facts)


async def _examine_entries(reader: Reader, question: Question, facts: Facts) -> Entries:
    entries = Entries(reader.verdict, await _pruned(reader, question))
    last = question.last_tenant

    def following(row: EntryRow) -> VerifyEntries:
        return VerifyEntries(str(row.tenant_id), str(row.audit_id), last, PAGE)

    total = None if question.tenant else facts.entries
    with reader.stage("entries", "verifying entries", total) as count:
        first = VerifyEntries(question.first_tenant, NO_ID, last, PAGE)
        async for rows in reader.pages(first, following):
            entries.check(rows)
            count(len(rows))
    reader.verdict.counts |= {
        "documents": entries.documents,
        "erased": entries.erased,
        "pruned": entries.pruned_count,
    }
    return entries


async def _pruned(reader: Reader, question: Question) -> dict[UUID, int]:
    """Find up to which position documents were pruned."""
    query = VerifyPrunes(question.first_tenant, question.last_tenant, PRUNES_MAX)
    pruned: dict[UUID, int] = {}
    for row in await reader.many(query):
        pruned[row.tenant_id] = max(_through(row), pruned.get(row.tenant_id, 0))
    return pruned


def _through(row: Prune) -> int:
    """Read up to where a pruning went; a document of another shape prunes nothing."""
    try:
        through = msgspec.json.decode(row.document or "")["through"]
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        return 0
    return through if isinstance(through, int) and through < (row.pos or through + 1) else 0


async def find(reader: Reader, question: Question, query: type[Faults]) -> None:
    """Have the database look for one kind of damage."""
    asked = query(question.first_tenant, question.last_tenant, FINDINGS_MAX)
    for row in await reader.many(asked):
        damage, message = FAULTS[row.fault]
        reader.verdict.add(found(damage, place_of(row), message))


def place_of(row: Fault) -> Place:
    """Say where a fault is."""
    return Place(
        tenant=str(row.tenant_id),
        kind=row.kind,
        entity=str(row.entity_id) if row.entity_id else None,
        version=row.version,
        position=row.pos,
        log_index=row.log_index,
    )


def _compare_cluster(
    reader: Reader, question: Question, facts: Facts, lives: list[IncarnationRow]
) -> None:
    """Find another cluster: a copy is no damage, but where the sealer's state lies it is."""
    if not lives or facts.system_identifier == lives[-1].system_identifier:
        return
    if question.cluster is None:
        reader.verdict.notes.append(
            f"this is cluster {facts.system_identifier}, a copy: the log was written in "
            f"{lives[-1].system_identifier}"
        )
    else:
        reader.verdict.add(found("cluster"))


async def _ask_what_waits(reader: Reader, facts: Facts) -> None:
    waiting = await reader.one(VerifyWaiting(facts.sealed or 0))
    reader.verdict.counts["not_sealed_yet"] = waiting.queued + waiting.unsealed
    if waiting.waited_s > WAIT_S_MAX:
        reader.verdict.unchecked.append(
            f"{waiting.queued + waiting.unsealed:,} entries that nobody has sealed, the oldest for "
            f"{waiting.waited_s:,.0f} s: nothing proves them. Does a sealer run (`plant serve` or "
            "`plant worker`)?"
        )


def _say_what_was_missing(reader: Reader, question: Question, facts: Facts) -> None:
    missing = reader.verdict.unchecked
    if question.tenant and not reader.verdict.counts["entries"]:
        missing.append(f"anything: the tenant {question.tenant} has no entry")
    if not question.pinned:
        missing.append(
            "signatures: no key is pinned. Give it with --key, as `plant audit key` prints it"
        )
    if facts.sealed is None:
        missing.append("the tree: nothing was signed here")
    if not question.held:
        missing.append(
            "whether the log was cut or rolled back: there is nothing from outside the database to "
            "compare with. Give a checkpoint that you have kept with --trust, or a receipt"
        )
