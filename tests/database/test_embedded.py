"""The embedded server: made whole, shared, and found again after everything that can be killed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from service.database.cluster import ClusterRefusal
from service.database.data_dir import DataDirectoryHeld, DataDirectoryUnusable, hold
from service.database.embedded import EmbeddedServer, ServerBusy, embedded_server
from service.database.memory import memory, shared_buffers
from service.database.place import SOCKET, SOCKET_PATH_BYTES_MAX, PlaceRefusal, wheel_programs
from service.database.postmaster import ServerRefusal
from service.settings import Settings
from tests.servers import PLANT, ask, copy, room, settings_with_room

pytestmark = pytest.mark.database

# A user of the server in a process of its own: says when it is in, and stays until it is ended.
USER = """
import sys
from pathlib import Path
from service.database.embedded import embedded_server
from service.settings import Settings
with embedded_server(Settings(data_dir=Path(sys.argv[1]))):
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """Give one data directory for the whole module; no test leaves its server running."""
    with settings_with_room() as made:
        with embedded_server(made):
            pass
        yield made


@pytest.fixture
def server(settings: Settings) -> Iterator[EmbeddedServer]:
    """Have the module's server running."""
    with embedded_server(settings) as running:
        yield running


def end(pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    """End a process and wait until it is gone or nobody's but a collector's."""
    os.kill(pid, how)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if " Z " in Path(f"/proc/{pid}/stat").read_text():
                return
        except OSError:
            return
        threading.Event().wait(0.01)


def pid_of(server: EmbeddedServer) -> int:
    """Give the process that serves, which must be there."""
    found = server.running()
    assert found is not None
    return found.pid


@pytest.mark.parametrize(
    "statement,expected",
    [
        ("SELECT current_user", "plant_owner"),
        ("SELECT rolcreaterole AND NOT rolsuper FROM pg_roles WHERE rolname = user", True),
        ("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'plant'", "plant_owner"),
        ("SELECT '[1,2]'::vector <-> '[1,2]'::vector", 0.0),
        ("SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'plant'",
         "b C.UTF-8"),
        ("SHOW server_encoding", "UTF8"),
        ("SHOW data_checksums", "on"),
        ("SHOW fsync", "on"),
        ("SHOW jit", "off"),
        ("SHOW listen_addresses", ""),
        ("SELECT setting::integer * 8 / 1024 FROM pg_settings WHERE name = 'shared_buffers'",
         shared_buffers(memory())),
        ("SHOW max_connections", "100"),
    ],
)  # fmt: skip
def test_a_first_start_makes_what_plant_needs(
    server: EmbeddedServer, statement: str, expected: object
) -> None:
    """Owner, database, extension, locale and settings are there when the server first answers."""
    assert expected == ask(server.url("plant_owner"), statement)


@pytest.mark.parametrize(
    "statement", ["SELECT lo_creat(-1)", "SELECT lo_create(0)", "SELECT lo_from_bytea(0, 'secret')"]
)
def test_nobody_writes_where_no_row_security_is(server: EmbeddedServer, statement: str) -> None:
    """Large objects are of no tenant; in a database that is made later there are none either."""
    ask(server.url("postgres"), "CREATE DATABASE later OWNER plant_owner")
    for url in (server.url("plant_owner"), server.url("plant_owner").replace("/plant?", "/later?")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            ask(url, statement)
    ask(server.url("postgres"), "DROP DATABASE later")


def test_psql_takes_the_address_as_it_is(server: EmbeddedServer) -> None:
    """The address that asyncpg takes is one that psql takes, for the superuser too."""
    command = [
        str(wheel_programs() / "psql"),
        server.url("postgres"),
        "-Atc",
        "SELECT current_user",
    ]

    told = subprocess.run(command, check=True, capture_output=True, text=True)

    assert "postgres\n" == told.stdout


def test_nobody_gets_in_without_the_password(server: EmbeddedServer) -> None:
    """Not even the superuser, on the socket, on this machine."""
    parts = urlsplit(server.url("postgres"))

    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(parts._replace(netloc="postgres:wrong@").geturl(), "SELECT 1")


def test_passwords_are_for_their_owner_only(server: EmbeddedServer) -> None:
    """The file of passwords and the server's log cannot be read by others."""
    modes = {path.stat().st_mode & 0o777 for path in (server.passwords.path, server.place.log)}

    assert {0o600} == modes


def test_the_server_is_no_child_of_the_terminal(server: EmbeddedServer) -> None:
    """Ctrl-C in the terminal goes to the session of who uses the server, not to the server."""
    assert os.getsid(pid_of(server)) != os.getsid(0)


def test_the_last_user_stops_it(settings: Settings) -> None:
    """While somebody uses the server it runs; afterwards it does not."""
    with embedded_server(settings) as first:
        pid = pid_of(first)
        with embedded_server(settings) as second:
            assert pid == pid_of(second)
            assert 2 == len(second.users())
        assert pid == pid_of(first)

    assert first.running() is None
    assert [] == first.users()


def test_many_at_once_start_one_server(settings: Settings) -> None:
    """Whoever comes while another starts it finds it started."""
    pids = []

    def use() -> None:
        with embedded_server(settings) as server:
            pids.append(pid_of(server))
            together.wait(30)

    together = threading.Barrier(4)
    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [pids[0]] * 4 == pids
    assert EmbeddedServer(settings).running() is None


def test_a_user_who_is_killed_does_not_count(settings: Settings) -> None:
    """After kill -9 of a service the server runs on; the next user finds it and stops it."""
    user = subprocess.Popen(
        [sys.executable, "-c", USER, settings.data_dir],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    with user:
        assert user.stdout is not None
        assert "in\n" == user.stdout.readline()
        server = EmbeddedServer(settings)
        pid = pid_of(server)
        assert [user.pid] == [holder.pid for holder in server.users()]
        user.kill()

    assert pid == pid_of(server)
    with embedded_server(settings) as found:
        assert pid == pid_of(found)
        assert [os.getpid()] == [holder.pid for holder in found.users()]
    assert server.running() is None


def test_nothing_is_lost_when_the_server_is_killed(server: EmbeddedServer) -> None:
    """After kill -9 of the server, with a busy back end, what was answered is there."""
    url = server.url("plant_owner")
    ask(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    busy = threading.Thread(target=pytest.raises, args=(Exception, ask, url, BUSY))
    busy.start()
    while not ask(url, f"SELECT count(*) FROM pg_stat_activity WHERE query = $${BUSY}$$"):
        pass
    killed = pid_of(server)

    end(killed)

    assert server.revive()
    assert not server.revive()
    assert killed != pid_of(server)
    assert 1000 == ask(url, "SELECT count(*) FROM kept")
    ask(url, "DROP TABLE kept")
    busy.join()


# It does not look at signals or its postmaster for a while, and then it does.
BUSY = "SELECT sum(length(repeat(number::text, 9000))) FROM generate_series(1, 2000000) AS number"


def test_the_number_of_a_dead_server_may_be_somebody_elses(settings: Settings) -> None:
    """A pid file and a socket that a crash left, with a number that now is another process."""
    with embedded_server(settings) as server:
        pid_file = server.place.data / "postmaster.pid"
        end(pid_of(server))
    lines = pid_file.read_text().splitlines() if pid_file.exists() else ["0"] * 8
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    server.place.account.own(pid_file)
    (server.place.sockets / f"{SOCKET}.lock").write_text(f"{os.getppid()}\n")

    with embedded_server(settings) as again:
        assert 1 == ask(again.url("plant_owner"), "SELECT 1")


def test_a_start_that_was_killed_half_way_leaves_nothing_in_the_way() -> None:
    """What a killed first start left is not taken for a server."""
    with settings_with_room() as settings:
        server = EmbeddedServer(settings)
        (server.place.data.with_name("postgres.new") / "base").mkdir(parents=True)

        with server.used():
            assert 1 == ask(server.url("plant_owner"), "SELECT 1")


def test_lost_passwords_are_made_anew(settings: Settings) -> None:
    """Without its passwords the server gets new ones and keeps its data."""
    with embedded_server(settings) as server:
        before = server.url("plant_owner")
    server.passwords.path.unlink()

    with embedded_server(settings) as again:
        assert before != again.url("plant_owner")
        assert 1 == ask(again.url("plant_owner"), "SELECT 1")
        assert 1 == ask(again.url("postgres"), "SELECT 1")


def test_two_run_side_by_side(settings: Settings) -> None:
    """Servers of different data directories know nothing of each other, whatever the path."""
    with room() as directory:
        odd = copy(settings, directory / 'it\'s "100%" plänt+@#:?&')
        with embedded_server(odd) as one, embedded_server(settings) as other:
            ask(one.url("plant_owner"), "CREATE TABLE here ()")

            assert ask(one.url("plant_owner"), "SELECT to_regclass('here')::text")
            assert ask(other.url("plant_owner"), "SELECT to_regclass('here')::text") is None


@pytest.mark.parametrize("name", ["long" * 30, "with,comma"])
def test_a_path_that_no_socket_can_have_is_no_hindrance(settings: Settings, name: str) -> None:
    """A socket's path ends at 107 bytes and an address splits at commas: it lies elsewhere then."""
    with room() as directory, embedded_server(copy(settings, directory / name)) as server:
        sockets = server.place.sockets
        length = len(os.fsencode(sockets / SOCKET))
        mode = sockets.stat().st_mode & 0o777
        answer = ask(server.url("plant_owner"), "SELECT 1")

    assert (1, 0o700) == (answer, mode)
    assert length <= SOCKET_PATH_BYTES_MAX
    assert not sockets.exists()


def test_a_closed_directory_is_left_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a directory that only its owner may enter the server runs, and its modes stay."""
    with room() as elsewhere, room() as directory:
        monkeypatch.setattr("service.database.place.CLOSED_HOMES", elsewhere / "plant")
        directory.chmod(0o700)
        settings = Settings(data_dir=directory / "data")
        with embedded_server(settings) as server:
            place = server.place
            answer = ask(server.url("plant_owner"), "SELECT 1")
            reached = place.account.reaches([place.home])
        mode = directory.stat().st_mode & 0o777

        assert (1, True, 0o700) == (answer, reached, mode)
        assert place.data == (settings.data_dir / "postgres").resolve()
        with embedded_server(settings) as again:
            assert place == again.place


def test_a_link_that_leads_nowhere_is_named() -> None:
    """Data that has moved away is asked for; nobody gets an empty database instead."""
    with settings_with_room() as settings:
        settings.data_dir.mkdir()
        (settings.data_dir / "postgres").symlink_to(settings.data_dir / "gone" / "postgres")

        with pytest.raises(PlaceRefusal, match=r"which is gone\. Bring it back, or"):
            EmbeddedServer(settings)


def test_files_of_another_version_are_refused(settings: Settings) -> None:
    """Files that another major version made are named, not touched."""
    version = EmbeddedServer(settings).place.data / "PG_VERSION"
    with embedded_server(settings):
        pass
    version.write_text("17\n")

    with pytest.raises(ClusterRefusal, match="are of PostgreSQL 17, and this is 18"):
        EmbeddedServer(settings).used().__enter__()
    version.write_text("18\n")


def test_what_keeps_it_from_starting_is_said(settings: Settings) -> None:
    """A server that does not start says why, in one message without its whole log."""
    with embedded_server(settings) as server:
        own = server.place.data / "local.conf"
    before = own.read_text()
    own.write_text("nonsense = 1\n")

    with pytest.raises(ServerRefusal, match='unrecognized configuration parameter "nonsense"'):
        server.used().__enter__()
    own.write_text(before)

    assert server.running() is None
    assert [] == server.users()


def test_own_settings_win(settings: Settings) -> None:
    """What stands in local.conf is used instead of what Plant writes."""
    with embedded_server(settings) as server:
        own = server.place.data / "local.conf"
    before = own.read_text()
    own.write_text("max_connections = 33\n")

    with server.used():
        assert "33" == ask(server.url("plant_owner"), "SHOW max_connections")
    own.write_text(before)


def test_a_server_somebody_started_by_hand_is_left_alone(settings: Settings) -> None:
    """A PostgreSQL on the same files that is not ours is named, not robbed of its pid file."""
    with embedded_server(settings) as server:
        pid_file = server.place.data / "postmaster.pid"
    text = "import signal; print('up', flush=True); signal.pause()"
    # What tells it is its command line.
    command = [sys.executable, "-c", text, "postgres", str(server.place.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pid_file.write_text(f"{process.pid}\nx\n0\n")

        with pytest.raises(ServerRefusal, match=f"by hand .process {process.pid}"):
            server.used().__enter__()
        assert pid_file.read_text().startswith(f"{process.pid}\n")
        process.terminate()
    pid_file.unlink()


def test_it_is_not_stopped_under_its_users(server: EmbeddedServer) -> None:
    """Who would stop it is told who uses it, and it runs on."""
    with pytest.raises(ServerBusy, match=f"in use by process {os.getpid()} "):
        server.stop()

    assert 1 == ask(server.url("plant_owner"), "SELECT 1")


def test_a_server_that_is_kept_outlives_its_users(settings: Settings) -> None:
    """After `keep` the last user leaves it running, until it is stopped."""
    with embedded_server(settings) as server:
        server.keep()
    assert server.kept()

    assert server.stop()
    assert not server.stop()
    assert not server.kept()


def test_one_service_for_one_data_directory(settings: Settings) -> None:
    """A second service is told the process that holds the directory, what it does, since when."""
    held = rf"is held by process {os.getpid()} \(plant serve\), since \d{{4}}-.* UTC"

    with hold(settings, "plant serve"), pytest.raises(DataDirectoryHeld, match=held):
        hold(settings, "plant serve").__enter__()
    with hold(settings, "plant serve"):
        pass


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file where the directory should be, or beneath which it should lie, is an answer."""
    (tmp_path / "file").write_text("")

    with pytest.raises(DataDirectoryUnusable, match="cannot be made: Not a directory"):
        EmbeddedServer(Settings(data_dir=tmp_path / "file" / "data"))


def test_the_programs_are_copied_where_every_user_may_run_them(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A copy for a user who cannot reach the virtual environment starts a server."""
    from service.database import place

    with room() as directory:
        monkeypatch.setattr(place, "CLOSED_HOMES", directory / "plant")
        copied = place.copied(wheel_programs().parents[1])
        assert copied == place.copied(wheel_programs().parents[1])
        monkeypatch.setattr(
            "service.database.embedded.binaries", lambda _: copied / "pginstall" / "bin"
        )

        with embedded_server(settings) as server:
            assert "[1]" == ask(server.url("plant_owner"), "SELECT '[1]'::vector::text")


def test_a_command_that_is_asked_to_end_stops_its_server(settings: Settings) -> None:
    """SIGTERM unwinds a command: what it started is stopped."""
    command = [*PLANT, "db", "psql", "--", "-c", "SELECT pg_sleep(60)"]
    environ = {"PLANT_DATA_DIR": str(settings.data_dir), "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(
        command, env={**os.environ, **environ}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "starting PostgreSQL\n" == process.stderr.readline()
        server = EmbeddedServer(settings)
        while (found := server.running()) is None or found.state != "ready":
            pass
        process.terminate()
        _, said = process.communicate(timeout=30)

    assert (128 + signal.SIGTERM, "stopping PostgreSQL\n") == (process.returncode, said)
    assert server.running() is None


def test_nobody_has_to_listen(settings: Settings) -> None:
    """A terminal that is gone does not keep the last user from stopping the server."""

    def gone(line: str) -> None:
        raise BrokenPipeError(line)

    with embedded_server(settings, gone) as server:
        pass

    assert server.running() is None


def test_the_log_is_turned_over(settings: Settings) -> None:
    """A log that has grown large makes way for a new one at the next start."""
    with embedded_server(settings) as server:
        old = server.place.log.with_suffix(".log.1")
    os.truncate(server.place.log, 20_000_000)

    with server.used():
        assert server.place.log.stat().st_size < 1_000_000
    assert 20_000_000 == old.stat().st_size
    shutil.rmtree(old, ignore_errors=True)
