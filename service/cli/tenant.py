"""`plant tenant`: whose registries there are, and what each wants otherwise."""

import argparse
import asyncio

from service.cli import tenant_isolate
from service.cli.connected import database, repository
from service.cli.output import Output, counted
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_group, add_json
from service.cli.tenant_named import NoTenant
from service.refusal import Refusal
from service.repository.keys import Tenant, TenantsList
from service.repository.search import TenantSimilarByName, TenantSimilarSet, TenantThreshold
from service.settings import load
from service.usecases.duplicates import SAME_MEANING, SAME_WORDS
from service.values import between

TENANT = "List, tune and isolate tenants; `plant key create` makes them."

LIST = "List tenants by name, with how many keys of each still work."

SIMILAR = """\
Set or tell from which score on two entities of a tenant are taken for the same.

It is what `POST /v1/search/duplicates` lists and `?similar=refuse` refuses: the larger, the nearer
two have to be. `default` leaves it to PLANT_SIMILAR_MIN, or to the default where that is not set.
Without a score nothing is changed: what holds is told. In JSON `similar_min` is the tenant's own,
null where it has none.

  plant tenant similar acme
  plant tenant similar acme 0.9
  plant tenant similar acme default

Exit code: 0 it is told or set, 64 there is no such tenant."""

DEFAULT = "default"
SCORE = between(-1, 1)


class WrongScore(Refusal):
    """The score is none."""

    exit_code = WRONG_USAGE


def register(subparsers: Subparsers) -> None:
    """Add `tenant` and its commands."""
    commands = add_group(subparsers, "tenant", TENANT)
    add_json(add_command(commands, "list", _list, LIST))
    similar = add_command(commands, "similar", _similar, SIMILAR)
    similar.add_argument("tenant", metavar="TENANT", help="whose")
    words = f"{SCORE.words}, or {DEFAULT}; without it nothing is set"
    similar.add_argument("score", nargs="?", metavar="SCORE", help=words)
    add_json(similar)
    tenant_isolate.register(commands)


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
        [f"{one.tenant_id}  {one.name:<30}  {counted(one.keys, 'key', 'keys')}" for one in tenants]
        or ["There is no tenant."],
    )
    return 0


def _similar(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    asked: str | None = arguments.score
    least = None if asked is None else _score(asked)
    settings = load()

    async def told() -> TenantThreshold | None:
        async with repository(settings, target, "owner") as owner:
            if asked is None:
                return await owner.maybe(TenantSimilarByName(arguments.tenant))
            return await owner.maybe(TenantSimilarSet(arguments.tenant, least), writes=True)

    with database(settings, output.say) as target:
        found = asyncio.run(told())
    if found is None:
        raise NoTenant(arguments.tenant)
    # The database keeps single precision; what was asked for is shown.
    least = found.similar_min if asked is None else least
    output.answer(
        {"tenant_id": found.tenant_id, "name": found.name, "similar_min": least},
        [f"{found.name} takes two for the same from {_from(least, settings.similar_min)}."],
    )
    return 0


def _from(own: float | None, everybodys: float | None) -> str:
    """Say from which score on: the tenant's, that of the setting, or the default."""
    if own is not None:
        return f"{own:g} on"
    if everybodys is not None:
        return f"{everybodys:g} on: what PLANT_SIMILAR_MIN is here"
    words = f"{SAME_MEANING:g} on with a model and {SAME_WORDS:g} without"
    return f"{words}: the default, as PLANT_SIMILAR_MIN is not set here"


def _score(text: str) -> float | None:
    if text == DEFAULT:
        return None
    try:
        read = SCORE.read(text)
    except ValueError:
        raise WrongScore(f"{text!r} is no score.", f"Give {SCORE.words}, or {DEFAULT}.") from None
    return float(str(read))
