"""`plant tenant isolate`: the labels of a large tenant move into a table of their own."""

import argparse
import asyncio
import time
from typing import NamedTuple

from service.cli.connected import existing_database, repository
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_json
from service.cli.tenant_named import tenant_named
from service.database.lone import Lone
from service.database.target import Target
from service.labelling.partition import Made, OwnPartition
from service.settings import Settings, load

ISOLATE = """\
Move the labels of a large tenant into a table of their own (a partition), with indexes of its own.

It is for a tenant that has a large part of all labels: its searches meet no labels of others, and
those of others none of its. `plant embed` does so by itself where many labels are lacking. Labels
and scores stay the same; along an index one of the nearest may be missed before as after (`exact`
is false then), and not the same one. Searches and writes go on meanwhile, but for a moment at the
end; if others do not let go of the tables then, nothing is done. Labels of the tenant are not
embedded until it is through.

  plant tenant isolate acme

Exit code: 0 it has a table of its own now, or had one; 1 others would not let go of the tables, or
a table of its name that somebody detached is in the way; 64 there is no such tenant."""


class Isolated(NamedTuple):
    """What was done: nothing where the tenant had a table of its own."""

    made: Made | None
    seconds: float


def register(commands: Subparsers) -> None:
    """Add `isolate`."""
    parser = add_command(commands, "isolate", _isolate, ISOLATE)
    parser.add_argument("tenant", metavar="TENANT", help="whose labels")
    add_json(parser)


def _isolate(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    settings = load()
    with existing_database(settings, output.say) as target:
        done = asyncio.run(_done(arguments.tenant, settings, target, output))
    labels = None if done.made is None else done.made.labels
    line = f"{arguments.tenant} has a table of its own already."
    if labels is not None:
        line = f"{labels:,} labels of {arguments.tenant} have a table of their own."
    output.answer(
        {
            "tenant": arguments.tenant,
            "moved": labels is not None,
            "labels": labels,
            "seconds": round(done.seconds, 1),
        },
        [line],
    )
    return 0


async def _done(name: str, settings: Settings, target: Target, output: Output) -> Isolated:
    lone = Lone(target.url("owner"), settings, name="isolate", patient=True)
    async with repository(settings, target, "owner") as owner:
        tenant_id = await tenant_named(owner, name)
        begun = time.monotonic()
        await lone.open()
        try:
            own = OwnPartition(owner, lone, tenant_id, lambda words: output.say(f"{name}: {words}"))
            made = None if await own.there() else await own.isolated()
        finally:
            await lone.close()
    return Isolated(made, time.monotonic() - begun)
