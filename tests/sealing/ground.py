"""A database with a log of its own, and processes that work on it, stepped by hand."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import structs

from service.catalog.load import load
from service.database.lone import Lone
from service.database.pool import Pool
from service.repository.base import Repository
from service.repository.entities import Written
from service.repository.sealing import LogCosigned, LogLead
from service.sealing.desk import Desk
from service.sealing.keys import Keyring
from service.sealing.leader import Leader
from service.sealing.standing import Standing
from service.sealing.state import State, StateFile
from service.sealing.witness import parse_witnesses
from service.settings import Settings
from tests.factories import Tenant, create, make_tenant, skill_body
from tests.postgres import Server
from tests.sealing.witness import LocalWitness
from tests.sessions import Connection

# As a trigger writes it, without an entity: many entries in a short time.
FILL: Final = """
SELECT count(appended.audit_id)
FROM generate_series(1, $1::bigint) AS n
CROSS JOIN LATERAL audit.append_entry(
    ('01900000-0000-7000-8000-0000000000' || lpad(to_hex(n % 16), 2, '0'))::uuid, 'skill',
    uuidv7(), 1, 'create', uuidv7()::text, uuidv7()::text, clock_timestamp(), 'What it is.',
    decode(repeat('00', 32), 'hex'), NULL
) AS appended
"""


class Process:
    """One process's part in the log: a session, and what it remembers."""

    def __init__(self, cluster: Server, database: str, settings: Settings) -> None:
        url = cluster.url("worker", database)
        self.lone = Lone(url, settings, name="worker")
        self.desk = Desk(Repository(load(), Pool(url, settings)), self.lone)
        self.standing = Standing()
        self.witnesses: list[str] = []
        self.file = StateFile(settings.sealer_state or settings.data_dir / "sealer.json")
        self.keyring = Keyring(settings)
        self.leader = Leader(self.desk, self.keyring, self.file, settings.log_origin, self.standing)

    async def leads(self) -> bool:
        """Try to become the leader."""
        return (await self.desk.one(LogLead())).ours

    async def until_sealed(self, size: int) -> None:
        """Work until so many entries are sealed; fail when it is refused."""
        async with asyncio.timeout(60):
            while self.standing.size < size or self.state is None:
                await self.leader.turn()
                assert self.standing.refused is None, self.standing.refused
        assert size == self.standing.size

    async def refused(self) -> str:
        """Work until it is refused; gives the reason."""
        async with asyncio.timeout(60):
            while self.standing.refused is None:
                await self.leader.turn()
        return self.standing.refused

    def watch(self, witness: LocalWitness) -> None:
        """Begin anew, with a witness that knows the log."""
        state = self.state
        assert state
        witness.trusted[state.origin] = self.keyring.verifiers(state.origin)
        shown = parse_witnesses(witness.setting)
        self.leader = Leader(self.desk, self.keyring, self.file, None, self.standing, shown)
        self.witnesses = [one.key.name for one in shown]

    async def until_cosigned(self) -> None:
        """Work until the newest checkpoint has a witness's signature."""
        async with asyncio.timeout(60):
            state = self.state
            assert state
            while True:
                await self.leader.turn()
                await asyncio.sleep(0.001)
                for name in self.witnesses:
                    found = await self.desk.maybe(LogCosigned(state.incarnation, name))
                    if found and found.size == state.size:
                        return

    @property
    def state(self) -> State | None:
        """Give what is kept outside the database."""
        return self.file.read()


class Ground:
    """One database, in which a tenant writes."""

    def __init__(
        self,
        cluster: Server,
        database: str,
        settings: Settings,
        app: Repository,
        superuser: Connection,
        tenant: Tenant,
        stack: AsyncExitStack,
    ) -> None:
        self.cluster = cluster
        self.database = database
        self.settings = settings
        self.app = app
        self.superuser = superuser
        self.tenant = tenant
        self._stack = stack

    async def write(self, count: int = 1) -> list[Written]:
        """Create skills, one after the other."""
        actor = self.tenant.author
        return [await create(self.app, actor, "skill", skill_body()) for _ in range(count)]

    async def fill(self, count: int) -> None:
        """Put entries into the log and its queue, of sixteen tenants in turn."""
        await self.superuser.fetchval(FILL, count, timeout=600)

    async def process(self, **changed: object) -> Process:
        """Connect a process; its session ends with the ground, or when it is closed."""
        made = Process(self.cluster, self.database, structs.replace(self.settings, **changed))
        await made.lone.open()
        self._stack.push_async_callback(made.lone.close)
        return made

    async def connect(self, role: str) -> Connection:
        """Open another session."""
        made = await asyncpg.connect(self.cluster.url(role, self.database))
        self._stack.push_async_callback(made.close, timeout=5)
        return made

    async def past_triggers(self, statement: str, *tables: str) -> None:
        """Change the log as a superuser can who takes its triggers away."""
        async with self.superuser.transaction():
            for table in tables:
                await self.superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            await self.superuser.execute(statement)
            for table in tables:
                await self.superuser.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
                names = await self.superuser.fetch(
                    "SELECT tgname FROM pg_trigger WHERE tgrelid = $1::text::regclass"
                    " AND NOT tgisinternal",
                    table,
                )
                for (name,) in names:
                    await self.superuser.execute(
                        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
                    )


@asynccontextmanager
async def ground_on(cluster: Server, database: str, data_dir: Path) -> AsyncIterator[Ground]:
    """Have sessions on a database."""
    settings = Settings(data_dir=data_dir, pool_min=0, pool_max=8)
    async with AsyncExitStack() as stack:
        pools = {role: Pool(cluster.url(role, database), settings) for role in ("app", "owner")}
        for pool in pools.values():
            await pool.open()
            stack.push_async_callback(pool.close)
        superuser = await asyncpg.connect(cluster.url("superuser", database))
        stack.push_async_callback(superuser.close)
        tenant = await make_tenant(Repository(load(), pools["owner"]))
        app = Repository(load(), pools["app"])
        yield Ground(cluster, database, settings, app, superuser, tenant, stack)


def critical(records: list[logging.LogRecord]) -> list[str]:
    """Give the alarms that were logged."""
    return [one.getMessage() for one in records if one.levelno >= logging.CRITICAL]
