"""The files of the embedded server: made whole or not at all, and configured at each start."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.database.durable import sync_directory
from service.database.locks import take
from service.database.memory import effective_cache_size, memory, shared_buffers
from service.database.passwords import Passwords, verifier
from service.database.place import Place, make_private
from service.refusal import Refusal

MAJOR = "18"
DATABASE = "plant"
SUPERUSER = "postgres"
OWNER = "plant_owner"
# FirstNormalObjectId of PostgreSQL's access/transam.h.
FIRST_OF_USERS = 16384

WRONG = re.compile(r"\b(ERROR|FATAL|PANIC): |\berror: ")

INITDB = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
    # For as long as nobody can connect: the files below close it before the first start.
    "--auth=trust",
)

# In every database that is made here: what no row security covers is no place to write to.
NO_LARGE_OBJECTS = (
    "REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea)"
    " FROM PUBLIC"
)

ACCESS = """\
# Local sockets only (plant.conf listens on no address), and a password for everybody.
local all         all      scram-sha-256
local replication postgres scram-sha-256
"""

OWN = """\
# Your own settings of the embedded PostgreSQL: they win over plant.conf.
"""

LINES = """
# What Plant needs; written anew at each start.
include 'plant.conf'
# Your own settings, which win.
include_if_exists 'local.conf'
"""

SETTINGS = """\
# Written by Plant at each start: changes are lost. Put yours into local.conf beside it.
cluster_name = 'plant'
listen_addresses = ''
port = 5432
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 100
# A search locks each tenant's table of labels and its indexes.
max_locks_per_transaction = 256
shared_buffers = {buffers}MB
work_mem = 8MB
maintenance_work_mem = 128MB
effective_cache_size = {cache}MB
random_page_cost = 1.1
jit = off
# What was answered is on the disk.
fsync = on
full_page_writes = on
synchronous_commit = on
# An import writes a gigabyte of log between checkpoints, not a checkpoint every few seconds.
checkpoint_timeout = 5min
min_wal_size = 80MB
max_wal_size = 1GB
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_checkpoints = off
"""


class ClusterRefusal(Refusal):
    """The server's files cannot be made or used."""


class Cluster:
    """The files of one server of which nothing runs."""

    def __init__(self, place: Place, programs: Path, passwords: Passwords) -> None:
        self.place = place
        self.programs = programs
        self.passwords = passwords

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Make the files where they are absent, and write the configuration.

        Raises: ClusterRefusal.
        """
        place = self.place
        if not place.data.exists():
            tell(f"creating the database in {place.data}")
            self._create()
        self._require_major(place.data)
        if not self.passwords.known(SUPERUSER):
            # Their file was lost. Who may write the server's files may set new ones.
            self._alone(place.data, DATABASE, [self._password(SUPERUSER), self._password(OWNER)])
        # Inside the list a path stands in double quotes, and the value in single ones.
        path = str(place.sockets).replace('"', '""')
        value = f'"{path}"'.replace("\\", "\\\\").replace("'", "''")
        there = memory()
        settings = SETTINGS.format(
            sockets=value,
            buffers=shared_buffers(there),
            cache=effective_cache_size(there),
        )
        self._write(place.data / "plant.conf", settings)

    def adopt(self, draft: Path) -> None:
        """Make files of a back-up the server's, once they have come up; they are named last.

        Raises: ClusterRefusal.
        """
        self._require_major(draft)
        # Comes up, which is what applies the log of the back-up, and ends in order.
        self._alone(draft, DATABASE, [self._password(SUPERUSER), self._password(OWNER)])
        self._run([self.programs / "initdb", "--sync-only", "-D", draft])
        draft.rename(self.place.data)
        sync_directory(self.place.data.parent)

    def _create(self) -> None:
        """Make the files under another name, with owner, database and extension; then rename.

        A start that is killed here leaves nothing that the next takes for a server.
        """
        draft = self.place.data.with_name("postgres.new")
        if draft.exists():
            shutil.rmtree(draft)
        make_private(draft, self.place.account)
        self._run([self.programs / "initdb", "-D", draft, *INITDB])
        # Without a postmaster objects go on being numbered where initdb stopped. What has such a
        # number pg_dump takes for a part of every empty database, and leaves out: our extension.
        self._run([self.programs / "pg_resetwal", f"--next-oid={FIRST_OF_USERS}", "-D", draft])
        owner = [
            NO_LARGE_OBJECTS,
            self._password(SUPERUSER),
            f"CREATE ROLE {OWNER} LOGIN CREATEROLE",
            self._password(OWNER),
            f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
        ]
        self._alone(draft, "template1", owner)
        self._alone(draft, DATABASE, ["CREATE EXTENSION vector"])
        self._write(draft / "pg_hba.conf", ACCESS)
        self._write(draft / "local.conf", OWN)
        conf = draft / "postgresql.conf"
        self._write(conf, conf.read_text() + LINES)
        draft.rename(self.place.data)
        sync_directory(self.place.data.parent)

    def _require_major(self, data: Path) -> None:
        if (major := _major(data)) != MAJOR:
            raise ClusterRefusal(
                f"The files in {data} are of PostgreSQL {major}, and this is {MAJOR}.",
                "Dump them with that version and restore the dump here, or choose another "
                "PLANT_DATA_DIR.",
            )

    def _password(self, role: str) -> str:
        return f"ALTER ROLE {role} PASSWORD '{verifier(self.passwords.of(role))}'"

    def _alone(self, data: Path, database: str, statements: list[str]) -> None:
        """Run statements as superuser without a server: nobody else can connect meanwhile."""
        quiet = ["-c", "log_checkpoints=off"]
        # A line is a statement here, and needs no semicolon.
        self._run(
            [self.programs / "postgres", "--single", "-D", data, *quiet, database],
            input="\n".join(statements) + "\n",
        )

    def _run(self, command: list[Any], **options: Any) -> None:
        # Should we be killed, the program goes on holding this lock: the next start waits for it.
        alive = take(self.place.run / "server.lock", doing="PostgreSQL, being set up")
        try:
            done = self.place.account.run(
                command, env={"LC_ALL": "C"}, pass_fds=(alive,), **options
            )
        finally:
            os.close(alive)
        # postgres --single goes on after an error and ends with 0.
        wrong = [line for line in done.stdout.splitlines() if WRONG.search(line)]
        if wrong or done.returncode:
            raise ClusterRefusal(
                f"The database in {self.place.data} cannot be set up: "
                f"{(wrong or [done.stdout.strip()])[-1]}.",
                "If the disk is full make room; else choose another PLANT_DATA_DIR.",
            )

    def _write(self, path: Path, text: str) -> None:
        draft = path.with_name(path.name + ".new")
        draft.write_text(text)
        draft.chmod(0o600)
        self.place.account.own(draft)
        draft.replace(path)


def _major(data: Path) -> str:
    try:
        return (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise ClusterRefusal(
            f"{data} is there but holds no database of PostgreSQL.",
            "Remove it, or choose another PLANT_DATA_DIR.",
        ) from None
