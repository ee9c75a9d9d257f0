"""What a connection must not keep from whoever had it before."""

import asyncpg

SETTINGS = (
    "tenant_id",
    "governance_agent_id",
    "key_id",
    "request_id",
    "certifier_key_id",
    "importing",
    "step_reason",
    "step_successor_id",
)
"""The settings app.…: for whom a transaction is, and what a step or an import says to triggers."""

OURS = """
SELECT 'app.' || name || ' is ' || current_setting('app.' || name, TRUE)
FROM unnest($1::text[]) AS name
WHERE current_setting('app.' || name, TRUE) <> ''
UNION ALL
SELECT 'it acts as ' || current_user WHERE current_user <> session_user
UNION ALL
SELECT name || ' is ' || setting FROM pg_settings
WHERE source = 'session' AND setting IS DISTINCT FROM reset_val
"""


async def leftovers(connection: asyncpg.Connection) -> list[str]:
    """Say what a connection that nobody uses has kept: settings, a role, a transaction."""
    said = ["it is in a transaction"] if connection.is_in_transaction() else []
    return said + [row[0] for row in await connection.fetch(OURS, SETTINGS)]
