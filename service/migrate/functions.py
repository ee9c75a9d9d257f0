"""Owns the generated functions in the database: installing them, comparing them with the files."""

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.rows import dict_row

from service.catalog import function
from service.catalog.drift import LISTING, Drift, compare
from service.catalog.load import Catalog
from service.catalog.statement import Statement
from service.migrate.bootstrap import become_owner, may_become_owner
from service.migrate.refusals import Failed
from service.migrate.session import READING, Connection, Event, Turn, connect, lost, transient

_UNTYPED: Final = frozenset({"42725", "42883", "42P18"})
"""Ambiguous function, undefined function, indeterminate type: what a missing cast leads to."""


def listed(connection: Connection, catalog: Catalog) -> list[dict[str, Any]]:
    """List the functions of schema q as they stand in the database."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(catalog[LISTING].text.encode()).fetchall()


def install(turn: Turn, catalog: Catalog, release: str) -> tuple[str, ...]:
    """Make every function that is missing or differs from its file; one query when none does.

    Raises: Failed naming file and line.
    """
    connection = turn.connection
    rows = listed(connection, catalog)
    wrong = {drift.function for drift in compare(catalog, rows)}
    there = {row["name"] for row in rows}
    todo = [item for item in catalog.functions() if item.function in wrong]
    if any("." in name for item in todo for name, _ in item.settings):
        # A setting of a library that this session has not loaded only a superuser may set.
        connection.execute("SELECT '[1]'::public.vector")
    for number, statement in enumerate(todo, 1):
        name = statement.function
        turn.progress(Event(kind="function", subject=name, number=number, total=len(todo)))
        if name in there:
            _drop(connection, name)
        _create(connection, statement, release)
    return tuple(statement.function for statement in todo)


def _drop(connection: Connection, name: str) -> None:
    """Drop every function of this name: edited ones may have other arguments or another owner."""
    rows = connection.execute(
        "SELECT pg_proc.oid::regprocedure::text FROM pg_catalog.pg_proc"
        " WHERE pronamespace = 'q'::regnamespace AND proname = %s",
        (name,),
    ).fetchall()
    for (signature,) in rows:
        connection.execute(f"DROP FUNCTION {signature}".encode())


def _create(connection: Connection, statement: Statement, release: str) -> None:
    script = function.install(statement, release)
    try:
        connection.execute(script.encode())
    except psycopg.Error as error:
        if transient(error) or lost(error, connection):
            raise
        raise _failed(statement, error, script.index(statement.text)) from error


def check(connection: Connection, catalog: Catalog) -> tuple[Drift, ...]:
    """Compare functions with files, and every header with what the server makes of the text."""
    drifts = compare(catalog, listed(connection, catalog))
    absent = {drift.function for drift in drifts}
    types = _types(connection, catalog)
    faults = list(drifts)
    for statement in catalog.values():
        texts = [statement.text]
        if statement.call == "function" and statement.function not in absent:
            texts.append(statement.query)
        found = (
            fault for text in texts for fault in _differences(connection, statement, text, types)
        )
        faults += [Drift(statement.name, fault) for fault in dict.fromkeys(found)]
    return tuple(faults)


def _types(connection: Connection, catalog: Catalog) -> dict[str, int | None]:
    """Let the server resolve every type that a header names."""
    names = {column.type for item in catalog.values() for column in item.params + item.returns}
    rows = connection.execute(
        "SELECT name, to_regtype(name)::oid::bigint FROM unnest(%s::text[]) AS name", (list(names),)
    )
    return dict(rows.fetchall())


def _differences(
    connection: Connection, statement: Statement, text: str, types: dict[str, int | None]
) -> list[str]:
    """Prepare a text and compare what the server says of it with the header."""
    for column in statement.params + statement.returns:
        if types[column.type] is None:
            return [f"sql/{statement.path}: the server knows no type {column.type}"]
    session = connection.pgconn
    prepared = session.prepare(b"", text.encode())
    if prepared.status != ExecStatus.COMMAND_OK:
        message = prepared.error_field(DiagnosticField.MESSAGE_PRIMARY) or b""
        position = int(prepared.error_field(DiagnosticField.STATEMENT_POSITION) or 1)
        line = text.count("\n", 0, position - 1) + 1
        state = (prepared.error_field(DiagnosticField.SQLSTATE) or b"").decode()
        hint = "; without a cast psql sees no type of a parameter" if state in _UNTYPED else ""
        return [f"sql/{statement.path}:{line}: {message.decode()}{hint}"]
    described = session.describe_prepared(b"")
    params = [described.param_type(number) for number in range(described.nparams)]
    fields = [described.ftype(number) for number in range(described.nfields)]
    names = [(described.fname(number) or b"").decode() for number in range(described.nfields)]
    params = params[: len(statement.params)]
    declared = [types[column.type] for column in statement.params]
    returned = [types[column.type] for column in statement.returns]
    faults = []
    if params != declared:
        faults.append(f"parameters are {_named(connection, params)}, not as declared")
    if names != [column.name for column in statement.returns]:
        faults.append(f"columns are named {', '.join(names) or '-'}, not as declared")
    elif fields != returned:
        faults.append(f"columns are {_named(connection, fields)}, not as declared")
    return [f"sql/{statement.path}: {fault}" for fault in faults]


def _named(connection: Connection, oids: Sequence[int]) -> str:
    """Write types as the server spells them."""
    rows = connection.execute(
        "SELECT format_type(oid, NULL)"
        " FROM unnest(%s::oid[]) WITH ORDINALITY AS types (oid, number)"
        " ORDER BY number ASC",
        (list(oids),),
    ).fetchall()
    return ", ".join(str(name) for (name,) in rows) or "none"


def _failed(statement: Statement, error: psycopg.Error, begins: int) -> Failed:
    position = int(error.diag.statement_position or 0) - 1
    text = statement.text
    line = text.count("\n", 0, position - begins) + 1 if position >= begins else 1
    return Failed(
        f"sql/{statement.path}:{line}: {error.sqlstate}: {str(error).strip().splitlines()[0]}.",
        "No function was changed. The statement does not fit the schema: correct it, run again.",
    )


def agree(owner_url: str, catalog: Catalog) -> tuple[Drift, ...]:
    """Compare functions and headers with a database; nothing found is agreement.

    Raises: Unreachable.
    """
    with connect(owner_url, READING) as connection:
        connection.execute("SET default_transaction_read_only = on")
        if may_become_owner(connection):
            become_owner(connection)
        return check(connection, catalog)
