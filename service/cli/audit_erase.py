"""`plant audit erase`: the past of an entity is emptied of its content."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from service.cli.connected import existing_database, repository
from service.cli.identity import KEY_HELP, context_of, identity, key_given
from service.cli.output import Output, counted
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_json
from service.database.target import Target
from service.errors import AmendmentOpen, NotFound
from service.model.kinds import BY_NAME
from service.refusal import Refusal
from service.repository.base import Context, Repository
from service.repository.entities import EntityById
from service.repository.erasure import EntityErase, Erased
from service.settings import Settings, load

ERASE = """\
Erase an entity: empty the text of every version that it has had, and of its amendments, for good.

The log keeps its entries and hashes, and one more says that it was erased, when and by whom; every
proof still holds. What the entity is now stays, but for a new version: to be rid of a text that it
still says, amend it first. Of one that is archived name, description, external id, aliases, tags,
notes, custom attributes and vector are blanked too. Ids, references, codes, states and times stay,
and so does whatever was copied before: backups, exports, files of pruned payloads.

It asks before, or takes --yes for the answer.

  plant audit erase --key @key.txt skill 0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77

Exit code: 0 it is erased, 1 it is not there or an amendment of it is open, 2 could not tell,
64 nobody said yes."""


class EraseRefusal(Refusal):
    """There is nothing to erase, or not yet."""

    exit_code = 1


class Found(Struct):
    """What is told of an entity before it is erased."""

    status: str
    version: int


def register(commands: Subparsers) -> None:
    """Add `erase`."""
    parser = add_command(commands, "erase", _erase, ERASE)
    parser.add_argument("--key", required=True, help=f"a key with scope admin{KEY_HELP}")
    parser.add_argument("kind", metavar="KIND", choices=BY_NAME, help=", ".join(BY_NAME))
    parser.add_argument("id", metavar="ID", type=UUID, help="of the entity")
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    add_json(parser)


def _erase(arguments: argparse.Namespace) -> int:
    key = key_given(arguments.key, "--key")
    output = Output(as_json=arguments.json)
    settings = load()
    with existing_database(settings, output.say) as target:
        work = Work(settings, target, key, arguments.kind, str(arguments.id))
        if not _agreed(arguments, output, asyncio.run(work.found())):
            return WRONG_USAGE
        erased = asyncio.run(work.erased())
    output.answer(_document(arguments.kind, erased), _lines(erased))
    return 0


class Work(NamedTuple):
    """What is done in the database for one command."""

    settings: Settings
    target: Target
    key: str
    kind: str
    id: str

    async def found(self) -> Found:
        """Find what would be erased.

        Raises: EraseRefusal, and what the key or the database refuses.
        """
        async with self._acting() as (app, context):
            document = await app.maybe(EntityById(self.kind, self.id), context)
            if document is None:
                raise NotFound(BY_NAME[self.kind].absent)
            return msgspec.json.decode(document.document, type=Found)

    async def erased(self) -> Erased:
        """Erase it.

        Raises: as `found`.
        """
        async with self._acting() as (app, context):
            return await app.one(EntityErase(self.kind, self.id), context)

    @asynccontextmanager
    async def _acting(self) -> AsyncIterator[tuple[Repository, Context]]:
        async with repository(self.settings, self.target, "app") as app:
            found = await identity(app, self.key, "--key", "admin")
            try:
                yield app, context_of(found, "plant audit erase")
            except NotFound as absent:
                way_out = "A draft is its own governance agent's."
                raise EraseRefusal(absent.detail, way_out) from None
            except AmendmentOpen as opened:
                raise EraseRefusal(opened.detail, "Nothing was erased.") from None


def _agreed(arguments: argparse.Namespace, output: Output, found: Found) -> bool:
    """Ask, unless --yes has said it."""
    if arguments.yes:
        return True
    what = f"{BY_NAME[arguments.kind].title} {arguments.id}, which is {found.status}"
    now = "what it says now too" if found.status == "archived" else "but not what it says now"
    output.say(f"This empties {_until(found.version)} of the {what}, for good, {now}.")
    return output.agreed(
        "plant: nothing was erased. Repeat it with --yes.",
        "Type yes to go on:",
    )


def _document(kind: str, erased: Erased) -> dict[str, object]:
    return {
        "kind": kind,
        "id": erased.id,
        "version": erased.version,
        "status": erased.status,
        "etag": f'"{erased.etag}"',
        "audit_id": erased.audit_id,
        "entry_hash": erased.entry_hash.hex(),
        "erased_through": erased.version - 1,
        "amendments": erased.amendments,
        "blanked": erased.status == "archived",
    }


def _until(version: int) -> str:
    return "version 1" if version == 1 else f"versions 1 to {version}"


def _lines(erased: Erased) -> list[str]:
    amendments = counted(erased.amendments, "amendment", "amendments")
    return [
        f"erased       {_until(erased.version - 1)}, and {amendments}",
        f"version      {erased.version}, {erased.status}",
        f"entry        {erased.audit_id}, hash {erased.entry_hash.hex()}",
        "What it said is blank now."
        if erased.status == "archived"
        else "What it says now stays: amend it, and erase it again, to be rid of that too.",
    ]
