"""Each policy with nothing beside it: every right is granted, no trigger and no key is in the way.

What else refuses a step may refuse it first, and then nobody sees whether the policy would. What
the policies have to be is written down in tests/properties/policies.toml.
"""

import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from service.repository.base import Repository
from tests.factories import Tenant
from tests.rls.planted import full_tenant
from tests.sessions import Connection, become

pytestmark = [pytest.mark.database, pytest.mark.rls]

REVIEWED = Path(__file__).parents[1] / "properties" / "policies.toml"
GENERATED: Final = ("app.base_entity", "app.amendment")
"""Tables in which `private_to` follows from the author and the status."""

MINE: Final = {
    "tenant": "tenant_id = $1 AND $2::uuid IS NOT NULL",
    "visible": "tenant_id = $1 AND (private_to IS NULL OR private_to = $2)",
    "own": "tenant_id = $1 AND governance_agent_id = $2",
}
"""The rows that a policy of a form leaves, in other words than its own."""

COLUMNS: Final = """
SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


def cases(command: str) -> Iterator[Any]:
    """Give table, role and form of the policies for a command that do not leave everything."""
    reviewed = tomllib.loads(REVIEWED.read_text(encoding="utf-8"))["policies"]
    for table, policies in reviewed.items():
        for name, one in policies.items():
            form = one["check" if command == "INSERT" else "using"]
            if one["command"] == command and form in MINE:
                for role in one["roles"].split():
                    values = (table, role, form, one["check"])[: 4 if command == "UPDATE" else 3]
                    yield pytest.param(*values, id=f"{name}-{role}")


DRAFTS: Final = {"tenant": "tenant_id", "visible": "private_to", "own": "governance_agent_id"}
"""Drafts come first in the order of this column."""


def whose(table: str, form: str) -> str:
    """Name the column that says whose a row is."""
    private = form == "visible" and table not in GENERATED
    return "private_to" if private else "governance_agent_id"


class Ground:
    """Two tenants with rows in every table, and a superuser's session."""

    def __init__(self, session: Connection, mine: Tenant, other: Tenant) -> None:
        self.session = session
        self._author = mine.author
        self.tenant = mine.id
        self.agent = mine.author.context.governance_agent_id
        self.another = mine.certifier.context.governance_agent_id
        self.other_tenant = other.id

    @asynccontextmanager
    async def alone(self, table: str, role: str) -> AsyncIterator[None]:
        """Be a role that may do everything with a table, as far as rights, triggers and keys go."""
        transaction = self.session.transaction()
        await transaction.start()
        try:
            await self.session.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            await self.session.execute(f"GRANT ALL ON {table} TO {role}")
            await become(self.session, self._author)
            yield
        finally:
            await transaction.rollback()

    async def mine(self, table: str, form: str) -> int:
        """Count the rows that a policy leaves."""
        query = f"SELECT count(*) FROM {table} WHERE {MINE[form]}"
        return int(await self.session.fetchval(query, self.tenant, self.agent))

    async def all(self, table: str) -> int:
        """Count all rows."""
        return int(await self.session.fetchval(f"SELECT count(*) FROM {table}"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(repository: Repository, owner: Repository, superuser: Connection) -> Ground:
    """Have rows of two tenants, and of two agents in one of them, in every table."""
    mine, other = [await full_tenant(repository, owner, superuser) for _ in range(2)]
    return Ground(superuser, mine, other)


async def touched(session: Connection, statement: str, *arguments: Any) -> int:
    """Run a statement; tell how many rows it touched."""
    return int((await session.execute(statement, *arguments)).split()[-1])


async def refused(session: Connection, statement: str, *arguments: Any) -> bool:
    """Say whether the policy refuses the new row, and not something else."""
    try:
        async with session.transaction():
            await session.execute(statement, *arguments)
    except asyncpg.InsufficientPrivilegeError as exc:
        return "row-level security policy" in str(exc)
    return False


@pytest.mark.parametrize("table,role,form", [*cases("SELECT")])
async def test_it_shows_what_is_mine(ground: Ground, table: str, role: str, form: str) -> None:
    """And nothing else."""
    async with ground.alone(table, role):
        mine, everything = await ground.mine(table, form), await ground.all(table)
        await ground.session.execute(f"SET LOCAL ROLE {role}")
        seen = await ground.session.fetchval(f"SELECT count(*) FROM {table}")
    assert 0 < mine < everything
    assert mine == seen


@pytest.mark.parametrize("table,role,form,check", [*cases("UPDATE")])
async def test_it_changes_what_is_mine(
    ground: Ground, table: str, role: str, form: str, check: str
) -> None:
    """No row of another tenant or agent, and none so that it becomes theirs."""
    async with ground.alone(table, role):
        mine, everything = await ground.mine(table, form), await ground.all(table)
        await ground.session.execute(f"SET LOCAL ROLE {role}")
        given = f"UPDATE {table} SET tenant_id = $1"
        assert 0 < mine < everything
        assert mine == await touched(ground.session, given, ground.tenant)
        assert await refused(ground.session, given, ground.other_tenant)
        if check != "tenant":
            away = f"UPDATE {table} SET {whose(table, check)} = $1"
            assert await refused(ground.session, away, ground.another)


@pytest.mark.parametrize("table,role,form", [*cases("DELETE")])
async def test_it_removes_what_is_mine(ground: Ground, table: str, role: str, form: str) -> None:
    """And nothing else."""
    async with ground.alone(table, role):
        mine, everything = await ground.mine(table, form), await ground.all(table)
        await ground.session.execute(f"SET LOCAL ROLE {role}")
        assert 0 < mine < everything
        assert mine == await touched(ground.session, f"DELETE FROM {table}")


@pytest.mark.parametrize("table,role,form", [*cases("INSERT")])
async def test_it_adds_what_is_mine(ground: Ground, table: str, role: str, form: str) -> None:
    """No row of another tenant or agent."""
    session = ground.session
    async with ground.alone(table, role):
        columns = await session.fetchval(COLUMNS, table)
        which = MINE[form].replace("$1", f"'{ground.tenant}'").replace("$2", f"'{ground.agent}'")
        await session.execute(
            f"CREATE TEMP TABLE taken ON COMMIT DROP AS SELECT {columns} FROM {table}"
            f" WHERE {which} ORDER BY {DRAFTS[form]} LIMIT 1"
        )
        await session.execute(f"DELETE FROM {table} WHERE {which}")
        await session.execute(f"GRANT SELECT ON taken TO {role}")
        await session.execute(f"SET LOCAL ROLE {role}")
        given = (
            f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
            " SELECT (jsonb_populate_record(taken, jsonb_build_object($1::text, $2::uuid))).*"
            " FROM taken"
        )
        assert await refused(session, given, "tenant_id", ground.other_tenant)
        if form != "tenant":
            assert await refused(session, given, whose(table, form), ground.another)
        assert 1 == await touched(session, given, "tenant_id", ground.tenant)
