"""Owns running the statements of a migration file, with or without a transaction around them."""

from typing import Final

import psycopg
from psycopg import sql

from service.migrate.bootstrap import become_owner
from service.migrate.files import Part, Script
from service.migrate.refusals import Failed
from service.migrate.session import Event, Limits, Turn, configure, lost, transient

TIMEOUT: Final = "57014"


def run(turn: Turn, script: Script, name: str) -> None:
    """Run every statement inside the caller's transaction; what they return is not shown.

    Raises: Failed naming file and line.
    """
    total = len(script.parts)
    for number, part in enumerate(script.parts, 1):
        turn.progress(
            Event(kind="statement", subject=name, number=number, total=total, detail=part.title)
        )
        try:
            turn.connection.execute(part.sql.encode())
        except psycopg.Error as error:
            if transient(error) or lost(error, turn.connection):
                raise
            raise _failed(script, part, error, "Nothing of this file was applied.") from error
    # A file may change role and settings for itself, not for what follows it.
    configure(turn.connection, turn.limits)
    become_owner(turn.connection)


def run_alone(turn: Turn, script: Script, name: str) -> None:
    """Run the one CREATE or DROP INDEX CONCURRENTLY of a file, outside any transaction.

    Raises: Failed naming file and line; a half-built index is dropped first.
    """
    part, connection = script.parts[0], turn.connection
    turn.progress(Event(kind="statement", subject=name, number=1, total=1, detail=part.title))
    # It waits for the transactions of others, and nobody's reads or writes wait for it.
    patience = turn.limits.concurrent_timeout_ms
    configure(connection, Limits(lock_timeout_ms=patience, statement_timeout_ms=patience))
    try:
        connection.execute(part.sql.encode())
    except psycopg.Error as error:
        if lost(error, connection):
            raise
        if index_stands(turn, script) is False:
            drop_index(turn, script)
        raise _failed(script, part, error, "A half-built index was dropped.") from error
    finally:
        if not connection.broken:
            configure(connection, turn.limits)


def index_stands(turn: Turn, script: Script) -> bool | None:
    """Look for the index that a file makes: None is absent, False half-built."""
    if not script.makes_index:
        return None
    row = turn.connection.execute(
        "SELECT indisvalid FROM pg_catalog.pg_index"
        " INNER JOIN pg_catalog.pg_class ON pg_class.oid = indexrelid"
        " WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relname = %s",
        script.makes_index,
    ).fetchone()
    return bool(row[0]) if row else None


def drop_index(turn: Turn, script: Script) -> None:
    """Drop the index that a file makes, if it is there."""
    if script.makes_index:
        name = sql.Identifier(*script.makes_index)
        turn.connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(name))


def check_absent(turn: Turn, script: Script) -> None:
    """Make sure that nobody else made the index of a file; a half-built one is dropped.

    Raises: Failed when a whole one is there.
    """
    if index_stands(turn, script):
        name = ".".join(script.makes_index or ())
        raise Failed(
            f"{script.path.name}: the index {name} is there already, and not from this file.",
            "Drop it or rename it, then run again.",
        )
    drop_index(turn, script)


def _failed(script: Script, part: Part, error: psycopg.Error, left: str) -> Failed:
    position = int(error.diag.statement_position or 1) - 1
    line = part.line + part.sql.count("\n", 0, position)
    message = str(error).strip().splitlines()[0]
    hint = f" {error.diag.message_hint}" if error.diag.message_hint else ""
    longer = " Give it longer with --statement-timeout-ms." if error.sqlstate == TIMEOUT else ""
    return Failed(
        f"{script.path.name}:{line}: {error.sqlstate or 'error'}: {message}.{hint}",
        f"{left} Earlier files stay applied.{longer}",
    )
