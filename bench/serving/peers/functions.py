"""The store by Plant's own one-trip functions: a call each, whose document goes out as it is."""

import json
import os
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from bench.serving.peers.environment import READ_URL
from bench.serving.peers.shapes import Look, Notes, SkillIn, Step, Who
from bench.serving.peers.store import packed, pool

NAMES: Final[dict[str, str]] = json.loads(os.environ["PEER_FUNCTIONS"])
"""By the name of the statement: what it is called in the server."""

LAST: Final = UUID(int=(1 << 128) - 1)


def call(columns: str, statement: str, arguments: int) -> str:
    """Write a call with so many arguments before those that say who asks."""
    places = ", ".join(f"${number}" for number in range(1, arguments + 4))
    return f"SELECT {columns} FROM {NAMES[statement]}({places}, '', '')"  # noqa: S608 - Plant's names


ONE: Final = call("document", "entity_by_id", 2)
PAGE: Final = call("id, document", "entities_newest", 3)
MANY: Final = call("id, document", "entities_by_id", 1)
CREATE: Final = call("id, document", "skill_create", 2)
AMEND: Final = call("document", "skill_amend", 4)
STEP: Final = call("document", "entity_step", 7)
SEARCH: Final = call("document, score", "search_exact", 13)

IN_FORCE: Final = ["active", "certified", "deprecated"]


class Store:
    """One pool of sessions of plant_app."""

    def __init__(self) -> None:
        self._pool: asyncpg.Pool[Any]

    async def open(self) -> None:
        """Connect."""
        self._pool = await pool(READ_URL)

    async def close(self) -> None:
        """Disconnect."""
        await self._pool.close()

    async def one(self, who: Who, identity: UUID) -> bytes | None:
        """Find one."""
        found = await self._pool.fetchval(ONE, "skill", identity, who.tenant, who.agent, who.key)
        return found.encode() if found else None

    async def page(self, who: Who, limit: int, before: UUID | None) -> bytes:
        """Find a page, newest first."""
        rows = await self._pool.fetch(
            PAGE, "skill", before or LAST, limit + 1, who.tenant, who.agent, who.key
        )
        cursor = f'"{rows[limit - 1]["id"]}"' if len(rows) > limit else "null"
        items = ",".join([row["document"] for row in rows[:limit]])
        return f'{{"items":[{items}],"next_cursor":{cursor}}}'.encode()

    async def many(self, who: Who, ids: Sequence[UUID]) -> bytes:
        """Find those that are there, and the ids of the others."""
        rows = await self._pool.fetch(MANY, ids, who.tenant, who.agent, who.key)
        found = {row["id"]: row["document"] for row in rows}
        items = ",".join([found[one] for one in ids if one in found])
        missing = ",".join([f'"{one}"' for one in ids if one not in found])
        return f'{{"items":[{items}],"missing":[{missing}]}}'.encode()

    async def create(self, who: Who, body: SkillIn) -> bytes:
        """Make one."""
        sent = msgspec.json.encode(body).decode()
        row = await self._pool.fetchrow(CREATE, sent, None, who.tenant, who.agent, who.key)
        document: str = row["document"] if row else ""
        return document.encode()

    async def amend(self, who: Who, identity: UUID, body: Notes) -> bytes:
        """Change the notes."""
        sent = msgspec.json.encode(body).decode()
        found: str = await self._pool.fetchval(
            AMEND, identity, None, sent, None, who.tenant, who.agent, who.key
        )
        return found.encode()

    async def step(self, who: Who, identity: UUID, body: Step) -> bytes:
        """Take a step of the life cycle."""
        found: str = await self._pool.fetchval(
            STEP, "skill", identity, None, body.to, body.reason, None, None,
            who.tenant, who.agent, who.key,
        )  # fmt: skip
        return found.encode()

    async def search(self, who: Who, body: Look) -> bytes:
        """Find the nearest of what is in force."""
        rows = await self._pool.fetch(
            SEARCH, body.kinds, IN_FORCE, [], [], [], [packed(body.embedding_384)], [None],
            [body.model], ["caller"], None, 0.0, 0.0, body.limit, who.tenant, who.agent, who.key,
        )  # fmt: skip
        items = ",".join([f'{{"entity":{row["document"]},"score":{row["score"]}}}' for row in rows])
        return f'{{"items":[{items}]}}'.encode()
