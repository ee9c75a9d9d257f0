"""`plant key` and `plant tenant`: who may call."""

import argparse
import asyncio
from datetime import UTC, datetime
from uuid import UUID

from service.cli.connected import repository
from service.cli.output import Output
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_group, add_json
from service.database.target import Target, resolve
from service.refusal import Refusal
from service.repository.keys import Key, KeyRevoke, KeysList, Revoked
from service.settings import Settings, load
from service.usecases.keys import SCOPES, Absent, CreatedKey, create_key

KEY = "Make, list and revoke the keys that callers send."

CREATE = """\
Make a key for a governance agent of a tenant; both are made when they are new.

The key is shown once: only its hash is stored.

  plant key create --tenant acme --agent alice --scopes read,write"""

LIST = "List keys, newest first, without the keys themselves."

REVOKE = """\
Revoke a key. Writes with it stop at once, reads within 5 seconds.

Exit code: 0 it is revoked, 1 there is no such key."""


class KeyRefusal(Refusal):
    """A key cannot be made as asked."""

    exit_code = 1


class WrongScope(Refusal):
    """There is no such scope or time."""

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
    create.add_argument("--expires-at", metavar="TIME", help="RFC 3339; default: never")
    create.add_argument(
        "--existing", action="store_true", help="refuse to make a tenant or governance agent"
    )
    add_json(create)
    listing = add_command(commands, "list", _list, LIST)
    listing.add_argument("--tenant", metavar="NAME", help="only this tenant's")
    add_json(listing)
    revoke = add_command(commands, "revoke", _revoke, REVOKE)
    revoke.add_argument("key_id", metavar="KEY_ID", type=UUID, help="as `plant key list` shows it")
    add_json(revoke)


def _create(arguments: argparse.Namespace) -> int:
    scopes = [scope.strip() for scope in arguments.scopes.split(",") if scope.strip()]
    if not scopes or set(scopes) - set(SCOPES):
        raise WrongScope(f"Scopes are {', '.join(SCOPES)}.", "Name some, separated by commas.")
    expires_at = _time(arguments.expires_at)
    output = Output(as_json=arguments.json)
    settings = load()
    with resolve(settings, output.say) as target:
        made = asyncio.run(_created(settings, target, arguments, scopes, expires_at))
    new = [name.replace("_", " ") for name, is_new in made.created.items() if is_new]
    output.answer(
        made,
        [
            f"key                 {made.key}",
            f"key id              {made.key_id}",
            f"tenant              {arguments.tenant} {made.tenant_id}",
            f"governance agent    {arguments.agent} {made.governance_agent_id}",
            f"scopes              {', '.join(made.scopes)}",
            f"expires             {made.expires_at or 'never'}",
            *([f"made                {', '.join(new)}"] if new else []),
            "The key is not shown again.",
        ],
    )
    return 0


async def _created(
    settings: Settings,
    target: Target,
    arguments: argparse.Namespace,
    scopes: list[str],
    expires_at: datetime | None,
) -> CreatedKey:
    async with repository(settings, target, "owner") as owner:
        try:
            return await create_key(
                owner,
                arguments.tenant,
                arguments.agent,
                scopes,
                expires_at,
                existing=arguments.existing,
            )
        except Absent as absent:
            raise KeyRefusal(str(absent), "Leave out --existing to make it.") from None


def _list(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    settings = load()

    async def found(target: Target) -> list[Key]:
        async with repository(settings, target, "owner") as owner:
            return await owner.many(KeysList(arguments.tenant))

    with resolve(settings, output.say) as target:
        keys = asyncio.run(found(target))
    output.answer({"items": keys}, [_line(key) for key in keys] or ["There is no key."])
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    settings = load()

    async def revoked(target: Target) -> Revoked | None:
        async with repository(settings, target, "owner") as owner:
            return await owner.maybe(KeyRevoke(arguments.key_id), writes=True)

    with resolve(settings, output.say) as target:
        done = asyncio.run(revoked(target))
    if done is None:
        raise KeyRefusal(f"There is no key {arguments.key_id}.", "See `plant key list`.")
    output.answer(done, [f"{done.key_id} is revoked since {done.revoked_at:%Y-%m-%d %H:%M:%S} UTC"])
    return 0


def _line(key: Key) -> str:
    state = "works"
    if key.revoked_at is not None:
        state = f"revoked {key.revoked_at:%Y-%m-%d}"
    elif key.expires_at is not None:
        ended = key.expires_at <= datetime.now(UTC)
        state = f"{'expired' if ended else 'expires'} {key.expires_at:%Y-%m-%d}"
    used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
    owner = f"{key.tenant}/{key.governance_agent}"
    return f"{key.key_id}  {owner:<30}  {','.join(key.scopes):<26}  {state}, {used}"


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise WrongScope(
            f"--expires-at {text} is no time with an offset.", "Write 2030-01-31T12:00:00Z."
        )
    return at
