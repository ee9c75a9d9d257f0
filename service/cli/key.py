"""`plant key`: the keys that callers send."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TypeVar
from uuid import UUID

from service.cli.connected import database, repository
from service.cli.output import Output
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_group, add_json
from service.cli.times import MOMENT, duration, to_come
from service.errors import InvalidBody
from service.refusal import Refusal
from service.repository.base import Repository
from service.repository.keys import Key, KeyRevoke, KeysList, TenantByName
from service.settings import load
from service.usecases.keys import SCOPES, Absent, create_key, rotate_key

KEY = """\
Make, list, replace and revoke the keys that callers send.

They work on the database directly, while the service runs or not: who may run them is who may
read the data directory, or has PLANT_DATABASE_URL."""

CREATE = """\
Make a key for a governance agent of a tenant; both are made when they are new.

A tenant is whose registry it is. A governance agent is who answers for what a key writes; nobody
certifies the work of their own, so certifying takes a second one. Scopes, of which none implies
another: read; write (create, change, submit, activate, deprecate, archive); certify (certify and
reject); audit (the log, `plant export --format proof`); admin (`plant audit erase`).

The key is shown once: only its hash is stored.

  plant key create --tenant acme --agent alice --scopes read,write
  plant key create --tenant acme --agent carol --scopes read,certify

Exit code: 0 it is made, 1 --existing and the tenant or governance agent is not there."""

LIST = """\
List keys, newest first, without the keys themselves. Times are in UTC.

Exit code: 0 they are listed, 1 there is no such tenant."""

ROTATE = """\
Make a key in the place of another, for the same governance agent and scopes.

The old key works until the overlap is over: as long as it takes to hand out the new one.

  plant key rotate 0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77 --overlap 24h

Exit code: 0 it is made, 1 there is no such key or it works no more."""

REVOKE = """\
Revoke a key. Writes with it stop at once, reads within 5 seconds.

Exit code: 0 it is revoked, 1 there is no such key."""

T = TypeVar("T")


class KeyRefusal(Refusal):
    """The key or its owner is not there."""

    exit_code = 1


class WrongKey(Refusal):
    """There is no such scope or name."""

    exit_code = WRONG_USAGE


def register(subparsers: Subparsers) -> None:
    """Add `key` and its commands."""
    commands = add_group(subparsers, "key", KEY)
    create = add_command(commands, "create", _create, CREATE)
    create.add_argument("--tenant", required=True, metavar="NAME", help="whose registry")
    create.add_argument("--agent", required=True, metavar="NAME", help="who is accountable")
    create.add_argument(
        "--scopes", required=True, metavar="LIST", help=f"comma-separated, of {', '.join(SCOPES)}"
    )
    _add_expiry(create)
    create.add_argument(
        "--existing", action="store_true", help="refuse to make a tenant or governance agent"
    )
    add_json(create)
    listing = add_command(commands, "list", _list, LIST)
    listing.add_argument("--tenant", metavar="NAME", help="only this tenant's")
    add_json(listing)
    rotate = add_command(commands, "rotate", _rotate, ROTATE)
    _add_id(rotate)
    rotate.add_argument(
        "--overlap", default="0s", metavar="DURATION", help="such as 30m, 24h, 7d; default: none"
    )
    _add_expiry(rotate)
    add_json(rotate)
    revoke = add_command(commands, "revoke", _revoke, REVOKE)
    _add_id(revoke)
    add_json(revoke)


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key_id", metavar="KEY_ID", type=UUID, help="as `plant key list` shows it")


def _add_expiry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--expires-at", metavar="TIME", help="RFC 3339; default: never")


def _create(arguments: argparse.Namespace) -> int:
    scopes = list(dict.fromkeys(s.strip() for s in arguments.scopes.split(",") if s.strip()))
    if wrong := next((scope for scope in scopes if scope not in SCOPES), None):
        close = get_close_matches(wrong, SCOPES, n=1)
        guess = f"Did you mean {close[0]}? " if close else ""
        raise WrongKey(f"There is no scope {wrong}.", f"{guess}Scopes are {', '.join(SCOPES)}.")
    if not scopes:
        raise WrongKey("No scope is named.", f"Scopes are {', '.join(SCOPES)}.")
    expires_at = to_come(arguments.expires_at)
    output = Output(as_json=arguments.json)
    made = _as_owner(
        output,
        lambda owner: create_key(
            owner,
            arguments.tenant,
            arguments.agent,
            scopes,
            expires_at,
            existing=arguments.existing,
        ),
        "Leave out --existing to make it.",
    )
    new = [name.replace("_", " ") for name, is_new in made.created.items() if is_new]
    output.answer(
        made,
        [
            f"key                 {made.key}",
            f"key id              {made.key_id}",
            f"tenant              {arguments.tenant} {made.tenant_id}",
            f"governance agent    {arguments.agent} {made.governance_agent_id}",
            f"scopes              {', '.join(made.scopes)}",
            f"expires             {_shown(made.expires_at)}",
            *([f"made                {', '.join(new)}"] if new else []),
            "The key is not shown again.",
        ],
    )
    return 0


def _list(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    keys = _as_owner(
        output, lambda owner: _found(owner, arguments.tenant), "See `plant tenant list`."
    )
    output.answer({"items": keys}, [_line(key) for key in keys] or ["There is no key."])
    return 0


async def _found(owner: Repository, tenant: str | None) -> list[Key]:
    if tenant is not None and await owner.maybe(TenantByName(tenant)) is None:
        raise Absent(f"There is no tenant {tenant}.")
    return await owner.many(KeysList(tenant))


def _rotate(arguments: argparse.Namespace) -> int:
    expires_at, overlap = to_come(arguments.expires_at), duration(arguments.overlap)
    output = Output(as_json=arguments.json)
    made = _as_owner(
        output,
        lambda owner: rotate_key(owner, arguments.key_id, expires_at, overlap),
        "See `plant key list`.",
    )
    output.answer(
        made,
        [
            f"key                 {made.key}",
            f"key id              {made.key_id}",
            f"scopes              {', '.join(made.scopes)}",
            f"expires             {_shown(made.expires_at)}",
            f"the old one works   until {_shown(made.replaced_until)}",
            "The key is not shown again.",
        ],
    )
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    done = _as_owner(output, lambda owner: owner.maybe(KeyRevoke(arguments.key_id), writes=True))
    if done is None:
        raise KeyRefusal(f"There is no key {arguments.key_id}.", "See `plant key list`.")
    output.answer(done, [f"{done.key_id} is revoked since {_shown(done.revoked_at)}"])
    return 0


def _as_owner(output: Output, work: Callable[[Repository], Awaitable[T]], way_out: str = "") -> T:
    """Do one thing as the owner of the database.

    Raises: KeyRefusal, WrongKey, and what the database refuses.
    """
    settings = load()

    async def done() -> T:
        async with repository(settings, target, "owner") as owner:
            try:
                return await work(owner)
            except Absent as absent:
                raise KeyRefusal(str(absent), way_out) from None
            except InvalidBody as wrong:
                raise WrongKey(wrong.detail, "See plant key --help.") from None

    with database(settings, output.say) as target:
        return asyncio.run(done())


def _line(key: Key) -> str:
    state = "works"
    if key.revoked_at is not None:
        state = f"revoked {key.revoked_at:{MOMENT}}"
    elif key.expires_at is not None:
        ended = key.expires_at <= datetime.now(UTC)
        state = f"{'expired' if ended else 'expires'} {key.expires_at:{MOMENT}}"
    used = f"used {key.last_used_at:{MOMENT}}" if key.last_used_at else "never used"
    owner = f"{key.tenant}/{key.governance_agent}"
    return f"{key.key_id}  {owner:<30}  {','.join(key.scopes):<26}  {state}, {used}"


def _shown(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):{MOMENT}} UTC" if at else "never"
