"""`plant embed`: labels get their vectors now, rather than behind a running service."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from service.catalog.load import load as load_catalog
from service.cli.connected import existing_database, repository
from service.cli.embed_work import Work
from service.cli.output import Output, counted
from service.cli.parser import Subparsers, add_command, add_json
from service.cli.tenant_named import NoTenant
from service.database.lone import Lone
from service.database.pool import Pool
from service.database.roles import require_login
from service.database.target import Target
from service.labelling.drift import COSINE_MIN, Drift, compared
from service.labelling.plenty import plenty
from service.labelling.tenant import ALWAYS
from service.refusal import Refusal
from service.repository.base import Repository
from service.repository.doctor import ServerClock
from service.repository.keys import Tenant, TenantsList
from service.repository.labels import LabelSample
from service.settings import Settings, load

EMBED = """\
Give the labels of entities their vectors, by which they are found: names, descriptions, aliases.

A running service does so within a second of each change; after a large import this command does it
at once, and returns when nothing is left to do. It may run beside services. What has its vectors is
left alone; --all computes them anew, as after another model was chosen (PLANT_EMBEDDER).

A tenant that lacks 20,000 labels or more, and a twentieth of its own, gets a table of its own for
them, as by `plant tenant isolate`: an index is built at once in less time than row by row.

  plant embed --tenant acme
  plant embed check --tenant acme

`check` draws labels, computes their vectors again, and compares: a cosine below 0.85 is drift.
Of an entity that brings a vector of its own only the spelling of its labels is computed, always.

Exit code: 0 done, or nothing has drifted; 1 vectors have drifted; 2 could not tell; 64 there is no
such tenant."""

SAMPLE: Final = 500
SAMPLE_MAX: Final = 100_000


class WrongEmbed(Refusal):
    """The arguments do not fit together."""

    exit_code = 64


def register(subparsers: Subparsers) -> None:
    """Add `embed`."""
    parser = add_command(subparsers, "embed", _embed, EMBED)
    parser.add_argument("what", nargs="?", choices=["check"], help="compare instead of embedding")
    parser.add_argument("--tenant", metavar="NAME", help="whose labels; everybody's without it")
    parser.add_argument("--all", action="store_true", help="compute every vector anew")
    parser.add_argument("--sample", type=_sample, metavar="N", help=f"labels to check ({SAMPLE})")
    parser.add_argument("--seed", type=int, metavar="N", help="draws others (0)")
    add_json(parser)


def _sample(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= SAMPLE_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {SAMPLE_MAX}")
    return int(text)


def _fitting(arguments: argparse.Namespace) -> None:
    """Refuse what would be ignored.

    Raises: WrongEmbed.
    """
    checking = arguments.what == "check"
    if checking and arguments.all:
        raise WrongEmbed(
            "check changes nothing: --all does not go with it.", "Leave one of them out."
        )
    for name in ("sample", "seed"):
        if not checking and getattr(arguments, name) is not None:
            raise WrongEmbed(
                f"--{name} goes with check only.", f"Write `plant embed check --{name} …`."
            )


def _embed(arguments: argparse.Namespace) -> int:
    _fitting(arguments)
    output = Output(as_json=arguments.json)
    settings = load()
    with existing_database(settings, output.say) as target:
        require_login(settings, target, "worker")
        return asyncio.run(_run(arguments, settings, target, output))


async def _run(
    arguments: argparse.Namespace, settings: Settings, target: Target, output: Output
) -> int:
    async with (
        repository(settings, target, "owner") as owner,
        _work(settings, target, owner, output) as work,
    ):
        return await _done(work, arguments)


async def _done(work: "Work", arguments: argparse.Namespace) -> int:
    tenants = await work.owner.many(TenantsList())
    if arguments.tenant is not None:
        tenants = [one for one in tenants if one.name == arguments.tenant]
        if not tenants:
            raise NoTenant(arguments.tenant)
    if arguments.what == "check":
        return await _checked(work, arguments, tenants)
    since = (await work.owner.one(ServerClock())).at if arguments.all else ALWAYS
    done = [await work.embedded(tenant, since) for tenant in tenants]
    lines = [f"{one.tenant:<30}  {counted(one.labels, 'label', 'labels')} embedded" for one in done]
    work.output.answer(
        {"model": work.vectors.model, "items": [one._asdict() for one in done]},
        [f"model  {work.vectors.model}", *lines],
    )
    return 0


@asynccontextmanager
async def _work(
    settings: Settings, target: Target, owner: Repository, output: Output
) -> AsyncIterator[Work]:
    url = target.url("worker")
    lone = Lone(url, settings, name="embed", vectors=True)
    # The statements alone are taken from it: this pool is never opened.
    statements = Repository(load_catalog(), Pool(url, settings, name="embed"))
    builder = Lone(target.url("owner"), settings, name="embed", vectors=True, patient=True)
    async with plenty(settings) as vectors:
        await lone.open()
        try:
            yield Work(owner, statements, lone, builder, vectors, output)
        finally:
            await lone.close()


async def _checked(work: Work, arguments: argparse.Namespace, tenants: list[Tenant]) -> int:
    found: dict[str, Drift] = {}
    for tenant in tenants:
        sample = await work.repository.many(
            LabelSample(tenant.tenant_id, arguments.seed or 0, arguments.sample or SAMPLE),
            connection=work.lone.connection,
        )
        found[tenant.name] = await compared(sample, work.vectors)
    lines = [f"model  {work.vectors.model}"]
    for name, drift in found.items():
        lines += _told(name, drift)
    work.output.answer(
        {"model": work.vectors.model, "cosine_min": COSINE_MIN, "items": found}, lines
    )
    return 1 if any(drift.drifted for drift in found.values()) else 0


def _told(name: str, drift: Drift) -> list[str]:
    least = "" if drift.least is None else f", least cosine {drift.least:.4f}"
    lines = [
        f"{name:<30}  {drift.labels:,} labels, {drift.compared:,} vectors compared{least}",
        *(
            f"  drifted  {one.entity_id}  {one.source:<11}  {one.vector}  {one.cosine:.4f}"
            for one in drift.drifted
        ),
    ]
    if drift.brought:
        words = "labels of entities with a caller's vector"
        lines.append(f"  by spelling only: {drift.brought:,} {words}")
    for embedder, count in sorted(drift.others.items()):
        lines.append(f"  not compared: {count:,} vectors by {embedder}")
    return lines
