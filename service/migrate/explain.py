"""Owns the plan of one statement's own text, with its context set and everything rolled back."""

from collections.abc import Sequence
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from service.catalog.statement import CONTEXT, Statement
from service.migrate.refusals import Refused
from service.migrate.session import READING, Connection, connect, lost, one

_PREPARED: Final = "plant_explain"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What EXPLAIN shows; `analyze` runs the statement, and its changes are rolled back."""

    analyze: bool = False
    buffers: bool = False
    generic: bool = False


class WrongArguments(Refused):
    """There are more arguments than parameters, or fewer."""

    exit_code = 64


def require_arguments(statement: Statement, arguments: Sequence[str | None]) -> None:
    """Make sure that there is an argument for each parameter.

    Raises: WrongArguments.
    """
    if (count := len(statement.params)) != len(arguments):
        wanted = ", ".join(f"{param.name} {param.type}" for param in statement.params) or "none"
        plural = "" if count == 1 else "s"
        raise WrongArguments(
            f"{statement.name} takes {count} argument{plural}: {wanted}.",
            "Give each one, in this order; NULL is an argument left empty.",
        )


def explain(
    url: str,
    statement: Statement,
    arguments: Sequence[str | None],
    context: dict[str, str],
    options: Options,
) -> list[str]:
    """Show the plan of a statement as its role would run it.

    Raises: Refused, Unreachable.
    """
    require_arguments(statement, arguments)
    with connect(url, READING) as connection, connection.transaction(force_rollback=True):
        _become(connection, statement.database_role)
        settings = dict(statement.settings) | {
            setting: context.get(name.removeprefix("p_"), "") for name, setting in CONTEXT
        }
        if options.generic:
            settings["plan_cache_mode"] = "force_generic_plan"
        for name, value in settings.items():
            connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
        try:
            connection.execute(_prepare(statement))
            rows = connection.execute(_execute(arguments, options)).fetchall()
        except psycopg.Error as error:
            if lost(error, connection):
                raise
            raise Refused(
                f"sql/{statement.path}: {error.sqlstate}: {str(error).strip().splitlines()[0]}.",
                "Check the arguments against the parameters that `plant sql show` lists.",
            ) from error
    return [str(line) for (line,) in rows]


def _prepare(statement: Statement) -> sql.Composed:
    types = [sql.SQL(param.type) for param in statement.params]
    declared = sql.SQL("({})").format(sql.SQL(", ").join(types)) if types else sql.SQL("")
    return sql.SQL("PREPARE {} {} AS {}").format(
        sql.Identifier(_PREPARED), declared, sql.SQL(statement.text)
    )


def _execute(arguments: Sequence[str | None], options: Options) -> sql.Composed:
    switches = {"VERBOSE": True, "ANALYZE": options.analyze, "BUFFERS": options.buffers}
    shown = [sql.SQL(f"{name} {'ON' if on else 'OFF'}") for name, on in switches.items()]
    values = [sql.Literal(value) for value in arguments]
    given = sql.SQL("({})").format(sql.SQL(", ").join(values)) if values else sql.SQL("")
    return sql.SQL("EXPLAIN ({}) EXECUTE {} {}").format(
        sql.SQL(", ").join(shown), sql.Identifier(_PREPARED), given
    )


def _become(connection: Connection, role: str) -> None:
    """Act as the statement's role: a superuser would see past row-level security."""
    allowed = one(
        connection,
        "SELECT pg_has_role(session_user, oid, 'SET') FROM pg_roles WHERE rolname = %s",
        role,
    )
    if allowed:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
