"""Owns what the database remembers of migrations: yoyo's tables and the content ledger.

All of it lies in schema plant_migrate, where nothing is granted to PUBLIC. yoyo's tables stay
readable for yoyo: `yoyo list` with `?schema=plant_migrate` in the address agrees with this module.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import Migration as YoyoMigration
from yoyo.migrations import default_migration_table

from service.migrate.files import Migration
from service.migrate.session import Connection, one

SCHEMA: Final = "plant_migrate"

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS plant_migrate.ledger (
    migration_id text NOT NULL,
    forward_sha256 text NOT NULL,
    backward_sha256 text NOT NULL,
    release text NOT NULL,
    applied_by text NOT NULL DEFAULT session_user,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CONSTRAINT ledger_pkey PRIMARY KEY (migration_id)
)
"""

_RECORDS: Final = """
SELECT
    coalesce(ledger.migration_id, marked.migration_id) AS id,
    marked.migration_id IS NOT NULL AS marked,
    ledger.finished_at IS NOT NULL AS finished,
    ledger.forward_sha256,
    ledger.backward_sha256
FROM plant_migrate.ledger
FULL JOIN plant_migrate._yoyo_migration AS marked USING (migration_id)
ORDER BY 1 ASC
"""


class Record(msgspec.Struct, frozen=True):
    """What the database remembers of one migration."""

    id: str
    marked: bool
    finished: bool
    forward: str | None
    backward: str | None

    @property
    def applied(self) -> bool:
        """Tell whether it is applied, and both memories say so."""
        return self.marked and self.finished

    @property
    def begun(self) -> bool:
        """Tell whether one without a transaction was begun and not finished."""
        return self.forward is not None and not self.finished and not self.marked


class _Yoyo(PostgresqlPsycopgBackend):  # type: ignore[misc] # yoyo has no types
    """yoyo's tables, on our session and in our schema, inside our transaction."""

    # Ledger.open holds yoyo's lock row: yoyo's own way to free it fails on a lost connection.
    _is_locked = True

    def __init__(self, connection: Connection) -> None:
        self._session = connection
        super().__init__(parse_uri("postgresql+psycopg:///"), default_migration_table)

    def prepare(self) -> None:
        """Make or upgrade yoyo's tables, once: otherwise it looks again before every mark."""
        self.ensure_internal_schema_updated()
        self._internal_schema_updated = True

    def connect(self, _: object) -> Connection:
        return self._session

    def quote_identifier(self, s: str) -> str:
        quoted = str(super().quote_identifier(s))
        tables = {self.lock_table, self.log_table, self.version_table, self.migration_table}
        return f"{SCHEMA}.{quoted}" if s in tables else quoted

    def list_tables(self, **_: object) -> list[str]:
        rows = self._session.execute(
            "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'plant_migrate'"
        )
        return [str(row[0]) for row in rows]

    def get_log_data(
        self, migration: YoyoMigration | None = None, operation: str = "apply"
    ) -> dict[str, Any]:
        # yoyo asks for the name of the system user and the resolved host name: in a container the
        # one fails and the other may take seconds.
        return {
            "id": str(uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": one(self._session, "SELECT session_user"),
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


class Ledger:
    """Both memories of one database, written together."""

    def __init__(self, connection: Connection, release: str) -> None:
        self._connection = connection
        self._release = release
        self._yoyo = _Yoyo(connection)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make schema and tables where they are not there, and hold yoyo's own lock.

        Only for whose turn it is: a lock row that lies there is of a process that was killed.
        """
        tables = self._yoyo.list_tables()
        if "ledger" not in tables:
            self._connection.execute("CREATE SCHEMA IF NOT EXISTS plant_migrate")
            self._connection.execute("REVOKE ALL ON SCHEMA plant_migrate FROM PUBLIC")
        if "yoyo_lock" not in tables:
            self._yoyo.create_lock_table()
        self._connection.execute("DELETE FROM plant_migrate.yoyo_lock")
        self._connection.execute(
            "INSERT INTO plant_migrate.yoyo_lock (locked, ctime, pid) VALUES (1, now(), %s)",
            (os.getpid(),),
        )
        try:
            self._yoyo.prepare()
            self._connection.execute(_LEDGER)
            yield
        finally:
            if not self._connection.closed:
                self._connection.execute("DELETE FROM plant_migrate.yoyo_lock")

    def begin(self, migration: Migration, *, undo: bool = False) -> None:
        """Remember that one without a transaction is about to run, forwards or backwards."""
        if undo:
            self.undo(migration)
        self.forget(migration)
        self._insert(migration)

    def finish(self, migration: Migration) -> None:
        """Mark a migration applied in both memories, inside the caller's transaction."""
        self.forget(migration)
        self._insert(migration)
        self._connection.execute(
            "UPDATE plant_migrate.ledger SET finished_at = clock_timestamp()"
            " WHERE migration_id = %s",
            (migration.id,),
        )
        known = _known(migration)
        self._yoyo.log_migration(known, "apply")
        self._yoyo.mark_one(known, log=False)

    def undo(self, migration: Migration) -> None:
        """Forget a migration in both memories, inside the caller's transaction."""
        self.forget(migration)
        known = _known(migration)
        self._yoyo.log_migration(known, "rollback")
        self._yoyo.unmark_one(known, log=False)

    def forget(self, migration: Migration) -> None:
        """Forget that a migration was begun."""
        self._connection.execute(
            "DELETE FROM plant_migrate.ledger WHERE migration_id = %s", (migration.id,)
        )

    def _insert(self, migration: Migration) -> None:
        self._connection.execute(
            "INSERT INTO plant_migrate.ledger"
            " (migration_id, forward_sha256, backward_sha256, release) VALUES (%s, %s, %s, %s)",
            (migration.id, migration.forward.digest, migration.backward.digest, self._release),
        )


def records(connection: Connection) -> tuple[Record, ...]:
    """Read both memories, in the order of the migrations; reads only."""
    rows = connection.execute(_RECORDS).fetchall() if begun(connection) else []
    return tuple(Record(*row) for row in rows)


def begun(connection: Connection) -> bool:
    """Tell whether this database has a ledger."""
    return bool(
        one(
            connection,
            "SELECT count(*) FROM pg_catalog.pg_tables"
            " WHERE schemaname = 'plant_migrate' AND tablename = 'ledger'",
        )
    )


def _known(migration: Migration) -> YoyoMigration:
    """Name a migration to yoyo."""
    return YoyoMigration(migration.id, str(migration.forward.path), "")
