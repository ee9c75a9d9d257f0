"""`plant key`: the keys that callers send."""

import argparse
from datetime import UTC, datetime
from uuid import UUID

from service.cli import key_create
from service.cli.key_owner import KeyRefusal, add_expiry, as_owner, shown
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_group, add_json
from service.cli.tenant_named import tenant_named
from service.cli.times import MOMENT, duration, to_come
from service.repository.base import Repository
from service.repository.keys import Key, KeyRevoke, KeysList
from service.usecases.keys import rotate_key

KEY = """\
Make, list, replace and revoke the keys that callers send.

They work on the database directly, while the service runs or not: who may run them is who may
read the data directory, or has PLANT_DATABASE_URL."""

LIST = """\
List keys, newest first, without the keys themselves. Times are in UTC.

Exit code: 0 they are listed, 64 there is no such tenant."""

ROTATE = """\
Make a key in the place of another, for the same governance agent and scopes.

The old key works until the overlap is over: as long as it takes to hand out the new one.

  plant key rotate 0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77 --overlap 24h

Exit code: 0 it is made, 1 there is no such key or it works no more."""

REVOKE = """\
Revoke a key. Writes with it stop at once, reads within 5 seconds.

Exit code: 0 it is revoked, 1 there is no such key."""


def register(subparsers: Subparsers) -> None:
    """Add `key` and its commands."""
    commands = add_group(subparsers, "key", KEY)
    key_create.register(commands)
    listing = add_command(commands, "list", _list, LIST)
    listing.add_argument("--tenant", metavar="NAME", help="only this tenant's")
    add_json(listing)
    rotate = add_command(commands, "rotate", _rotate, ROTATE)
    _add_id(rotate)
    rotate.add_argument(
        "--overlap", default="0s", metavar="DURATION", help="such as 30m, 24h, 7d; default: none"
    )
    add_expiry(rotate)
    add_json(rotate)
    revoke = add_command(commands, "revoke", _revoke, REVOKE)
    _add_id(revoke)
    add_json(revoke)


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key_id", metavar="KEY_ID", type=UUID, help="as `plant key list` shows it")


def _list(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    keys = as_owner(output, lambda owner: _found(owner, arguments.tenant))
    output.answer({"items": keys}, [_line(key) for key in keys] or ["There is no key."])
    return 0


async def _found(owner: Repository, tenant: str | None) -> list[Key]:
    if tenant is not None:
        await tenant_named(owner, tenant)
    return await owner.many(KeysList(tenant))


def _rotate(arguments: argparse.Namespace) -> int:
    expires_at, overlap = to_come(arguments.expires_at), duration(arguments.overlap)
    output = Output(as_json=arguments.json)
    made = as_owner(
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
            f"expires             {shown(made.expires_at)}",
            f"the old one works   until {shown(made.replaced_until)}",
            "The key is not shown again.",
        ],
    )
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    done = as_owner(output, lambda owner: owner.maybe(KeyRevoke(arguments.key_id), writes=True))
    if done is None:
        raise KeyRefusal(f"There is no key {arguments.key_id}.", "See `plant key list`.")
    output.answer(done, [f"{done.key_id} is revoked since {shown(done.revoked_at)}"])
    return 0


def _line(key: Key) -> str:
    state = "works"
    if key.revoked_at is not None:
        state = f"revoked {key.revoked_at:{MOMENT}}"
    elif key.expires_at is not None:
        ended = key.expires_at <= datetime.now(UTC)
        state = f"{'expired' if ended else 'expires'} {key.expires_at:{MOMENT}}"
    used = f"used {key.last_used_at:{MOMENT}}" if key.last_used_at else "never used"
    owner = f"{key.tenant}/{key.governance_agent}"
    used += f", tokens of {key.issuer}" if key.issuer else ""
    return f"{key.key_id}  {owner:<30}  {','.join(key.scopes):<26}  {state}, {used}"
