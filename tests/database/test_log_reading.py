"""What the sealer, a pruning and the doctor read of the log, and what a place in it needs."""

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest
import pytest_asyncio

from service.proof.entry import leaf_bytes
from service.proof.tree import leaf_hash
from service.repository.pruning import LogArchivePage, LogBefore, LogPrunable
from service.repository.sealing import (
    LogCosigned,
    LogEnds,
    LogFacts,
    LogHead,
    LogLead,
    LogPending,
    LogPlace,
    LogReport,
    LogTiles,
    LogTurn,
    LogUnsealed,
)
from tests.database.forged import (
    BEFORE,
    BEHIND,
    FIRST,
    LAST,
    TENANTS,
    Forged,
    Row,
    at,
    audit_of,
    bytes_of,
    checkpoint_of,
    cosignature_of,
    entry_of,
    hashed,
    incarnation_of,
    payload_of,
    position_of,
    text_of,
    uid,
)
from tests.database.gone import GONE, put_gone, read_of
from tests.postgres import Server
from tests.sessions import Connect, Connection, connections

pytestmark = pytest.mark.database

COUNT = 100
ZEROS = bytes(32)
MINE, OTHER = UUID(int=FIRST), UUID(int=LAST)


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions."""
    async with connections(cluster, database) as found:
        yield found


class TestEnds:
    """How far the log is."""

    async def test_of_an_empty_one_all_is_nothing(self, forged: Forged) -> None:
        """Neither a place nor a life nor a wait."""
        _, positions = await forged.one(LogFacts())

        assert 0 == positions
        assert (0, 0, None) == await forged.one(LogReport(0))
        assert await forged.maybe(LogHead()) is None
        assert await forged.maybe(LogBefore(MINE, at(0))) is None

    async def test_the_last_of_each_table_says_it(
        self, forged: Forged, superuser: Connection
    ) -> None:
        """The checkpoint that counts is that of the last life, however small."""
        rows = [position_of(FIRST, 10, n, index) for n, index in ((1, 3), (2, 7), (3, 5))]
        await forged.put("audit.position", rows)
        sizes = ((2, 8), (1, 32), (3, 4), (3, 6), (3, 5))
        await forged.put("audit.checkpoint", [checkpoint_of(*one) for one in sizes])
        cluster = await superuser.fetchval("SELECT system_identifier FROM pg_control_system()")

        assert (cluster, 8) == await forged.one(LogFacts())
        assert (8, 6, None) == await forged.one(LogReport(0))

    async def test_the_first_of_the_queue_says_how_long_it_waits(
        self, forged: Forged, superuser: Connection
    ) -> None:
        """The first behind a number, whoever is older."""
        now = await superuser.fetchval("SELECT clock_timestamp()")
        ages = {5: 1_000, 3: 300, 9: 9_000}
        entries, pending = [], []
        for seq, age_s in ages.items():
            for tenant in (FIRST, LAST):
                moment = (now - timedelta(seconds=age_s * tenant)).isoformat()
                entries.append(entry_of(tenant, 10, seq, at=moment))
            pending.append(_waiting(FIRST, 10, seq, seq))
        await forged.put("audit.entry", entries)
        await forged.put("audit.pending", pending)

        for low, age_s in ((0, 300), (2, 300), (3, 1_000), (5, 9_000)):
            _, _, waiting_s = await forged.one(LogReport(low))
            assert 0 < waiting_s - FIRST * age_s < 60
        assert (0, 0, None) == await forged.one(LogReport(9))

    @pytest.mark.parametrize("life, size", [(3, None), (2, 16)])
    async def test_the_head_is_the_last_checkpoint_of_the_last_life(
        self, forged: Forged, life: int, size: int | None
    ) -> None:
        """Which may have none."""
        await forged.put("audit.incarnation", [incarnation_of(one) for one in range(life, 0, -1)])
        sizes = [(2, size) for size in (8, 2, 16, 4, 9, 11, 3)] + [(1, 32)]
        await forged.put("audit.checkpoint", [checkpoint_of(*one) for one in sizes])

        signed = (size, bytes_of(hashed(life, size)), f"{life}/{size}") if size else (None,) * 3
        expected = (life, f"origin {life}", 10 - life, *signed)
        assert expected == await forged.maybe(LogHead())

    async def test_each_tenant_has_an_end_of_its_own(self, forged: Forged) -> None:
        """Of those that are asked for and have a place."""
        rows = [
            position_of(tenant, 10, nth, 10 * nth + tenant, pos=pos)
            for tenant in TENANTS
            for nth, pos in enumerate((2, 5, 3))
        ]
        await forged.put("audit.position", rows)

        asked = [UUID(int=one) for one in (BEHIND, 99, FIRST, LAST)]
        expected = [
            (tenant, 5, bytes_of(hashed("leaf", 10 + tenant))) for tenant in (FIRST, LAST, BEHIND)
        ]
        assert expected == await forged.many(LogEnds(asked, COUNT))
        assert expected[:2] == await forged.many(LogEnds(asked, 2))

    async def test_what_a_witness_has_signed_last_is_of_a_life(self, forged: Forged) -> None:
        """Neither another's nor another life's is."""
        signed = ((1, 9, "w"), (2, 4, "w"), (2, 8, "w"), (2, 6, "w"), (2, 16, "a"))
        await forged.put("audit.cosignature", [cosignature_of(*one) for one in signed])

        assert (8,) == await forged.maybe(LogCosigned(2, "w"))
        assert (9,) == await forged.maybe(LogCosigned(1, "w"))
        assert await forged.maybe(LogCosigned(1, "a")) is None

    async def test_tiles_are_found_as_pairs(self, forged: Forged) -> None:
        """Those that are there, in order."""
        await forged.put(
            "audit.tile",
            [
                {"level": level, "index": index, "nodes": hashed(level, index)}
                for level in (2, 0, 1)
                for index in (3, 0, 1)
            ],
        )

        asked = ([1, 2, 0, 1, 0], [3, 0, 1, 0, 9])
        expected = [
            (level, index, bytes_of(hashed(level, index)))
            for level, index in ((0, 1), (1, 0), (1, 3), (2, 0))
        ]
        assert expected == await forged.many(LogTiles(*asked, COUNT))
        assert expected[:3] == await forged.many(LogTiles(*asked, 3))


def _waiting(tenant: int, entity: int, version: int, seq: int) -> Row:
    audit = uid(audit_of(tenant, entity, version))
    return {"seq": seq, "tenant_id": uid(tenant), "audit_id": audit}


class TestTurns:
    """Who places, and who signs."""

    @pytest.mark.parametrize(
        "query, name", [(LogLead(), "plant log leader"), (LogTurn(), "plant log turn")]
    )
    async def test_every_release_waits_for_the_same_lock(
        self,
        forged: Forged,
        superuser: Connection,
        connect: Connect,
        query: LogLead | LogTurn,
        name: str,
    ) -> None:
        """Two releases may run at once for a while: another lock would be no turn."""
        other = await connect("worker")
        free = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"

        assert (True,) == await forged.one(query)
        assert not await other.fetchval(free, name)
        await superuser.execute("SELECT pg_advisory_unlock_all()")


class TestPlacing:
    """The queue, places, and leaves."""

    async def test_the_queue_is_read_with_what_is_wrong_in_it(self, forged: Forged) -> None:
        """An entry of another hash, one that is missing, and one that has a place."""
        entries, positions, pending = [], [], []
        for seq, version in ((1, 4), (3, 1), (5, 2), (9, 3), (7, 5), (11, 6)):
            for tenant in (LAST, FIRST):
                row = entry_of(tenant, 10, version)
                if version != 2:
                    row["entry_hash"] = "\\x" + sha256(text_of(row).encode()).hexdigest()
                if version != 5:
                    entries.append(row)
                if version == (3 if tenant == FIRST else 1):
                    positions.append(position_of(tenant, 10, version))
            pending.append(_waiting(FIRST, 10, version, seq))
        await forged.put("audit.entry", entries)
        await forged.put("audit.position", positions)
        await forged.put("audit.pending", pending)

        expected = []
        by_id = {row["audit_id"]: bytes_of(row["entry_hash"]) for row in entries}
        for seq, version in ((3, 1), (5, 2), (7, 5), (9, 3), (11, 6)):
            audit = audit_of(FIRST, 10, version)
            found = (by_id.get(uid(audit)), version not in {2, 5}, version == 3)
            expected.append((seq, FIRST, audit, *found))
        assert expected == await forged.many(LogPending(1, COUNT))
        assert expected[1:4] == await forged.many(LogPending(3, 3))

    async def test_leaves_are_read_with_what_is_wrong_in_them(self, forged: Forged) -> None:
        """One of another hash, and one whose entry is missing."""
        entries, positions = [], []
        for index in (6, 3, 5, 4, 7):
            for tenant, shift in ((FIRST, 0), (LAST, 100)):
                row = entry_of(tenant, 10, index)
                leaf = leaf_bytes(uid(tenant), 40 + index, bytes_of(row["entry_hash"]), ZEROS)
                place = position_of(tenant, 10, index, index + shift, pos=40 + index)
                if index != 4:
                    place["leaf_hash"] = "\\x" + leaf_hash(leaf).hex()
                positions.append(place)
                if index != 5:
                    entries.append(row)
        await forged.put("audit.entry", entries)
        await forged.put("audit.position", positions)

        places = {row["log_index"]: bytes_of(row["leaf_hash"]) for row in positions}
        expected = [
            (index, FIRST, audit_of(FIRST, 10, index), places[index], index not in {4, 5})
            for index in (3, 4, 5, 6, 7)
        ]
        assert expected[1:4] == await forged.many(LogUnsealed(4, 3))
        assert expected[2:] == (await forged.many(LogUnsealed(5, COUNT)))[:3]

    async def test_a_place_is_given_at_the_end_of_the_log_alone(
        self, forged: Forged, superuser: Connection
    ) -> None:
        """And what got none stays in the queue; so does what was not named."""
        pending = [_waiting(FIRST, 10, seq, seq) for seq in (9, 3, 5, 4)]
        await forged.put("audit.pending", pending)
        transaction = await superuser.fetchval("SELECT pg_current_xact_id()::text::bigint")

        def place(index: int, *seqs: int) -> LogPlace:
            some = len(seqs)
            ids = [UUID(int=audit_of(FIRST, 10, seq)) for seq in seqs]
            places = list(range(index + 1, index + 1 + some))
            hashes = [bytes([seq]) * 32 for seq in seqs]
            return LogPlace(index, [MINE] * some, places, ids, [ZEROS] * some, hashes, [*seqs])

        for index, seqs, done in (
            (1, (5, 3), 0),
            (0, (5, 3), 2),
            (1, (9,), 0),
            (3, (9,), 0),
            (2, (9,), 1),
        ):
            assert (done, done, transaction) == await forged.one(place(index, *seqs))
        assert [(0, 1, 5), (1, 2, 3), (2, 3, 9)] == [
            (row["log_index"], row["pos"], row["leaf_hash"][0])
            for row in await superuser.fetch("SELECT * FROM audit.position ORDER BY log_index")
        ]
        assert [(4,)] == [
            tuple(row) for row in await superuser.fetch("SELECT seq FROM audit.pending")
        ]


class TestPruning:
    """How far a log can be pruned, and the file that keeps what was in it."""

    async def test_the_last_position_before_a_time_has_nothing_younger_before_it(
        self, forged: Forged
    ) -> None:
        """Places may be in another order than times."""
        minutes = {FIRST: (1, 2, 5, 3, 6), BEFORE: (9, 9, 9, 9, 9), LAST: (0, 0, 0, 0, 0, 0)}
        entries, positions = [], []
        for tenant, times in minutes.items():
            for pos, minute in [*enumerate(times, 1)][::-1]:
                entries.append(entry_of(tenant, 10, pos, at=at(minute).isoformat()))
                positions.append(position_of(tenant, 10, pos, 10 * tenant + pos, pos=pos))
        await forged.put("audit.entry", entries)
        await forged.put("audit.position", positions)

        assert await forged.maybe(LogBefore(MINE, at(0))) is None
        assert await forged.maybe(LogBefore(MINE, at(1))) is None
        for behind, pos in ((2, 1), (3, 2), (5, 2), (5.5, 4), (6, 4), (7, 5)):
            assert (pos,) == await forged.maybe(LogBefore(MINE, at(behind))), behind

    async def test_what_is_emptied_is_counted(self, forged: Forged) -> None:
        """Documents of versions that another follows, but those of the log itself."""
        rows = {
            FIRST: ((10, 1), (10, 2), (10, 3), (11, 1), (FIRST, 1), (11, 2), (12, 1), (12, 2)),
            LAST: ((10, 1), (10, 4), (11, 1), (12, 1)),
            BEFORE: ((10, 1), (10, 2), (13, 1), (13, 2), (14, 1), (14, 2)),
        }
        entries, payloads, positions = [], [], []
        for tenant, versions in rows.items():
            for pos, (entity, version) in [*enumerate(versions, 1)][::-1]:
                of = {"entity_type": "log"} if entity == tenant else {}
                entries.append(entry_of(tenant, entity, version, **of))
                gone = {"salt": None, "body": None} if (entity, version) == (11, 1) else {}
                payloads.append(payload_of(tenant, entity, version, **gone))
                index = 10 * pos + tenant
                positions.append(position_of(tenant, entity, version, index, pos=pos))
        entries.append(entry_of(FIRST, FIRST, 2, entity_type="log"))
        await forged.put("audit.entry", entries)
        await forged.put("audit.payload", payloads)
        await forged.put("audit.position", positions)

        for tenant, through, size, pos, counted in (
            (FIRST, 7, 1_000, 7, (1, 3, 24)),
            (FIRST, 7, 72, 6, (1, 2, 16)),
            (FIRST, 7, 73, 7, (1, 3, 24)),
            (FIRST, 2, 1_000, 2, (1, 2, 16)),
            (FIRST, 99, 1_000, 8, (1, 3, 24)),
            (LAST, 99, 1_000, 4, (0, 0, 0)),
        ):
            index = 10 * pos + tenant
            expected = (pos, index, bytes_of(hashed("leaf", index)), *counted)
            asked = LogPrunable(UUID(int=tenant), through, size)
            assert expected == await forged.maybe(asked), asked
        assert await forged.maybe(LogPrunable(MINE, 7, 12)) is None
        assert await forged.maybe(LogPrunable(MINE, 0, 1_000)) is None

    async def test_the_file_says_what_is_known_of_each_document(self, forged: Forged) -> None:
        """Every draft is in it; what is erased is erased by what the file has."""
        await put_gone(forged)

        expected = [read_of(one, one.archived) for one in GONE if one.pos and one.archived]
        expected.sort()
        assert expected == await forged.many(LogArchivePage(MINE, 0, 20, COUNT))
        assert expected[3:6] == await forged.many(LogArchivePage(MINE, 3, 20, 3))
