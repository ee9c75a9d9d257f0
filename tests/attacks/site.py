"""A database with its log, the files of its host, and sessions of whoever may attack them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg

from service.catalog.load import load
from service.database.pool import Pool
from service.repository.base import Repository
from service.sealing.keys import Keyring
from service.sealing.state import State
from service.settings import Settings
from tests.postgres import Server
from tests.sealing.ground import Process
from tests.sessions import Connection

TRIGGERS = """
SELECT tgname FROM pg_trigger WHERE tgrelid = $1::text::regclass AND NOT tgisinternal
"""


class Site:
    """One database and one data directory."""

    def __init__(
        self, cluster: Server, database: str, settings: Settings, stack: AsyncExitStack
    ) -> None:
        self.cluster = cluster
        self.database = database
        self.settings = settings
        self._stack = stack
        self._pools: dict[str, Repository] = {}

    async def open(self) -> None:
        """Connect as a superuser and as the sealer."""
        self.superuser = await self.connect("superuser")
        self.process = await self.another_process()

    async def another_process(self) -> Process:
        """Begin as a sealer that has just been started."""
        process = Process(self.cluster, self.database, self.settings)
        await process.lone.open()
        self._stack.push_async_callback(process.lone.close)
        return process

    async def connect(self, role: str) -> Connection:
        """Open a session."""
        made = await asyncpg.connect(self.cluster.url(role, self.database))
        self._stack.push_async_callback(made.close, timeout=5)
        return made

    async def repository(self, role: str) -> Repository:
        """Run statements as a role."""
        if role not in self._pools:
            pool = Pool(self.cluster.url(role, self.database), self.settings, name=role)
            await pool.open()
            self._stack.push_async_callback(pool.close)
            self._pools[role] = Repository(load(), pool)
        return self._pools[role]

    async def seal(self) -> int:
        """Have every entry sealed; gives their number."""
        size = int(await self.superuser.fetchval("SELECT count(*) FROM audit.entry"))
        await self.process.until_sealed(size)
        return size

    async def note(self) -> str | None:
        """Give the last checkpoint, as a client would fetch it."""
        note: str | None = await self.superuser.fetchval(
            "SELECT note FROM audit.checkpoint ORDER BY incarnation DESC, size DESC LIMIT 1"
        )
        return note

    @property
    def keyring(self) -> Keyring:
        """Give the keys of the host."""
        return Keyring(self.settings)

    @property
    def state(self) -> State:
        """Give the state of the sealer."""
        state = self.process.state
        assert state
        return state

    @asynccontextmanager
    async def untriggered(self, *tables: str) -> AsyncIterator[Connection]:
        """Change tables as a superuser who has taken their triggers away, foreign keys too."""
        async with self.superuser.transaction():
            for table in tables:
                await self.superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            yield self.superuser
            for table in tables:
                await self.superuser.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
                for (name,) in await self.superuser.fetch(TRIGGERS, table):
                    await self.superuser.execute(
                        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
                    )


@asynccontextmanager
async def site_on(cluster: Server, database: str, data_dir: Path) -> AsyncIterator[Site]:
    """Have sessions on a database; they end with it."""
    async with AsyncExitStack() as stack:
        site = Site(cluster, database, Settings(data_dir=data_dir, pool_min=0, pool_max=8), stack)
        await site.open()
        yield site
