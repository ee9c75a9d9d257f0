"""`plant db backup` while the service writes, and `plant db restore` into another directory."""

import gzip
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from msgspec import Struct

from service.database import restore as restoring
from service.database.backup import BackupRefusal, back_up
from service.database.embedded import EmbeddedServer, embedded_server
from service.database.locks import lock
from service.settings import Settings
from tests.cli.test_serve import fetched, serving
from tests.servers import ask, plant, room

pytestmark = pytest.mark.database

BEFORE = 20
WAIT_S = 30.0
SLOTS = "SELECT count(*) FROM pg_replication_slots"
NAMES = "SELECT string_agg(name, ',') FROM app.base_entity"


class Backup(Struct, frozen=True):
    """A back-up in a working directory, whose data directory is `data`."""

    home: Path
    file: Path
    acknowledged: set[str]
    """What was answered before the back-up began."""


@pytest.fixture(scope="module")
def backup() -> Iterator[Backup]:
    """Back up while writes go on over HTTP."""
    with room() as home:
        key = json.loads(
            plant(
                home, "key", "create", "--tenant", "t", "--agent", "a", "--json",
                "--scopes", "read,write,audit,admin", PLANT_DATA_DIR="data",
            ).stdout
        )["key"]  # fmt: skip
        acknowledged: list[str] = []
        enough, over = threading.Event(), threading.Event()
        # Nobody reads what it says meanwhile: lines of requests would fill the pipe, and it waited.
        with serving(home, PLANT_DATA_DIR="data", PLANT_REQUEST_LOG="off") as service:
            address = service.said.split("http://")[1].split()[0].rstrip("/")

            def write() -> None:
                while not over.is_set():
                    name = f"n{len(acknowledged)}"
                    body = {"name": name, "description": "x", "category": "technical"}
                    fetched(f"http://{address}/v1/skills", body, key)
                    acknowledged.append(name)
                    if len(acknowledged) >= BEFORE:
                        enough.set()

            writer = threading.Thread(target=write)
            writer.start()
            assert enough.wait(60)
            before = set(acknowledged)
            done = plant(home, "db", "backup", "it.tar", "--json", PLANT_DATA_DIR="data")
            count = len(acknowledged)
            over.set()
            writer.join()
            assert 0 == done.returncode, done.stderr
            assert len(before) < count
            service.end(signal.SIGTERM)
        assert json.loads(done.stdout)["bytes"] == (home / "it.tar").stat().st_size
        yield Backup(home, home / "it.tar", before)


def standing(address: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask how the log of a service stands until it is so."""
    end = time.monotonic() + WAIT_S
    while True:
        with suppress(HTTPError):
            log: dict[str, Any] = fetched(f"http://{address}/readyz")["log"]
            if true(log):
                return log
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_a_killed_back_up_left_is_taken_away_by_the_next() -> None:
    """Of the same file, and of nobody who is still at it."""
    ended = subprocess.run(["sh", "-c", "echo $$"], check=True, capture_output=True, text=True)
    with room() as home, embedded_server(Settings(data_dir=home / "data")) as server:
        of = {
            "dead": f".it.tar.{ended.stdout.strip()}.part",
            "alive": f".it.tar.{os.getppid()}.part",
            "another's": f".that.tar.{ended.stdout.strip()}.part",
        }
        for name in of.values():
            (home / name).touch()
        back_up(server, home / "it.tar")
        left = {whose for whose, name in of.items() if (home / name).exists()}

    assert {"alive", "another's"} == left


def test_a_checkpoint_meanwhile_takes_nothing_away() -> None:
    """What of PostgreSQL's log comes at the end of a back-up is kept for it."""
    meddled: list[int] = []
    with room() as home, embedded_server(Settings(data_dir=home / "data")) as server:

        def meddle(piece: int) -> None:
            if not meddled:
                meddled.append(piece)
                for _ in range(3):
                    ask(server.url("postgres"), "SELECT pg_switch_wal()")
                    ask(server.url("postgres"), "CHECKPOINT")

        written = back_up(server, home / "it.tar", meddle)

        assert meddled
        assert written.bytes == (home / "it.tar").stat().st_size
        assert "0" == str(ask(server.url("postgres"), SLOTS))


@pytest.mark.parametrize("kind", ["fifo", "folder", "nothing"])
def test_what_is_no_file_is_left_as_it_is(kind: str) -> None:
    """A device under the name of a file would be a device no longer."""
    with room() as home, embedded_server(Settings(data_dir=home / "data")) as server:
        target = home / "it"
        if kind == "fifo":
            os.mkfifo(target)
        elif kind == "folder":
            target.mkdir()
        before = sorted(home.iterdir())
        with pytest.raises(BackupRefusal, match="no file"):
            back_up(server, Path() if kind == "nothing" else target)

        assert before == sorted(home.iterdir())
        assert kind != "fifo" or stat.S_ISFIFO(target.stat().st_mode)


def names(data_dir: Path) -> set[str]:
    """Read the names of all entities in a data directory."""
    with embedded_server(Settings(data_dir=data_dir)) as server:
        return set(str(ask(server.url("postgres"), NAMES)).split(","))


def test_what_was_answered_before_it_began_is_there(backup: Backup) -> None:
    """It is restored into another directory, and the log holds what is there."""
    home = backup.home
    done = plant(home, "db", "restore", "it.tar", "--into", "other")
    assert 0 == done.returncode, done.stderr

    assert backup.acknowledged <= names(home / "other")
    assert "PLANT_DATA_DIR=" in done.stdout
    assert "signing.key" in done.stderr


def test_the_log_verifies_and_goes_on(backup: Backup) -> None:
    """With the key nothing is found; with what was signed since a rollback, until it is rebased.

    Without `sealer.json` nobody can tell whether something is missing at the end: exit code 2.
    """
    home = backup.home
    assert 0 == plant(home, "db", "restore", "it.tar", "--into", "later").returncode
    shutil.copy(home / "data" / "signing.key", home / "later")
    verified = plant(home, "audit", "verify", PLANT_DATA_DIR="later")
    shutil.copy(home / "data" / "sealer.json", home / "later")
    behind = plant(home, "audit", "verify", PLANT_DATA_DIR="later")
    rebased = plant(home, "audit", "rebase", "--yes", PLANT_DATA_DIR="later")
    again = plant(home, "audit", "verify", PLANT_DATA_DIR="later")

    assert (2, 1, 0, 0) == (
        verified.returncode,
        behind.returncode,
        rebased.returncode,
        again.returncode,
    ), (verified, behind, rebased, again)
    assert "nothing is damaged in what was checked" in verified.stdout
    assert "rollback" in behind.stdout


def test_a_lost_state_is_never_made_up(backup: Backup) -> None:
    """Under the old name nothing more is signed: who has its last checkpoint would see a fork."""
    home = backup.home
    assert 0 == plant(home, "db", "restore", "it.tar", "--into", "lost").returncode
    shutil.copy(home / "data" / "signing.key", home / "lost")
    with serving(home, PLANT_DATA_DIR="lost") as service:
        address = service.said.split("http://")[1].split()[0].rstrip("/")
        refused = standing(address, lambda log: log["refused"])
        service.end(signal.SIGTERM)
    verified = plant(home, "audit", "verify", PLANT_DATA_DIR="lost")
    rebased = plant(home, "audit", "rebase", "--yes", PLANT_DATA_DIR="lost")
    with serving(home, PLANT_DATA_DIR="lost") as service:
        address = service.said.split("http://")[1].split()[0].rstrip("/")
        leads = standing(address, lambda log: log["role"] == "leader")
        service.end(signal.SIGTERM)
    again = plant(home, "audit", "verify", PLANT_DATA_DIR="lost")

    assert "state" == refused["refused"]
    assert (2, 0, 0) == (verified.returncode, rebased.returncode, again.returncode), rebased
    assert "was restored from a back-up" in verified.stdout + verified.stderr
    assert "/inc2" in rebased.stdout + rebased.stderr
    assert leads["refused"] is None


def test_a_killed_restoration_is_waited_for(
    backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its PostgreSQL may still be at work where the next one is about to unpack."""
    monkeypatch.setattr(restoring, "QUIET_S", 0.1)
    server = EmbeddedServer(Settings(data_dir=backup.home / "orphaned"))
    with server.alone():
        pass  # makes the directories
    with (
        lock(server.place.run / "server.lock", doing="PostgreSQL, orphaned"),
        pytest.raises(restoring.RestoreRefusal, match="PostgreSQL, orphaned"),
    ):
        restoring.restore(server, backup.file, lambda _: None)
    restoring.restore(server, backup.file, lambda _: None)

    assert server.place.data.is_dir()


def test_a_restoration_that_fails_leaves_no_word_of_one(backup: Backup) -> None:
    """The directory can be used for whatever else."""
    (backup.home / "damaged.tar").write_bytes(b"no")
    done = plant(backup.home, "db", "restore", "damaged.tar", "--into", "unrestored")

    assert 1 == done.returncode, done.stderr
    assert not (backup.home / "unrestored" / "sealer.json").exists()


def test_the_file_is_its_owners_and_holds_no_key(backup: Backup) -> None:
    """Mode 0600; of the data directory there is the database and nothing else."""
    with tarfile.open(backup.file) as tar:
        members = set(tar.getnames())

    assert 0o600 == stat.S_IMODE(backup.file.stat().st_mode)
    assert {"backup_manifest", "PG_VERSION"} <= members
    assert not {name for name in members if name.startswith(("signing", "sealer", "passwords"))}
    assert not list(backup.home.glob(".it.tar*"))


def test_a_packed_one_is_the_same(backup: Backup) -> None:
    """A name that ends in .gz; with key and state, and nothing signed since, the log is whole."""
    home = backup.home
    done = plant(home, "db", "backup", "it.tar.gz", PLANT_DATA_DIR="data")
    assert 0 == done.returncode, done.stderr
    assert 0 == plant(home, "db", "restore", "it.tar.gz", "--into", "packed").returncode

    for name in ("signing.key", "sealer.json"):
        shutil.copy(home / "data" / name, home / "packed")
    verified = plant(home, "audit", "verify", PLANT_DATA_DIR="packed")

    assert 0 == verified.returncode, verified
    assert names(home / "data") == names(home / "packed")
    assert (home / "it.tar.gz").stat().st_size < backup.file.stat().st_size / 4


def cut(content: bytes) -> bytes:
    """Leave out the end."""
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    """Change one byte in the midst of a table: of a tar nothing but the manifest tells."""
    at = content.index(b"\0app\0") if b"\0app\0" in content else len(content) // 3
    while not content[at : at + 512].strip(b"\0"):
        at += 512
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def without(content: bytes, name: str) -> bytes:
    """Leave one member out."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content)) as old,
        tarfile.open(fileobj=out, mode="w") as new,
    ):
        for member in old:
            if member.name != name:
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return out.getvalue()


def linked(content: bytes) -> bytes:
    """Add a link that leads out of the directory."""
    out = io.BytesIO(content)
    with tarfile.open(fileobj=out, mode="a") as tar:
        member = tarfile.TarInfo("pg_wal/out")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(member)
    return out.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        flipped,
        lambda content: without(content, "backup_manifest"),
        lambda content: without(content, "global/pg_control"),
        linked,
        lambda _: b"no tar",
        lambda _: b"",
        lambda content: cut(gzip.compress(content, 1)),
    ],
    ids=["cut", "byte", "no-manifest", "no-control", "link", "text", "empty", "cut-gz"],
)
def test_a_damaged_one_is_refused(backup: Backup, spoil: Callable[[bytes], bytes]) -> None:
    """Nothing is left that a start would take for a database."""
    home = backup.home
    (home / "bad.tar").write_bytes(spoil(backup.file.read_bytes()))
    done = plant(home, "db", "restore", "bad.tar", "--into", "bad")

    assert (1, "") == (done.returncode, done.stdout)
    assert "is no whole back-up" in done.stderr
    assert not list((home / "bad").glob("postgres*"))


def test_what_is_there_is_not_overwritten(backup: Backup) -> None:
    """A data directory with a database is refused by name, used or not."""
    home = backup.home
    before = names(home / "data")
    done = plant(home, "db", "restore", "it.tar", PLANT_DATA_DIR="data")

    assert 2 == done.returncode
    assert "holds a database already" in done.stderr
    assert before == names(home / "data")


@pytest.mark.parametrize("words", [("backup", "x.tar"), ("restore", "it.tar")], ids=["b", "r"])
def test_a_given_server_is_not_ours(backup: Backup, words: tuple[str, str]) -> None:
    """With PLANT_DATABASE_URL both are wrong usage, and name what to take instead."""
    done = plant(backup.home, "db", *words, PLANT_DATABASE_URL="postgresql://u@h/d")

    assert 64 == done.returncode
    assert "pg_basebackup or pg_dump" in done.stderr


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_dash_is_no_file(backup: Backup, command: str) -> None:
    """Where import and export mean standard input and output, no file of that name is made."""
    done = plant(backup.home, "db", command, "-", PLANT_DATA_DIR="data")

    assert 64 == done.returncode
    assert "argument FILE: a back-up is a file, never standard input or output" in done.stderr
    assert not os.path.lexists(backup.home / "-")


def test_there_has_to_be_a_database(backup: Backup) -> None:
    """None is made to be backed up."""
    done = plant(backup.home, "db", "backup", "x.tar", PLANT_DATA_DIR="nowhere")

    assert 2 == done.returncode
    assert not os.path.lexists(backup.home / "nowhere")
    assert not os.path.lexists(backup.home / "x.tar")


@pytest.mark.parametrize("words", [("backup", "no/x.tar"), ("restore", "no.tar")], ids=["b", "r"])
def test_a_path_that_is_not_there_is_told(backup: Backup, words: tuple[str, str]) -> None:
    """With the way out."""
    directory = "data" if words[0] == "backup" else "none"
    done = plant(backup.home, "db", *words, PLANT_DATA_DIR=directory)

    assert 2 == done.returncode
    assert words[1] in done.stderr
    assert "No such file" in done.stderr
