"""`plant tenant`: whose registries there are."""

import argparse
import asyncio

from service.cli.connected import database, repository
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_group, add_json
from service.repository.keys import Tenant, TenantsList
from service.settings import load

TENANT = "List the tenants; `plant key create` makes them."

LIST = "List tenants by name, with how many keys of each still work."


def register(subparsers: Subparsers) -> None:
    """Add `tenant` and its command."""
    commands = add_group(subparsers, "tenant", TENANT)
    add_json(add_command(commands, "list", _list, LIST))


def _list(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    settings = load()

    async def found() -> list[Tenant]:
        async with repository(settings, target, "owner") as owner:
            return await owner.many(TenantsList())

    with database(settings, output.say) as target:
        tenants = asyncio.run(found())
    output.answer(
        {"items": tenants},
        [
            f"{one.tenant_id}  {one.name:<30}  {one.keys} {'key' if one.keys == 1 else 'keys'}"
            for one in tenants
        ]
        or ["There is no tenant."],
    )
    return 0
