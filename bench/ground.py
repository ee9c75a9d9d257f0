"""A server of its own for a benchmark: embedded, migrated, with tenants and their keys."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from msgspec import Struct
from psycopg import sql

from service.catalog.load import load as load_catalog
from service.database.address import Role
from service.database.pool import Pool
from service.database.roles import ensure_login_roles
from service.database.target import Target, resolve
from service.migrate.runner import apply
from service.repository.base import Repository
from service.settings import Settings
from service.usecases.keys import create_key

SCOPES: Final = ["read", "write", "audit", "admin"]
URLS: Final[dict[str, Role]] = {
    "PLANT_DATABASE_URL": "owner",
    "PLANT_APP_DATABASE_URL": "app",
    "PLANT_WORKER_DATABASE_URL": "worker",
    "PLANT_READONLY_DATABASE_URL": "readonly",
}
END_S: Final = 30.0

UNSAID: Final = ("PLANT_", "PYTHONDONTWRITEBYTECODE")
"""What names begin with that servers are not told of the environment: what would make them others
than they are where a user runs them."""


def environment() -> dict[str, str]:
    """Give the environment in which servers run: this one without settings of Plant's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(UNSAID)}


class Actor(Struct, frozen=True):
    """Whose name a client writes in."""

    key: str
    tenant_id: str
    governance_agent_id: str
    key_id: str

    @property
    def context(self) -> tuple[str, ...]:
        """Give what a function of a statement takes after its own arguments."""
        return (self.tenant_id, self.governance_agent_id, self.key_id, "bench", "")


PLANT: Final = ("-m", "service")
"""What Python runs for `plant`."""


class Ground:
    """A database on the embedded server, and a directory for what its processes keep."""

    def __init__(self, directory: Path, target: Target, database: str) -> None:
        self.directory = directory / database
        self.directory.mkdir(exist_ok=True)
        self._root = directory
        self._target = target
        self.database = database

    def url(self, role: Role) -> str:
        """Give the address for a role."""
        head, mark, tail = self._target.url(role).partition("?")
        return f"{head.rpartition('/')[0]}/{self.database}{mark}{tail}"

    def run(self, statement: LiteralString | sql.Composed) -> list[tuple[Any, ...]]:
        """Run a statement as superuser, outside a transaction; give its rows."""
        with psycopg.connect(self.url("superuser"), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def copy(self, name: str) -> Iterator["Ground"]:
        """Have a copy of this database, which nobody may be connected to."""
        server = Ground(self._root, self._target, "postgres")
        made, mine = sql.Identifier(name), sql.Identifier(self.database)
        server.run(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER plant_owner").format(made, mine))
        try:
            yield Ground(self._root, self._target, name)
        finally:
            server.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))

    def plant(self, *words: str, through: Sequence[str] = PLANT, **settings: str) -> "Command":
        """Start a command of `plant` on this database; settings by their names.

        `through`: what Python is to run for it.
        """
        urls = {name: self.url(role) for name, role in URLS.items()}
        own = {"PLANT_DATA_DIR": str(self.directory / "data"), "PLANT_PORT": "0"}
        return Command(self.directory, words, environment() | urls | own | settings, through)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have the leader of the log at work, in a process of its own."""
        with self.plant("worker").running():
            yield


class Command:
    """A process of `plant`; what it says goes to files."""

    def __init__(
        self,
        directory: Path,
        words: tuple[str, ...],
        environ: dict[str, str],
        through: Sequence[str],
    ) -> None:
        self._said = directory / f"{words[0]}.err"
        self._answer = directory / f"{words[0]}.out"
        with self._answer.open("wb") as out, self._said.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, *through, *words], env=environ, stdout=out, stderr=err
            )

    @contextmanager
    def running(self) -> Iterator["Command"]:
        """Have it at work, and ended afterwards."""
        try:
            yield self
        finally:
            self._process.terminate()
            self._process.wait(END_S)

    def end(self) -> tuple[int, str]:
        """Wait for its end; gives the exit code and what it has answered."""
        return self._process.wait(), self._answer.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        """Give the number of the process."""
        return self._process.pid

    def said(self) -> str:
        """Give what it has said beside its answer, so far."""
        return self._said.read_text(encoding="utf-8")

    def alive(self) -> bool:
        """Say whether it goes on."""
        return self._process.poll() is None


def tenant_name(number: int) -> str:
    """Name one of the tenants that `make_actors` makes."""
    return f"t-{number:04}"


def make_actors(
    ground: Ground, count: int, agent: str = "author", scopes: Sequence[str] = SCOPES
) -> list[Actor]:
    """Make so many tenants, where they are new, with one key each."""
    return asyncio.run(_made(ground, count, agent, list(scopes)))


async def _made(ground: Ground, count: int, agent: str, scopes: list[str]) -> list[Actor]:
    pool = Pool(ground.url("owner"), Settings(pool_min=1, pool_max=5), name="bench")
    owner = Repository(load_catalog(), pool)
    await pool.open()
    try:
        made = [await create_key(owner, tenant_name(n), agent, scopes) for n in range(count)]
    finally:
        await pool.close()
    return [
        Actor(one.key, str(one.tenant_id), str(one.governance_agent_id), str(one.key_id))
        for one in made
    ]


@contextmanager
def embedded(directory: Path) -> Iterator[Ground]:
    """Run an embedded server with this release's schema in a directory; stop it at the end."""
    settings = Settings(data_dir=directory / "server")
    with resolve(settings) as target:
        apply(target.url("owner"))
        ensure_login_roles(settings, target)
        database = target.url("owner").partition("?")[0].rpartition("/")[2]
        yield Ground(directory, target, database)
