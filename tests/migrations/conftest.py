"""A cluster of its own for what changes roles and schemas, and folders of small migrations."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from service.catalog.place import place
from service.database.embedded import EmbeddedServer, embedded_server
from service.migrate.release import Release, release
from service.settings import load

ROLES = (
    "plant_app",
    "plant_audit",
    "plant_auth",
    "plant_readonly",
    "plant_rules",
    "plant_worker",
    "plant_writer",
)

DEPLOY = """
import sys
from pathlib import Path
from service.migrate.release import release
from service.migrate.runner import apply

report = apply(sys.argv[1], brings=release(Path(sys.argv[2]), Path(sys.argv[3])))
print(len(report.applied), len(report.functions))
"""


class Cluster:
    """One server, and the databases that tests make on it."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self._count = 0

    def url(self, user: str, database: str, password: str | None = None) -> str:
        """Give the address of a database for a role."""
        known = user in {"postgres", "plant_owner"}
        parts = urlsplit(self._server.url(user if known else "postgres"))
        secret = password or parts.password
        return parts._replace(netloc=f"{quote(user)}:{secret}@", path=f"/{database}").geturl()

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as superuser."""
        with psycopg.connect(self.url("postgres", database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def database(self, owner: str = "plant_owner", *, vector: bool = True) -> str:
        """Make a database."""
        self._count += 1
        name = f"test_{self._count}"
        self.run(f"CREATE DATABASE {name} OWNER {owner}")
        if vector:
            self.run("CREATE EXTENSION vector", name)
        return name

    def drop(self) -> None:
        """Drop every database that was made."""
        for (name,) in self.run("SELECT datname FROM pg_database WHERE datname ~ '^test_'"):
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def make_roles(self) -> None:
        """Make the owner, and as the owner the roles of the service, where they are not there."""
        password = urlsplit(self._server.url("plant_owner")).password
        there = {name for (name,) in self.run("SELECT rolname FROM pg_roles")}
        if "plant_owner" not in there:
            self.run(f"CREATE ROLE plant_owner LOGIN CREATEROLE PASSWORD '{password}'")
        with psycopg.connect(self.url("plant_owner", "postgres"), autocommit=True) as connection:
            for role in set(ROLES) - there:
                connection.execute(f"CREATE ROLE {role} NOLOGIN NOINHERIT".encode())

    def drop_roles(self) -> None:
        """Drop the owner and the roles of the service; no database may hold anything of theirs."""
        there = {name for (name,) in self.run("SELECT rolname FROM pg_roles")}
        for role in sorted(there & {*ROLES, "plant_owner"}, reverse=True):
            self.run(f"DROP OWNED BY {role}")
            self.run(f"DROP ROLE {role}")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Give a server that has the roles of the service and no database of it."""
    # Not tmp_path: pytest closes it to others, and as root the server is another user.
    directory = Path(tempfile.mkdtemp(prefix="plant-"))
    directory.chmod(0o755)
    try:
        settings = load({}, directory)
        with embedded_server(settings) as server:
            (server.place.data / "local.conf").write_text("fsync = off\n")
            made = Cluster(server)
            made.run("SELECT pg_reload_conf()")
            made.run("DROP DATABASE plant")
            yield made
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """Give an empty database that plant_owner owns."""
    cluster.make_roles()
    yield cluster.database()
    cluster.drop()


@pytest.fixture
def owner_url(cluster: Cluster, database: str) -> str:
    """Give the address of the empty database for plant_owner."""
    return cluster.url("plant_owner", database)


class Folder:
    """Migrations and statements that a test writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.migrations = root / "migrations"
        self.sql = root / "sql"
        self.migrations.mkdir()
        shutil.copytree(place("sql") / "catalog", self.sql / "catalog")

    def add(self, migration_id: str, forward: str, backward: str = "SELECT 1;\n") -> None:
        """Write a migration and its rollback."""
        (self.migrations / f"{migration_id}.sql").write_text(forward)
        (self.migrations / f"{migration_id}.rollback.sql").write_text(backward)

    def add_statement(self, name: str, body: str, **fields: str) -> None:
        """Write a statement that is called as a function by plant_app."""
        given = {"returns": "value text", "call": "function", "role": "app", "params": ""} | fields
        params = [f"-- param: {param}" for param in given["params"].split(", ") if param]
        extra = [f"-- set: {fields['settings']}"] if "settings" in fields else []
        header = [
            f"-- name: {name} :{fields.get('cardinality', 'many')}",
            "-- Show what a test wants.",
            *params,
            f"-- returns: {given['returns']}",
            "-- raises: -",
            "-- isolation: read committed",
            f"-- call: {given['call']}",
            f"-- role: {given['role']}",
            *extra,
        ]
        (self.sql / f"{name}.sql").write_text("\n".join([*header, body, ""]))

    def release(self) -> Release:
        """Read it all as a release."""
        return release(self.migrations, self.sql)

    def text(self, migration_id: str) -> str:
        """Read a migration."""
        return (self.migrations / f"{migration_id}.sql").read_text()

    def command(self, url: str, script: str = DEPLOY) -> list[str]:
        """Give the command that deploys; it prints how much it applied and installed."""
        return [sys.executable, "-c", script, url, str(self.migrations), str(self.sql)]

    def deploy(self, url: str) -> subprocess.Popen[str]:
        """Deploy from a process of its own."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command(url), stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Give a folder without migrations."""
    return Folder(tmp_path)


@pytest.fixture
def schemas(folder: Folder) -> Folder:
    """Give a folder whose first migration makes the schemas and one table."""
    folder.add(
        "0000.schemas",
        """\
-- Schemas of the tests.
CREATE SCHEMA app;
CREATE SCHEMA audit;
CREATE SCHEMA q;
GRANT USAGE ON SCHEMA app, q TO plant_app;
CREATE TABLE app.thing (id bigint PRIMARY KEY, name text NOT NULL);
GRANT SELECT ON app.thing TO plant_app;
INSERT INTO app.thing VALUES (1, 'one; and only'), (2, '100 %');
""",
        "DROP TABLE app.thing;\nDROP SCHEMA q CASCADE;\nDROP SCHEMA audit;\nDROP SCHEMA app;\n",
    )
    return folder
