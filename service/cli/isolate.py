"""`plant tenant isolate`: a tenant's labels move into a partition of their own."""

import argparse
import asyncio
from typing import Final

from service.catalog.load import load as load_catalog
from service.cli.connected import existing_database, repository
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_json
from service.database.lone import Lone
from service.database.pool import Pool
from service.database.roles import require_login
from service.database.target import Target
from service.embedding.embedder import model_of
from service.embedding.trigram import Trigram
from service.labelling.partition import Partition
from service.labelling.tenant import TenantLabels
from service.refusal import Refusal
from service.repository.base import Repository
from service.repository.keys import TenantByName
from service.settings import Settings, load

ISOLATE = """\
Give a tenant's labels, by which its entities are found, a partition of their own.

A tenant that is a large part of the table is found faster so, and slows nobody else down.
`plant embed` does it by itself for a tenant that it embeds for the first time with 10,000 labels
or more. Searches go on meanwhile; at the end entities of the tenant cannot be changed, and labels
of nobody be read, for the seconds that the move takes.

  plant tenant isolate acme

Exit code: 0 it has one, 1 there is no such tenant, 2 could not tell."""

WAIT_S: Final = 0.2


class NoTenant(Refusal):
    """There is no such tenant."""

    exit_code = 1


class Idle:
    """Computes nothing: labels are moved as they are."""

    def __init__(self) -> None:
        self.model = self.words = model_of(Trigram())

    async def of_model(self, texts: object) -> bytes:
        """Refuse."""
        raise AssertionError(texts)

    of_words = of_model


def register(commands: Subparsers) -> None:
    """Add `isolate`."""
    parser = add_command(commands, "isolate", _isolate, ISOLATE)
    parser.add_argument("tenant", metavar="TENANT", help="whose labels")
    add_json(parser)


def _isolate(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    settings = load()
    with existing_database(settings, output.say) as target:
        require_login(settings, target, "worker")
        labels = asyncio.run(_isolated(settings, target, arguments.tenant))
    done = labels is not None
    line = f"{arguments.tenant} has a partition of its own"
    output.answer(
        {"tenant": arguments.tenant, "isolated": done, "labels": labels},
        [f"{line} now: {labels:,} labels." if done else f"{line} already."],
    )
    return 0


async def _isolated(settings: Settings, target: Target, name: str) -> int | None:
    """Move the labels; None where they have a partition already.

    Raises: NoTenant.
    """
    url = target.url("worker")
    lone = Lone(url, settings, name="isolate", vectors=True)
    # The statements alone are taken from it: this pool is never opened.
    statements = Repository(load_catalog(), Pool(url, settings, name="isolate"))
    async with repository(settings, target, "owner") as owner:
        tenant = await owner.maybe(TenantByName(name))
        if tenant is None:
            raise NoTenant(f"There is no tenant {name}.", "See `plant tenant list`.")
        await lone.open()
        try:
            labels = TenantLabels(statements, lone, Idle(), tenant.tenant_id)
            while not await labels.taken():  # noqa: ASYNC110 - nobody tells when it is free
                await asyncio.sleep(WAIT_S)
            partition = Partition(owner, labels, tenant.tenant_id)
            return None if await partition.there() else await partition.made()
        finally:
            await lone.close()
