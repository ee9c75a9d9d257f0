"""Pruning a tenant's log in the database: what goes, what stays, and what the log says of it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.database.pool import Pool
from service.repository.base import Repository
from service.repository.pruning import Prunable
from service.settings import Settings
from service.usecases import pruning
from service.usecases.pruning import prunable, pruned
from tests.amending import amended
from tests.chain import LOG, NOTHING, entry_hash, payload_hash
from tests.erasing import erased
from tests.factories import Tenant, active_skill, amend, create, skill_body
from tests.placed import place_all
from tests.postgres import Server
from tests.pruning import DIGEST, PRUNE, prune
from tests.sessions import Connection, Savepoint

pytestmark = pytest.mark.database

PAYLOADS = """
SELECT place.pos, entry.entity_type, entry.entity_id, entry.version, payload.*
FROM audit.position AS place
INNER JOIN audit.entry USING (tenant_id, audit_id)
INNER JOIN audit.payload USING (tenant_id, audit_id)
WHERE place.tenant_id = $1 ORDER BY place.pos
"""
EMPTY = "UPDATE audit.payload SET salt = NULL, body = NULL WHERE tenant_id = $1"


async def lived(repository: Repository, superuser: Connection, tenant: Tenant) -> UUID:
    """Have a skill of six versions with an amendment of three, a draft of two, all placed."""
    made = await active_skill(repository, tenant)
    await amended(repository, tenant, "skill", made.id, {"description": "Better."})
    draft = await create(repository, tenant.certifier, "skill", skill_body())
    await amend(repository, tenant.certifier, "skill", draft.id, {"tags": ["x"]})
    await amend(repository, tenant.author, "skill", made.id, {"tags": ["x"]})
    await place_all(superuser)
    return made.id


def kept(rows: list[asyncpg.Record]) -> list[int]:
    """Give the positions whose documents are there."""
    return [row["pos"] for row in rows if row["body"] is not None]


class TestReach:
    """What is emptied and what is not."""

    async def test_the_last_of_everything_stays(
        self, repository: Repository, superuser: Connection, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        """Of entities and amendments, drafts of anybody among them, whatever tenant is next."""
        await lived(repository, superuser, other_tenant)
        await lived(repository, superuser, tenant)
        before = await superuser.fetch(PAYLOADS, tenant.id)
        theirs = await superuser.fetch(PAYLOADS, other_tenant.id)
        done = await prune(superuser, tenant.id, len(before))
        after = await superuser.fetch(PAYLOADS, tenant.id)
        last = {row["entity_id"]: row["pos"] for row in before}

        assert len(before) == 11
        assert sorted(last.values()) == kept(after)
        assert len(before) - len(last) == done.emptied == 8
        others = ("pos", "reason", "successor_id", "private_to")
        assert [[row[name] for name in others] for row in before] == [
            [row[name] for name in others] for row in after
        ]
        assert {"for the test", None} == {row["reason"] for row in after}
        assert {None} == {row["salt"] for row in after if row["body"] is None}
        assert theirs == await superuser.fetch(PAYLOADS, other_tenant.id)

    async def test_no_further_than_was_said(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Behind the position everything stays; the next pruning goes on from there."""
        await lived(repository, superuser, tenant)
        first = await prune(superuser, tenant.id, 2)
        between = kept(await superuser.fetch(PAYLOADS, tenant.id))
        second = await prune(superuser, tenant.id, 4)
        after = kept(await superuser.fetch(PAYLOADS, tenant.id))

        assert (2, 2) == (first.emptied, second.emptied)
        assert [*range(3, 12)] == between
        assert [*range(5, 12)] == after

    async def test_what_was_erased_is_not_counted(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """It is empty already; what has a later version since then goes the next time."""
        made = await lived(repository, superuser, tenant)
        await erased(repository, tenant.author, "skill", made)
        await place_all(superuser)
        done = await prune(superuser, tenant.id, 11)
        again = await prune(superuser, tenant.id, 11)
        found = await draft(superuser, tenant)
        await amend(repository, tenant.certifier, "skill", found, {"tags": ["y"]})
        third = await prune(superuser, tenant.id, 11)

        assert (1, 0, 1) == (done.emptied, again.emptied, third.emptied)

    async def test_what_was_pruned_can_be_erased(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """The reasons go then, which are in no file."""
        made = await lived(repository, superuser, tenant)
        await prune(superuser, tenant.id, 11)
        before = await superuser.fetch(LOG, made)
        await erased(repository, tenant.author, "skill", made)
        after = await superuser.fetch(LOG, made)

        assert "for the test" in {row["reason"] for row in before}
        assert {None} == {row["reason"] for row in after}
        assert {None} == {row["body"] for row in after[:-1]}

    async def test_why_a_document_is_gone(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """The first file that has it is named; an erasure is told before that."""
        made = await lived(repository, superuser, tenant)
        gone = (
            "SELECT app.document_gone(audit_id) FROM audit.entry WHERE entity_id = $1"
            " ORDER BY version"
        )
        async with superuser.transaction():
            await superuser.execute("SELECT set_config('app.tenant_id', $1, TRUE)", str(tenant.id))
            before = await superuser.fetch(gone, made)
        await prune(superuser, tenant.id, 2, "one of these")
        await prune(superuser, tenant.id, 11, "two")
        async with superuser.transaction():
            await superuser.execute("SELECT set_config('app.tenant_id', $1, TRUE)", str(tenant.id))
            pruned = await superuser.fetch(gone, made)
        await erased(repository, tenant.author, "skill", made)
        async with superuser.transaction():
            await superuser.execute("SELECT set_config('app.tenant_id', $1, TRUE)", str(tenant.id))
            after = await superuser.fetch(gone, made)

        one, two = (f"pruned {DIGEST.hex()} {name}" for name in ("one of these", "two"))
        assert [None] * 6 == [row[0] for row in before]
        assert [one, one, two, two, two, two] == [row[0] for row in pruned]
        assert ["erased"] * 6 + [None] == [row[0] for row in after]


async def draft(superuser: Connection, tenant: Tenant) -> UUID:
    """Find the certifier's draft."""
    found = await superuser.fetchval(
        "SELECT id FROM app.base_entity WHERE tenant_id = $1 AND status = 'draft'", tenant.id
    )
    assert isinstance(found, UUID)
    return found


class TestEntry:
    """What the log says of it."""

    async def test_it_is_a_chain_of_its_own(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Of kind log, by the role that did it; position, file, digest and number are hashed."""
        await lived(repository, superuser, tenant)
        done = [await prune(superuser, tenant.id, through) for through in (2, 4)]
        rows = await superuser.fetch(LOG, tenant.id)
        pending = await superuser.fetch(
            "SELECT audit_id FROM audit.pending WHERE tenant_id = $1 ORDER BY seq", tenant.id
        )

        whoever = await superuser.fetchval("SELECT session_user")
        link = NOTHING
        for number, (row, one) in enumerate(zip(rows, done, strict=True), 1):
            assert ("log", number, "prune") == (
                row["entity_type"], row["version"], row["operation"],
            )  # fmt: skip
            assert (f"role {whoever}", "") == (row["actor"], row["key"])
            assert link == row["prev_hash"]
            link = entry_hash(row)
            assert link == row["entry_hash"] == one.entry_hash
            assert payload_hash(row) == row["payload_hash"]
            assert one.audit_id == row["audit_id"]
            at = row["at"].isoformat(timespec="microseconds").replace("+00:00", "Z")
            assert {
                "id": str(tenant.id),
                "entity_type": "log",
                "version": number,
                "through": 2 * number,
                "emptied": 2,
                "archive": "archive.proof",
                "sha256": DIGEST.hex(),
                "updated_at": at,
            } == json.loads(row["body"])
            assert (None, None) == (row["private_to"], row["reason"])
        assert rows[0]["at"] < rows[1]["at"]
        assert [row["audit_id"] for row in rows] == [row["audit_id"] for row in pending[-2:]]

    async def test_it_is_never_pruned_itself(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """However far the next one goes."""
        await lived(repository, superuser, tenant)
        for _ in range(3):
            await prune(superuser, tenant.id, 11)
            await place_all(superuser)
        await prune(superuser, tenant.id, 14)

        assert 4 == sum(row["body"] is not None for row in await superuser.fetch(LOG, tenant.id))

    async def test_a_reason_that_was_left_behind_is_not_its_own(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """As of an erasure."""
        await lived(repository, superuser, tenant)
        async with superuser.transaction(isolation="repeatable_read"):
            await superuser.execute("SET LOCAL app.step_reason = 'because of Kim'")
            await superuser.fetchrow(PRUNE, tenant.id, 2, "a", DIGEST)

        assert [None] == [row["reason"] for row in await superuser.fetch(LOG, tenant.id)]


class TestGuards:
    """What nobody does by hand amid a pruning, or after it."""

    async def test_amid_a_pruning_nothing_but_what_it_empties(
        self, repository: Repository, superuser: Connection, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        """Nothing behind it, no last version, no other tenant's, no reason, no other value."""
        await lived(repository, superuser, other_tenant)
        made = await lived(repository, superuser, tenant)
        rows = await superuser.fetch(PAYLOADS, tenant.id)
        last = max(row["audit_id"] for row in rows if row["entity_id"] == made)
        transaction = superuser.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            await superuser.fetchrow(PRUNE, tenant.id, 3, "a", DIGEST)
            await superuser.execute("SELECT set_config('app.tenant_id', $1, TRUE)", str(tenant.id))
            one = EMPTY + " AND audit_id = $2"
            third, fourth = rows[2]["audit_id"], rows[3]["audit_id"]
            cases: dict[str, tuple[str, list[Any]]] = {
                "again": (one, [tenant.id, third]),
                "behind": (one, [tenant.id, fourth]),
                "the last": (one, [tenant.id, last]),
                "another tenant's": (EMPTY, [other_tenant.id]),
            }
            for more in ("reason = NULL", "private_to = uuidv7()", "successor_id = uuidv7()"):
                cases[more] = (one.replace("body", f"{more}, body"), [tenant.id, third])
            written = one.replace(
                "salt = NULL, body = NULL", "salt = uuid_send(uuidv7()), body = ''"
            )
            cases["a body"] = (written, [tenant.id, third])
            savepoint = Savepoint(superuser)
            states = {
                name: await savepoint.state(text, *given) for name, (text, given) in cases.items()
            }
        finally:
            await transaction.rollback()

        assert {"again": None} == {name: None for name, state in states.items() if not state}
        assert {None, "PL013"} == set(states.values())

    async def test_amid_a_pruning_nothing_that_tells_of_another(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """The entry of an earlier one keeps its document, though a later one follows it."""
        await lived(repository, superuser, tenant)
        for through in (1, 2):
            await prune(superuser, tenant.id, through)
            await place_all(superuser)
        first = (await superuser.fetch(LOG, tenant.id))[0]["audit_id"]
        transaction = superuser.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            await superuser.fetchrow(PRUNE, tenant.id, 13, "a", DIGEST)
            await superuser.execute("SELECT set_config('app.tenant_id', $1, TRUE)", str(tenant.id))
            state = await Savepoint(superuser).state(f"{EMPTY} AND audit_id = $2", tenant.id, first)
        finally:
            await transaction.rollback()

        assert "PL013" == state

    async def test_none_that_the_log_does_not_tell(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Who writes the pruning down by hand has no entry of it; afterwards nobody is let in."""
        await lived(repository, superuser, tenant)
        transaction = superuser.transaction()
        await transaction.start()
        try:
            await superuser.execute("SELECT set_config('app.tenant_id', $1, TRUE)", str(tenant.id))
            await superuser.execute(
                "INSERT INTO audit.prune (tenant_id, version, through, archive, digest, emptied,"
                " pruned_at) VALUES ($1, 1, 11, 'a', $2, 0, now())", tenant.id, DIGEST,
            )  # fmt: skip
            untold = await Savepoint(superuser).state(EMPTY, tenant.id)
        finally:
            await transaction.rollback()
        await prune(superuser, tenant.id, 2)
        async with superuser.transaction():
            await superuser.execute("SELECT set_config('app.tenant_id', $1, TRUE)", str(tenant.id))
            over = [
                await Savepoint(superuser).state(f"{EMPTY} AND {which}", tenant.id)
                for which in ("salt IS NULL", "FALSE")
            ]

        assert ("PL013", ["PL013", "PL013"]) == (untold, over)

    async def test_what_is_refused(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Another level of isolation, a position that is not there, a name that is no file's."""
        await lived(repository, superuser, tenant)
        asked: list[tuple[Any, list[Any]]] = [
            ("read_committed", [tenant.id, 2, "a", DIGEST]),
            ("serializable", [tenant.id, 2, "a", DIGEST]),
            ("repeatable_read", [tenant.id, 12, "a", DIGEST]),
            ("repeatable_read", [tenant.id, 0, "a", DIGEST]),
            ("repeatable_read", [tenant.id, 2, "a/b", DIGEST]),
            ("repeatable_read", [tenant.id, 2, "", DIGEST]),
            ("repeatable_read", [tenant.id, 2, "a", b"short"]),
        ]
        states = []
        for level, given in asked:
            async with superuser.transaction(isolation=level):
                states.append(await Savepoint(superuser).state(PRUNE, *given))

        assert ["PL013", "PL013", "PL001", "PL001", "23514", "23514", "23514"] == states
        assert [*range(1, 12)] == kept(await superuser.fetch(PAYLOADS, tenant.id))

    async def test_what_changes_meanwhile_ends_it(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """The number that it writes down would not be true: it is tried again."""
        made = await lived(repository, superuser, tenant)
        async with superuser.transaction(isolation="repeatable_read"):
            await superuser.fetchval("SELECT count(*) FROM audit.payload")
            await erased(repository, tenant.author, "skill", made)
            state = await Savepoint(superuser).state(PRUNE, tenant.id, 4, "a", DIGEST)
        done = await prune(superuser, tenant.id, 11)

        assert ("40001", 1) == (state, done.emptied)


@pytest_asyncio.fixture(loop_scope="module")
async def worker(
    cluster: Server, database: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Repository]:
    """Run statements as plant_worker, as the command that prunes does."""
    pool = Pool(cluster.url("worker", database), settings, name="worker")
    await pool.open()
    yield Repository(catalog, pool)
    await pool.close()


class TestPieces:
    """A long log is emptied in many transactions, each with an entry of its own."""

    async def test_each_piece_says_so(
        self,
        repository: Repository,
        owner: Repository,
        superuser: Connection,
        tenant: Tenant,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """From the first document that goes to the last position, all with one file."""
        monkeypatch.setattr(pruning, "PIECE", 2)
        await lived(repository, superuser, tenant)
        before = await superuser.fetch(PAYLOADS, tenant.id)
        await prune(superuser, tenant.id, 2)
        last = {row["entity_id"]: row["pos"] for row in before}
        going = [pos for pos in range(3, 9) if pos not in last.values()]
        found = Prunable(8, 0, b"", going[0], len(going), 0)
        pieces = [one async for one in pruned(owner, tenant.id, found, "archive", DIGEST)]
        rows = await superuser.fetch(
            "SELECT version, through, emptied FROM audit.prune WHERE tenant_id = $1"
            " ORDER BY version OFFSET 1", tenant.id,
        )  # fmt: skip
        after = await superuser.fetch(PAYLOADS, tenant.id)

        assert len(pieces) > 2
        assert [(end, one.version, one.emptied) for end, one in pieces] == [
            (row["through"], row["version"], row["emptied"]) for row in rows
        ]
        assert len(going) == sum(one.emptied for _, one in pieces)
        assert 8 == pieces[-1][0]
        assert set(going).isdisjoint(kept(after))

    async def test_what_is_long_has_time(
        self,
        repository: Repository,
        owner: Repository,
        superuser: Connection,
        tenant: Tenant,
        worker: Repository,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Statements over a whole log are not cut off as those of a request are."""
        await lived(repository, superuser, tenant)
        given: dict[str, float | None] = {}
        fetch = asyncpg.Connection.fetch

        async def noted(self: Any, query: str, *arguments: Any, **how: Any) -> Any:
            given[query] = how.get("timeout")
            return await fetch(self, query, *arguments, **how)

        monkeypatch.setattr(asyncpg.Connection, "fetch", noted)
        await prunable(worker, tenant.id, None, datetime.now(UTC))
        found = Prunable(3, 0, b"", 1, 3, 0)
        async for _ in pruned(owner, tenant.id, found, "archive", DIGEST):
            pass
        catalog = repository.catalog
        names = ("log_before", "log_prunable", "log_prune")

        assert {name for name in names if (given[catalog[name].query] or 0) > 600} == set(names)
