"""`plant doctor` on real data directories and servers, whole and broken."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from service.__main__ import main
from service.database.embedded import EmbeddedServer
from service.database.looking import looking
from service.database.postmaster import Postmaster
from service.doctor import look, standing
from service.doctor.check import OF_SERVER
from service.doctor.database import examine_server
from service.settings import Settings
from tests.cli.test_serve import free_port, serving
from tests.postgres import Server
from tests.servers import BARE, plant, room

pytestmark = pytest.mark.database

OF_MACHINE = ["settings", "python", "packages", "embedder", "data_dir", "port"]
UNSEEN = [name for name in OF_SERVER if name != "connections"]
EVERYTHING = [*OF_MACHINE, "server", *OF_SERVER, "disk"]
NO_PACKAGES = """
import sys
from importlib.metadata import PackageNotFoundError
from service.doctor import machine

known = machine.version
def version(name):
    if name == "asyncpg":
        raise PackageNotFoundError(name)
    return known(name)

machine.version = version
sys.modules["asyncpg"] = None
from service.__main__ import main
sys.exit(main(["doctor", "--json"]))
"""
SPOILT = (
    "ALTER TABLE app.skill_entity NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE audit.entry DISABLE TRIGGER entry_append_only",
    "DELETE FROM plant_migrate.ledger WHERE migration_id ~ '^0000'",
    """
    DO $$ BEGIN EXECUTE (SELECT 'DROP FUNCTION ' || oid::regprocedure FROM pg_proc
    WHERE pronamespace = 'q'::regnamespace ORDER BY proname LIMIT 1); END $$
    """,
)
KEYS = (
    "INSERT INTO app.tenant (name) VALUES ('one'), ('two')",
    """
    INSERT INTO app.governance_agent (tenant_id, name)
    SELECT tenant.tenant_id, 'me' FROM app.tenant WHERE tenant.name = 'one'
    """,
    """
    INSERT INTO app.api_key (
        tenant_id, governance_agent_id, key_hash, scopes, expires_at, revoked_at
    )
    SELECT agent.tenant_id, agent.id, sha256(uuid_send(uuidv7())), ARRAY[made.scope],
        now() + made.days * interval '1 day', CASE WHEN made.revoked THEN now() END
    FROM app.governance_agent AS agent
    CROSS JOIN (
        VALUES
            ('read', NULL::integer, FALSE), ('read', 15, FALSE),
            ('write', 13, FALSE), ('admin', 3, FALSE),
            ('read', -1, FALSE), ('read', -1, TRUE), ('read', 1, TRUE)
    ) AS made (scope, days, revoked)
    """,
)

Found = tuple[int, dict[str, Any]]
Doctor = Callable[..., Found]


def read(text: str) -> dict[str, Any]:
    """Read the document: each check by its id, in order."""
    document = json.loads(text)
    found = {each["id"]: each for each in document["checks"]}
    assert len(found) == len(document["checks"])
    assert all(
        (each["way_out"] is None) == (each["status"] == "good")
        for each in found.values()
        if each["status"] != "unknown"
    )
    return found


def statuses(found: dict[str, Any], status: str) -> list[str]:
    """Name the checks of a status, but for those that hang on who else uses this machine."""
    return [
        name
        for name, each in found.items()
        if each["status"] == status and name not in {"connections", "disk"}
    ]


@pytest.fixture
def doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    """Run the command in this process, in a directory of its own, on the settings given."""
    monkeypatch.chdir(tmp_path)

    def run(**environ: str) -> Found:
        with monkeypatch.context() as given:
            for name, value in {"PLANT_PORT": "0", **environ}.items():
                given.setenv(name, value)
            capsys.readouterr()
            code = main(["doctor", "--json"])
            said = capsys.readouterr()
        assert "" == said.err
        return code, read(said.out)

    return run


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Give a directory in which a service has run once."""
    with room() as place:
        with serving(place) as service:
            assert 0 == service.end(signal.SIGTERM), service.said
        yield place
        plant(place, "db", "stop")


class TestEmbedded:
    """The server of a data directory."""

    def test_where_nothing_is_nothing_is_made(self, tmp_path: Path) -> None:
        """It says how to make one; that is no fault, and the directory stays empty."""
        told = plant(tmp_path, "doctor", "--json", PLANT_PORT="0")
        found = read(told.stdout)

        assert (0, "") == (told.returncode, told.stderr)
        assert [*OF_MACHINE, "server", "disk"] == list(found)
        assert "warning" == found["server"]["status"]
        assert "make run" in found["server"]["way_out"]
        assert [] == list(tmp_path.iterdir())

    def test_beside_a_service_all_is_seen_and_nothing_said_beside(self, directory: Path) -> None:
        """Who holds port and directory is named, and how a registry gets its first key."""
        port = free_port()
        with serving(directory, PLANT_PORT=port) as service:
            told = plant(directory, "doctor", PLANT_PORT=port)
            document = plant(directory, "doctor", "--json", PLANT_PORT=port)
            running = plant(directory, "db", "status")
        found = read(document.stdout)
        pid = service.process.pid

        assert (0, "") == (told.returncode, told.stderr)
        assert 0 == running.returncode
        assert EVERYTHING == list(found)
        assert [] == statuses(found, "bad") + statuses(found, "unknown")
        for name in ("data_dir", "port", "server"):
            assert f"process {pid} (plant serve" in found[name]["found"].replace(
                "__main__.py", "plant"
            )
        assert "plant key create" in found["keys"]["way_out"]
        assert "plant_app gets in by its password" in found["logins"]["found"]
        assert told.stdout.splitlines()[0].startswith("✓ settings")
        assert "\x1b" not in told.stdout

    def test_what_does_not_run_is_started_and_stopped_again(self, directory: Path) -> None:
        """As by every command; what it was started for is all seen."""
        told = plant(directory, "doctor", "--json", PLANT_PORT="0")
        found = read(told.stdout)

        assert 0 == told.returncode
        assert "starting PostgreSQL\nstopping PostgreSQL\n" == told.stderr
        assert EVERYTHING == list(found)
        assert "did not run" in found["server"]["found"]
        assert 1 == plant(directory, "db", "status").returncode

    def test_lost_passwords_are_not_made_anew(self, directory: Path) -> None:
        """Asking sets none; with a server that runs they are a fault, else not to be seen."""
        kept = directory / ".plant" / "passwords.json"
        moved = kept.rename(kept.with_name("moved.json"))
        try:
            stopped = plant(directory, "doctor", "--json", PLANT_PORT="0")
            missing = not kept.exists()
        finally:
            moved.rename(kept)
        plant(directory, "db", "start")
        moved = kept.rename(moved)
        try:
            running = plant(directory, "doctor", "--json", PLANT_PORT="0")
            missing = missing and not kept.exists()
        finally:
            moved.rename(kept)
            plant(directory, "db", "stop")

        assert missing
        assert (2, "unknown") == (stopped.returncode, read(stopped.stdout)["server"]["status"])
        assert (1, "bad") == (running.returncode, read(running.stdout)["server"]["status"])
        assert UNSEEN == statuses(read(running.stdout), "unknown")

    def test_another_ones_passwords_are_a_fault(self, directory: Path) -> None:
        """The file says something that the server does not know."""
        kept = directory / ".plant" / "passwords.json"
        before = kept.read_text()
        plant(directory, "db", "start")
        kept.write_text(json.dumps({"embedded": dict.fromkeys(("postgres", "plant_owner"), "no")}))
        try:
            told = plant(directory, "doctor", "--json", PLANT_PORT="0")
        finally:
            kept.write_text(before)
            plant(directory, "db", "stop")
        server = read(told.stdout)["server"]

        assert (1, "bad") == (told.returncode, server["status"])
        assert "passwords.json back" in server["way_out"]

    def test_what_is_starting_is_left_to_who_starts_it(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It waits for nobody and ends nobody's orphans."""
        starting = Postmaster(pid=1, started_s=0, state="starting")
        monkeypatch.setattr(EmbeddedServer, "running", lambda _: starting)
        found = examine_server(Settings(data_dir=directory / ".plant"), pytest.fail)

        assert ("server", "unknown") == (found[0].id, found[0].status)
        assert "is starting" in found[0].found

    def test_files_of_root_are_a_fault_and_no_user_is_made_for_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """PostgreSQL refuses to run as root."""
        (tmp_path / "postgres").mkdir()
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        of_root = SimpleNamespace(st_uid=0, st_mode=0o040700)
        monkeypatch.setattr(Path, "stat", lambda *_, **__: of_root)
        monkeypatch.setattr(os, "lstat", lambda *_, **__: of_root)
        monkeypatch.setattr(standing, "EmbeddedServer", pytest.fail)
        with standing.standing(Settings(data_dir=tmp_path), pytest.fail) as found:
            check = found.check

        assert check is not None
        assert "bad" == check.status
        assert "chown -R plant-postgres" in str(check.way_out)

    @pytest.mark.parametrize("closed", ["above", "itself"])
    def test_another_users_is_not_looked_at(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
    ) -> None:
        """Who may not enter is told that, not that nothing is there or how to empty it."""

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError

        (tmp_path / "postgres").mkdir()
        (tmp_path / "passwords.json").write_text("no JSON")
        if closed == "above":
            monkeypatch.setattr(os, "lstat", refuse)
        else:
            monkeypatch.setattr(os, "access", lambda *_: False)
        found = examine_server(Settings(data_dir=tmp_path), pytest.fail)

        assert ("unknown", "not looked at: see data_dir") == (found[0].status, found[0].found)

    @pytest.mark.parametrize(
        "passwords,says",
        [("no JSON", "Restore the file"), ('{"embedded": {"postgres": "x"}}', "Bring it back")],
    )
    def test_what_keeps_every_command_from_the_server(
        self, tmp_path: Path, passwords: str, says: str
    ) -> None:
        """A refusal of the server's own is a fault with its way out: damaged file, lost disk."""
        (tmp_path / "postgres").symlink_to(tmp_path / "gone" / "postgres")
        (tmp_path / "passwords.json").write_text(passwords)
        found = examine_server(Settings(data_dir=tmp_path), pytest.fail)

        assert "bad" == found[0].status
        assert says in str(found[0].way_out)
        assert [*OF_SERVER] == [check.id for check in found if check.status == "unknown"]

    def test_missing_packages_do_not_end_in_a_stack(self, tmp_path: Path) -> None:
        """Without the driver the machine is looked at, and the rest is said to be left out."""
        told = subprocess.run(
            [sys.executable, "-c", NO_PACKAGES], cwd=tmp_path, env=BARE | {"PLANT_PORT": "0"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        found = read(told.stdout)

        assert (1, "") == (told.returncode, told.stderr)
        assert ["packages"] == statuses(found, "bad")
        assert ["server", *UNSEEN] == statuses(found, "unknown")

    def test_settings_are_refused_as_everywhere(
        self, doctor: Doctor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name that does not exist ends it with a guess."""
        monkeypatch.setenv("PLANT_PROT", "1")

        assert 64 == main(["doctor"])
        assert "Did you mean PLANT_PORT?" in capsys.readouterr().err


class TestGiven:
    """A server that somebody else runs."""

    def test_a_whole_one(
        self, cluster: Server, database: str, doctor: Doctor, tmp_path: Path
    ) -> None:
        """All is seen, and no data directory is made."""
        code, found = doctor(**cluster.environ(database))

        assert 0 == code
        assert EVERYTHING == list(found)
        assert ["keys"] == statuses(found, "warning")
        assert "answers plant_owner in" in found["server"]["found"]
        assert "plant_worker gets in by PLANT_WORKER_DATABASE_URL" in found["logins"]["found"]
        assert not (tmp_path / ".plant").exists()

    def test_the_superuser_sees_the_same_and_the_disk(
        self, cluster: Server, database: str, doctor: Doctor
    ) -> None:
        """Row security does not decide what is counted; he is told where the files lie."""
        environ = cluster.environ(database) | {
            "PLANT_DATABASE_URL": cluster.url("superuser", database)
        }
        (where,) = cluster.run("SHOW data_directory", database)
        here = (Path(where["data_directory"]) / "PG_VERSION").is_file()
        code, found = doctor(**environ)
        _, by_owner = doctor(**cluster.environ(database))

        assert (0, ["keys"]) == (code, statuses(found, "warning"))
        assert here == ("the server's data; the database" in found["disk"]["found"])
        assert "cannot see" in by_owner["disk"]["found"]

    def test_without_passwords_the_first_start_is_still_to_come(
        self, cluster: Server, database: str, doctor: Doctor
    ) -> None:
        """The derived roles have none here yet, and looking makes none."""
        for _ in range(2):
            code, found = doctor(PLANT_DATABASE_URL=cluster.url("owner", database))

            assert 0 == code
            assert ["logins", "keys", "log"] == statuses(found, "warning")
            assert "has none here yet" in found["logins"]["found"]

    def test_everything_that_was_spoilt_is_named(
        self, cluster: Server, template: str, doctor: Doctor
    ) -> None:
        """Row security, a trigger, a mark, a function, and whom the service works as."""
        name = cluster.clone(template)
        try:
            for statement in SPOILT:
                cluster.run(statement, name)
            environ = cluster.environ(name) | {
                "PLANT_APP_DATABASE_URL": cluster.url("superuser", name)
            }
            code, found = doctor(**environ)
        finally:
            cluster.drop(name)

        assert 1 == code
        assert ["migrations", "functions", "logins", "row_security", "triggers"] == statuses(
            found, "bad"
        )
        assert "0000." in found["migrations"]["found"]
        assert "app.skill_entity" in found["row_security"]["found"]
        assert "audit.entry.entry_append_only" in found["triggers"]["found"]
        assert "above row security" in found["logins"]["found"]

    def test_keys_are_counted_by_what_became_of_them(
        self, cluster: Server, template: str, doctor: Doctor
    ) -> None:
        """Working, expired, revoked, and of those that expire soon the first one's id."""
        name = cluster.clone(template)
        try:
            for statement in KEYS:
                cluster.run(statement, name)
            (first,) = cluster.run("SELECT id FROM app.api_key WHERE scopes = '{admin}'", name)
            code, found = doctor(**cluster.environ(name))
        finally:
            cluster.drop(name)

        assert (0, "warning") == (code, found["keys"]["status"])
        assert (
            "2 tenants, 4 keys work, 1 expired, 2 revoked; 2 within 14 days"
            in (found["keys"]["found"])
        )
        assert f"plant key rotate {first['id']}" in found["keys"]["way_out"]

    def test_an_empty_database(self, cluster: Server, doctor: Doctor) -> None:
        """Extension and migrations are missing; what they would bring is not looked for."""
        name = cluster.create("unmigrated")
        cluster.run("DROP EXTENSION vector", name)
        code, found = doctor(PLANT_DATABASE_URL=cluster.url("owner", name))

        assert 1 == code
        assert ["vector", "migrations"] == statuses(found, "bad")
        assert "CREATE EXTENSION vector;" in found["vector"]["way_out"]
        assert not {"roles", "row_security", "triggers", "keys"} & found.keys()

    def test_a_user_who_is_nobody(self, cluster: Server, database: str, doctor: Doctor) -> None:
        """He is let in and may not act as the owner: what he cannot see is not called empty."""
        user = f"stranger_{secrets.token_hex(4)}"
        cluster.run(f"CREATE ROLE {user} LOGIN PASSWORD 'secret'")
        cluster.run(f"GRANT CONNECT ON DATABASE {database} TO {user}")
        try:
            where = cluster.url("owner", database).rpartition("@")[2]
            code, found = doctor(PLANT_DATABASE_URL=f"postgresql://{user}:secret@{where}")
        finally:
            cluster.run(f"DROP OWNED BY {user}")
            cluster.run(f"DROP ROLE {user}")

        assert 1 == code
        assert {"roles", "migrations"} <= set(statuses(found, "bad"))
        assert "unknown" == found["keys"]["status"]

    @pytest.mark.parametrize("user,status", [("plant_owner:wrong", "bad"), ("nobody:wrong", "bad")])
    def test_who_is_not_let_in(
        self, cluster: Server, database: str, doctor: Doctor, user: str, status: str
    ) -> None:
        """A wrong password is a fault, and is not repeated."""
        where = cluster.url("owner", database).rpartition("@")[2]
        code, found = doctor(PLANT_DATABASE_URL=f"postgresql://{user}@{where}")

        assert (1, status) == (code, found["server"]["status"])
        assert UNSEEN == statuses(found, "unknown")
        assert "wrong" not in json.dumps(found)

    def test_what_does_not_answer_is_unknown_in_time(self, doctor: Doctor) -> None:
        """One attempt, as long as a connection may take; the rest is not tried."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            code, found = doctor(
                PLANT_DATABASE_URL=f"postgresql://a:secret@127.0.0.1:{port}/x",
                PLANT_CONNECT_TIMEOUT_MS="200",
            )

        assert 2 == code
        assert "did not answer within 0.2 seconds" in found["server"]["found"]
        assert ["server", *UNSEEN] == statuses(found, "unknown")
        assert "secret" not in json.dumps(found)

    @pytest.mark.parametrize("error", [TimeoutError(), asyncpg.InterfaceError("gone")])
    def test_one_that_fails_while_it_is_asked(
        self,
        cluster: Server,
        database: str,
        error: Exception,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """It let us in and was then gone: nothing is known, and nothing called broken."""

        async def fails(*_: object) -> None:
            raise error

        monkeypatch.setattr(look, "_clock", fails)
        settings = Settings(data_dir=tmp_path, database_url=cluster.url("owner", database))
        found = examine_server(settings, pytest.fail)

        assert ("server", "unknown") == (found[0].id, found[0].status)
        assert "let this command in and then failed" in found[0].found


def test_who_looks_cannot_write(cluster: Server, database: str, tmp_path: Path) -> None:
    """The session refuses every change, of the owner too."""

    async def write() -> None:
        async with looking(cluster.url("owner", database), Settings(data_dir=tmp_path)) as session:
            await session.as_owner()
            assert "plant_owner" == await session.connection.fetchval("SELECT current_user::text")
            await session.connection.execute("DELETE FROM app.secret")

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        asyncio.run(write())
