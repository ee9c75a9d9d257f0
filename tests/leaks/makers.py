"""Who creates from within, many at a time, so that creations of several tenants go together."""

import asyncio
import json
import random

import asyncpg
from msgspec import structs

from service.errors import Problem, Unavailable
from service.repository.base import Repository
from service.repository.entities import SkillCreate
from tests.chaos.calls import PAUSE_S
from tests.factories import Tenant, skill_body
from tests.leaks.clients import GIVES_UP, LEAVES_S, Account
from tests.leaks.stock import Stock


class Maker:
    """Creates by the service's own repository, and gives up in the middle of it."""

    def __init__(
        self,
        repository: Repository,
        stock: Stock,
        account: Account,
        draw: random.Random,
        number: int,
    ) -> None:
        self._repository = repository
        self._stock = stock
        self._account = account
        self._draw = draw
        self._number = number
        self._made = 0

    async def ask(self) -> None:
        """Create what is new or taken, or with a context that fails; perhaps not to the end."""
        tenant = self._draw.choice(self._stock.tenants)
        self._made += 1
        name = f"{tenant.name} born {self._number}-{self._made}"
        taken = self._draw.random() < 0.03
        if taken:
            name = self._stock.places[tenant.name][-1].name
        context = tenant.author.context
        spoilt = self._draw.random() < 0.03
        if spoilt:
            context = structs.replace(context, tenant_id="no uuid")
        query = SkillCreate(json.dumps(skill_body(name=name)))
        making = asyncio.create_task(self._repository.written(query, context, lambda: None))
        if self._draw.random() < GIVES_UP / 3:
            wait_s = self._draw.uniform(0, LEAVES_S)
            asyncio.get_running_loop().call_later(wait_s, making.cancel)
        self._account.operations["creation from within"] += 1
        try:
            made = await making
        except asyncio.CancelledError:
            if (current := asyncio.current_task()) is not None and current.cancelling():
                raise
        except (Problem, asyncpg.PostgresError, OSError) as exc:
            self._account.errors[getattr(exc, "sqlstate", None) or type(exc).__name__] += 1
            if isinstance(exc, Unavailable):
                await asyncio.sleep(self._draw.uniform(*PAUSE_S))
        else:
            self._account.answered += 1
            self._look(tenant, name, made.document, refused=taken or spoilt)

    def _look(self, tenant: Tenant, name: str, document: str, *, refused: bool) -> None:
        where = f"creation from within for {tenant.name}"
        said = json.loads(document)
        if refused:
            self._account.broken.append(f"{where}: done, and it had to be refused: {document}")
        elif said["name"] != name:
            self._account.broken.append(f"{where}: {name} was sent: {document}")
        elif said["governance_agent_id"] != tenant.author.context.governance_agent_id:
            self._account.broken.append(f"{where}: something of another one: {document}")
