"""What the benchmark of serving does to a database: it looks at sessions, and takes steps back."""

import asyncio

import asyncpg
import psycopg
import pytest

from bench.ground import Actor
from bench.serving.between import Relay
from bench.serving.steps import withdraw
from bench.serving.stock import FILL, Shop
from service.catalog.statement import CONTEXT
from tests.factories import Tenant
from tests.postgres import Server

OF_A_TRANSACTION = "SELECT set_config('app.tenant_id', 'acme', true)"
OF_THE_SESSION = "SELECT set_config('app.tenant_id', 'acme', false)"


class TestRelay:
    """What stands between a peer and the database."""

    @pytest.mark.parametrize(
        "statements,left",
        [
            ([OF_A_TRANSACTION, "COMMIT"], ""),
            ([OF_A_TRANSACTION, "ROLLBACK"], ""),
            ([OF_THE_SESSION, "COMMIT"], "acme"),
            (["SET app.key_id = 'k1'", "COMMIT"], "k1"),
            ([OF_THE_SESSION, "COMMIT", "RESET ALL", "COMMIT"], "acme"),
            ([OF_A_TRANSACTION], "a transaction acme"),
            (["SELECT 1"], "a transaction "),
        ],
    )
    def test_sees_what_is_left_on_a_session(
        self, cluster: Server, database: str, statements: list[str], left: str
    ) -> None:
        """Nothing of what was set for a transaction, all else, also what is reset later."""
        url = cluster.url("app", database)
        with Relay(url) as relay:
            session = psycopg.connect(relay.through(url))
            for statement in statements:
                session.execute(statement)
            found = relay.left()
            session.close()

        assert [left] == found

    def test_sees_every_session(self, cluster: Server, database: str) -> None:
        """One that keeps who asked is found among those that do not."""
        url = cluster.url("app", database)
        with Relay(url) as relay:
            sessions = [psycopg.connect(relay.through(url), autocommit=True) for _ in range(3)]
            sessions[1].execute(OF_THE_SESSION)
            found = relay.left()
            for session in sessions:
                session.close()

        assert ["", "", "acme"] == sorted(found)


async def test_what_was_submitted_goes_back_in_the_name_of_its_author(
    cluster: Server, database: str, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """So the next round finds drafts again."""
    who = tenant.author.context
    author = Actor(tenant.author.key, who.tenant_id, who.governance_agent_id, who.key_id)
    url = cluster.url("superuser", database)
    await asyncio.to_thread(_submitted, url, author)
    await asyncio.to_thread(withdraw, url, [Shop(author, [], [])])

    rows = await superuser.fetch(
        "SELECT status, version, governance_agent_id::text AS agent FROM app.base_entity "
        "WHERE tenant_id = $1",
        tenant.id,
    )
    assert [("draft", 3, who.governance_agent_id)] * 2 == [tuple(row) for row in rows]


def _submitted(url: str, author: Actor) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        for (_, setting), value in zip(CONTEXT, author.context, strict=True):
            session.execute("SELECT set_config(%s, %s, FALSE)", (setting, value))
        session.execute(FILL, {"prefix": "d", "status": "draft", "from": 0, "count": 2})
        session.execute(
            "UPDATE app.base_entity SET status = 'under_review' WHERE tenant_id = %s::uuid",
            (author.tenant_id,),
        )
