"""What the catalogue is asked for, because no try tells it: some privileges, and memberships."""

from typing import Final

from tests.sessions import Connection

# A try of these would need a second table, a function or minutes of REINDEX.
READ: Final = ("REFERENCES", "TRIGGER", "MAINTAIN")
DATABASE: Final = "the database"
HOW: Final = ("SET", "INHERIT", "ADMIN")
_PRIVILEGES: Final = """
SELECT role, command, name, CASE
        WHEN pg_class.relkind = 'v' THEN '-'
        -- One column is enough for a foreign key.
        WHEN command = 'REFERENCES' AND has_any_column_privilege(role, pg_class.oid, command)
            THEN 'Y'
        WHEN has_table_privilege(role, pg_class.oid, command) THEN 'Y' ELSE 'x'
    END AS sign
FROM unnest($1::text[]) AS role CROSS JOIN unnest($2::text[]) AS command
CROSS JOIN unnest($3::text[]) AS name INNER JOIN pg_class ON pg_class.oid = name::regclass
UNION ALL
SELECT role, 'CONNECT', $4,
    CASE WHEN has_database_privilege(role, current_database(), 'CONNECT') THEN 'Y' ELSE 'x' END
FROM unnest($1::text[]) AS role
UNION ALL
SELECT role, 'EXECUTE', 'functions of extensions',
    CASE WHEN bool_and(has_function_privilege(role, pg_proc.oid, 'EXECUTE')) THEN 'Y' ELSE 'x' END
FROM pg_proc INNER JOIN pg_depend ON objid = pg_proc.oid AND deptype = 'e'
CROSS JOIN unnest($1::text[]) AS role WHERE pronamespace = 'public'::regnamespace GROUP BY role
"""
_SOME_COLUMNS: Final = """
SELECT role, command, name, string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns
FROM unnest($1::text[]) AS name CROSS JOIN unnest($2::text[]) AS role
CROSS JOIN unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) AS command
INNER JOIN pg_attribute ON attrelid = name::regclass AND attnum > 0 AND NOT attisdropped
WHERE has_column_privilege(role, attrelid, attname, command)
    AND NOT has_table_privilege(role, attrelid, command)
GROUP BY role, command, name
"""
_MEMBERSHIPS: Final = """
SELECT member::regrole::text AS member, roleid::regrole::text AS role,
    bool_or(set_option) AS sets, bool_or(inherit_option) AS inherits,
    bool_or(admin_option) AS admin
FROM pg_auth_members
WHERE member::regrole::text = ANY($1::text[]) OR roleid::regrole::text = ANY($1::text[])
GROUP BY member, roleid
"""


async def privileges(
    connection: Connection, roles: list[str], tables: list[str]
) -> dict[tuple[str, str, str], str]:
    """Read signs by (role, command, object).

    READ on tables and views, CONNECT on the database, EXECUTE on functions of extensions.
    """
    rows = await connection.fetch(_PRIVILEGES, roles, list(READ), tables, DATABASE)
    return {(row["role"], row["command"], row["name"]): row["sign"] for row in rows}


async def columns(
    connection: Connection, roles: list[str], tables: list[str]
) -> dict[tuple[str, str, str], str]:
    """Name by (role, command, table) the columns where not the whole table is granted."""
    rows = await connection.fetch(_SOME_COLUMNS, tables, roles)
    return {(row["role"], row["command"], row["name"]): row["columns"] for row in rows}


async def memberships(connection: Connection, roles: list[str]) -> dict[tuple[str, str], str]:
    """Read by (who, what it is a member of) a sign for each of HOW, of our roles and others."""
    return {
        (row["member"], row["role"]): "".join(
            "Y" if row[name] else "x" for name in ("sets", "inherits", "admin")
        )
        for row in await connection.fetch(_MEMBERSHIPS, roles)
    }
