"""The back-up that docs/operations.md describes can be restored, embedded servers included."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from service.database import cluster
from service.database.embedded import EmbeddedServer, embedded_server
from service.database.place import wheel_programs
from service.settings import Settings
from tests.imports import ndjson, workshop
from tests.servers import ask, plant, settings_with_room

pytestmark = pytest.mark.database

# Where the start of an earlier release, which left the numbers to a lone back end, had come to.
AFTER_INITDB = 12800

UNLIKE = """
SELECT count(*) || ' documents, ' || count(*) FILTER (
    WHERE base_entity.document <> payload.body
    OR base_entity.document <> app.entity_document(base_entity)
    OR sha256(payload.salt || convert_to(payload.body, 'UTF8')) <> entry.payload_hash
) || ' unlike their entries'
FROM app.base_entity
INNER JOIN audit.entry ON entry.tenant_id = base_entity.tenant_id
    AND entry.audit_id = base_entity.last_entry_id
INNER JOIN audit.payload ON payload.tenant_id = entry.tenant_id
    AND payload.audit_id = entry.audit_id
"""


@pytest.fixture(params=[None, AFTER_INITDB], ids=["new", "of an earlier release"])
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Give a data directory as a first start makes it, and one as earlier releases made it."""
    with settings_with_room() as made, pytest.MonkeyPatch.context() as patch:
        if request.param is not None:
            patch.setattr(cluster, "FIRST_OF_USERS", request.param)
        with embedded_server(made):
            pass
        yield made


@pytest.fixture
def server(settings: Settings) -> Iterator[EmbeddedServer]:
    """Have a server with a migrated database that holds entities of every kind."""
    with embedded_server(settings) as running:
        home = settings.data_dir.parent
        author, certifier = (key(home, *words) for words in (("a", "write"), ("c", "certify")))
        (home / "lines.ndjson").write_bytes(ndjson(workshop()))
        done = plant(
            home, "import", "--as", "active", "--key", author, "--certifier-key", certifier,
            "lines.ndjson", PLANT_DATA_DIR=str(settings.data_dir),
        )  # fmt: skip
        assert 0 == done.returncode, done.stderr
        yield running


def key(home: Path, agent: str, scope: str) -> str:
    """Make a key, which migrates the database too."""
    done = plant(
        home, "key", "create", "--tenant", "t", "--agent", agent, "--scopes", f"read,{scope}",
        "--json", PLANT_DATA_DIR=str(home / "data"),
    )  # fmt: skip
    made: dict[str, Any] = json.loads(done.stdout)
    return str(made["key"])


def at(url: str, database: str) -> str:
    """Give the address of another database."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def run(program: str, *words: str) -> None:
    """Run a program of PostgreSQL."""
    done = subprocess.run(
        [wheel_programs() / program, *words], check=False, capture_output=True, text=True
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_a_back_up_can_be_restored(
    settings: Settings, server: EmbeddedServer, tmp_path: Path
) -> None:
    """After restore and apply the release agrees, and every document is the one that was logged.

    A dump leaves out who may connect to its database.
    """
    superuser, dump = server.url("postgres"), str(tmp_path / "plant.dump")
    restored = at(superuser, "restored")
    run("pg_dump", "--format", "custom", "--file", dump, superuser)
    run("psql", "-Xqc", "CREATE DATABASE restored OWNER plant_owner", superuser)
    # A dump of a data directory that an earlier release made does not name the extension.
    run("psql", "-Xqc", "CREATE EXTENSION IF NOT EXISTS vector", restored)
    run("pg_restore", "--exit-on-error", "--dbname", restored, dump)
    environ = {
        "PLANT_DATA_DIR": str(settings.data_dir),
        "PLANT_DATABASE_URL": at(server.url("plant_owner"), "restored"),
    }
    opened = plant(tmp_path, "migrate", "verify", **environ)
    closed = plant(tmp_path, "migrate", "apply", **environ)
    verified = plant(tmp_path, "migrate", "verify", **environ)

    assert "REVOKE ALL ON DATABASE" in opened.stdout
    assert "access: REVOKE ALL ON DATABASE" in closed.stderr
    assert (0, "") == (verified.returncode, verified.stderr)
    assert "7 documents, 0 unlike their entries" == ask(restored, UNLIKE)


def test_a_dump_of_a_new_server_brings_the_extension() -> None:
    """It is the users' own, and no part of every empty database, which pg_dump leaves out."""
    with settings_with_room() as made, embedded_server(made) as server:
        done = subprocess.run(
            [wheel_programs() / "pg_dump", "--schema-only", server.url("postgres")],
            check=True, capture_output=True, text=True,
        )  # fmt: skip

    assert "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;" in done.stdout
