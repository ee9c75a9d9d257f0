"""What a later release rests on: who owns a function can make it anew."""

import asyncpg
import pytest

from tests.sessions import Connection

pytestmark = [pytest.mark.database, pytest.mark.rls]

OWNERS = ["plant_audit", "plant_auth", "plant_owner", "plant_rules", "plant_writer"]
FUNCTIONS = """
SELECT pg_get_functiondef(pg_proc.oid) AS definition, pg_proc.oid::regprocedure::text AS name
FROM pg_proc
WHERE pronamespace IN ('app'::regnamespace, 'audit'::regnamespace)
    AND proowner = $1::text::regrole AND prokind = 'f'
ORDER BY name
"""


@pytest.mark.parametrize("owner", OWNERS)
async def test_an_owner_replaces_each_of_its_functions(superuser: Connection, owner: str) -> None:
    """As migrations do, SET ROLE and CREATE for a moment: the types in it are open to the owner."""
    functions = await superuser.fetch(FUNCTIONS, owner)
    refused = {}
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute(f"GRANT CREATE ON SCHEMA app, audit TO {owner}; SET ROLE {owner}")
    for function in functions:
        try:
            async with superuser.transaction():
                await superuser.execute(function["definition"])
        except asyncpg.PostgresError as error:
            refused[function["name"]] = str(error)
    await transaction.rollback()

    assert functions
    assert {} == refused
