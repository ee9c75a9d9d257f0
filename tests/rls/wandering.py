"""Random operations of random tenants, each answer looked through for rows of others."""

import json
from collections import Counter
from random import Random
from typing import Any, Final
from uuid import UUID

from service.catalog.load import Catalog
from service.database.pool import Pool
from service.errors import Problem
from service.repository.base import Repository
from tests.factories import Actor, Tenant, amend, create, skill_body, step
from tests.sessions import Connection, become

STATES: Final = ("under_review", "certified", "draft", "active", "deprecated", "archived")
_TABLES: Final = (
    "app.base_entity",
    "app.skill_entity",
    "app.entity_tag",
    "app.entity_parent",
    "app.entity_reference",
    "app.governance_agent",
    "audit.entry",
    "audit.payload",
)
_LAST: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class Wanderer:
    """One stream of operations over one pool; what was seen of others is counted, by operation."""

    def __init__(
        self, random: Random, tenants: list[Tenant], repository: Repository, by_hand: Connection
    ) -> None:
        self._random = random
        self._tenants = tenants
        self._repository = repository
        self._by_hand = by_hand
        # Whose each entity is, and whose alone while it is a draft.
        self._ids: list[UUID] = []
        self._owners: dict[UUID, tuple[UUID, str]] = {}
        self.done: Counter[str] = Counter()
        self.foreign: list[str] = []

    async def wander(self, count: int) -> None:
        """Do so many operations."""
        operations = (
            *(self._create, self._amend, self._step, self._statement, self._statement),
            *(self._rows, self._edit, self._steal),
        )
        for _ in range(count):
            tenant = self._random.choice(self._tenants)
            actor = self._random.choice([tenant.author, tenant.certifier])
            operation = self._random.choice(operations)
            name = operation.__name__.removeprefix("_")
            try:
                await operation(tenant, actor)
            except Problem:
                name += " refused"
            self.done[name] += 1

    def _any(self) -> UUID:
        """Choose an entity, mostly of somebody else; one that never was while there are none."""
        return self._random.choice(self._ids[-200:]) if self._ids else UUID(_LAST)

    def _one(self, tenant: Tenant, actor: Actor) -> UUID:
        """Choose one that the actor made, one time in three; else any."""
        mine = (tenant.id, actor.context.governance_agent_id)
        own = [one for one in self._ids[-200:] if self._owners[one] == mine]
        return self._random.choice(own) if own and self._random.random() < 1 / 3 else self._any()

    def _look(self, operation: str, tenant: Tenant, actor: Actor, document: str) -> None:
        """Note what is not the tenant's, and drafts that are another agent's."""
        found = json.loads(document)
        owner, _ = self._owners.get(UUID(found["id"]), (tenant.id, ""))
        agent = found["governance_agent_id"]
        own = {a.context.governance_agent_id for a in (tenant.author, tenant.certifier)}
        alone = found["status"] == "draft" and agent != actor.context.governance_agent_id
        if owner != tenant.id or agent not in own or alone:
            self.foreign.append(f"{operation}: {document}")

    async def _create(self, tenant: Tenant, actor: Actor) -> None:
        fields: dict[str, Any] = {"tags": ["shared"], "external_id": f"x{self._random.random()}"}
        if self._random.random() < 0.4:
            fields["parent_ids"] = [str(self._any())]
        made = await create(self._repository, actor, "skill", skill_body(**fields))
        self._ids.append(made.id)
        self._owners[made.id] = (tenant.id, actor.context.governance_agent_id)
        self._look("create", tenant, actor, made.document)

    async def _amend(self, tenant: Tenant, actor: Actor) -> None:
        patch = {"description": f"by {tenant.name}"}
        written = await amend(self._repository, actor, "skill", self._one(tenant, actor), patch)
        self._look("amend", tenant, actor, written.document)

    async def _step(self, tenant: Tenant, actor: Actor) -> None:
        to = self._random.choices(STATES, weights=(6, 4, 2, 3, 1, 1))[0]
        written = await step(self._repository, actor, "skill", self._one(tenant, actor), to)
        # Who rejects is answered with the draft that they made of it.
        if to != "draft":
            self._look("step", tenant, actor, written.document)

    async def _statement(self, tenant: Tenant, actor: Actor) -> None:
        """Read by a statement of the service: by ids, in lists, in the history."""
        catalog: Catalog = self._repository.catalog
        ids = [str(self._any()) for _ in range(3)]
        name, arguments = self._random.choice(
            [
                ("entities_by_id", (ids,)),
                ("entities_newest", ("skill", _LAST, 20)),
                ("entities_by_tag", ("skill", ["shared"], _LAST, 20)),
                ("entities_by_status", ("skill", ["draft", "active"], _LAST, 20)),
                ("entities_by_parent", ("skill", ids, _LAST, 20)),
                ("entity_version", ("skill", ids[0], 1)),
            ]
        )
        pool: Pool = self._repository.pool
        async with pool.connection() as connection:
            rows = await connection.fetch(catalog[name].query, *arguments, *actor.context.arguments)
        for row in rows:
            self._look(name, tenant, actor, row["document"])
        self.done[f"{name} rows"] += len(rows)

    async def _rows(self, tenant: Tenant, actor: Actor) -> None:
        """Count rows of others as a person in psql does, without saying whose are meant."""
        table = self._random.choice(_TABLES)
        async with self._by_hand.transaction():
            await become(self._by_hand, actor)
            seen, others = await self._by_hand.fetchrow(
                f"SELECT count(*), count(*) FILTER (WHERE tenant_id <> $1) FROM {table}", tenant.id
            ) or (0, 0)
        self.done["rows seen by hand"] += seen
        if others:
            self.foreign.append(f"{table}: {others} rows")

    async def _edit(self, tenant: Tenant, actor: Actor) -> None:
        """Change any entity by hand, whoever it belongs to."""
        identity = self._any()
        async with self._by_hand.transaction():
            await become(self._by_hand, actor)
            row = await self._by_hand.fetchrow(
                "UPDATE app.base_entity SET governance_notes = 'by hand'"
                " WHERE id = $1 AND status <> 'archived' RETURNING document",
                identity,
            )
        if row:
            self._look("edit", tenant, actor, row["document"])

    async def _steal(self, tenant: Tenant, actor: Actor) -> None:
        """Change all of another tenant at once: no row is met."""
        victim = self._random.choice([one for one in self._tenants if one is not tenant])
        async with self._by_hand.transaction():
            await become(self._by_hand, actor)
            tag = await self._by_hand.execute(
                "UPDATE app.base_entity SET description = 'stolen' WHERE tenant_id = $1", victim.id
            )
        if tag != "UPDATE 0":
            self.foreign.append(f"steal: {tag}")
