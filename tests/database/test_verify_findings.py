"""What a verification has the database find: of two tenants among four, each fault, in order."""

import json
from typing import Any

import pytest

from service.repository.verify import (
    VerifyAmendments,
    VerifyCurrent,
    VerifyHistory,
    VerifyKept,
    VerifyLost,
    VerifyPrunes,
    VerifyStrayLinks,
    VerifyStrays,
    VerifyUnplaced,
)
from service.repository.verify_rows import Faults, Page
from tests.database.forged import (
    BEFORE,
    BEHIND,
    FIRST,
    LAST,
    NOTHING,
    TENANTS,
    Forged,
    Row,
    amendment_of,
    at,
    audit_of,
    entity_of,
    entry_of,
    hashed,
    payload_of,
    position_of,
    uid,
)

pytestmark = pytest.mark.database

COUNT = 100
KINDS = ("skill", "industry", "job_role", "team", "agent")
LINKS = {
    "job_role_skill": ("job_role", "job_role_id"),
    "agent_skill": ("agent", "agent_id"),
    "entity_parent": ("skill", "entity_id"),
    "entity_tag": ("skill", "entity_id"),
}
"""Tables of links: whose they are, and the column that says so."""


async def finds(
    forged: Forged, query: type[Faults], expected: list[tuple[Any, ...]], count: int = 3
) -> None:
    """See a statement find this of two tenants, and the first of it when there is a limit."""
    of_both = (uid(FIRST), uid(LAST))

    assert expected == await forged.many(query(*of_both, COUNT))
    assert expected[:count] == await forged.many(query(*of_both, count))


async def reads(forged: Forged, query: type[Page], expected: list[tuple[Any, ...]]) -> None:
    """See a statement read this up to the last tenant, and a page of it behind a row."""
    last = uid(LAST)
    tenant, entity, *_ = expected[0]

    assert expected == await forged.many(query(uid(BEFORE), uid(10_000_000), last, COUNT))
    assert expected[1:4] == await forged.many(query(uid(tenant), uid(entity), last, 3))


class TestHistory:
    """Versions that do not follow on the one before."""

    async def test_each_is_found_where_it_is(self, forged: Forged) -> None:
        """What begins anew by a restore, and what has no place yet, is no fault."""
        entries: list[Row] = []
        positions: list[Row] = []

        def version(entity: int, number: int, placed: int | None = None, **more: Any) -> None:
            for tenant in TENANTS:
                row = entry_of(tenant, entity, number, **more)
                entries.append(row)
                if placed != -1:
                    index = audit_of(tenant, entity, number) if placed is None else placed
                    positions.append(position_of(tenant, entity, number, index + tenant))

        for number in (2, 1, 3):
            version(10, number)
        version(11, 2, prev_hash=NOTHING)
        version(12, 2, operation="restore", prev_hash=NOTHING)
        version(13, 1, prev_hash=hashed("else"))
        for number in (3, 1):
            version(14, number)
        version(15, 1)
        version(15, 2, prev_hash=hashed("else"))
        version(16, 1)
        version(16, 2, at=at(16_001).isoformat())
        version(17, 1)
        version(17, 2, entity_type="industry")
        version(18, 1, placed=500)
        version(18, 2, placed=400)
        version(19, 1, placed=-1)
        version(19, 2)
        version(20, 1)
        version(20, 2, placed=-1)
        version(21, 1, prev_hash=hashed("else"))
        version(21, 3, operation="restore")
        version(22, 1)
        version(22, 2, at=at(0).isoformat())
        await forged.put("audit.entry", entries)
        await forged.put("audit.position", positions)

        faults = [
            (11, 2, "hole"),
            (13, 1, "link"),
            (14, 3, "hole"),
            (15, 2, "link"),
            (16, 2, "time"),
            (17, 2, "kind"),
            (18, 2, "order"),
            (19, 2, "order"),
            (21, 1, "link"),
            (21, 3, "hole"),
            (22, 2, "time"),
        ]
        expected = []
        for tenant in (FIRST, LAST):
            for entity, number, fault in faults:
                index = 400 if entity == 18 else audit_of(tenant, entity, number)
                place = (index + tenant + 1, index + tenant)
                kind = "industry" if entity == 17 else "skill"
                expected.append((tenant, kind, entity, number, *place, fault))
        await finds(forged, VerifyHistory, expected, len(faults) + 2)


class TestKept:
    """Documents and reasons that an erasure should have emptied."""

    async def test_each_is_found_before_the_last_erasure(self, forged: Forged) -> None:
        """What follows on an erasure stays, and so does what another entity has."""
        entries: list[Row] = []
        payloads: list[Row] = []
        positions: list[Row] = []
        for tenant in TENANTS:
            for entity, number, operation, more in (
                (10, 1, "create", {}),
                (10, 2, "update", {"body": None, "salt": None}),
                (10, 3, "erase", {}),
                (10, 4, "update", {}),
                (10, 5, "erase", {}),
                (10, 6, "update", {}),
                (11, 1, "create", {}),
                (11, 7, "update", {}),
                (12, 1, "create", {"body": None, "salt": None, "reason": "Why."}),
                (12, 2, "erase", {}),
                (13, 1, "create", None),
                (13, 2, "erase", None),
                (tenant + 20, 1, "create", {}),
                (tenant + 20, 2, "erase", {}),
                (tenant + 21, 1, "create", {}),
            ):
                entries.append(entry_of(tenant, entity, number, operation=operation))
                if more is not None:
                    payloads.append(payload_of(tenant, entity, number, **more))
                if entity != 12:
                    positions.append(position_of(tenant, entity, number))
        await forged.put("audit.entry", entries)
        await forged.put("audit.payload", payloads)
        await forged.put("audit.position", positions)

        faults = ((10, 1), (10, 3), (10, 4), (12, 1))
        expected = []
        for tenant in (FIRST, LAST):
            for entity, number in (*faults, (tenant + 20, 1)):
                index = audit_of(tenant, entity, number)
                place = (None, None) if entity == 12 else (index + 1, index)
                expected.append((tenant, "skill", entity, number, *place, "kept"))
        await finds(forged, VerifyKept, expected, 6)


class TestUnplaced:
    """Entries without a place and without hope of one, and what the queue has instead."""

    async def test_each_is_found(self, forged: Forged) -> None:
        """A place or a wait of another tenant's entry, or of another entry, is of no use."""
        entries: list[Row] = []
        positions: list[Row] = []
        pending: list[Row] = []
        for tenant in TENANTS:
            entries += [entry_of(tenant, 10, number) for number in (1, 2, 3, 4)]
            entries += [entry_of(tenant, 11, 1), entry_of(tenant, 12, 1), entry_of(tenant, 13, 1)]
            positions += [position_of(tenant, 10, 1), position_of(tenant, 10, 3)]
            pending += [_waiting(tenant, 10, 3), _waiting(tenant, 11, 1), _waiting(tenant, 14, 1)]
            other = BEFORE if tenant == BEHIND else tenant + 1
            positions.append(position_of(tenant, 12, 1, 7 + tenant, tenant_id=uid(other)))
            pending.append({**_waiting(tenant, 13, 1), "tenant_id": uid(other)})
        await forged.put("audit.entry", entries)
        await forged.put("audit.position", positions)
        await forged.put("audit.pending", pending)

        expected: list[tuple[Any, ...]] = []
        for tenant, other in ((FIRST, BEFORE), (LAST, FIRST)):
            for entity, number in ((10, 2), (10, 4), (12, 1), (13, 1)):
                expected.append((tenant, "skill", entity, number, None, None, "unplaced"))
            expected += [
                (tenant, None, audit, None, None, None, "queue")
                for audit in (audit_of(other, 13, 1), audit_of(tenant, 14, 1))
            ]
        await finds(forged, VerifyUnplaced, expected, 7)


def _waiting(tenant: int, entity: int, version: int) -> Row:
    return {"tenant_id": uid(tenant), "audit_id": uid(audit_of(tenant, entity, version))}


class TestLost:
    """Entities of the log that are not there."""

    async def test_each_is_found_with_its_last_version(self, forged: Forged) -> None:
        """What is an entity, an amendment or the log's own is not lost; another tenant's is."""
        entries: list[Row] = []
        entities: list[Row] = []
        amendments: list[Row] = []
        for tenant in TENANTS:
            mine = 100 * tenant
            for entity in (mine + 1, mine + 2, mine + 3, mine + 4, mine + 8, 10):
                entries += [entry_of(tenant, entity, number) for number in (2, 1, 3)]
            entries.append(entry_of(tenant, tenant, 1, entity_type="log"))
            entries.append(entry_of(tenant, mine + 5, 1, entity_type="amendment"))
            entities.append(entity_of(tenant, mine + 1))
            amendments.append(amendment_of(tenant, mine + 2))
            other = BEFORE if tenant == BEHIND else tenant + 1
            entities.append(entity_of(other, mine + 3))
            amendments.append(amendment_of(other, mine + 4))
        await forged.put("audit.entry", entries)
        await forged.put("app.base_entity", entities)
        await forged.put("app.amendment", amendments)

        expected: list[tuple[Any, ...]] = []
        for tenant in (FIRST, LAST):
            mine = 100 * tenant
            for entity in (10, mine + 3, mine + 4, mine + 5, mine + 8):
                number = 1 if entity == mine + 5 else 3
                kind = "amendment" if entity == mine + 5 else "skill"
                expected.append((tenant, kind, entity, number, None, None, "lost"))
        await finds(forged, VerifyLost, expected, 7)


class TestStrays:
    """Rows of a kind, links and tags that belong to no entity."""

    async def test_rows_of_each_kind_are_found(self, forged: Forged) -> None:
        """An entity of another kind or of another tenant is not theirs."""
        rows: dict[str, list[Row]] = {kind: [] for kind in KINDS}
        entities = []
        for tenant in TENANTS:
            other = BEFORE if tenant == BEHIND else tenant + 1
            for nth, kind in enumerate(KINDS):
                mine = 100 * tenant + 10 * nth
                rows[kind] += [_of_kind(kind, tenant, mine + part) for part in (1, 2, 3, 4)]
                rows[kind].append(_of_kind(kind, tenant, 9))
                entities += [
                    entity_of(tenant, mine + 1, entity_type=kind),
                    entity_of(tenant, mine + 2, entity_type=KINDS[nth - 1]),
                    entity_of(other, mine + 3, entity_type=kind),
                ]
        for kind in KINDS:
            await forged.put(f"app.{kind}_entity", rows[kind])
        await forged.put("app.base_entity", entities)

        expected: list[tuple[Any, ...]] = []
        for tenant in (FIRST, LAST):
            expected += [
                (tenant, kind, 9, None, None, None, f"{kind}_entity")
                for kind in sorted(KINDS, key="{}_entity".format)
            ]
            for nth, kind in enumerate(KINDS):
                for part in (2, 3, 4):
                    mine = 100 * tenant + 10 * nth + part
                    expected.append((tenant, kind, mine, None, None, None, f"{kind}_entity"))
        await finds(forged, VerifyStrays, expected, 22)

    async def test_links_and_tags_are_found(self, forged: Forged) -> None:
        """However many an entity has of which kind."""
        links: dict[str, list[Row]] = {table: [] for table in LINKS}
        entities = []
        for tenant in TENANTS:
            other = BEFORE if tenant == BEHIND else tenant + 1
            for nth, (table, (kind, _)) in enumerate(LINKS.items()):
                mine = 100 * tenant + 10 * nth
                for part in (1, 2, 3, 4, 9 - mine):
                    links[table] += _links(table, tenant, mine + part)
                entities += [
                    entity_of(tenant, mine + 1, entity_type=kind),
                    entity_of(tenant, mine + 2, entity_type="industry"),
                    entity_of(other, mine + 3, entity_type=kind),
                ]
        for table, rows in links.items():
            await forged.put(f"app.{table}", rows)
        await forged.put("app.base_entity", entities)

        expected: list[tuple[Any, ...]] = []
        for tenant in (FIRST, LAST):
            found = [(9, table) for table in sorted(LINKS)]
            for nth, table in enumerate(LINKS):
                found += [(100 * tenant + 10 * nth + part, table) for part in (2, 3, 4)]
            for entity, table in found:
                expected += [(tenant, LINKS[table][0], entity, None, None, None, table)] * 2
        await finds(forged, VerifyStrayLinks, expected, 35)


def _of_kind(kind: str, tenant: int, entity: int) -> Row:
    row: Row = {"tenant_id": uid(tenant), "id": uid(entity)}
    if kind == "skill":
        row["category"] = "technical"
    if kind in {"team", "agent"}:
        row |= {"job_role_id": uid(1), "industry_id": uid(1)}
    return row


def _links(table: str, tenant: int, entity: int) -> list[Row]:
    of = {"tenant_id": uid(tenant), LINKS[table][1]: uid(entity)}
    if table == "entity_tag":
        return [of | {"entity_type": "skill", "tag": tag} for tag in "ab"]
    if table == "entity_parent":
        return [of | {"entity_type": "skill", "parent_id": uid(one)} for one in (4_001, 4_002)]
    more = {"relation": "optional"} if table == "job_role_skill" else {}
    return [of | more | {"skill_id": uid(one)} for one in (4_001, 4_002)]


class TestPrunes:
    """What prunings say of themselves."""

    async def test_entries_of_other_things_are_none(self, forged: Forged) -> None:
        """Each is an entry of the tenant's own log, with its document."""
        entries: list[Row] = []
        payloads: list[Row] = []
        positions: list[Row] = []
        for tenant in TENANTS:
            log = {"entity_type": "log", "operation": "prune"}
            other = BEFORE if tenant == BEHIND else tenant + 1
            for entity, number, more in (
                (tenant, 3, log),
                (tenant, 1, log),
                (tenant, 2, log | {"operation": "update"}),
                (tenant, 4, log | {"entity_type": "skill"}),
                (tenant, 5, log),
                (tenant, 6, log),
                (other, 7, log),
                (10, 1, {}),
            ):
                entries.append(entry_of(tenant, entity, number, **more))
                if number != 5:
                    payloads.append(payload_of(tenant, entity, number))
                if number != 6:
                    positions.append(position_of(tenant, entity, number))
        await forged.put("audit.entry", entries)
        await forged.put("audit.payload", payloads)
        await forged.put("audit.position", positions)

        expected = [
            (
                tenant,
                f'"{tenant}/{tenant}/{number}"',
                None if number == 6 else audit_of(tenant, tenant, number) + 1,
            )
            for tenant in (FIRST, LAST)
            for number in (1, 3, 6)
        ]
        of_both = (uid(FIRST), uid(LAST))
        assert expected == await forged.many(VerifyPrunes(*of_both, COUNT))
        assert expected[:4] == await forged.many(VerifyPrunes(*of_both, 4))


def _minute(entity: int, version: float) -> str:
    return at(1_000 * entity + version).isoformat()


ARCHIVED = {"status": "archived"}
CURRENT: dict[int, tuple[str | None, dict[str, Any], dict[str, Any]]] = {
    10: (None, {}, {}),
    11: ("unlogged", {}, {}),
    12: ("kind", {}, {"entity_type": "industry"}),
    13: ("version", {"version": 1}, {}),
    14: ("entry", {"last_entry_id": uid(5)}, {}),
    15: ("hash", {"version_hash": hashed("else")}, {}),
    16: ("document", {"document": "else"}, {}),
    17: ("document", {}, {}),
    18: ("time", {"updated_at": _minute(18, 3)}, {}),
    19: ("time", {"updated_at": _minute(19, 3)}, {"operation": "restore"}),
    20: ("time", {"updated_at": _minute(20, 1)}, {}),
    21: (None, {"updated_at": _minute(21, 1)}, {"operation": "restore"}),
    22: ("time", ARCHIVED, {}),
    23: ("time", {"archived_at": _minute(23, 2)}, {}),
    24: (None, ARCHIVED | {"archived_at": _minute(24, 2)}, {}),
    25: ("time", ARCHIVED | {"archived_at": _minute(25, 1.5)}, {}),
    26: (None, ARCHIVED | {"archived_at": _minute(26, 1)}, {}),
    27: (None, ARCHIVED | {"archived_at": _minute(27, 1.5)}, {"operation": "restore"}),
    28: ("time", ARCHIVED | {"archived_at": _minute(28, 3)}, {"operation": "restore"}),
}
"""Entities: their fault, and what of them or of their last entry is not as it should be."""


class TestCurrent:
    """Entities and amendments beside the last entry of each one's log."""

    async def test_of_an_entity_the_first_fault_is_said(self, forged: Forged) -> None:
        """The end of one is told by an entry of its own: neither another's nor a tenant's."""
        entities: list[Row] = []
        entries: list[Row] = []
        payloads: list[Row] = []
        for tenant in TENANTS:
            for entity, (_, own, newest) in CURRENT.items():
                entities.append(entity_of(tenant, entity, **own))
                begun = {"at": _minute(25, 1.5)} if entity == 10 else {}
                if (entity, tenant) == (25, LAST):
                    begun = {"at": _minute(25, 1.5)}
                if entity != 11 or tenant in {BEFORE, LAST}:
                    entries.append(entry_of(tenant, entity, 2, **newest))
                    entries.append(entry_of(tenant, entity, 1, **begun))
                    payloads.append(payload_of(tenant, entity, 1))
                    if entity != 17:
                        payloads.append(payload_of(tenant, entity, 2))
        await forged.put("app.base_entity", entities)
        await forged.put("audit.entry", entries)
        await forged.put("audit.payload", payloads)

        of_the_last = {11: None, 25: None}
        expected = [
            (
                tenant,
                entity,
                "skill",
                1 if entity == 13 else 2,
                of_the_last.get(entity, fault) if tenant == LAST else fault,
            )
            for tenant in (FIRST, LAST)
            for entity, (fault, *_) in CURRENT.items()
        ]
        await reads(forged, VerifyCurrent, expected)

    async def test_of_an_amendment_the_first_fault_is_said(self, forged: Forged) -> None:
        """Its columns are what its document says, each of them."""
        amendments: list[Row] = []
        entries: list[Row] = []
        payloads: list[Row] = []
        for tenant in TENANTS:
            for number, (_, own, newest) in AMENDMENTS.items():
                made = amendment_of(tenant, number, document=_document(number)) | own
                if number == 16:
                    made["document"] = "else"
                amendments.append(made)
                body = own.get("document", _document(number))
                if number != 11 or tenant in {BEFORE, LAST}:
                    of = {"entity_type": "amendment"}
                    entries.append(entry_of(tenant, number, 2, **of | newest))
                    entries.append(entry_of(tenant, number, 1, **of))
                    payloads.append(payload_of(tenant, number, 1, body="else"))
                    if number != 17:
                        payloads.append(payload_of(tenant, number, 2, body=body))
        await forged.put("app.amendment", amendments)
        await forged.put("audit.entry", entries)
        await forged.put("audit.payload", payloads)

        expected = [
            (
                tenant,
                number,
                "amendment",
                1 if number == 13 else 2,
                None if (tenant, number) == (LAST, 11) else fault,
            )
            for tenant in (FIRST, LAST)
            for number, (fault, *_) in AMENDMENTS.items()
        ]
        await reads(forged, VerifyAmendments, expected)


def _document(number: int) -> str:
    said = {
        "id": uid(number + 1),
        "entity_type": "skill",
        "status": "draft",
        "version": 2,
        "base_version": 3,
        "governance_agent_id": uid(1),
        "amendment_id": uid(number),
        "more": [],
    }
    return json.dumps(said)


AMENDMENTS: dict[int, tuple[str | None, dict[str, Any], dict[str, Any]]] = {
    10: (None, {}, {}),
    11: ("unlogged", {}, {}),
    12: ("kind", {}, {"entity_type": "skill"}),
    13: ("version", {"version": 1}, {}),
    14: ("entry", {"last_entry_id": uid(5)}, {}),
    15: ("hash", {"version_hash": hashed("else")}, {}),
    16: ("document", {}, {}),
    17: ("document", {}, {}),
    18: ("time", {"updated_at": _minute(18, 3)}, {}),
    19: ("time", {"updated_at": _minute(19, 1)}, {}),
    20: ("rows", {"entity_id": uid(5)}, {}),
    21: ("rows", {"entity_type": "team"}, {}),
    22: ("rows", {"status": "rejected"}, {}),
    23: ("rows", {"base_version": 4}, {}),
    24: ("rows", {"governance_agent_id": uid(2)}, {}),
    25: ("rows", {"document": "no JSON"}, {}),
}
"""Amendments: their fault, and what of them or of their last entry is not as it should be."""
