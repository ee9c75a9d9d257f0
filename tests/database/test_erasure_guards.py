"""What no hand does with an erasure that is not app.entity_erase's, or with one that is over."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from service.repository.base import Repository
from tests.amending import amended
from tests.chain import LOG, history
from tests.erasing import erased
from tests.factories import Actor, Tenant, active_skill, create, skill_body
from tests.sessions import Connection, Savepoint, become
from tests.triggers import asleep

pytestmark = pytest.mark.database

ERASE = "SELECT app.entity_erase('skill', $1)"
EMPTY = """
UPDATE audit.payload SET salt = NULL, body = NULL, reason = NULL
FROM audit.entry WHERE entry.audit_id = payload.audit_id AND entry.entity_id = $1
"""
BEGIN = "INSERT INTO audit.erasure (tenant_id, entity_id, version) VALUES ($1, $2, $3)"
ASK = "UPDATE app.base_entity SET status = 'erased' WHERE id = $1"
ASK_AMENDMENT = "UPDATE app.amendment SET status = 'erased' WHERE entity_id = $1"

BEGUN = (
    """
    INSERT INTO app.base_entity (
        tenant_id, id, entity_type, name, description, status, created_at, updated_at,
        version_hash, last_entry_id, governance_agent_id, document
    )
    SELECT tenant_id, uuidv7(), entity_type, 'x', 'x', 'erased', created_at, updated_at,
        version_hash, last_entry_id, governance_agent_id, document
    FROM app.base_entity WHERE id = $1
    """,
    """
    INSERT INTO app.amendment (
        tenant_id, entity_id, entity_type, base_version, patch, status, version_hash,
        last_entry_id, governance_agent_id, created_at, updated_at, document
    )
    SELECT tenant_id, entity_id, entity_type, base_version, patch, 'erased', version_hash,
        last_entry_id, governance_agent_id, created_at, updated_at, document
    FROM app.amendment WHERE entity_id = $1
    """,
)


@asynccontextmanager
async def undone(superuser: Connection, actor: Actor) -> AsyncIterator[Savepoint]:
    """Be a superuser in an actor's name, in a transaction that is undone."""
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await become(superuser, actor)
        yield Savepoint(superuser)
    finally:
        await transaction.rollback()


class TestPayloads:
    """The text of a version is emptied by the erasure of its entity, and changed by nothing."""

    @pytest.mark.parametrize("role", ["origin", "replica"])
    async def test_no_update_by_hand(
        self, repository: Repository, superuser: Connection, tenant: Tenant, role: str
    ) -> None:
        """Nor one that meets no row; a superuser's neither, nor as a replica."""
        made = await active_skill(repository, tenant)
        async with undone(superuser, tenant.author) as savepoint:
            await superuser.execute(f"SET LOCAL session_replication_role = {role}")
            states = [
                await savepoint.state(statement, *given)
                for statement, given in (
                    (EMPTY, [made.id]),
                    (EMPTY, [UUID(int=0)]),
                    ("UPDATE audit.payload SET reason = reason WHERE FALSE", []),
                    ("DELETE FROM audit.payload WHERE FALSE", []),
                    ("TRUNCATE audit.payload", []),
                    ("UPDATE audit.erasure SET version = 1 WHERE FALSE", []),
                    ("DELETE FROM audit.erasure WHERE FALSE", []),
                    ("TRUNCATE audit.erasure", []),
                )
            ]

        assert ["PL013"] * 8 == states

    async def test_none_after_an_erasure_is_over(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """What another transaction has erased lets nobody in."""
        made = await active_skill(repository, tenant)
        await erased(repository, tenant.author, "skill", made.id)
        async with undone(superuser, tenant.author) as savepoint:
            states = [
                await savepoint.state(statement, made.id)
                for statement in (EMPTY, ASK, ASK_AMENDMENT.replace("entity_id", "id"))
            ]

        assert ["PL013", "PL013", None] == states

    async def test_amid_an_erasure_nothing_but_what_it_empties(
        self, repository: Repository, superuser: Connection, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        """Not another entity's, not of another tenant, not its own entry's, and no other value."""
        made = await active_skill(repository, tenant)
        beside = await active_skill(repository, tenant)
        theirs = await active_skill(repository, other_tenant)
        async with undone(superuser, tenant.author) as savepoint:
            await superuser.execute(ERASE, made.id)
            earlier = EMPTY + f" AND entry.version <= {made.version}"
            changes = {
                "again": earlier,
                "its own entry": EMPTY + f" AND entry.version > {made.version}",
                "a body": earlier.replace(
                    "salt = NULL, body = NULL", "salt = uuid_send(uuidv7()), body = 'x'"
                ),
                "a body alone": earlier.replace("body = NULL", "body = 'x'"),
                "a salt alone": earlier.replace("salt = NULL", "salt = uuid_send(uuidv7())"),
                "a reason": earlier.replace("reason = NULL", "reason = 'x'"),
                "whose it is": earlier.replace("reason = NULL", "private_to = uuidv7()"),
                "the successor": earlier.replace("reason = NULL", "successor_id = uuidv7()"),
                "the entry": earlier.replace("reason = NULL", "audit_id = uuidv7()"),
                "the tenant": earlier.replace("reason = NULL", "tenant_id = uuidv7()"),
            }
            states = {name: await savepoint.state(one, made.id) for name, one in changes.items()}
            for name, one in (("another", beside), ("another tenant's", theirs)):
                states[name] = await savepoint.state(EMPTY, one.id)

        assert {"again": None} == {name: None for name, state in states.items() if not state}
        assert {"PL013", None} == set(states.values())

    async def test_amid_an_erasure_nothing_that_another_transaction_has_left(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Its entry is in the log, and what it has not emptied stays."""
        made, beside = [await active_skill(repository, tenant) for _ in "ab"]
        async with undone(superuser, tenant.author) as savepoint:
            await superuser.execute(BEGIN, tenant.id, beside.id, beside.version)
            await superuser.execute(ASK, beside.id)
            async with asleep(superuser, "audit.erasure"):
                await superuser.execute(
                    "UPDATE audit.erasure SET transaction_id = '7' WHERE entity_id = $1", beside.id
                )
            await superuser.execute(ERASE, made.id)
            state = await savepoint.state(
                EMPTY + f" AND entry.version <= {beside.version}", beside.id
            )

        assert "PL013" == state

    async def test_none_that_the_log_does_not_tell(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Who writes the erasure down by hand has no entry of it."""
        made = await active_skill(repository, tenant)
        async with undone(superuser, tenant.author) as savepoint:
            await superuser.execute(BEGIN, tenant.id, made.id, made.version)
            without = await savepoint.state(EMPTY, made.id)
            await superuser.execute(ASK, made.id)
            told = await savepoint.state(EMPTY + f" AND entry.version <= {made.version}", made.id)

        assert ("PL013", None) == (without, told)


class TestEntities:
    """The state `erased` is asked for by app.entity_erase, and had by nothing."""

    @pytest.mark.parametrize("role", ["plant_app", "plant_writer", "plant_rules", "postgres"])
    async def test_by_hand_it_is_refused(
        self, repository: Repository, superuser: Connection, tenant: Tenant, role: str
    ) -> None:
        """As any role that may change an entity."""
        made = await active_skill(repository, tenant)
        await amended(repository, tenant, "skill", made.id, {"description": "Better."})
        async with undone(superuser, tenant.author) as savepoint:
            if role != "postgres":
                await superuser.execute(f"SET LOCAL ROLE {role}")
            states = [await savepoint.state(one, made.id) for one in (ASK, ASK_AMENDMENT)]

        may_not = role in {"plant_app", "plant_rules"}
        assert ["PL013", "42501" if may_not else "PL013"] == states

    async def test_what_another_transaction_began_is_not_gone_on_with(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """A row that names the present version and another transaction, or the other way round."""
        made = await active_skill(repository, tenant)
        of_another = BEGIN.replace("version)", "version, transaction_id)")
        of_another = of_another.replace("$3)", "$3, '7')")
        async with undone(superuser, tenant.author) as savepoint:
            await superuser.execute(of_another, tenant.id, made.id, made.version)
            states = [await savepoint.state(ASK, made.id)]
        async with undone(superuser, tenant.author) as savepoint:
            await superuser.execute(BEGIN, tenant.id, made.id, made.version - 1)
            states.append(await savepoint.state(ASK, made.id))

        assert ["PL013", "PL013"] == states

    async def test_nothing_begins_as_erased(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """What guard and log pass over no table takes."""
        made = await active_skill(repository, tenant)
        await amended(repository, tenant, "skill", made.id, {"description": "Better."})
        async with undone(superuser, tenant.author) as savepoint:
            errors = [await savepoint.error(one, made.id) for one in BEGUN]

        entity, amendment = errors
        assert isinstance(entity, asyncpg.PostgresError)
        assert "PL013" == entity.sqlstate
        assert isinstance(amendment, asyncpg.CheckViolationError)
        assert "amendment_status_known" == amendment.constraint_name

    async def test_nothing_is_smuggled_in_with_it(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Whatever else the statement says, the row stays what it was."""
        made = await active_skill(repository, tenant)
        others = {
            "name": "'x'", "description": "'x'", "external_id": "'x'", "aliases": "'{x}'",
            "custom_attributes": """'{"x": 1}'""", "governance_notes": "'x'", "version": "99",
            "created_at": "now() - interval '1 day'", "archived_at": "now()", "document": "'{}'",
            "governance_agent_id": f"'{tenant.certifier.context.governance_agent_id}'",
            "version_hash": "sha256('x')", "last_entry_id": "uuidv7()", "name_scope": "'x'",
        }  # fmt: skip
        rest = ", ".join(f"{name} = {value}" for name, value in others.items())
        row = "SELECT to_jsonb(one) - '{version,version_hash,last_entry_id,updated_at,document}'"
        row += "::text[] FROM app.base_entity AS one WHERE id = $1"
        before = await superuser.fetchval(row, made.id)
        async with undone(superuser, tenant.author):
            await superuser.execute(BEGIN, tenant.id, made.id, made.version)
            await superuser.execute(ASK.replace("'erased'", f"'erased', {rest}"), made.id)
            after = await superuser.fetchval(row, made.id)
            rows = await history(superuser, made.id)

        assert before == after
        assert ("erase", made.version + 1) == (rows[-1]["operation"], rows[-1]["version"])
        served, old = json.loads(rows[-1]["body"]), json.loads(made.document)
        own = {"version": 0, "updated_at": ""}
        assert old | own == served | own

    async def test_nothing_is_smuggled_into_an_amendment(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """As into its entity."""
        made = await active_skill(repository, tenant)
        await amended(repository, tenant, "skill", made.id, {"description": "Better."})
        find = "SELECT * FROM app.amendment WHERE entity_id = $1"
        before = await superuser.fetchrow(find, made.id)
        assert before
        async with undone(superuser, tenant.author):
            await superuser.execute(BEGIN, tenant.id, before["id"], before["version"])
            await superuser.execute(
                ASK_AMENDMENT.replace(
                    "'erased'",
                    """'erased', patch = '{"name": "x"}', document = '{}', base_version = 1,
                    entity_type = 'team', version = 99, created_at = now() - interval '1 day'""",
                ),
                made.id,
            )
            after = await superuser.fetchrow(find, made.id)
        assert after

        kept = ("id", "entity_id", "entity_type", "base_version", "status", "created_at")
        assert [before[name] for name in kept] == [after[name] for name in kept]
        assert (before["version"] + 1, "{}") == (after["version"], after["patch"])
        assert "Better." == json.loads(after["document"])["description"]

    async def test_the_scope_is_asked_of_the_key(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Also where the erasure was written down by hand, of amendments as of entities."""
        made = await active_skill(repository, tenant)
        await amended(repository, tenant, "skill", made.id, {"description": "Better."})
        async with undone(superuser, tenant.certifier) as savepoint:
            await superuser.execute(BEGIN, tenant.id, made.id, made.version + 1)
            await superuser.execute(
                "INSERT INTO audit.erasure (tenant_id, entity_id, version)"
                " SELECT tenant_id, id, version FROM app.amendment WHERE entity_id = $1", made.id,
            )  # fmt: skip
            states = [await savepoint.state(one, made.id) for one in (ASK, ASK_AMENDMENT)]

        assert ["PL007", "PL007"] == states

    async def test_without_its_entry_it_is_not_stored(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Where somebody switches the log off, the constraint of states refuses."""
        made = await active_skill(repository, tenant)
        async with undone(superuser, tenant.author) as savepoint:
            await superuser.execute(
                "ALTER TABLE app.base_entity DISABLE TRIGGER base_entity_91_erasure"
            )
            error = await savepoint.error(ERASE, made.id)

        assert isinstance(error, asyncpg.CheckViolationError)
        assert "base_entity_status_known" == error.constraint_name

    async def test_a_reason_that_was_left_behind_is_not_its_own(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """An erasure has none: settings of steps do not reach it."""
        made = await create(repository, tenant.author, "skill", skill_body())
        async with undone(superuser, tenant.author):
            await superuser.execute("SET LOCAL app.step_reason = 'because of Kim'")
            await superuser.execute(ERASE, made.id)
            rows = await superuser.fetch(LOG, made.id)

        assert [None, None] == [row["reason"] for row in rows]
