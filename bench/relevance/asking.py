"""Asking the service's own use cases while one label is not there.

The label is deleted, the question asked, and the transaction undone: to the statements, which
run as plant_app under row security, it never was. In the index its node stays, as that of a row
that was deleted a moment ago and awaits its VACUUM.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import asyncpg

from bench.ground import Ground
from bench.relevance.vectors import MODEL
from service.catalog.load import load as load_catalog
from service.database.plans import PLANS
from service.database.pool import Pool
from service.database.vectors import as_bytes
from service.embedding.minilm import MiniLM
from service.embedding.queries import Vectors
from service.embedding.trigram import Trigram
from service.repository.base import Context, Repository
from service.settings import Settings
from service.usecases.near_skills import NearSkills
from service.usecases.search import Search

LEAVE_OUT: Final = """
DELETE FROM app.entity_label
WHERE tenant_id = $1 AND entity_id = $2 AND source = 'alias' AND label = $3
"""


class Held(Pool):
    """A pool of one connection, which its holder may be in a transaction with."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        super().__init__("", Settings())
        self._held = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """Lend it."""
        yield self._held


class Asker:
    """A session that asks as the service does, of all labels but one."""

    def __init__(self, connection: "asyncpg.Connection[Any]", vectors: Vectors) -> None:
        self.session = connection
        self.vectors = vectors
        self.model = MODEL
        self.words = Trigram()
        self.repository = Repository(load_catalog(), Held(connection))

    def search(self, exact_max: int) -> Search:
        """Have the service's search; so many labels are compared whole."""
        return Search(
            self.words,
            self.vectors,
            MODEL,
            exact_max=exact_max,
            similar_min=None,
            monotonic=lambda: 0.0,
        )

    def near_skills(self) -> NearSkills:
        """Have the service's matching of skills."""
        return NearSkills(self.words, self.vectors, MODEL)

    @asynccontextmanager
    async def without(
        self, context: Context, *labels: tuple[UUID, str], role: str = "plant_app"
    ) -> AsyncIterator[None]:
        """Have these aliases gone for the block, in a transaction of the role that is undone."""
        transaction = self.session.transaction()
        await transaction.start()
        try:
            for entity_id, alias in labels:
                told = await self.session.execute(
                    LEAVE_OUT, UUID(context.tenant_id), entity_id, alias
                )
                if told != "DELETE 1":
                    raise LookupError(f"{entity_id} is not also called {alias!r}: {told}")
            await self.session.execute(f"SET LOCAL ROLE {role}")
            yield
        finally:
            await transaction.rollback()


@asynccontextmanager
async def asking(ground: Ground) -> AsyncIterator[Asker]:
    """Begin to ask; the session plans as those of the service do."""
    vectors = Vectors(MiniLM(1))
    connection = await asyncpg.connect(
        ground.url("superuser"), server_settings=PLANS, statement_cache_size=200
    )
    try:
        await as_bytes(connection)
        yield Asker(connection, vectors)
    finally:
        await connection.close()
        await vectors.close()
