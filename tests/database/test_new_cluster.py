"""The way into another cluster by dump and restore, as docs/operations.md has it, roles included.

Between major versions it is the same way; there is one that Plant runs on, so it leads to the same.
"""

import json
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.database.embedded import embedded_server
from service.database.place import wheel_programs
from service.settings import Settings
from tests.cli.test_serve import fetched, serving
from tests.servers import ask, plant, room

pytestmark = pytest.mark.database

RIGHTS = """
SELECT string_agg(relname || ' ' || coalesce(relacl::text, '-'), ',' ORDER BY relname)
FROM pg_class WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace) AND relkind = 'r'
"""
MEMBERS = """
SELECT string_agg(rolname || ' ' || rolsuper || rolbypassrls || rolcanlogin, ',' ORDER BY rolname)
FROM pg_roles WHERE rolname ~ '^plant_'
"""


def at(url: str, database: str) -> str:
    """Give the address of another database."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def run(program: str, *words: str | Path) -> None:
    """Run a program of PostgreSQL."""
    done = subprocess.run(
        [wheel_programs() / program, *words], check=False, capture_output=True, text=True
    )
    assert 0 == done.returncode, done.stderr


def written(home: Path) -> None:
    """Have a data directory with an entity, and a log that is sealed."""
    key = json.loads(
        plant(
            home, "key", "create", "--tenant", "t", "--agent", "a", "--json",
            "--scopes", "read,write,audit", PLANT_DATA_DIR="old",
        ).stdout
    )["key"]  # fmt: skip
    with serving(home, PLANT_DATA_DIR="old") as service:
        address = service.said.split("http://")[1].split()[0].rstrip("/")
        body = {"name": "n", "description": "x", "category": "technical"}
        made = fetched(f"http://{address}/v1/skills", body, key)
        fetched(f"http://{address}/v1/skills/{made['id']}/receipt?wait=30", None, key)
        service.end(signal.SIGTERM)


def test_a_dump_goes_into_a_fresh_cluster() -> None:
    """Roles and rights are the same, the release agrees, and the log is taken up and whole."""
    with room() as home:
        written(home)
        with embedded_server(Settings(data_dir=home / "old")) as old:
            run("pg_dump", "--format", "custom", "--file", home / "it.dump", old.url("postgres"))
            before = [ask(old.url("postgres"), one) for one in (RIGHTS, MEMBERS)]
        assert 0 == plant(home, "migrate", "apply", PLANT_DATA_DIR="new").returncode
        with embedded_server(Settings(data_dir=home / "new")) as new:
            superuser = new.url("postgres")
            for statement in ("DROP DATABASE plant", "CREATE DATABASE plant OWNER plant_owner"):
                run("psql", "-Xqc", statement, at(superuser, "postgres"))
            run("psql", "-Xqc", "CREATE EXTENSION IF NOT EXISTS vector", superuser)
            run("pg_restore", "--exit-on-error", "--dbname", superuser, home / "it.dump")
        for name in ("signing.key", "sealer.json"):
            shutil.copy(home / "old" / name, home / "new")
        codes = [
            plant(home, *words, PLANT_DATA_DIR="new").returncode
            for words in (
                ("migrate", "apply"),
                ("migrate", "verify"),
                ("audit", "verify"),
                ("audit", "rebase", "--yes"),
                ("audit", "verify"),
            )
        ]
        with embedded_server(Settings(data_dir=home / "new")) as new:
            after = [ask(new.url("postgres"), one) for one in (RIGHTS, MEMBERS)]

    # The third: the log names the cluster that it was written in.
    assert [0, 0, 1, 0, 0] == codes
    assert before == after
