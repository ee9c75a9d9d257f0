"""What the service tells of a tenant's log: what row security leaves, in order, page by page."""

from typing import Any

import pytest

from service.repository.proof import (
    ProofCheckpoint,
    ProofCheckpointOfSize,
    ProofEnd,
    ProofEntries,
    ProofEntry,
    ProofPage,
    ProofTiles,
)
from tests.database.forged import (
    BEFORE,
    FIRST,
    LAST,
    TENANTS,
    Forged,
    audit_of,
    bytes_of,
    checkpoint_of,
    cosignature_of,
    entry_of,
    hashed,
    payload_of,
    position_of,
    text_of,
    uid,
)
from tests.database.gone import GONE, put_gone, read_of

pytestmark = pytest.mark.database

COUNT = 100
ZEROS = bytes(32)
GREATEST = 2**31 - 1


async def _sign(forged: Forged) -> None:
    sizes = ((2, 8), (1, 32), (2, 6), (3, 4), (3, 6), (3, 5))
    await forged.put("audit.checkpoint", [checkpoint_of(*one) for one in sizes])
    signed = ((3, 6, "b"), (3, 6, "c"), (3, 6, "a"), (3, 5, "a"), (2, 6, "a"))
    await forged.put("audit.cosignature", [cosignature_of(*one) for one in signed])


def _signed(life: int, size: int, witnesses: str) -> tuple[Any, ...]:
    lines = "".join(f"{life}/{size}/{one}" for one in witnesses)
    return (life, size, bytes_of(hashed(life, size)), f"{life}/{size}", lines)


class TestOfNoTenant:
    """Checkpoints and tiles."""

    async def test_the_latest_is_of_the_last_life(self, forged: Forged) -> None:
        """With what was signed of it, in the order of the witnesses."""
        assert [] == await forged.told(ProofCheckpoint(), FIRST)
        await _sign(forged)

        assert [_signed(3, 6, "abc")] == await forged.told(ProofCheckpoint(), FIRST)
        assert _signed(3, 6, "abc") == await forged.maybe(ProofCheckpoint())

    async def test_one_of_a_size_is_of_its_life(self, forged: Forged) -> None:
        """With what was signed of that one."""
        await _sign(forged)

        for life, size, witnesses in ((2, 6, "a"), (3, 6, "abc"), (3, 5, "a"), (2, 8, "")):
            expected = _signed(life, size, witnesses)
            assert expected == await forged.maybe(ProofCheckpointOfSize(life, size))
        assert await forged.maybe(ProofCheckpointOfSize(1, 8)) is None

    async def test_tiles_are_found_as_pairs(self, forged: Forged) -> None:
        """Those that are there, in order, as many as were asked for."""
        await forged.put(
            "audit.tile",
            [
                {"level": level, "index": index, "nodes": hashed(level, index)}
                for level in (2, 0, 1)
                for index in (3, 0, 1)
            ],
        )

        expected = [
            (level, index, bytes_of(hashed(level, index)))
            for level, index in ((0, 1), (1, 0), (1, 3), (2, 0))
        ]
        assert expected == await forged.many(ProofTiles([1, 2, 0, 1, 0], [3, 0, 1, 0, 9]))


class TestOfATenant:
    """Entries, documents and places."""

    async def test_the_end_is_within_a_size(self, forged: Forged) -> None:
        """Of the tenant's own entries the last that a log of so many has."""
        rows = [
            position_of(tenant, 10, pos, 10 * pos + tenant, pos=pos)
            for tenant in TENANTS
            for pos in (5, 4, 2, 3, 1)
        ]
        await forged.put("audit.position", rows)

        for size, pos in ((12, None), (13, 1), (42, 3), (43, 4), (1_000, 5)):
            index = 10 * (pos or 0) + FIRST
            expected = [(pos, index, bytes_of(hashed("leaf", index)))] if pos else []
            assert expected == await forged.told(ProofEnd(size), FIRST)

    async def test_entries_are_listed_in_order(self, forged: Forged) -> None:
        """Those that there are, behind a position."""
        entries, positions = [], []
        for tenant in TENANTS:
            for pos in (3, 1, 5, 4, 2, 6):
                if pos != 4:
                    entries.append(entry_of(tenant, 10, pos))
                index = 100 * tenant - pos
                positions.append(position_of(tenant, 10, pos, index, pos=pos))
        await forged.put("audit.entry", entries)
        await forged.put("audit.position", positions)

        expected = []
        for pos in (1, 2, 3, 5, 6):
            index, audit = 100 * FIRST - pos, audit_of(FIRST, 10, pos)
            text = text_of(entry_of(FIRST, 10, pos))
            place = (pos, index, audit, text, ZEROS, bytes_of(hashed("leaf", index)))
            expected.append(place)
        assert expected == await forged.told(ProofEntries(0, COUNT), FIRST)
        assert expected[1:4] == await forged.told(ProofEntries(1, 3), FIRST)

    async def test_a_version_is_found_within_bounds(self, forged: Forged) -> None:
        """The last one, unless row security hides its document."""
        entries, payloads, positions = [], [], []
        for tenant in (LAST, FIRST, BEFORE):
            for entity, kind, versions in ((10, "skill", (3, 1, 2, 4)), (11, "skill", (1, 6, 5))):
                for number in versions:
                    entries.append(entry_of(tenant, entity, number, entity_type=kind))
                    hidden = uid(2) if number in {4, 6} else None
                    payloads.append(payload_of(tenant, entity, number, private_to=hidden))
                    if number != 2:
                        index = 1_000 * tenant + 10 * entity + number
                        positions.append(position_of(tenant, entity, number, index))
        await forged.put("audit.entry", entries)
        await forged.put("audit.payload", payloads)
        await forged.put("audit.position", positions)

        def found(number: int, signed: tuple[Any, ...]) -> list[tuple[Any, ...]]:
            index = 1_000 * FIRST + 100 + number
            place = (None,) * 3 if number == 2 else (index, index + 1, ZEROS)
            text = text_of(entry_of(FIRST, 10, number))
            of = (number, audit_of(FIRST, 10, number), text, b"Z" * 16, f'"{FIRST}/10/{number}"')
            return [(*of, *place, *signed)]

        asked = ("skill", uid(10))
        assert found(3, (None,) * 5) == await forged.told(ProofEntry(*asked, 3, 3), FIRST)
        await _sign(forged)
        signed = _signed(3, 6, "abc")
        for least, most, number in ((1, 1, 1), (2, 2, 2), (1, 3, 3), (2, 3, 3)):
            query = ProofEntry(*asked, least, most)
            assert found(number, signed) == await forged.told(query, FIRST)
        whole = ProofEntry(*asked, 1, GREATEST)
        assert [] == await forged.told(whole, FIRST)
        assert found(4, signed) == await forged.told(whole, FIRST, agent=2)
        for nothing in (("team", uid(10), 1, 3), ("skill", uid(12), 1, 3), (*asked, 5, 9)):
            assert [] == await forged.told(ProofEntry(*nothing), FIRST)

    async def test_a_page_says_what_is_known_of_each_document(self, forged: Forged) -> None:
        """Another's draft is withheld; what is erased is erased by what is told."""
        await put_gone(forged)

        expected = [read_of(one, one.proven) for one in GONE if one.pos and one.proven]
        expected.sort()
        assert expected == await forged.told(ProofPage(0, 20, COUNT), FIRST)
        assert expected[3:6] == await forged.told(ProofPage(3, 20, 3), FIRST)
