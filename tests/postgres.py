"""The PostgreSQL server that tests run on, and the databases they make there."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import asyncpg

from service.database.address import USERS, Role
from service.database.embedded import embedded_server
from service.database.passwords import verifier
from service.database.place import wheel_programs
from service.settings import Settings
from tests.servers import room

LOGINS: tuple[Role, ...] = ("owner", "app", "worker", "readonly")


class Server:
    """A server on which this worker makes databases; names are its own, so workers share it."""

    def __init__(self, superuser_url: str) -> None:
        self._url = superuser_url
        self._prefix = f"plant_test_{secrets.token_hex(4)}"
        self._count = 0
        # The same for every worker: roles are the cluster's.
        self._password = "test-" + str(urlsplit(superuser_url).password or "")
        self._owner()

    def url(self, role: Role | str, database: str) -> str:
        """Give the address of a database for a role."""
        parts = urlsplit(self._url)
        if role == "superuser":
            return parts._replace(path=f"/{database}").geturl()
        user = USERS.get(role, role)  # type: ignore[call-overload]
        where = parts.netloc.rpartition("@")[2]
        netloc = f"{user}:{quote(self._password, safe='')}@{where}"
        return parts._replace(netloc=netloc, path=f"/{database}").geturl()

    def environ(self, database: str) -> dict[str, str]:
        """Point a command to a database, with the passwords that the tests have.

        All of them: a command settles the passwords of roles whose address it is not given, and
        roles are the cluster's.
        """
        return {
            f"PLANT_{name}DATABASE_URL": self.url(role, database)
            for name, role in zip(("", "APP_", "WORKER_", "READONLY_"), LOGINS, strict=True)
        }

    def create(self, name: str) -> str:
        """Make an empty database that belongs to plant_owner."""
        full = f"{self._prefix}_{name}"
        self.run(f"CREATE DATABASE {full} OWNER plant_owner")
        self.run("CREATE EXTENSION vector", database=full)
        return full

    def clone(self, template: str) -> str:
        """Copy a database."""
        self._count += 1
        name = f"{self._prefix}_{self._count}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER plant_owner")
        self._close(name)
        return name

    def restore(self, source: str, name: str) -> str:
        """Dump a database and restore it into one of its own; who may connect no dump holds."""
        full, programs = self.create(name), wheel_programs()
        of, to = (self.url("superuser", database) for database in (source, full))
        dump = [str(programs / "pg_dump"), "--format=custom", "--dbname", of]
        dumped = subprocess.run(dump, check=True, stdout=subprocess.PIPE).stdout
        restore = [str(programs / "pg_restore"), "--exit-on-error", "--dbname", to]
        subprocess.run(restore, input=dumped, check=True)
        return full

    def _close(self, name: str) -> None:
        """Let in who logs in and nobody else, as an apply does: a copy has no rights of its own."""
        logins = ", ".join(USERS[role] for role in LOGINS)
        self.run(f"GRANT CONNECT ON DATABASE {name} TO {logins}")
        self.run(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected."""
        self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def drop_all(self) -> None:
        """Drop what this worker made."""
        names = self.run(f"SELECT datname FROM pg_database WHERE datname ~ '^{self._prefix}_'")
        for (name,) in names:
            self.drop(name)

    def let_in(self, database: str) -> None:
        """Give the login roles their password, once migrations have made them."""
        for role in LOGINS[1:]:
            self._set_password(USERS[role], database)

    def run(self, statement: str, database: str | None = None) -> list[asyncpg.Record]:
        """Run a statement as superuser, outside a transaction."""
        url = self.url("superuser", database) if database else self._url

        async def sent() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(url)
            try:
                return await connection.fetch(statement)
            finally:
                await connection.close()

        return asyncio.run(sent())

    def _owner(self) -> None:
        self.run(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plant_owner') THEN "
            "CREATE ROLE plant_owner LOGIN CREATEROLE; END IF; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
        self._set_password("plant_owner")

    def _set_password(self, user: str, database: str | None = None) -> None:
        # A fixed salt: workers that share a server write the same value and do not race for it.
        secret = verifier(self._password, b"plant test roles")
        self.run(
            "DO $$ BEGIN "
            "PERFORM pg_advisory_xact_lock(20260101); "
            f"IF (SELECT rolpassword IS DISTINCT FROM '{secret}' FROM pg_authid "
            f"WHERE rolname = '{user}') THEN ALTER ROLE {user} LOGIN PASSWORD '{secret}'; "
            "END IF; END $$",
            database,
        )


@contextmanager
def server() -> Iterator[Server]:
    """Have a server: given, in a container, or embedded."""
    given = os.environ.get("PLANT_TEST_DATABASE_URL")
    if given:
        yield from _used(given)
    elif os.environ.get("PLANT_TEST_CONTAINERS") == "1":
        yield from _contained()
    else:
        with room() as directory:
            settings = Settings(data_dir=directory / "data")
            with embedded_server(settings) as embedded:
                yield from _used(embedded.url("postgres"))


def _used(url: str) -> Iterator[Server]:
    found = Server(url)
    try:
        yield found
    finally:
        found.drop_all()


def _contained() -> Iterator[Server]:
    from testcontainers.community.postgres import PostgresContainer

    image = os.environ.get("PLANT_TEST_POSTGRES_IMAGE", "pgvector/pgvector:pg18")
    with PostgresContainer(image, driver=None, password=secrets.token_hex(8)) as container:
        yield from _used(container.get_connection_url())
