"""What roles, rights and definitions have to be besides the policies.

Policies, forced row security, keys, definers and PUBLIC stand in tests/database/test_schema.py,
what all of it comes to in test_matrix.py.
"""

import asyncpg
import pytest

from tests.postgres import Server
from tests.sessions import Connection

pytestmark = [pytest.mark.database, pytest.mark.rls]

LOGINS = {"plant_owner", "plant_app", "plant_worker", "plant_readonly"}
FUNCTIONARIES = {"plant_writer", "plant_rules", "plant_auth", "plant_audit"}
LOOKING = ["statement_timeout=60s", "idle_in_transaction_session_timeout=5min"]
SCHEMAS = ["app", "audit", "q", "plant_migrate"]
# What a role needs a policy for: the commands it was granted on a table, or columns of it.
GRANTED = """
SELECT DISTINCT granted.grantee::regrole::text AS role, acl.oid::regclass::text AS name,
    granted.privilege_type AS command
FROM (
    SELECT oid, relacl AS acl FROM pg_class WHERE relrowsecurity
    UNION ALL
    SELECT attrelid, attacl FROM pg_attribute
    INNER JOIN pg_class ON pg_class.oid = attrelid AND relrowsecurity
) AS acl INNER JOIN pg_class ON pg_class.oid = acl.oid
CROSS JOIN LATERAL aclexplode(acl.acl) AS granted
WHERE granted.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    AND granted.grantee <> relowner
"""
POLICIES = """
SELECT role, format('%I.%I', schemaname, tablename)::regclass::text AS name, cmd AS command,
    qual IS NOT NULL AS reads, with_check IS NOT NULL AS checks
FROM pg_policies CROSS JOIN LATERAL unnest(roles::text[]) AS role
"""


async def test_every_granted_command_has_its_policy(superuser: Connection) -> None:
    """No grant without a policy and no policy without a grant; none is for ALL or for everybody."""
    granted = {(row["role"], row["name"], row["command"]) for row in await superuser.fetch(GRANTED)}
    rows = await superuser.fetch(POLICIES)
    policies = {(row["role"], row["name"], row["command"]) for row in rows}

    assert len(granted) > 100
    assert granted == {one for one in policies if one[0] != "plant_owner"}
    assert {"SELECT", "INSERT", "UPDATE", "DELETE"} == {row["command"] for row in rows}
    assert "public" not in {row["role"] for row in rows}


async def test_policies_check_what_their_command_takes(superuser: Connection) -> None:
    """USING where rows are looked for, WITH CHECK where rows are written; UPDATE has both."""
    forms = {
        (row["command"], row["reads"], row["checks"]) for row in await superuser.fetch(POLICIES)
    }

    assert {
        ("SELECT", True, False),
        ("INSERT", False, True),
        ("UPDATE", True, True),
        ("DELETE", True, False),
    } == forms


async def test_every_view_asks_as_its_reader(superuser: Connection) -> None:
    """Views are security_invoker: their owner's eyes are nobody else's; none is materialized."""
    rows = await superuser.fetch(
        "SELECT oid::regclass::text AS name, relkind::text AS kind, coalesce(reloptions, '{}')"
        " AS options FROM pg_class WHERE relkind IN ('v', 'm')"
        " AND relnamespace::regnamespace::text = ANY($1::text[])",
        SCHEMAS,
    )

    assert {"app.entity_reference", "app.wanted_label"} == {row["name"] for row in rows}
    assert {"v"} == {row["kind"] for row in rows}
    assert [["security_invoker=true"]] * 2 == [row["options"] for row in rows]


async def test_roles_are_what_they_are_said_to_be(superuser: Connection) -> None:
    """Who logs in, who makes roles; nobody is a superuser, replicates or passes row security."""
    rows = await superuser.fetch(
        "SELECT rolname::text AS name, rolcanlogin, rolcreaterole, rolinherit,"
        " rolconnlimit, coalesce(rolconfig, '{}') AS settings,"
        " rolsuper OR rolbypassrls OR rolreplication OR rolcreatedb AS above"
        " FROM pg_roles WHERE rolname = ANY($1::text[])",
        [*LOGINS, *FUNCTIONARIES],
    )

    assert LOGINS | FUNCTIONARIES == {row["name"] for row in rows}
    assert {row["name"] for row in rows if row["rolcanlogin"]} == LOGINS
    assert {"plant_owner"} == {row["name"] for row in rows if row["rolcreaterole"]}
    assert {"plant_owner"} >= {row["name"] for row in rows if row["rolinherit"]}
    assert set() == {row["name"] for row in rows if row["above"]}
    # Of people who look: a forgotten psql holds neither a snapshot nor all connections. The
    # service says its own limits in each session; one of a role would be there unseen.
    assert {"plant_readonly": (20, LOOKING)} == {
        row["name"]: (row["rolconnlimit"], row["settings"])
        for row in rows
        if row["settings"] or row["rolconnlimit"] != -1
    }


async def test_who_looks_begins_with_those_limits(cluster: Server, database: str) -> None:
    """Where a session begins: it is no wall, and whoever needs more says so."""
    session = await asyncpg.connect(cluster.url("readonly", database))
    try:
        names = [setting.partition("=")[0] for setting in LOOKING]
        found = [await session.fetchval("SELECT current_setting($1)", name) for name in names]
        await session.execute("SET statement_timeout = 0")
    finally:
        await session.close()

    assert ["1min", "5min"] == found


async def test_memberships_are_exactly_those(superuser: Connection) -> None:
    """The owner may SET ROLE to those whose functions it makes, and inherits nothing of anybody."""
    rows = await superuser.fetch(
        "SELECT member::regrole::text AS member, roleid::regrole::text AS role,"
        " bool_or(inherit_option) AS inherits, bool_or(set_option) AS sets"
        " FROM pg_auth_members WHERE member::regrole::text = ANY($1::text[])"
        " OR roleid::regrole::text = ANY($1::text[])"
        " GROUP BY member, roleid",
        [*LOGINS, *FUNCTIONARIES],
    )

    assert {(row["member"], row["role"]) for row in rows if row["sets"]} == {
        ("plant_owner", role) for role in FUNCTIONARIES
    }
    # CREATEROLE gives the maker of a role the right to grant it, and no more.
    assert {"plant_owner"} == {row["member"] for row in rows}
    assert not [row for row in rows if row["inherits"]]


async def test_default_privileges_give_nothing_away(superuser: Connection) -> None:
    """What the owner makes next is its own alone: functions and types too."""
    rows = await superuser.fetch(
        "SELECT defaclrole::regrole::text AS role, defaclobjtype::text AS kind,"
        " defaclnamespace AS schema, defaclacl::text AS rights FROM pg_default_acl"
    )

    assert {
        ("plant_owner", "f", 0, "{plant_owner=X/plant_owner}"),
        ("plant_owner", "T", 0, "{plant_owner=U/plant_owner}"),
    } == {tuple(row) for row in rows}


async def test_what_the_owner_makes_is_closed(superuser: Connection) -> None:
    """A table, function, type and schema made without a word about rights are its owner's."""
    transaction = superuser.transaction()
    await transaction.start()
    try:
        for statement in (
            "SET LOCAL ROLE plant_owner",
            "CREATE TABLE app.made ()",
            "CREATE FUNCTION app.made() RETURNS integer RETURN 1",
            "CREATE TYPE app.made_type AS (one integer)",
            "CREATE DOMAIN app.made_domain AS text",
            "CREATE SEQUENCE app.made_seq",
            "CREATE SCHEMA made",
        ):
            await superuser.execute(statement)
        open_to = await superuser.fetch(
            """
            SELECT role FROM unnest($1::text[]) AS role
            WHERE has_table_privilege(role, 'app.made', 'SELECT, INSERT, UPDATE, DELETE')
                OR has_function_privilege(role, 'app.made()', 'EXECUTE')
                OR has_type_privilege(role, 'app.made_type', 'USAGE')
                OR has_type_privilege(role, 'app.made_domain', 'USAGE')
                OR has_sequence_privilege(role, 'app.made_seq', 'USAGE, SELECT, UPDATE')
                OR has_schema_privilege(role, 'made', 'USAGE, CREATE')
            """,
            ["public", *(LOGINS | FUNCTIONARIES) - {"plant_owner"}],
        )
    finally:
        await transaction.rollback()

    assert [] == open_to


async def test_the_migrations_schema_is_closed(superuser: Connection) -> None:
    """Schema plant_migrate and what is in it belong to the owner, with nothing granted."""
    rows = await superuser.fetch(
        """
        SELECT nspname::text AS name, nspowner::regrole::text AS owner, nspacl AS acl
        FROM pg_namespace WHERE nspname = 'plant_migrate'
        UNION ALL
        SELECT relname, relowner::regrole::text, relacl FROM pg_class
        WHERE relnamespace = 'plant_migrate'::regnamespace
        """
    )
    grantees = await superuser.fetch(
        "SELECT grantee::regrole::text FROM pg_namespace CROSS JOIN LATERAL aclexplode(nspacl)"
        " WHERE nspname = 'plant_migrate' AND grantee <> nspowner"
    )

    assert {"plant_owner"} == {row["owner"] for row in rows}
    assert not [row for row in rows if row["acl"] and row["name"] != "plant_migrate"]
    assert [] == grantees


async def test_types_are_closed_to_everybody(superuser: Connection) -> None:
    """Composite types, domains, ranges and enumerations of ours: nothing is PUBLIC's."""
    rows = await superuser.fetch(
        """
        SELECT pg_type.oid::regtype::text AS name FROM pg_type
        LEFT JOIN pg_class ON pg_class.oid = typrelid
        CROSS JOIN LATERAL aclexplode(coalesce(typacl, acldefault('T', typowner))) AS granted
        WHERE typnamespace::regnamespace::text = ANY($1::text[])
            AND (typtype IN ('d', 'e', 'r', 'm') OR relkind = 'c') AND granted.grantee = 0
        """,
        SCHEMAS,
    )

    assert [] == rows


async def test_nobody_may_hand_on_a_right(superuser: Connection) -> None:
    """No grant carries GRANT OPTION: what a role may do is the owner's to give."""
    rows = await superuser.fetch(
        """
        SELECT acl.name, granted.grantee::regrole::text FROM (
            SELECT relname::text AS name, relowner AS owner, relacl AS acl FROM pg_class
            WHERE relnamespace::regnamespace::text = ANY($1::text[])
            UNION ALL
            SELECT proname::text, proowner, proacl FROM pg_proc
            WHERE pronamespace::regnamespace::text = ANY($1::text[])
            UNION ALL
            SELECT nspname::text, nspowner, nspacl FROM pg_namespace WHERE nspname = ANY($1)
        ) AS acl CROSS JOIN LATERAL aclexplode(acl.acl) AS granted
        WHERE granted.is_grantable AND granted.grantee <> acl.owner
        """,
        SCHEMAS,
    )

    assert [] == rows
