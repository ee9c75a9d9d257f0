"""`plant audit prune`: documents of the past go into a file that proves itself."""

import argparse
import asyncio
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from service.cli import archive
from service.cli.connected import existing_database, repository
from service.cli.output import Output, counted
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_json
from service.cli.tenant_named import tenant_named
from service.cli.times import moment
from service.database.roles import require_login
from service.database.target import Target
from service.errors import NotSealed, OutcomeUnknown
from service.refusal import Refusal
from service.repository.pruning import Prunable, Pruned
from service.sealing.keys import Keyring
from service.settings import Settings, load
from service.sqlstate import classify
from service.usecases.pruning import archived, origin, prunable, pruned

PRUNE = """\
Prune a tenant's log: its documents go into a file, and out of the tables.

The log is read up to a position, or up to what is older than a time, as far as it is sealed, and
written into a file that proves itself (docs/audit-format.md): every entry, and every document that
there is. The file is checked as a verifier does. Then the documents of versions that are not the
last of what they are of are emptied, and an entry of the log says so and names the file. Entries,
hashes and proofs stay; whoever asks for such a version is told the file's name (410).

Keep the file: nothing else has what is in it. It has drafts of everybody, and what is erased later
is not erased in it. It asks before, or takes --yes for the answer.

  plant audit prune --tenant acme --before 2027-01-01T00:00:00Z --to acme-2026.proof

Exit code: 0 it is pruned, or there was nothing to prune; 1 the log does not prove itself, or
nothing is sealed; 2 could not tell; 64 there is no such tenant, or nobody said yes."""


KEEP = "{} has documents that are pruned already: keep it. Prune the rest to another file."


class PruneRefusal(Refusal):
    """Nothing is sealed."""

    exit_code = 1


def register(commands: Subparsers) -> None:
    """Add `prune`."""
    parser = add_command(commands, "prune", _prune, PRUNE)
    parser.add_argument("--tenant", required=True, metavar="NAME", help="whose log")
    parser.add_argument("--through", type=_position, metavar="POSITION", help="the last position")
    parser.add_argument("--before", metavar="TIME", help="RFC 3339: only what is older")
    parser.add_argument("--to", required=True, type=Path, metavar="FILE", help="where they go")
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    add_json(parser)


def _position(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no position: they are numbers from 1")
    return int(text)


def _prune(arguments: argparse.Namespace) -> int:
    before = moment(arguments.before, "--before")
    if arguments.through is None and before is None:
        raise WrongPruning("Neither --through nor --before is given.", "Say how far.")
    archive.refuse_taken(arguments.to)
    output = Output(as_json=arguments.json)
    settings = load()
    with existing_database(settings, output.say) as target:
        require_login(settings, target, "worker")
        work = Work(settings, target, arguments.tenant, arguments.to, output)
        tenant, found = asyncio.run(work.found(arguments.through, before))
        if found is None or found.documents == 0:
            output.answer({"pruned": False}, ["There is nothing to prune."])
            return 0
        if not _agreed(arguments, output, found):
            return WRONG_USAGE
        made, done = asyncio.run(work.done(tenant, found))
    told = arguments.to, found, made, done
    output.answer(_document(*told), _lines(*told))
    return 0


class WrongPruning(Refusal):
    """It is not said how far."""

    exit_code = WRONG_USAGE


class Work(NamedTuple):
    """What is done in the database for one command."""

    settings: Settings
    target: Target
    tenant: str
    to: Path
    output: Output

    async def found(
        self, through: int | None, before: datetime | None
    ) -> tuple[UUID, Prunable | None]:
        """Find the tenant, and what of its log would be pruned.

        Raises: NoTenant, PruneRefusal, and what the database refuses.
        """
        async with repository(self.settings, self.target, "owner") as owner:
            tenant_id = await tenant_named(owner, self.tenant)
        async with repository(self.settings, self.target, "worker") as worker:
            try:
                return tenant_id, await prunable(worker, tenant_id, through, before)
            except NotSealed as error:
                raise PruneRefusal(error.detail, "See `plant worker`.") from None

    async def done(self, tenant: UUID, end: Prunable) -> tuple[archive.Archive, list[Pruned]]:
        """Write the file, and empty what is in it.

        Raises: ArchiveRefusal, NotProven, and what the log or the database refuses.
        """
        async with repository(self.settings, self.target, "worker") as worker:
            keys = Keyring(self.settings).verifiers(await origin(worker))
            with self.output.progress("writing", end.through) as progress:
                lines = archived(worker, tenant, end)
                made = await archive.write(self.to, lines, keys, progress.reach)
        return made, await self._emptied(tenant, end, made.digest)

    async def _emptied(self, tenant: UUID, end: Prunable, digest: bytes) -> list[Pruned]:
        """Empty what the file has, piece by piece; without the first there is no use for it."""
        done: list[Pruned] = []
        async with repository(self.settings, self.target, "owner") as owner:
            with self.output.progress("emptying", end.through) as progress:
                try:
                    async for reached, piece in pruned(owner, tenant, end, self.to.name, digest):
                        done.append(piece)
                        progress.reach(reached)
                except Exception as error:
                    # Where nobody knows whether it was done the file may be all that there is.
                    unknown = isinstance(classify(error, committing=True), OutcomeUnknown)
                    if done or unknown:
                        self.output.say(KEEP.format(self.to))
                    else:
                        archive.remove(self.to)
                    raise
        return done


def _agreed(arguments: argparse.Namespace, output: Output, found: Prunable) -> bool:
    """Ask, unless --yes has said it."""
    if arguments.yes:
        return True
    documents = counted(found.documents, "document", "documents")
    them = "it" if found.documents == 1 else "them"
    output.say(
        f"This empties {documents} ({found.bytes:,} bytes) of the log of {arguments.tenant}, "
        f"positions 1 to {found.through:,}. Then only {arguments.to} has {them}."
    )
    return output.agreed(
        "plant: nothing was pruned. Repeat it with --yes.",
        "Type yes to go on:",
    )


def _document(
    path: Path, found: Prunable, made: archive.Archive, done: list[Pruned]
) -> dict[str, object]:
    return {
        "pruned": True,
        "through": found.through,
        "emptied": sum(piece.emptied for piece in done),
        "archive": {"file": str(path), "sha256": made.digest.hex(), "bytes": made.size},
        "entries": [
            {
                "version": piece.version,
                "audit_id": piece.audit_id,
                "entry_hash": piece.entry_hash.hex(),
            }
            for piece in done
        ],
    }


def _lines(path: Path, found: Prunable, made: archive.Archive, done: list[Pruned]) -> list[str]:
    emptied = sum(piece.emptied for piece in done)
    return [
        f"pruned    {counted(emptied, 'document', 'documents')}, positions 1 to {found.through}",
        f"archive   {path}, {made.size} bytes, sha256 {made.digest.hex()}",
        *(f"entry     {piece.audit_id}, hash {piece.entry_hash.hex()}" for piece in done),
        "Keep the archive: nothing else has what is in it.",
    ]
