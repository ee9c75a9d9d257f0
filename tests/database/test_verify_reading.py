"""What a verification reads page by page: each row once, in order, beside what belongs to it."""

import json
import struct
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from service.repository.verify import (
    VerifyCheckpoints,
    VerifyClock,
    VerifyCosignatures,
    VerifyEntries,
    VerifyFacts,
    VerifyIncarnations,
    VerifyOrder,
    VerifyOrderOfTenant,
    VerifyTiles,
    VerifyWaiting,
)
from service.verify.state import KINDS
from tests.database.forged import (
    BEFORE,
    FIRST,
    LAST,
    NOTHING,
    TENANTS,
    Forged,
    Row,
    at,
    audit_of,
    bytes_of,
    checkpoint_of,
    cosignature_of,
    entity_of,
    entry_of,
    hashed,
    incarnation_of,
    payload_of,
    position_of,
    text_of,
    uid,
)
from tests.sessions import Connection

pytestmark = pytest.mark.database

COUNT = 100
ZEROS = bytes(32)
VECTOR = [((7 * nth) % 19 - 9) / 7 for nth in range(384)]
TAGS = ("b", "Z", "ä", "a", "a-1", "a1")
WRITTEN_AT = "2030-01-01T12:00:00.000000Z"
ESTIMATED = "UPDATE pg_class SET reltuples = $1::real WHERE oid = 'audit.entry'::regclass"


class TestEntries:
    """Entries, payloads and positions beside each other."""

    async def test_what_is_missing_is_null(self, forged: Forged) -> None:
        """Each in its place in the order of tenants and ids, whichever of the three is there."""
        entries: list[Row] = []
        payloads: list[Row] = []
        positions: list[Row] = []
        expected = []
        for tenant in TENANTS:
            for entity in range(10, 18):
                for part, rows, make in (
                    (1, entries, entry_of),
                    (2, payloads, payload_of),
                    (4, positions, position_of),
                ):
                    if (entity - 10) & part:
                        rows.append(make(tenant, entity, 1))
                if tenant in {FIRST, LAST} and entity > 10:
                    expected.append(_read(tenant, entity, entity - 10))
        await forged.put("audit.entry", entries)
        await forged.put("audit.payload", payloads)
        await forged.put("audit.position", positions)

        behind = (uid(BEFORE), uid(10_000_000))
        assert expected == await forged.many(VerifyEntries(*behind, uid(LAST), COUNT))
        for begin in range(len(expected)):
            behind = (uid(expected[begin][0]), uid(expected[begin][1]))
            page = await forged.many(VerifyEntries(*behind, uid(LAST), 3))
            assert expected[begin + 1 : begin + 4] == page

    async def test_it_tells_whether_what_is_gone_was_erased(self, forged: Forged) -> None:
        """By a later version of the entity, neither by itself nor by another's."""
        entries: list[Row] = []
        payloads: list[Row] = []
        gone = {"salt": None, "body": None}
        for tenant in TENANTS:
            for entity, number, operation, more in (
                (10, 1, "create", gone),
                (10, 2, "erase", gone),
                (10, 3, "update", gone),
                (10, 4, "update", gone),
                (11, 1, "create", {}),
                (11, 2, "update", {}),
                (11, 3, "erase", {}),
                (12, 1, "erase", {}),
                (12, 2, "create", gone),
                (12, 3, "erase" if tenant == LAST else "update", {}),
            ):
                entries.append(entry_of(tenant, entity, number, operation=operation))
                payloads.append(payload_of(tenant, entity, number, **more))
        await forged.put("audit.entry", entries)
        await forged.put("audit.payload", payloads)

        rows = await forged.many(VerifyEntries(uid(FIRST), uid(0), uid(FIRST), COUNT))
        assert [True, False, False, None, None, None, None, None, False, None] == [
            row[7] for row in rows
        ]

    async def test_an_infinite_time_is_none(self, forged: Forged) -> None:
        """No calendar has it: what was hashed cannot be said, and is null."""
        await forged.put("audit.entry", [entry_of(FIRST, 10, 1, at="-infinity")])

        (row,) = await forged.many(VerifyEntries(uid(FIRST), uid(0), uid(FIRST), COUNT))
        assert (None, bytes_of(hashed(FIRST, 10, 1)), None) == row[2:5]


def _read(tenant: int, entity: int, parts: int) -> tuple[Any, ...]:
    """Say what is read of a version of which these parts are there."""
    number = audit_of(tenant, entity, 1)
    entry: tuple[Any, ...] = (None, None, None)
    payload: tuple[Any, ...] = (False, None, None)
    place: tuple[Any, ...] = (None,) * 4
    if parts & 1:
        row = entry_of(tenant, entity, 1)
        time = round(at(1_000 * entity + 1).timestamp() * 1_000_000)
        entry = (text_of(row), bytes_of(hashed(tenant, entity, 1)), time)
    if parts & 2:
        payload = (True, b"Z" * 16 + f'"{tenant}/{entity}/1"'.encode(), None)
    if parts & 4:
        place = (number, number + 1, ZEROS, bytes_of(hashed("leaf", number)))
    return (tenant, number, *entry, *payload, *place)


class TestPlaces:
    """Positions, tiles and times of the log."""

    async def test_positions_are_read_in_order(self, forged: Forged) -> None:
        """All of them, or those of one tenant, from a place on."""
        indexes = {tenant: (40 + tenant, tenant, 10 + tenant, 30 + tenant) for tenant in TENANTS}
        rows = [
            position_of(tenant, 10 + nth, 1, index)
            for tenant in TENANTS
            for nth, index in enumerate(indexes[tenant])
        ]
        await forged.put("audit.position", rows)

        def place(tenant: int, index: int) -> tuple[Any, ...]:
            audit = audit_of(tenant, 10 + indexes[tenant].index(index), 1)
            return (index, tenant, audit, index + 1, ZEROS, bytes_of(hashed("leaf", index)))

        every = sorted(place(tenant, index) for tenant in TENANTS for index in indexes[tenant])
        assert every == await forged.many(VerifyOrder(0, COUNT))
        assert every[4:7] == await forged.many(VerifyOrder(11, 3))
        theirs = [one for one in every if one[1] == FIRST]
        assert theirs == await forged.many(VerifyOrderOfTenant(uid(FIRST), 0, COUNT))
        assert theirs[1:3] == await forged.many(VerifyOrderOfTenant(uid(FIRST), 13, 2))

    async def test_times_are_read_of_a_stretch(self, forged: Forged) -> None:
        """Where places are missing it has fewer; a time without end is no time."""
        indexes = (3, 4, 6, 7, 8, 9)
        entries: list[Row] = []
        positions: list[Row] = []
        for index in indexes:
            tenant = TENANTS[index % 4]
            more = {"at": "infinity"} if index == 7 else {}
            if index != 8:
                entries.append(entry_of(tenant, 10, index, **more))
            positions.append(position_of(tenant, 10, index, index))
        entries.append(entry_of(FIRST, 11, 1))
        await forged.put("audit.entry", entries)
        await forged.put("audit.position", positions)

        def time(index: int) -> tuple[Any, ...]:
            tenant = TENANTS[index % 4]
            moment = round(at(10_000 + index).timestamp() * 1_000_000)
            return (index, tenant, index + 1, "skill", 10, index, moment)

        assert [time(one) for one in (3, 4)] == await forged.many(VerifyClock(3, 3))
        assert [time(one) for one in (4, 6)] == await forged.many(VerifyClock(4, 3))
        assert [time(one) for one in (6, 9)] == await forged.many(VerifyClock(6, 4))

    async def test_tiles_are_read_of_a_level(self, forged: Forged) -> None:
        """From an index on."""
        await forged.put(
            "audit.tile",
            [
                {"level": level, "index": index, "nodes": hashed(level, index)}
                for level in (2, 0, 1)
                for index in (3, 0, 2, 1, 4)
            ],
        )

        expected = [(index, bytes_of(hashed(1, index))) for index in range(5)]
        assert expected == await forged.many(VerifyTiles(1, 0, COUNT))
        assert expected[2:4] == await forged.many(VerifyTiles(1, 2, 2))


class TestSigned:
    """Checkpoints, what witnesses say of them, and the lives of a log."""

    async def test_checkpoints_are_read_as_they_were_signed(self, forged: Forged) -> None:
        """A later life may begin with a smaller log."""
        await forged.put("audit.checkpoint", _checkpoints())

        expected = [
            (life, size, "origin", bytes_of(hashed(life, size)), f"{life}/{size}")
            for life in (1, 2, 3)
            for size in (4, 8, 16)
        ]
        assert expected == await forged.many(VerifyCheckpoints(0, 0, COUNT))
        assert expected[2:6] == await forged.many(VerifyCheckpoints(1, 8, 4))

    async def test_each_cosignature_has_the_note_that_it_is_for(self, forged: Forged) -> None:
        """The checkpoint of its life and of its size, or none."""
        rows = [
            cosignature_of(life, size, who)
            for life in (2, 1)
            for size in (16, 4, 9)
            for who in ("w", "a")
        ]
        await forged.put("audit.checkpoint", _checkpoints())
        await forged.put("audit.cosignature", rows)

        expected = [
            (life, size, who, f"{life}/{size}/{who}", None if size == 9 else f"{life}/{size}")
            for life in (1, 2)
            for size in (4, 9, 16)
            for who in ("a", "w")
        ]
        assert expected == await forged.many(VerifyCosignatures(0, 0, "", COUNT))
        assert expected[2:7] == await forged.many(VerifyCosignatures(1, 4, "w", 5))

    async def test_lives_are_read_in_order(self, forged: Forged) -> None:
        """From the first on."""
        await forged.put(
            "audit.incarnation",
            [incarnation_of(life) for life in (2, 3, 1)],
        )

        expected = [
            (life, f"origin {life}", 10 - life, 10 - life, ZEROS, None) for life in (1, 2, 3)
        ]
        assert expected == await forged.many(VerifyIncarnations(COUNT))
        assert expected[:2] == await forged.many(VerifyIncarnations(2))


def _checkpoints() -> list[Row]:
    return [checkpoint_of(life, size) for life in (2, 3, 1) for size in (8, 16, 4)]


class TestWhereTheLogStands:
    """Numbers of the whole log."""

    async def test_of_an_empty_one_all_are_zero(
        self, forged: Forged, superuser: Connection
    ) -> None:
        """Nothing was counted or signed, and nothing waits."""
        await superuser.execute(ESTIMATED, -1)
        _, *found = await forged.one(VerifyFacts())

        assert [0, 0, None, 0] == found
        assert (0, 0, 0.0) == await forged.one(VerifyWaiting(0))

    async def test_the_last_of_each_table_says_it(
        self, forged: Forged, superuser: Connection
    ) -> None:
        """The size that counts is that of the last life, however small."""
        entries = [entry_of(FIRST, 10, number) for number in range(1, 8)]
        await forged.put("audit.entry", entries)
        await forged.put(
            "audit.position", [position_of(FIRST, 10, n, i) for n, i in ((1, 3), (2, 7), (3, 5))]
        )
        checkpoints = [row for row in _checkpoints() if row["incarnation"] < 3]
        checkpoints.append(checkpoints[0] | {"incarnation": 3, "size": 6})
        checkpoints.append(checkpoints[0] | {"incarnation": 3, "size": 5})
        await forged.put("audit.checkpoint", checkpoints[::-1])
        await forged.put(
            "audit.tile",
            [{"level": level, "index": 0, "nodes": NOTHING} for level in (0, 2, 1)],
        )
        await superuser.execute(ESTIMATED, 7)
        cluster = await superuser.fetchval("SELECT system_identifier FROM pg_control_system()")

        assert (cluster, 7, 8, 6, 2) == await forged.one(VerifyFacts())

    @pytest.mark.parametrize("oldest", [(FIRST, 10), (LAST, 13)])
    async def test_what_waits_is_counted(
        self, forged: Forged, superuser: Connection, oldest: tuple[int, int]
    ) -> None:
        """In the queue, or with a place that is not sealed; the oldest of both says how long."""
        entries: list[Row] = []
        positions: list[Row] = []
        pending: list[Row] = []
        now = await superuser.fetchval("SELECT clock_timestamp()")
        for tenant, entity, age_s, index, queued in (
            (FIRST, 10, 100, None, True),
            (LAST, 10, 200, None, True),
            (FIRST, 12, 9_000, 3, True),
            (LAST, 12, None, None, True),
            (FIRST, 13, 150, 20, False),
            (LAST, 13, 120, 21, False),
            (FIRST, 14, 130, 22, False),
            (LAST, 14, 9_000, 19, False),
            (FIRST, 15, None, 23, False),
            (FIRST, 16, 140, 24, True),
        ):
            if age_s:
                waited_s = 1_000 if (tenant, entity) == oldest else age_s
                time = (now - timedelta(seconds=waited_s)).isoformat()
                entries.append(entry_of(tenant, entity, 1, at=time))
            if index:
                positions.append(position_of(tenant, entity, 1, index))
            if queued:
                audit = uid(audit_of(tenant, entity, 1))
                pending.append({"tenant_id": uid(tenant), "audit_id": audit})
        await forged.put("audit.entry", entries)
        await forged.put("audit.position", positions)
        await forged.put("audit.pending", pending)

        *counted, longest_s = await forged.one(VerifyWaiting(20))
        assert [2, 4] == counted
        assert 1_000 < longest_s < 1_060


class TestRows:
    """Documents beside the rows that they are of."""

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_document_is_what_its_rows_say(self, forged: Forged, kind: str) -> None:
        """Lists in order, of the entity alone; where the row of its kind is missing it is not."""
        other = "skill" if kind == "industry" else "industry"
        missing, wrong = 14, 15
        entities: list[Row] = []
        kinds: list[Row] = []
        links: dict[str, list[Row]] = {}
        for tenant in TENANTS:
            for entity in (10, 11, 12, 13, missing, wrong):
                of = 0 if entity == 10 else tenant * entity
                document = json.dumps(_said(kind, entity, of), ensure_ascii=False)
                if entity == wrong:
                    document = document.replace("What", "That")
                for before, after in ((", ", ","), ('": ', '":'), ("},{", "}, {")):
                    document = document.replace(before, after)
                entities.append(entity_of(tenant, entity, entity_type=kind, document=document))
                if entity != missing:
                    kinds.append(_of_kind(kind, tenant, entity))
                for table, rows in _links(kind, tenant, entity, of).items():
                    links.setdefault(table, []).extend(rows)
            entities.append(entity_of(tenant, 20, entity_type=other))
        for row in entities:
            row["created_at"] = row["updated_at"] = at(0).isoformat()
        await forged.put("app.base_entity", entities)
        await forged.put(f"app.{kind}_entity", kinds)
        for table, rows in links.items():
            await forged.put(f"app.{table}", rows)

        expected = [(one, 2, one < missing) for one in (10, 11, 12, 13, missing, wrong)]
        query = KINDS[kind]
        assert expected == await forged.many(query(uid(FIRST), uid(0), COUNT))
        assert expected[1:4] == await forged.many(query(uid(FIRST), uid(10), 3))


def _lists(of: int) -> tuple[list[str], list[int], list[int]]:
    """Give tags, parents and skills; 0 has none, and of another number there are others."""
    if not of:
        return [], [], []
    return [*TAGS, f"t{of}"], [600, 601, 500 + of], [800, 801, 700 + of]


def _said(kind: str, entity: int, of: int) -> dict[str, Any]:
    tags, parents, skills = _lists(of)
    vector = sha256(b"\x01\x80\0\0" + struct.pack(">384f", *VECTOR)).hexdigest()
    own: dict[str, dict[str, Any]] = {
        "skill": {"category": "technical", "embedding_sha256": vector},
        "industry": {"scheme": None, "code": None, "level": None, "embedding_sha256": vector},
        "job_role": {
            "seniority_level": "mid",
            "industry_id": uid(2),
            "required_skills": [{"id": uid(one), "relation": "optional"} for one in sorted(skills)],
        },
        "team": {"job_role_id": uid(3), "industry_id": uid(2)},
        "agent": {
            "job_role_id": uid(3),
            "industry_id": uid(2),
            "team_id": None,
            "skill_ids": [uid(one) for one in sorted(skills)],
        },
    }
    return {
        "id": uid(entity),
        "entity_type": kind,
        "external_id": None,
        "name": f"Entity {entity}",
        "description": "What it is.",
        "aliases": [],
        "tags": sorted(tags, key=str.encode),
        "custom_attributes": {},
        "governance_notes": None,
        "parent_ids": [uid(one) for one in sorted(parents)],
        **own[kind],
        "status": "active",
        "version": 2,
        "created_at": WRITTEN_AT,
        "updated_at": WRITTEN_AT,
        "governance_agent_id": uid(1),
    }


def _of_kind(kind: str, tenant: int, entity: int) -> Row:
    vector = str(VECTOR)
    own: dict[str, Row] = {
        "skill": {"category": "technical", "embedding_384": vector},
        "industry": {"embedding_384": vector},
        "job_role": {"seniority_level": "mid", "industry_id": uid(2)},
        "team": {"job_role_id": uid(3), "industry_id": uid(2)},
        "agent": {"job_role_id": uid(3), "industry_id": uid(2)},
    }
    return {"tenant_id": uid(tenant), "id": uid(entity), **own[kind]}


def _links(kind: str, tenant: int, entity: int, of: int) -> dict[str, list[Row]]:
    tags, parents, skills = _lists(of)
    mine = {"tenant_id": uid(tenant), "entity_id": uid(entity), "entity_type": kind}
    found = {
        "entity_tag": [mine | {"tag": tag} for tag in tags],
        "entity_parent": [mine | {"parent_id": uid(one)} for one in parents],
    }
    if kind in {"job_role", "agent"}:
        more = {"relation": "optional"} if kind == "job_role" else {}
        of_kind = {"tenant_id": uid(tenant), f"{kind}_id": uid(entity), **more}
        found[f"{kind}_skill"] = [of_kind | {"skill_id": uid(one)} for one in skills]
    return found
