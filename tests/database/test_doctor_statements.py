"""What `plant doctor` asks of a server, against what the server says itself."""

import pytest

from service.repository.base import Repository
from service.repository.doctor import ServerFacts
from tests.sessions import Connection

pytestmark = pytest.mark.database

SESSIONS = """
SELECT backend_type, usename IS NOT NULL AS is_of_somebody FROM pg_stat_activity
"""
CLIENT = "client backend"


async def test_connections_are_those_of_clients_and_of_no_process_of_the_server(
    owner: Repository, repository: Repository, superuser: Connection
) -> None:
    """Nor one that works in somebody's name: max_connections counts none of them."""
    async with repository.pool.connection(), superuser.transaction():
        # A transaction looks at all sessions once: both answers are of one moment.
        facts = await owner.one(ServerFacts(), connection=superuser)
        sessions = await superuser.fetch(SESSIONS)
    own = {row["backend_type"] for row in sessions if row["is_of_somebody"]} - {CLIENT}

    assert own
    assert [row["backend_type"] for row in sessions].count(CLIENT) == facts.connections
    assert 0 < facts.connections_service < facts.connections
