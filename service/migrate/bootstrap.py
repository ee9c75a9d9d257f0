"""Owns what must be true before the first migration: server, owner role, rights, extension.

Reading what is missing and making it are separate, so that a plan can show the steps.
"""

from typing import Final

import msgspec
from psycopg import errors, sql

from service.migrate.refusals import Refused
from service.migrate.session import Connection, Event, Turn, one

OWNER: Final = "plant_owner"
SERVER_VERSION_MIN: Final = 180_000
_ROLES: Final = (
    "plant_app",
    "plant_audit",
    "plant_auth",
    "plant_readonly",
    "plant_rules",
    "plant_worker",
    "plant_writer",
)


class Step(msgspec.Struct, frozen=True):
    """One thing to make, and why."""

    statement: str
    why: str


def missing(connection: Connection) -> tuple[Step, ...]:
    """List what has to be made before migrations can run; reads only.

    Raises: Refused when the server is too old, a standby, not UTF-8, or lacks pgvector.
    """
    _check_server(connection)
    steps = [*_owner_steps(connection), *_vector_steps(connection)]
    return tuple(Step(statement.as_string(connection), why) for statement, why in steps)


def prepare(turn: Turn) -> tuple[Step, ...]:
    """Make what is missing, then be the owner for the rest of the session.

    Raises: Refused with the statement that somebody with more rights has to run.
    """
    connection = turn.connection
    steps = missing(connection)
    for step in steps:
        turn.progress(Event(kind="bootstrap", subject=step.statement, detail=step.why))
        _make(connection, step)
    # A GRANT without the right to grant is only a warning.
    for step in missing(connection):
        raise _not_allowed(connection, step, "the server granted nothing")
    become_owner(connection)
    return steps


def become_owner(connection: Connection) -> None:
    """Act as the owner; a migration may have left another role behind."""
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))


def may_become_owner(connection: Connection) -> bool:
    """Tell whether the owner exists and this session may act as it."""
    return bool(
        one(
            connection,
            "SELECT pg_has_role(session_user, oid, 'SET') FROM pg_roles WHERE rolname = %s",
            OWNER,
        )
    )


def _make(connection: Connection, step: Step) -> None:
    try:
        connection.execute(step.statement.encode())
    except (errors.DuplicateObject, errors.UniqueViolation):
        # Another database of this cluster was quicker: missing() is asked again afterwards.
        return
    except errors.InsufficientPrivilege as error:
        raise _not_allowed(connection, step, str(error).strip()) from None


def _not_allowed(connection: Connection, step: Step, reason: str) -> Refused:
    user = one(connection, "SELECT session_user")
    return Refused(
        f"{step.why}, and {user} may not change that: {reason}.",
        f"Have a superuser run in this database: {step.statement};",
    )


def _check_server(connection: Connection) -> None:
    version = connection.info.server_version
    if version < SERVER_VERSION_MIN:
        raise Refused(
            f"The server is PostgreSQL {version // 10_000}.{version % 10_000}; "
            "Plant needs PostgreSQL 18 or newer.",
            "Upgrade the server, or leave PLANT_DATABASE_URL unset for the embedded one.",
        )
    if one(connection, "SELECT pg_is_in_recovery()"):
        raise Refused(
            "The server is a standby: nothing can be written there.",
            "Let PLANT_DATABASE_URL name the primary.",
        )
    encoding = one(connection, "SHOW server_encoding")
    if encoding != "UTF8":
        raise Refused(
            f"The database is encoded in {encoding}.",
            "Make it anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.",
        )


def _owner_steps(connection: Connection) -> list[tuple[sql.Composed, str]]:
    owner = sql.Identifier(OWNER)
    user = sql.Identifier(one(connection, "SELECT session_user"))
    database = sql.Identifier(one(connection, "SELECT current_database()"))
    grant_create = sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, owner)
    grant_role = sql.SQL("GRANT {} TO {} WITH SET TRUE, INHERIT TRUE").format(owner, user)
    steps: list[tuple[sql.Composed, str]] = []
    role = connection.execute(
        "SELECT rolcreaterole, pg_has_role(session_user, oid, 'SET'),"
        " has_database_privilege(oid, current_database(), 'CREATE')"
        " FROM pg_roles WHERE rolname = %s",
        (OWNER,),
    ).fetchone()
    if not role:
        create = sql.SQL("CREATE ROLE {} NOLOGIN CREATEROLE").format(owner)
        steps.append((create, "The role that owns everything is not there"))
    creates, may_set, may_create = role or (True, False, False)
    made = one(connection, "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)", list(_ROLES))
    if not creates and made < len(_ROLES):
        alter = sql.SQL("ALTER ROLE {} CREATEROLE").format(owner)
        steps.append((alter, "Not all roles of the service are there, and the owner makes them"))
    if not may_set and not _is_superuser(connection):
        steps.append((grant_role, "This user has to be able to act as the owner"))
    if not may_create:
        steps.append((grant_create, "The owner makes schemas in this database"))
    return steps


def _is_superuser(connection: Connection) -> bool:
    return bool(one(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = session_user"))


def _vector_steps(connection: Connection) -> list[tuple[sql.Composed, str]]:
    schema = one(
        connection,
        "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'",
    )
    if schema == "public":
        return []
    if schema:
        raise Refused(
            f"The extension vector stands in schema {schema}; the migrations name public.vector.",
            "Move it: ALTER EXTENSION vector SET SCHEMA public;",
        )
    if not one(connection, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"):
        raise Refused(
            "The server lacks the extension vector (pgvector).",
            "Install it there (package postgresql-18-pgvector, image pgvector/pgvector:pg18), "
            "or leave PLANT_DATABASE_URL unset for the embedded server, which has it.",
        )
    create = sql.SQL("CREATE EXTENSION {} WITH SCHEMA public").format(sql.Identifier("vector"))
    return [(create, "The extension vector is not in this database")]
