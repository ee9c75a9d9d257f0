"""`plant import`: NDJSON or a folder of ESCO into the registry, straight over the database."""

import argparse
import asyncio
import gzip
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from service.cli.connected import repository
from service.cli.output import Output, Progress
from service.cli.parser import WRONG_USAGE, Subparsers, add_command
from service.convert.esco import convert_lines
from service.convert.report import Report
from service.convert.source import SourceUnreadable
from service.database.target import Target, resolve
from service.errors import Problem
from service.refusal import Refusal
from service.repository.base import Context, Repository
from service.repository.keys import Identity, KeyAuthenticate
from service.settings import Settings, load
from service.usecases.importing import LINE_BYTES_MAX, Import
from service.usecases.keys import key_hash

IMPORT = """\
Import entities: new ones are created, changed ones amended, others left as they are.

Each line is a JSON object with kind, external_id and content (docs/import.md). A line that cannot
go in is reported with its number and reason, and the rest goes in. Repeating an import changes
nothing. What was reported is done, also after Ctrl-C or kill -9.

  plant import --key $KEY skills.ndjson roles.ndjson.gz
  plant import --key $KEY --certifier-key $CERTIFIER --as active --from esco DIR

Outcomes go to standard output as NDJSON: rejected lines, or all with --verbose, then the totals.

Exit code: 0 every line is in, 1 some were rejected, 2 could not tell."""


class ImportRefusal(Refusal):
    """The import cannot begin or go on."""


class WrongImport(Refusal):
    """The arguments do not fit together."""

    exit_code = WRONG_USAGE


def register(subparsers: Subparsers) -> None:
    """Add `import`."""
    parser = add_command(subparsers, "import", _import, IMPORT)
    parser.add_argument("--key", required=True, help="a key with scope write")
    parser.add_argument("--certifier-key", help="a key with scope certify of another agent")
    parser.add_argument("--as", dest="state", choices=["active"], help="bring entities into force")
    parser.add_argument("--from", dest="source", choices=["esco"], help="convert a folder first")
    parser.add_argument("--verbose", action="store_true", help="report every line, not rejects only")
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="NDJSON, .gz or - for standard input"
    )


def _import(arguments: argparse.Namespace) -> int:
    if (arguments.state is None) != (arguments.certifier_key is None):
        raise WrongImport(
            "--as active and --certifier-key go together.",
            "Bringing entities into force needs a second identity.",
        )
    if arguments.source and len(arguments.files) != 1:
        raise WrongImport("--from esco takes one folder.", "Name its directory.")
    report = Report()
    lines = _opened(arguments, report)
    output = Output()
    settings = load()
    with resolve(settings, output.say) as target:
        totals = asyncio.run(_imported(settings, target, arguments, lines))
    if arguments.source:
        output.say(report.text().rstrip())
    return 1 if totals["rejected"] else 0


def _opened(arguments: argparse.Namespace, report: Report) -> Iterable[bytes]:
    """Open what is to be imported, so that a missing file is said before anything is written.

    Raises: ImportRefusal.
    """
    try:
        if arguments.source:
            return convert_lines(arguments.files[0], report)
        return _lines([_open(path) for path in arguments.files])
    except (SourceUnreadable, OSError) as error:
        raise ImportRefusal(f"Nothing was imported: {error}.", "Check the path.") from None


def _open(path: Path) -> BinaryIO:
    if str(path) == "-":
        return sys.stdin.buffer
    file: BinaryIO = path.open("rb")
    return gzip.open(file) if path.suffix == ".gz" else file  # type: ignore[return-value]


def _lines(files: list[BinaryIO]) -> Iterator[bytes]:
    """Read line by line; of one that is far too long only enough is kept to refuse it."""
    for file in files:
        with file:
            while line := file.readline(LINE_BYTES_MAX + 1):
                ended = line.endswith(b"\n")
                yield line
                while not ended and (more := file.readline(LINE_BYTES_MAX)):
                    ended = more.endswith(b"\n")


async def _imported(
    settings: Settings, target: Target, arguments: argparse.Namespace, lines: Iterable[bytes]
) -> dict[str, int]:
    async with repository(settings, target, "app") as app:
        context = await _context(app, arguments)
        run = Import(app, context, as_active=arguments.state == "active")
        progress = Progress("staged", None, sys.stderr)

        def tell(done: int, total: int) -> None:
            progress.what, progress.total = "imported", total
            progress.reach(done)

        encoder = msgspec.json.Encoder()
        try:
            async for outcomes in run.run(_counted(lines, progress), tell):
                shown = [
                    outcome
                    for outcome in outcomes
                    if arguments.verbose or outcome.outcome == "rejected"
                ]
                sys.stdout.buffer.write(encoder.encode_lines(shown))
                sys.stdout.buffer.flush()
        except Problem as problem:
            raise ImportRefusal(
                f"The import stopped: {problem.detail}", "What was reported is done: run it again."
            ) from problem
        finally:
            progress.close()
        sys.stdout.buffer.write(encoder.encode({"totals": run.totals}) + b"\n")
        sys.stdout.buffer.flush()
        return run.totals


async def _counted(lines: Iterable[bytes], progress: Progress) -> AsyncIterator[bytes]:
    for line in lines:
        progress.advance()
        yield line


async def _context(app: Repository, arguments: argparse.Namespace) -> Context:
    """Find who imports, and who certifies.

    Raises: ImportRefusal.
    """
    writer = await _identity(app, arguments.key, "write")
    context = Context(
        tenant_id=str(writer.tenant_id),
        governance_agent_id=str(writer.governance_agent_id),
        key_id=str(writer.key_id),
        request_id="plant import",
    )
    if arguments.certifier_key is None:
        return context
    certifier = await _identity(app, arguments.certifier_key, "certify")
    if certifier.tenant_id != writer.tenant_id:
        raise ImportRefusal("The two keys belong to different tenants.", "Use keys of one tenant.")
    if certifier.governance_agent_id == writer.governance_agent_id:
        raise ImportRefusal(
            "Both keys belong to the same governance agent.",
            "Nobody certifies their own work: use a key of another one.",
        )
    return msgspec.structs.replace(context, certifier_key_id=str(certifier.key_id))


async def _identity(app: Repository, key: str, scope: str) -> Identity:
    found = await app.maybe(KeyAuthenticate(key_hash(key)))
    if found is None:
        raise ImportRefusal("A key is unknown, expired or revoked.", "See `plant key list`.")
    if scope not in found.scopes:
        raise ImportRefusal(
            f"The key of {found.governance_agent_name} lacks the scope {scope}.",
            "Make one with it: plant key create.",
        )
    return found
