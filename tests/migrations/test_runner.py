"""What `plant migrate` promises, each promise against a real server."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import yoyo

from service.migrate.refusals import Failed, Refused
from service.migrate.review import review
from service.migrate.runner import apply, roll_back
from service.migrate.session import Event, Limits
from service.migrate.survey import plan, verify
from tests.migrations.conftest import Cluster, Folder

pytestmark = [pytest.mark.database, pytest.mark.migrations]

QUICK = Limits(lock_timeout_ms=50, attempts_max=2, turn_timeout_s=0.2)

# Kills itself before its n-th exchange with the server, forked so that each n costs no start.
KILLED_EVERYWHERE = """
import os, signal, sys
from pathlib import Path
import psycopg
from service.migrate.release import release
from service.migrate.runner import apply, roll_back
from service.migrate.survey import verify

url, superuser, direction = sys.argv[1], sys.argv[4], sys.argv[5]
brings = release(Path(sys.argv[2]), Path(sys.argv[3]))
wait = psycopg.Connection.wait

def up():
    apply(url, brings=brings)

def down():
    roll_back(url, everything=True, brings=brings)

def killed(work, last):
    pid = os.fork()
    if pid:
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    count = 0
    def counted(self, *arguments, **options):
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return wait(self, *arguments, **options)
    psycopg.Connection.wait = counted
    work()
    os._exit(0)

def check(last):
    found = verify(url, brings=brings)
    with psycopg.connect(superuser, autocommit=True) as connection:
        things = connection.execute("SELECT count(*) FROM app.thing").fetchone()[0]
        indexes = connection.execute(
            "SELECT count(*) FROM pg_index WHERE indrelid = 'app.thing'::regclass"
        ).fetchone()[0]
        if found or (things, indexes) != (3, 2):
            sys.exit(f"killed before exchange {last}: {found}, {things}, {indexes}")

def clean():
    with psycopg.connect(superuser, autocommit=True) as connection:
        for schema in ("app", "audit", "q", "plant_migrate"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

last, on = 0, True
while on:
    last += 1
    if direction == "up":
        on = killed(up, last)
    else:
        up()
        on = killed(down, last)
        if last % 2:
            down()
    up()
    check(last)
    clean()
print(last)
"""


@pytest.fixture
def connection(cluster: Cluster, database: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a superuser's session on the database."""
    with psycopg.connect(cluster.url("postgres", database), autocommit=True) as session:
        yield session


def values(connection: psycopg.Connection[Any], query: str) -> list[Any]:
    """Ask for the values of one column."""
    return [value for (value,) in connection.execute(query.encode()).fetchall()]


def wait_until(connection: psycopg.Connection[Any], query: str) -> None:
    """Wait until a query says true; the test's own time limit ends it otherwise."""
    while not values(connection, query)[0]:
        connection.execute("SELECT pg_sleep(0.01)")


@contextmanager
def holding(connection: psycopg.Connection[Any], statement: str) -> Iterator[None]:
    """Hold what a statement locks, in a transaction."""
    with connection.transaction(force_rollback=True):
        connection.execute(statement.encode())
        yield


SCHEMA = """
SELECT table_schema, table_name, column_name, data_type, column_default, is_nullable
FROM information_schema.columns WHERE table_schema IN ('app', 'audit', 'q');
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint;
SELECT indexdef FROM pg_indexes WHERE schemaname IN ('app', 'audit');
SELECT pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger WHERE NOT tgisinternal;
SELECT polname, polcmd::text, pg_get_expr(polqual, polrelid) FROM pg_policy;
SELECT pg_get_functiondef(oid), proowner::regrole::text, proacl::text FROM pg_proc
WHERE pronamespace::regnamespace::text IN ('app', 'audit', 'q');
SELECT oid::regclass::text, relacl::text, relrowsecurity, relforcerowsecurity FROM pg_class
WHERE relnamespace::regnamespace::text IN ('app', 'audit')
"""

MARKED = "SELECT migration_id FROM plant_migrate._yoyo_migration ORDER BY 1"
LEDGER = "SELECT migration_id FROM plant_migrate.ledger ORDER BY 1"


class TestApply:
    """Bringing a database to a release."""

    def test_applies_in_order_and_remembers_twice(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """Files apply in the order of their numbers; yoyo's table and the ledger name them."""
        schemas.add("0002.fill", "INSERT INTO app.more VALUES (1);")
        schemas.add("0001.more", "-- depends: 0000.schemas\nCREATE TABLE app.more (n int);")

        report = apply(owner_url, brings=schemas.release())

        assert report.applied == ("0000.schemas", "0001.more", "0002.fill")
        assert report.newest == "0002.fill"
        assert values(connection, MARKED) == list(report.applied)
        assert values(connection, LEDGER) == list(report.applied)
        assert values(connection, "SELECT name FROM app.thing ORDER BY id") == [
            "one; and only",
            "100 %",
        ]

    def test_does_nothing_the_second_time(self, schemas: Folder, owner_url: str) -> None:
        """What is applied is not applied again, and nothing else is done."""
        apply(owner_url, brings=schemas.release())
        events: list[Event] = []

        report = apply(owner_url, brings=schemas.release(), progress=events.append)

        assert (report.applied, report.functions, events) == ((), (), [])

    def test_agrees_with_yoyo(self, schemas: Folder, owner_url: str) -> None:
        """Yoyo itself, told the schema, finds its tables and nothing to apply."""
        apply(owner_url, brings=schemas.release())

        url = owner_url.replace("postgresql://", "postgresql+psycopg://") + "&schema=plant_migrate"
        with yoyo.get_backend(url) as backend:
            files = yoyo.read_migrations(str(schemas.migrations))

            assert len(backend.to_apply(files)) == 0
            assert len(backend.to_rollback(files)) == 1

    def test_prints_nothing(
        self, schemas: Folder, owner_url: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The rows of a SELECT are nobody's output."""
        schemas.add("0001.select", "SELECT 'to be seen by nobody';")

        apply(owner_url, brings=schemas.release())

        assert capfd.readouterr() == ("", "")

    def test_passes_on_warnings(self, schemas: Folder, owner_url: str) -> None:
        """What the server warns of while a file runs is told; its notices are not."""
        schemas.add("0001.warn", "DO $$ BEGIN RAISE NOTICE 'no'; RAISE WARNING 'look'; END $$;")
        events: list[Event] = []

        apply(owner_url, brings=schemas.release(), progress=events.append)

        assert [event.subject for event in events if event.kind == "warning"] == ["look"]

    def test_leaves_nothing_of_a_file_that_fails(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """A failing statement undoes its file and is named by file and line; earlier ones stay."""
        schemas.add("0001.bad", "-- Bad.\nCREATE TABLE app.half ();\n\nSELECT 1,\n    nothing;\n")

        with pytest.raises(Failed, match=r"0001\.bad\.sql:5: 42703: column \"nothing\" does not"):
            apply(owner_url, brings=schemas.release())

        assert values(connection, "SELECT to_regclass('app.half')") == [None]
        assert values(connection, LEDGER) == values(connection, MARKED) == ["0000.schemas"]

    def test_keeps_settings_of_a_file_to_the_file(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """Role and path that a file sets for itself do not reach the next file."""
        schemas.add("0001.sets", "SET search_path = app;\nSET lock_timeout = 0;\nRESET ROLE;")
        schemas.add(
            "0002.looks",
            "CREATE TABLE app.seen AS SELECT current_setting('search_path') || ' '"
            " || current_setting('lock_timeout') || ' ' || current_user AS it;",
        )

        apply(owner_url, brings=schemas.release())

        assert values(connection, "SELECT it FROM app.seen") == [
            "pg_catalog, public 300ms plant_owner"
        ]

    def test_refuses_to_make_what_has_no_schema(self, schemas: Folder, owner_url: str) -> None:
        """A table without a schema in its name is an error, not a table in public."""
        schemas.add("0001.bare", "CREATE TABLE lost ();")

        with pytest.raises(Failed, match=r"0001\.bare\.sql:1: 42501"):
            apply(owner_url, brings=schemas.release())

    def test_ends_a_statement_that_takes_too_long(self, schemas: Folder, owner_url: str) -> None:
        """No migration runs for ever."""
        schemas.add("0001.slow", "SELECT pg_sleep(30);")

        said = r"0001\.slow\.sql:1: 57014: .*statement timeout.* --statement-timeout-ms"
        with pytest.raises(Failed, match=said):
            apply(owner_url, brings=schemas.release(), limits=Limits(statement_timeout_ms=50))

    def test_grants_nobody_its_memory(self, schemas: Folder, owner_url: str) -> None:
        """The service's role cannot reach what was migrated, whatever the owner's defaults are."""
        with psycopg.connect(owner_url) as connection:
            connection.execute("ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO PUBLIC")

        apply(owner_url, brings=schemas.release())

        with psycopg.connect(owner_url) as connection:
            found = connection.execute(
                "SELECT bool_or(has_schema_privilege('plant_app', oid, 'USAGE, CREATE'))"
                " FROM pg_namespace WHERE nspname = 'plant_migrate'"
            ).fetchone()

        assert found == (False,)


class TestRefused:
    """Files and database that do not fit."""

    def edit(self, folder: Folder, name: str) -> None:
        """Append to a file of the first migration."""
        path = folder.migrations / name
        path.write_text(path.read_text() + "-- edited\n")

    def refused(self, folder: Folder, owner_url: str) -> str:
        """Try to apply, expect the refusal, and expect plan and verify to say the same."""
        brings = folder.release()
        with pytest.raises(Refused) as refused:
            apply(owner_url, brings=brings)
        text = str(refused.value)
        planned = [str(finding) for finding in plan(owner_url, brings=brings).refused]
        found = [str(finding) for finding in verify(owner_url, brings=brings)]

        assert planned
        assert all(line in text for line in planned)
        assert set(planned) <= set(found)
        assert f"-- REFUSED: {planned[0]}" in review(owner_url, brings=brings)
        assert refused.value.exit_code == 1
        return text

    @pytest.mark.parametrize("name", ["0000.schemas.sql", "0000.schemas.rollback.sql"])
    def test_an_edited_file(self, schemas: Folder, owner_url: str, name: str) -> None:
        """An applied file or its rollback that was edited is named."""
        apply(owner_url, brings=schemas.release())
        self.edit(schemas, name)

        assert f"{name} was edited since" in self.refused(schemas, owner_url)

    def test_a_file_that_is_gone(self, schemas: Folder, owner_url: str) -> None:
        """An applied file that is no longer there is named."""
        schemas.add("0001.more", "SELECT 1;")
        apply(owner_url, brings=schemas.release())
        for path in schemas.migrations.glob("0000*"):
            path.unlink()

        assert "0000.schemas.sql is gone" in self.refused(schemas, owner_url)

    def test_a_database_newer_than_the_release(self, schemas: Folder, owner_url: str) -> None:
        """An older release does not touch what a newer one migrated."""
        schemas.add("0001.more", "SELECT 1;")
        apply(owner_url, brings=schemas.release())
        for path in schemas.migrations.glob("0001*"):
            path.unlink()

        assert "0001.more: is applied and unknown" in self.refused(schemas, owner_url)

    def test_a_number_below_the_newest(self, schemas: Folder, owner_url: str) -> None:
        """A file that comes late would have run in another order elsewhere."""
        schemas.add("0002.more", "SELECT 1;")
        apply(owner_url, brings=schemas.release())
        schemas.add("0001.late", "SELECT 1;")

        assert "0001.late: is not applied, and 0002.more" in self.refused(schemas, owner_url)

    def test_a_mark_of_something_else(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """What only yoyo's table knows was not applied here: its content is unknown."""
        apply(owner_url, brings=schemas.release())
        connection.execute("DELETE FROM plant_migrate.ledger")

        assert "only yoyo's table knows it" in self.refused(schemas, owner_url)


class TestTogether:
    """Several at once, and others in the way."""

    def test_five_deployers_all_succeed(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """Five processes on an empty database: each file applies once, and all end well."""
        schemas.add("0001.more", "CREATE TABLE app.more (n int);")
        schemas.add(
            "0002.index",
            "-- transactional: false\nCREATE INDEX CONCURRENTLY thing_idx ON app.thing (name);",
            "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS app.thing_idx;",
        )
        schemas.add_statement("things", "SELECT thing.name FROM app.thing;")

        deployers = [schemas.deploy(owner_url) for _ in range(5)]
        outputs = [deployer.communicate(timeout=60) for deployer in deployers]

        assert [deployer.returncode for deployer in deployers] == [0] * 5, outputs
        assert sorted(out for out, _ in outputs) == ["0 0\n"] * 4 + ["3 1\n"]
        assert values(connection, "SELECT count(*) FROM plant_migrate._yoyo_log") == [3]

    def test_waits_for_the_turn_and_says_for_whom(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """While another one migrates it waits, and gives up after a while naming the other."""
        (pid,) = values(connection, "SELECT pg_backend_pid()")
        connection.execute(b"SELECT pg_advisory_lock(%d)" % int.from_bytes(b"plantmig"))
        events: list[Event] = []

        with pytest.raises(Refused, match=f"server process {pid} of postgres"):
            apply(owner_url, brings=schemas.release(), limits=QUICK, progress=events.append)

        assert {event.kind for event in events} == {"waiting"}

    def test_waits_without_holding_up_an_index(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """CREATE INDEX CONCURRENTLY waits for every snapshot: who waits for the turn holds none."""
        schemas.add(
            "0001.index",
            "-- transactional: false\nCREATE INDEX CONCURRENTLY thing_idx ON app.thing (name);",
            "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS app.thing_idx;",
        )
        waiting: list[subprocess.Popen[str]] = []

        def progress(event: Event) -> None:
            if event.subject == "0001.index" and not waiting:
                waiting.append(schemas.deploy(owner_url))
                wait_until(
                    connection,
                    "SELECT count(*) = 1 FROM pg_stat_activity"
                    " WHERE application_name = 'plant migrate' AND query LIKE '%advisory_lock%'",
                )

        report = apply(owner_url, brings=schemas.release(), progress=progress)
        (out, _) = waiting[0].communicate(timeout=60)

        assert report.applied == ("0000.schemas", "0001.index")
        assert (waiting[0].returncode, out) == (0, "0 0\n")

    def test_breaks_the_lock_row_of_a_killed_yoyo(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """A row that a crash left in yoyo's lock table stops nobody."""
        apply(owner_url, brings=schemas.release())
        connection.execute("INSERT INTO plant_migrate.yoyo_lock VALUES (1, now(), 999999)")
        schemas.add("0001.more", "SELECT 1;")

        report = apply(owner_url, brings=schemas.release())

        assert report.applied == ("0001.more",)
        assert values(connection, "SELECT count(*) FROM plant_migrate.yoyo_lock") == [0]

    def test_steps_back_from_a_lock_and_tries_again(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """A table in use makes it give way; when the table is free the same run goes on."""
        apply(owner_url, brings=schemas.release())
        schemas.add("0001.more", "CREATE TABLE app.once ();\nALTER TABLE app.thing ADD n int;")
        seen: list[Event] = []
        reading = holding(connection, "SELECT FROM app.thing")

        def progress(event: Event) -> None:
            if event.kind == "retry" and not seen:
                reading.__exit__(None, None, None)
            seen.extend([event] if event.kind == "retry" else [])

        reading.__enter__()
        report = apply(owner_url, brings=schemas.release(), limits=QUICK, progress=progress)

        assert report.applied == ("0001.more",)
        assert [(event.subject, event.number) for event in seen] == [("0001.more", 1)]
        assert "lock timeout" in seen[0].detail

    def test_steps_back_when_it_installs_functions_too(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """A function whose table is locked is no fault of its statement: it is tried again."""
        apply(owner_url, brings=schemas.release())
        schemas.add_statement("things", "SELECT thing.name FROM app.thing;")
        seen: list[Event] = []
        locking = holding(connection, "LOCK TABLE app.thing")

        def progress(event: Event) -> None:
            if event.kind == "retry" and not seen:
                locking.__exit__(None, None, None)
            seen.extend([event] if event.kind == "retry" else [])

        locking.__enter__()
        report = apply(owner_url, brings=schemas.release(), limits=QUICK, progress=progress)

        assert len(report.functions) == 1
        assert [event.subject for event in seen] == ["Installing the functions"]

    def test_gives_up_on_a_lock_naming_its_holder(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """After its attempts it says who holds the table, and has changed nothing."""
        apply(owner_url, brings=schemas.release())
        schemas.add("0001.more", "CREATE TABLE app.once ();\nALTER TABLE app.thing ADD n int;")
        (pid,) = values(connection, "SELECT pg_backend_pid()")

        with holding(connection, "SELECT FROM app.thing"):
            with pytest.raises(Refused, match=rf"2 attempts of 50 ms.*process {pid} .*on thing"):
                apply(owner_url, brings=schemas.release(), limits=QUICK)

            assert values(connection, "SELECT to_regclass('app.once')") == [None]


class TestKilled:
    """Runs that end in the middle."""

    @pytest.mark.parametrize("direction", ["up", "down"])
    def test_before_every_exchange_with_the_server(
        self, schemas: Folder, cluster: Cluster, database: str, owner_url: str, direction: str
    ) -> None:
        """Killed anywhere, up or down, the next run finishes it: every file once, nothing half.

        A rollback that was killed can be finished or taken back.
        """
        schemas.add(
            "0001.more",
            "INSERT INTO app.thing VALUES (3, 'three');\nSELECT 1;",
            "DELETE FROM app.thing WHERE id = 3;",
        )
        schemas.add(
            "0002.index",
            "-- transactional: false\nCREATE INDEX CONCURRENTLY thing_idx ON app.thing (name);",
            "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS app.thing_idx;",
        )
        schemas.add_statement("things", "SELECT thing.name FROM app.thing;")

        superuser = cluster.url("postgres", database)
        done = subprocess.run(
            [*schemas.command(owner_url, KILLED_EVERYWHERE), superuser, direction],
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert int(done.stdout) > 40

    def test_while_an_index_is_built(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """The server notices the kill inside the statement; the next run builds the index anew."""
        apply(owner_url, brings=schemas.release())
        schemas.add(
            "0001.index",
            "-- transactional: false\nCREATE INDEX CONCURRENTLY thing_idx ON app.thing (name);",
            "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS app.thing_idx;",
        )

        with psycopg.connect(connection.info.dsn, password=connection.info.password) as writer:
            writer.execute("INSERT INTO app.thing VALUES (3, 'three')")
            deployer = schemas.deploy(owner_url)
            migrating = "FROM pg_stat_activity WHERE application_name = 'plant migrate'"
            waits = "AND query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'"
            wait_until(connection, f"SELECT count(*) = 1 {migrating} {waits}")
            deployer.kill()
            deployer.communicate()
            wait_until(connection, f"SELECT count(*) = 0 {migrating}")
        invalid = "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = 'app.thing_idx'::regclass"
        half_built = values(connection, invalid)
        found = verify(owner_url, brings=schemas.release())
        report = apply(owner_url, brings=schemas.release())

        assert half_built == [True]
        assert [finding.kind for finding in found] == ["unfinished", "pending", "index"]
        assert report.applied == ("0001.index",)
        assert values(connection, invalid) == [False]
        assert verify(owner_url, brings=schemas.release()) == ()


class TestConcurrently:
    """Files without a transaction."""

    FORWARD = "-- transactional: false\nCREATE UNIQUE INDEX CONCURRENTLY same ON app.thing (name);"
    BACKWARD = "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS app.same;"
    VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('app.same')"

    def test_builds_and_drops(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """Forwards and back, marked like any other."""
        schemas.add("0001.same", self.FORWARD, self.BACKWARD)

        apply(owner_url, brings=schemas.release())
        built = values(connection, self.VALID)
        report = roll_back(owner_url, brings=schemas.release())

        assert built == [True]
        assert report.rolled_back == ("0001.same",)
        assert values(connection, self.VALID) == []
        assert values(connection, MARKED) == values(connection, LEDGER) == ["0000.schemas"]

    def test_marks_what_was_built_and_not_marked(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """An index that an earlier run built before it was killed is marked, not built again."""
        schemas.add("0001.same", self.FORWARD, self.BACKWARD)
        apply(owner_url, brings=schemas.release())
        connection.execute("DELETE FROM plant_migrate._yoyo_migration WHERE migration_id ~ '^0001'")
        connection.execute(
            "UPDATE plant_migrate.ledger SET finished_at = NULL WHERE migration_id ~ '^0001'"
        )
        before = values(connection, "SELECT 'app.same'::regclass::oid")

        report = apply(owner_url, brings=schemas.release())

        assert (report.applied, report.repaired) == ((), ("0001.same",))
        assert values(connection, "SELECT 'app.same'::regclass::oid") == before
        assert verify(owner_url, brings=schemas.release()) == ()

    def test_builds_anew_what_was_edited_meanwhile(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """An index of an unfinished run is dropped when its file says something else now."""
        schemas.add("0001.same", self.FORWARD, self.BACKWARD)
        apply(owner_url, brings=schemas.release())
        connection.execute("DELETE FROM plant_migrate._yoyo_migration WHERE migration_id ~ '^0001'")
        connection.execute(
            "UPDATE plant_migrate.ledger SET finished_at = NULL WHERE migration_id ~ '^0001'"
        )
        schemas.add("0001.same", self.FORWARD.replace("(name)", "(id, name)"), self.BACKWARD)

        report = apply(owner_url, brings=schemas.release())

        assert report.applied == ("0001.same",)
        assert values(
            connection, "SELECT indnatts FROM pg_index WHERE indexrelid = 'app.same'::regclass"
        ) == [2]

    def test_leaves_no_half_built_index(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """Doubles in the data end the build: the invalid index is dropped, the file not marked."""
        schemas.add("0001.same", self.FORWARD, self.BACKWARD)
        schemas.add("0000.schemas", schemas.text("0000.schemas").replace("100 %", "one; and only"))

        with pytest.raises(Failed, match=r"0001\.same\.sql:2: 23505"):
            apply(owner_url, brings=schemas.release())

        assert values(connection, self.VALID) == []
        assert values(connection, LEDGER) == ["0000.schemas"]

    def test_drops_an_invalid_index_first(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """A half-built index of this name, whoever left it, is built anew."""
        apply(owner_url, brings=schemas.release())
        connection.execute("INSERT INTO app.thing VALUES (3, '100 %')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY same ON app.thing (name)")
        connection.execute("DELETE FROM app.thing WHERE id = 3")
        left = values(connection, self.VALID)
        schemas.add("0001.same", self.FORWARD, self.BACKWARD)

        apply(owner_url, brings=schemas.release())

        assert left == [False]
        assert values(connection, self.VALID) == [True]

    def test_takes_no_index_of_somebody_else_for_its_own(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """A whole index of this name that no run of this file began is refused, not marked."""
        apply(owner_url, brings=schemas.release())
        connection.execute("CREATE INDEX same ON app.thing (id)")
        schemas.add("0001.same", self.FORWARD, self.BACKWARD)

        for _ in range(2):
            with pytest.raises(Failed, match=r"app\.same is there already"):
                apply(owner_url, brings=schemas.release())

        assert values(connection, LEDGER) == ["0000.schemas"]


class TestRollback:
    """Going back."""

    @pytest.fixture
    def applied(self, schemas: Folder, owner_url: str) -> Folder:
        """Give a folder of three migrations, applied."""
        schemas.add(
            "0001.more",
            "CREATE TABLE app.more (n int);\nCREATE VIEW app.seen AS SELECT n FROM app.more;",
            "DROP VIEW app.seen;\nDROP TABLE app.more;",
        )
        schemas.add("0002.last", "SELECT 2;")
        apply(owner_url, brings=schemas.release())
        return schemas

    def test_undoes_the_last(self, applied: Folder, owner_url: str) -> None:
        """Without a target only the newest goes."""
        report = roll_back(owner_url, brings=applied.release())

        assert report.rolled_back == ("0002.last",)
        assert report.newest == "0001.more"

    def test_undoes_down_to_one_that_stays(
        self, applied: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """All after the target go, newest first, each file in its own order of statements."""
        report = roll_back(owner_url, to="0000.schemas", brings=applied.release())

        assert report.rolled_back == ("0002.last", "0001.more")
        assert values(connection, MARKED) == values(connection, LEDGER) == ["0000.schemas"]
        assert values(connection, "SELECT to_regclass('app.more')") == [None]

    def test_undoes_everything_and_applies_again(self, applied: Folder, owner_url: str) -> None:
        """Down to nothing and up again is as good as the first time."""
        down = roll_back(owner_url, everything=True, brings=applied.release())
        up = apply(owner_url, brings=applied.release())

        assert down.rolled_back == ("0002.last", "0001.more", "0000.schemas")
        assert (down.newest, up.applied) == (None, down.rolled_back[::-1])
        assert verify(owner_url, brings=applied.release()) == ()

    def test_refuses_an_unknown_target(self, applied: Folder, owner_url: str) -> None:
        """A target that is not applied undoes nothing."""
        with pytest.raises(Refused, match=r"0009\.x is not applied.*0000\.schemas, 0001\.more"):
            roll_back(owner_url, to="0009.x", brings=applied.release())

        assert verify(owner_url, brings=applied.release()) == ()

    def test_refuses_what_cannot_be_undone(self, schemas: Folder, owner_url: str) -> None:
        """One irreversible migration on the way stops it before the first is undone."""
        schemas.add("0001.erase", "DELETE FROM app.thing;", "-- irreversible: rows are gone\n")
        schemas.add("0002.last", "SELECT 2;")
        apply(owner_url, brings=schemas.release())

        with pytest.raises(Refused, match=r"0001\.erase cannot be rolled back: rows are gone"):
            roll_back(owner_url, everything=True, brings=schemas.release())

        assert verify(owner_url, brings=schemas.release()) == ()

    def test_refuses_an_edited_rollback(self, applied: Folder, owner_url: str) -> None:
        """What undoes a migration is what was reviewed with it."""
        applied.add("0002.last", "SELECT 2;", "DROP SCHEMA app CASCADE;")

        with pytest.raises(Refused, match=r"0002\.last\.rollback\.sql was edited since"):
            roll_back(owner_url, brings=applied.release())

    def test_leaves_nothing_of_a_rollback_that_fails(
        self, applied: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """A rollback is one transaction too: what stands in its way leaves it all applied."""
        connection.execute("CREATE VIEW public.foreign_view AS SELECT n FROM app.more")

        with pytest.raises(Failed, match=r"0001\.more\.rollback\.sql:2: 2BP01"):
            roll_back(owner_url, to="0000.schemas", brings=applied.release())

        assert values(connection, MARKED) == ["0000.schemas", "0001.more"]
        assert values(connection, "SELECT count(*) FROM app.seen") == [0]


class TestSurvey:
    """Looking without touching."""

    def test_plans_without_touching(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """The plan counts statements, names what loses data, and makes nothing."""
        schemas.add("0001.drop", "SELECT 1;\nDROP TABLE app.thing;")
        schemas.add_statement("things", "SELECT thing.name FROM app.thing;")

        found = plan(owner_url, brings=schemas.release())

        assert [(item.id, item.statements) for item in found.migrations] == [
            ("0000.schemas", 7),
            ("0001.drop", 2),
        ]
        assert [(item.line, item.statement) for item in found.migrations[1].destructive] == [
            (2, "DROP TABLE app.thing;")
        ]
        assert "-- THROWS DATA AWAY, line 2: DROP TABLE app.thing;" in review(
            owner_url, brings=schemas.release()
        )
        assert len(found.functions) == 1
        assert values(connection, "SELECT count(*) FROM pg_namespace WHERE nspname = 'app'") == [0]
        assert values(connection, "SELECT to_regnamespace('plant_migrate')") == [None]

    def test_reviews_as_sql(
        self, schemas: Folder, owner_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        """The page is SQL that does the work; a changed function shows what changed in it."""
        schemas.add_statement("things", "SELECT thing.name FROM app.thing;")
        page = review(owner_url, brings=schemas.release())
        apply(owner_url, brings=schemas.release())
        schemas.add_statement("things", "SELECT thing.name || '!' FROM app.thing;")

        changed = review(owner_url, brings=schemas.release())
        with connection.transaction(force_rollback=True):
            connection.execute("DROP SCHEMA app, audit, q CASCADE")
            connection.execute(page.encode())
            made = values(connection, "SELECT count(*) FROM app.thing")

        assert made == [2]
        assert "--     DROP TABLE app.thing;" in page
        assert "--   -SELECT thing.name FROM app.thing;" in changed
        assert "--   +SELECT thing.name || '!' FROM app.thing;" in changed
        assert "0 migrations, 1 functions; 0 statements throw data away" in changed

    def test_verifies_what_waits(self, schemas: Folder, owner_url: str) -> None:
        """An empty database is named as one that waits, by its migrations and not its functions."""
        schemas.add_statement("things", "SELECT thing.name FROM app.thing;")

        found = verify(owner_url, brings=schemas.release())

        assert [(item.kind, item.subject) for item in found] == [("pending", "0000.schemas")]


class TestThisRelease:
    """The migrations of the project."""

    def test_go_up_and_down_and_up(self, cluster: Cluster, owner_url: str, database: str) -> None:
        """Rolled back and applied again, the schema is what it was."""

        def schema() -> set[str]:
            queries = SCHEMA.split(";")
            return {json.dumps(row) for query in queries for row in cluster.run(query, database)}

        first = apply(owner_url)
        before = schema()
        down = roll_back(owner_url, everything=True)
        between = cluster.run(
            "SELECT nspname FROM pg_namespace WHERE nspname IN ('app', 'audit', 'q')", database
        )
        apply(owner_url)

        assert first.applied
        assert down.rolled_back == first.applied[::-1]
        assert between == []
        assert schema() == before
        assert verify(owner_url) == ()
