"""Owns who may connect to the database: the roles that log in, and nobody else of the server.

A database is made open to PUBLIC, for temporary tables too, and neither a dump nor a copy takes its
rights along. So this is no migration: every apply looks and closes what it finds open.
"""

from typing import Final

from psycopg import sql

from service.migrate.bootstrap import OWNER, Step
from service.migrate.session import Connection, Event, Turn, one

LOGINS: Final = (OWNER, "plant_app", "plant_readonly", "plant_worker")
# Whoever migrates under another name gets in as the owner's member, or has to be named.
_KEPT_OUT: Final = """
SELECT name FROM unnest(%s::text[]) AS name
WHERE %s AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name)
UNION ALL
SELECT rolname::text FROM pg_catalog.pg_roles
WHERE (
    rolname = ANY(%s)
    OR rolname = session_user AND NOT rolsuper AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_roles AS owner
        WHERE owner.rolname = %s AND pg_has_role(pg_roles.oid, owner.oid, 'USAGE')
    )
) AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_database
    CROSS JOIN LATERAL aclexplode(coalesce(datacl, acldefault('d', datdba))) AS granted
    WHERE
        datname = current_database()
        AND granted.privilege_type = 'CONNECT'
        AND granted.grantee = pg_roles.oid
)
ORDER BY 1
"""
_OPEN: Final = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_database
    CROSS JOIN LATERAL aclexplode(coalesce(datacl, acldefault('d', datdba))) AS granted
    WHERE datname = current_database() AND granted.grantee = 0
)
"""
# PUBLIC's rights are the database owner's to take, and a superuser's.
_OWNER_MAY: Final = """
SELECT pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database WHERE datname = current_database()
"""
_USER_MAY: Final = """
SELECT pg_has_role(session_user, datdba, 'USAGE') FROM pg_catalog.pg_database
WHERE datname = current_database()
"""


def missing(connection: Connection, *, absent: bool = False) -> tuple[Step, ...]:
    """List what closes the database to all but the roles that log in; reads only.

    `absent`: those that are not there too, because migrations will make them.
    """
    database = sql.Identifier(one(connection, "SELECT current_database()"))
    logins = list(LOGINS)
    rows = connection.execute(_KEPT_OUT, (logins, absent, logins, OWNER)).fetchall()
    steps: list[Step] = []
    if rows:
        names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows)
        grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, names)
        why = "Whoever logs in is let in by name, not as one of all roles of the server"
        steps.append(Step(grant.as_string(connection), why))
    if one(connection, _OPEN):
        revoke = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database)
        why = "Every role of the server may connect to this database, or make temporary tables"
        steps.append(Step(revoke.as_string(connection), why))
    return tuple(steps)


def close(turn: Turn) -> tuple[str, ...]:
    """Let in those who log in, and nobody else; where this user may not, say who has to.

    It needs a transaction.
    """
    steps = missing(turn.connection)
    if steps and not _become_able(turn.connection):
        statements = "; ".join(step.statement for step in steps)
        words = f"{steps[-1].why}. Have the owner of the database run: {statements};"
        turn.progress(Event(kind="warning", subject=words))
        return ()
    for step in steps:
        turn.progress(Event(kind="access", subject=step.statement, detail=step.why))
        turn.connection.execute(step.statement.encode())
    return tuple(step.statement for step in steps)


def open_again(turn: Turn) -> None:
    """Leave the database as a server makes it: a role that may connect could not be dropped.

    It needs a transaction.
    """
    connection = turn.connection
    there = [
        str(name)
        for (name,) in connection.execute(
            "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY(%s) AND rolname <> %s",
            (list(LOGINS), OWNER),
        ).fetchall()
    ]
    if there and _become_able(connection):
        database = sql.Identifier(one(connection, "SELECT current_database()"))
        names = sql.SQL(", ").join(map(sql.Identifier, there))
        grant = sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO PUBLIC").format(database)
        connection.execute(grant)
        connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM {}").format(database, names))


def _become_able(connection: Connection) -> bool:
    """Act, for this transaction, as one who may change the rights of the database."""
    if one(connection, _OWNER_MAY):
        return True
    if one(connection, _USER_MAY):
        connection.execute("SET LOCAL ROLE NONE")
        return True
    return False
