"""The pure parts of a verification, with what no server would give them."""

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.entry import NOTHING, Entry, entry_bytes, leaf_bytes, payload_hash
from service.proof.keys import Signer, new_seed
from service.proof.receipt import format_tlog_proof
from service.proof.tree import EMPTY_ROOT, leaf_hash
from service.repository.verify_rows import (
    CheckpointRow,
    CosignatureRow,
    EntryRow,
    IncarnationRow,
    PositionRow,
    Timed,
)
from service.verify import clock
from service.verify.cosigned import Cosigned
from service.verify.entries import Entries
from service.verify.held import Held, compare_later, is_kept, read_checkpoint, read_receipt
from service.verify.order import GAPS_SHOWN_MAX, Order
from service.verify.pinned import Pinned
from service.verify.reader import Ahead
from service.verify.seals import Seals
from service.verify.verdict import Verdict
from service.verify.wanted import Queue, Wanted
from tests.attacks.witness import WITNESS, cosign

TENANT, ENTITY, AUDIT = UUID(int=1), UUID(int=2), UUID(int=3)
ORIGIN = "plant.example.org/log"
SIGNER = Signer(ORIGIN, sha256(b"parts").digest())
PINNED = Pinned([SIGNER.vkey])
HOUR_US = 3_600 * 1_000_000


def entry_row(**changed: Any) -> EntryRow:
    """Make an entry with document and place that agree."""
    salt, body = bytes(16), b'{"name": "x"}'
    named = payload_hash(salt, body)
    written = entry_bytes(
        Entry(str(TENANT), "skill", str(ENTITY), 1, "create", "a", "k", 5, named, NOTHING)
    )
    hashed = sha256(written).digest()
    row = EntryRow(
        tenant_id=TENANT,
        audit_id=AUDIT,
        entry=written.decode(),
        entry_hash=hashed,
        at_us=5,
        kept=True,
        payload=salt + body,
        erased=None,
        log_index=0,
        pos=1,
        tenant_prev=NOTHING,
        leaf_hash=leaf_hash(leaf_bytes(str(TENANT), 1, hashed, NOTHING)),
    )
    return structs.replace(row, **changed)


def kinds(verdict: Verdict) -> list[str]:
    """Give what was found."""
    return [one.damage for one in verdict.findings]


class TestEntries:
    """Each by itself."""

    @pytest.mark.parametrize(
        "changed, found",
        [
            ({}, []),
            ({"payload": None, "erased": True}, []),
            ({"payload": None, "erased": False, "pos": 1}, []),
            ({"payload": None, "erased": None}, ["erasure"]),
            ({"payload": None, "kept": False, "erased": True}, ["document"]),
            ({"log_index": None, "pos": None, "leaf_hash": None, "tenant_prev": None}, []),
            ({"entry_hash": None, "entry": None}, ["missing"]),
            ({"entry_hash": None, "entry": None, "pos": None, "log_index": None}, ["stray"]),
            ({"entry": None}, ["entry"]),
            ({"payload": b""}, ["document"]),
            ({"pos": 2}, ["position"]),
            ({"tenant_prev": None}, ["position"]),
        ],
        ids=str,
    )
    def test_says_what_is_wrong(self, changed: dict[str, Any], found: list[str]) -> None:
        """Up to position 1 the tenant's documents were pruned."""
        verdict = Verdict()
        Entries(verdict, {TENANT: 1}).check([entry_row(**changed)])

        assert found == kinds(verdict)

    def test_pruned_documents(self) -> None:
        """Behind the position they have to be there; the present version's in any case."""
        verdict = Verdict()
        entries = Entries(verdict, {TENANT: 1, UUID(int=9): 99})
        gone = entry_row(payload=None, erased=False)
        entries.check([gone, entry_row(payload=None, erased=None)])
        assert ["erasure"] == kinds(verdict)
        Entries(verdict, {UUID(int=9): 99}).check([gone])

        assert ["erasure"] * 2 == kinds(verdict)
        assert (1, 2) == (entries.pruned_count, entries.count)

    def test_names_what_can_be_read(self) -> None:
        """Of an entry that is no entry any more only the place is named."""
        verdict = Verdict()
        Entries(verdict, {}).check([entry_row(entry='["no"]'), entry_row(entry="no JSON")])

        for one in verdict.findings:
            assert (None, 1, 0) == (one.place.entity, one.place.position, one.place.log_index)


class TestOrder:
    """Places, one after the other."""

    def rows(self, *places: tuple[int, int]) -> list[PositionRow]:
        """Make places from indexes and positions; each leaf names the one before."""
        return [
            PositionRow(index, TENANT, AUDIT, pos, bytes([pos - 1]) * 32, bytes([pos]) * 32)
            for index, pos in places
        ]

    @pytest.mark.parametrize(
        "places, whole, found",
        [
            ([(0, 1), (1, 2)], 1, []),
            ([(4, 1), (9, 2)], 0, []),
            ([(0, 1), (2, 2)], 1, ["missing"]),
            ([(0, 1), (1, 3)], 1, ["position"]),
            ([(0, 1), (1, 1)], 1, ["position"]),
            ([(9, 1), (4, 2)], 0, ["order"]),
        ],
    )
    def test_says_what_is_wrong(
        self, places: list[tuple[int, int]], whole: int, found: list[str]
    ) -> None:
        """Holes of the whole log and of a tenant's, and what stands before its predecessor."""
        verdict = Verdict()
        Order(verdict, whole=bool(whole)).along(self.rows(*places))

        assert found == kinds(verdict)

    def test_links(self) -> None:
        """A place names the tenant's leaf before, page after page."""
        verdict = Verdict()
        order = Order(verdict, whole=True)
        first, second = self.rows((0, 1), (1, 2))
        order.along([first])
        order.along([structs.replace(second, tenant_prev=NOTHING)])

        assert ["position"] == kinds(verdict)
        assert 2 == order.count

    def test_positions_without_a_hole_in_the_links(self) -> None:
        """A number left out is found, whatever the link says."""
        verdict = Verdict()
        first, second = self.rows((0, 1), (1, 3))
        Order(verdict, whole=True).along(
            [first, structs.replace(second, tenant_prev=first.leaf_hash)]
        )

        assert ["position"] == kinds(verdict)

    def test_a_large_hole(self) -> None:
        """Is told by its first indexes: a line for each of a million would help nobody."""
        verdict = Verdict()
        Order(verdict, whole=True).along(self.rows((1_000_000, 1)))

        assert GAPS_SHOWN_MAX == len(kinds(verdict))


class TestClock:
    """Times in the order of the log."""

    def test_finds_the_stretches(self) -> None:
        """Older than what stands before it, or within one, by more than the tolerance."""
        times = {0: (0, 10), 1: (10, 2 * HOUR_US + 10), 2: (HOUR_US, 3 * HOUR_US), 3: (0, 0)}

        assert [(256, 10), (512, 2 * HOUR_US + 10), (768, 3 * HOUR_US)] == list(
            clock.doubtful(times)
        )
        assert [] == list(clock.doubtful({0: (0, HOUR_US), 1: (0, HOUR_US)}))

    def test_finds_the_entries(self) -> None:
        """Each that is too old for what stood before it; the next ones are judged by the same."""
        verdict = Verdict()
        times = (5 * HOUR_US, 4 * HOUR_US, 4 * HOUR_US - 1, 6 * HOUR_US, 5 * HOUR_US - 1)
        rows = [Timed(at, TENANT, at + 1, "skill", ENTITY, 1, us) for at, us in enumerate(times)]
        clock.check(verdict, rows, 0)

        assert [2, 4] == [one.place.log_index for one in verdict.findings]


class TestQueue:
    """Roots that are wanted."""

    def test_gives_them_in_order(self) -> None:
        """Smallest first, whenever they were added; what no tree reaches is left."""
        queue = Queue([Wanted(9, b"", "nine"), Wanted(3, b"", "three")])
        queue.add(Wanted(5, b"", "five"))

        assert ["three", "five"] == [one.source for one in queue.up_to(8)]
        assert [] == queue.up_to(8)
        assert ["nine"] == [one.source for one in queue.rest]


def sealed(count: int, *signers: Signer, **changed: Any) -> CheckpointRow:
    """Make a checkpoint whose root is a number."""
    there = Checkpoint(ORIGIN, count, bytes([count]) * 32 if count else EMPTY_ROOT)
    note = sign_checkpoint(there, signers or [SIGNER])
    return structs.replace(CheckpointRow(1, count, ORIGIN, there.root, note), **changed)


def life(number: int, size: int, **changed: Any) -> IncarnationRow:
    """Make a life of the log."""
    origin = ORIGIN if number == 1 else f"{ORIGIN}/inc{number}"
    return structs.replace(IncarnationRow(number, origin, 1, size, EMPTY_ROOT, None), **changed)


class TestSeals:
    """Checkpoints and lives."""

    def found(self, *rows: CheckpointRow, lives: tuple[IncarnationRow, ...] = (life(1, 0),)) -> Any:
        """Look at checkpoints."""
        verdict, queue = Verdict(), Queue()
        seals = Seals(verdict, queue, PINNED)
        seals.lives(lives)
        seals.along(rows, 0)
        seals.end()
        return kinds(verdict), seals, queue

    def test_agree(self) -> None:
        """Each root is wanted of the tree, and that with which a life began."""
        found, seals, queue = self.found(sealed(0), sealed(3), sealed(7))

        assert ([], 3, 7) == (found, seals.count, seals.size)
        assert [0, 0, 3, 7] == [one.size for one in queue.rest]

    @pytest.mark.parametrize(
        "row, found",
        [
            (sealed(5, size=6), ["checkpoint"]),
            (sealed(5, root=bytes(32)), ["checkpoint"]),
            (sealed(5, note="nothing"), ["checkpoint", "signature"]),
            (sealed(5, incarnation=2), ["checkpoint"]),
            (sealed(2), ["checkpoint"]),
            (sealed(5, Signer(ORIGIN, new_seed())), ["signature"]),
            (sealed(5, Signer(ORIGIN, new_seed()), SIGNER), []),
        ],
    )
    def test_say_what_is_wrong(self, row: CheckpointRow, found: list[str]) -> None:
        """Columns, note, life, order, and who signed the last one."""
        assert found == self.found(sealed(3), row)[0]

    def test_a_signature_that_claims_to_be_the_key_s(self) -> None:
        """Is worse than one of somebody else: the note is not believed."""
        row = sealed(5)
        forged = row.note.replace("\n5\n", "\n6\n")

        assert ["checkpoint", "signature"] == self.found(structs.replace(row, size=6, note=forged))[
            0
        ]

    def test_earlier_ones_by_keys_of_former_times(self) -> None:
        """Are counted, and held against the tree all the same."""
        found, seals, queue = self.found(sealed(3, Signer(ORIGIN, new_seed())), sealed(5))

        assert ([], 1) == (found, seals.strangers)
        assert [0, 3, 5] == [one.size for one in queue.rest]

    @pytest.mark.parametrize(
        "lives, found",
        [
            ([life(1, 0), life(2, 0), life(4, 3)], []),
            ([life(1, 5), life(2, 4)], ["incarnation"]),
            ([life(1, 0), life(2, 1, origin=ORIGIN)], ["incarnation"]),
        ],
        ids=["numbers left out", "begins earlier", "another name"],
    )
    def test_lives(self, lives: list[IncarnationRow], found: list[str]) -> None:
        """Follow on each other; a restore may have lost the row of one."""
        verdict = Verdict()
        Seals(verdict, Queue(), PINNED).lives(lives)

        assert found == kinds(verdict)


class TestCosigned:
    """What witnesses have signed."""

    def row(self, **changed: Any) -> CosignatureRow:
        """Make a cosignature that is right."""
        note = sealed(3).note
        return structs.replace(CosignatureRow(1, 3, WITNESS.name, cosign(note), note), **changed)

    @pytest.mark.parametrize(
        "changed, found, counted",
        [
            ({}, [], (1, 0)),
            ({"note": sealed(4).note}, ["cosignature"], (1, 0)),
            ({"note": None}, ["cosignature"], (1, 0)),
            ({"line": "nothing"}, ["cosignature"], (1, 0)),
            ({"line": sealed(3).note.rpartition("\n\n")[2]}, ["cosignature"], (1, 0)),
            ({"witness": "another.example.org"}, [], (0, 1)),
        ],
        ids=["right", "of another", "of none", "no line", "the log's own line", "of a stranger"],
    )
    def test_says_what_is_wrong(
        self, changed: dict[str, Any], found: list[str], counted: tuple[int, int]
    ) -> None:
        """Only of witnesses that are pinned."""
        verdict = Verdict()
        cosigned = Cosigned(verdict, [WITNESS])
        cosigned.along([self.row(**changed)])

        assert found == kinds(verdict)
        assert counted == (cosigned.count, cosigned.strangers)

    def test_tells_how_far_it_saw(self) -> None:
        """The last size that is right, or that there is none."""
        verdict = Verdict()
        cosigned = Cosigned(verdict, [WITNESS])
        cosigned.end()
        cosigned.along([self.row(), self.row(size=9, note=None)])
        cosigned.end()

        assert ["nothing here", "had 3 entries"] == [one[-13:].strip() for one in verdict.notes]


def held(size: int, life_number: int = 1, base: str = ORIGIN) -> Held:
    """Hold a checkpoint."""
    origin = base if life_number == 1 else f"{base}/inc{life_number}"
    return Held("Mine", Checkpoint(origin, size, bytes(32)))


class TestHeld:
    """Checkpoints and receipts from outside."""

    @pytest.mark.parametrize(
        "one, found, unchecked, wanted",
        [
            (held(7), [], 0, [7]),
            (held(11), ["rollback"], 0, []),
            (held(7, base="another.example.org"), [], 1, []),
            (held(5, 1), [], 0, [5]),
            (held(8, 2), [], 0, [8]),
            (held(9, 2), ["rollback"], 0, []),
            (held(3, 4), ["rollback"], 0, []),
        ],
        ids=["earlier", "beyond", "another log", "before", "until", "given up", "a life unknown"],
    )
    def test_is_compared_or_not(
        self, one: Held, found: list[str], unchecked: int, wanted: list[int]
    ) -> None:
        """The log was taken up again with 5 entries more than nothing, and then with 8."""
        verdict, queue = Verdict(), Queue()
        lives = [life(1, 0), life(2, 7), life(3, 8)]
        compare_later(verdict, queue, [one], lives, 10)

        assert (found, unchecked) == (kinds(verdict), len(verdict.unchecked))
        assert wanted == [each.size for each in queue.rest]

    def test_is_opened(self) -> None:
        """A note by its pinned key, a tlog-proof with the leaf that it brings."""
        leaf = leaf_bytes(str(TENANT), 1, bytes(32), NOTHING)
        there = Checkpoint(ORIGIN, 1, leaf_hash(leaf))
        note = sign_checkpoint(there, [SIGNER])
        proof = format_tlog_proof(0, [], note, leaf)

        assert there == read_checkpoint("Mine", note, PINNED).checkpoint
        one = read_receipt("Mine", proof, PINNED)
        assert is_kept(one, leaf_hash(leaf))
        assert not is_kept(one, bytes(32))
        assert not is_kept(one, None)
        assert is_kept(held(1), None)


async def test_rows_are_taken_stretch_by_stretch() -> None:
    """Each once, whatever pages they came in, and none before it is asked for."""
    read: list[int] = []

    async def pages() -> AsyncIterator[list[Any]]:
        for page in ([1, 2, 5], [6, 300], [301]):
            read.extend(page)
            yield [Wanted(number, b"", "") for number in page]

    ahead = Ahead(pages(), lambda one: one.size)
    taken = [[one.size for one in await ahead.below(end)] for end in (3, 3, 6, 256, 301, 999, 999)]

    assert [[1, 2], [], [5], [6], [300], [301], []] == taken
    assert [1, 2, 5, 6, 300, 301] == read
