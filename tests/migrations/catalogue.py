"""What makes two databases the same: pg_dump's text, rights, rows that migrations bring, roles."""

import json
import re
import subprocess
from typing import Final

import psycopg

from service.database.place import wheel_programs
from tests.migrations.conftest import Cluster

# pg_dump brackets its text with a password drawn anew each time.
_DRAWN: Final = re.compile(r"^\\(?:un)?restrict .*\n", re.MULTILINE)
# A policy's roles stand in the order in which they were made, which may have been anew.
_POLICY_ROLES: Final = re.compile(r"(?<= TO )(?:plant_\w+, )+plant_\w+(?= (?:USING|WITH CHECK) )")
ROLES: Final = """
SELECT
    rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,
    rolconnlimit, rolconfig,
    ARRAY(
        SELECT format('%s admin=%s inherit=%s set=%s', roleid::regrole, admin_option,
            inherit_option, set_option)
        FROM pg_auth_members WHERE member = pg_roles.oid AND roleid::regrole::text ~ '^plant_'
        ORDER BY 1
    )
FROM pg_roles WHERE rolname ~ '^plant_' ORDER BY rolname
"""
DATABASE: Final = """
SELECT datdba::regrole::text,
    ARRAY(SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = pg_database.oid)
FROM pg_database WHERE datname = current_database()
"""
ACCESS: Final = """
SELECT format('%s %s', coalesce(rolname, 'PUBLIC'), privilege_type)
FROM pg_database CROSS JOIN LATERAL aclexplode(coalesce(datacl, acldefault('d', datdba)))
LEFT JOIN pg_roles ON pg_roles.oid = grantee
WHERE datname = current_database() ORDER BY 1
"""
TABLES: Final = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace::regnamespace::text IN ('app', 'audit') AND relkind = 'r'
ORDER BY 1
"""
MARKS: Final = """
SELECT migration_id, forward_sha256, backward_sha256, finished_at IS NOT NULL,
    migration_id IN (SELECT migration_id FROM plant_migrate._yoyo_migration)
FROM plant_migrate.ledger ORDER BY 1
"""
COUNT: Final = "SELECT count(*) FROM {}"
ROWS: Final = "SELECT to_jsonb(one) FROM {} AS one ORDER BY 1"
# Drawn anew by each migration: what it is differs, that it is there does not.
DRAWN: Final = {"app.secret"}


def catalogue(cluster: Cluster, database: str, *without: str, access: bool = True) -> str:
    """Write down what migrations make in a database: schema, rights, rows that they bring.

    `without` names schemas that are left out; `access` is who may connect.
    """
    left_out = [f"--exclude-schema={schema}" for schema in without]
    command = [str(wheel_programs() / "pg_dump"), "--schema-only", *left_out]
    done = subprocess.run(
        [*command, cluster.url("postgres", database)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    parts = [_POLICY_ROLES.sub(_sorted, _DRAWN.sub("", done.stdout))]
    with psycopg.connect(cluster.url("postgres", database), autocommit=True) as connection:
        for query in (DATABASE, MARKS, *([ACCESS] if access else [])):
            parts += map(json.dumps, connection.execute(query).fetchall())
        tables = [table for (table,) in connection.execute(TABLES)]
        for table in tables:
            row = connection.execute((COUNT if table in DRAWN else ROWS).format(table).encode())
            parts += [f"{table}: {json.dumps(row.fetchall())}"]
    return "\n".join(parts)


def _sorted(names: re.Match[str]) -> str:
    return ", ".join(sorted(names[0].split(", ")))


def roles(cluster: Cluster) -> list[str]:
    """Write down the roles of the server, which are not the database's alone."""
    return [json.dumps(row) for row in cluster.run(ROLES)]
