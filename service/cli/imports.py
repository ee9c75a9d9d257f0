"""`plant import`: NDJSON or a folder of ESCO into the registry, straight over the database."""

import argparse
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from service.cli.connected import database, repository
from service.cli.ending import Ending
from service.cli.output import Output, Progress
from service.cli.parser import WRONG_USAGE, Subparsers, add_command
from service.cli.sources import Files, Folder, ImportRefusal, Source
from service.convert.report import Report
from service.database.target import Target
from service.errors import Problem
from service.refusal import Refusal
from service.repository.base import Context, Repository
from service.repository.keys import Identity, KeyAuthenticate
from service.settings import Settings, load
from service.usecases.importing import Import, Reported
from service.usecases.keys import key_hash

IMPORT = """\
Import entities: new ones are created, changed ones amended, others left as they are.

Each line is a JSON object with kind, external_id and content (docs/import.md). A line that cannot
go in is reported with its number, field and reason, and the rest goes in. Repeating an import
changes nothing. What was reported is done, also after Ctrl-C or kill -9.

  plant import --key $KEY skills.ndjson roles.ndjson.gz
  plant import --key $KEY --certifier-key $CERTIFIER --as active --from esco DIR

Outcomes go to standard output as NDJSON: rejected lines, or all with --verbose, then the totals.

Exit code: 0 every line is in, 1 some were rejected, 2 the import could not begin or go on."""

STOPPED = "stopped: what went in stays; the same command imports the rest"


class WrongImport(Refusal):
    """The arguments do not fit together."""

    exit_code = WRONG_USAGE


class Placed(Reported, frozen=True, kw_only=True):
    """What became of a line of one of several files."""

    file: str


def register(subparsers: Subparsers) -> None:
    """Add `import`."""
    parser = add_command(subparsers, "import", _import, IMPORT)
    parser.add_argument("--key", required=True, help="a key with scope write")
    parser.add_argument("--certifier-key", help="a key with scope certify of another agent")
    parser.add_argument("--as", dest="state", choices=["active"], help="bring entities into force")
    parser.add_argument(
        "--from", dest="source", choices=["esco"], help="convert a folder (docs/import.md)"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="report every line, not rejects only"
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="NDJSON, .gz, - for standard input"
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
    # Opened first, so that a missing file is said before anything is started or written.
    source: Source = (
        Folder(arguments.files[0], report) if arguments.source else Files(arguments.files)
    )
    output = Output()
    settings = load()
    with database(settings, output.say) as target:
        try:
            ending = Ending()
            totals = ending.run(_imported(settings, target, arguments, source, ending))
        except (KeyboardInterrupt, SystemExit):
            output.say(STOPPED)
            raise
    if arguments.source:
        output.say(report.text().rstrip())
    return 1 if totals["rejected"] else 0


async def _imported(
    settings: Settings,
    target: Target,
    arguments: argparse.Namespace,
    source: Source,
    ending: Ending,
) -> dict[str, int]:
    async with repository(settings, target, "app") as app:
        context = await _context(app, arguments)
        run = Import(app, context, as_active=arguments.state == "active")
        progress = Progress("reading", None, sys.stderr)

        def tell(done: int, total: int) -> None:
            progress.what, progress.total = "importing", total
            progress.reach(done)

        encoder = msgspec.json.Encoder()
        try:
            async for outcomes in run.run(_read(source, progress, ending), tell):
                shown = [
                    _placed(outcome, source)
                    for outcome in outcomes
                    if arguments.verbose or outcome.outcome == "rejected"
                ]
                sys.stdout.buffer.write(encoder.encode_lines(shown))
                sys.stdout.buffer.flush()
        except Problem as problem:
            raise ImportRefusal(
                f"The import stopped: {problem.detail}",
                "What was reported is done: the same command imports the rest.",
            ) from problem
        finally:
            progress.close()
        sys.stdout.buffer.write(encoder.encode({"totals": run.totals}) + b"\n")
        sys.stdout.buffer.flush()
        return run.totals


async def _read(source: Source, progress: Progress, ending: Ending) -> AsyncIterator[bytes]:
    lines = iter(source)
    while True:
        with ending.reading():
            line = next(lines, None)
        if line is None:
            return
        progress.total = source.expected()
        progress.advance()
        yield line


def _placed(reported: Reported, source: Source) -> Reported:
    file, line = source.place(reported.line)
    if file is None:
        return reported
    return Placed(**(msgspec.structs.asdict(reported) | {"line": line, "file": file}))


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
    name = "--key" if scope == "write" else "--certifier-key"
    found = await app.maybe(KeyAuthenticate(key_hash(key)))
    if found is None:
        raise ImportRefusal(
            f"The key given with {name} is unknown here, expired or revoked.",
            "See `plant key list`.",
        )
    if scope not in found.scopes:
        raise ImportRefusal(
            f"The key given with {name}, of {found.governance_agent_name}, lacks the scope "
            f"{scope}.",
            "Make one that has it: plant key create.",
        )
    return found
