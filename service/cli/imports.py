"""`plant import`: NDJSON or a folder of ESCO into the registry, straight over the database."""

import argparse
import sys
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from service.cli.connected import database, repository
from service.cli.ending import Ending
from service.cli.identity import KEY_HELP, context_of, identity, key_given
from service.cli.output import Output, Progress
from service.cli.parser import Subparsers, add_command
from service.cli.restore import add_restore, restore
from service.cli.sources import Files, Folder, ImportRefusal, Source, WrongImport, read_lines
from service.convert.report import Report
from service.database.target import Target
from service.errors import Problem
from service.repository.base import Context, Repository
from service.settings import Settings, load
from service.usecases.absent import MEMBERS, Handling
from service.usecases.importing import Import
from service.usecases.outcomes import OUTCOMES, Reported

IMPORT = """\
Import entities: new ones are created, changed ones amended, others left as they are.

Each line is a JSON object with kind, external_id and content (docs/import.md). A line that cannot
go in is reported with its number, field and reason, and the rest goes in. Repeating an import
changes nothing. What was reported is done, also after Ctrl-C or kill -9.

  plant import --key @key.txt skills.ndjson roles.ndjson.gz
  plant import --key @key.txt --certifier-key @other.txt --as active --from esco DIR

With --restore the file is an export of entities, and goes into an empty tenant as it was: ids,
times, versions and states. All of it is restored or nothing.

  plant import --key @admin.txt --restore entities.ndjson --agent ID=author

Outcomes go to standard output as NDJSON: rejected lines, or all with --verbose, then what is
absent when that was asked for, then the totals.

Exit code: 0 every line is in, 1 some were rejected (or nothing was archived because lines could
not be read), 2 the import could not begin or go on, 130 after Ctrl-C, 143 after SIGTERM; what
went in until then is told on standard error."""

WELL = ("created", "amended", "unchanged")
STOPPED = "What went in stays; the same command imports the rest."


class _Asked(Struct, frozen=True):
    """What the command line asks for, beside the lines."""

    key: str
    certifier_key: str | None
    as_active: bool
    absent: Handling | None
    verbose: bool


class Placed(Reported, frozen=True, kw_only=True):
    """What became of a line of one of several files."""

    file: str


def register(subparsers: Subparsers) -> None:
    """Add `import`."""
    parser = add_command(subparsers, "import", _import, IMPORT)
    parser.add_argument("--key", required=True, help=f"a key with scope write, or admin{KEY_HELP}")
    parser.add_argument(
        "--certifier-key", help=f"a key with scope certify of another agent{KEY_HELP}"
    )
    parser.add_argument("--as", dest="state", choices=["active"], help="bring entities into force")
    parser.add_argument(
        "--from", dest="source", choices=["esco"], help="convert a folder (docs/import.md)"
    )
    absent = parser.add_mutually_exclusive_group()
    absent.add_argument(
        "--report-absent", dest="absent", action="store_const", const="report",
        help="list what is in the registry and not in the files",
    )  # fmt: skip
    absent.add_argument(
        "--archive-absent", dest="absent", action="store_const", const="archive",
        help="archive it, where nothing in force depends on it; archived is final",
    )  # fmt: skip
    add_restore(parser)
    parser.add_argument(
        "--verbose", action="store_true", help="report every line, not rejects only"
    )
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="NDJSON, .gz, - for standard input; with --from one folder",
    )


def _import(arguments: argparse.Namespace) -> int:
    if arguments.restore or arguments.agents:
        return restore(arguments)
    if (arguments.state is None) != (arguments.certifier_key is None):
        raise WrongImport(
            "--as active and --certifier-key go together.",
            "Bringing entities into force needs a second identity.",
        )
    if arguments.source and len(arguments.files) != 1:
        raise WrongImport("--from esco takes one folder.", "Name its directory.")
    asked = _Asked(
        key_given(arguments.key, "--key"),
        arguments.certifier_key and key_given(arguments.certifier_key, "--certifier-key"),
        as_active=arguments.state == "active",
        absent=arguments.absent,
        verbose=arguments.verbose,
    )
    report = Report()
    # Opened first, so that a missing file is said before anything is started or written.
    source: Source = (
        Folder(arguments.files[0], report) if arguments.source else Files(arguments.files)
    )
    output = Output()
    settings = load()
    totals = dict.fromkeys(OUTCOMES + MEMBERS[asked.absent], 0)
    with database(settings, output.say) as target:
        try:
            ending = Ending()
            ending.run(_imported(settings, target, asked, source, ending, totals))
        except (KeyboardInterrupt, SystemExit):
            output.say(f"stopped, so far {_counted(totals)}. {STOPPED}")
            raise
    if arguments.source:
        output.say(report.text().rstrip())
    incomplete = asked.absent == "archive" and not source.whole()
    return 1 if totals["rejected"] or incomplete else 0


def _counted(totals: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {outcome}" for outcome, count in totals.items())


async def _imported(
    settings: Settings,
    target: Target,
    asked: _Asked,
    source: Source,
    ending: Ending,
    totals: dict[str, int],
) -> None:
    """Import and print; `totals` is kept, so that they can be told whatever ends it."""
    async with repository(settings, target, "app") as app:
        context = await _context(app, asked)
        run = Import(
            app,
            context,
            as_active=asked.as_active,
            absent=asked.absent,
            naming=partial(_named, source),
            whole=source.whole,
        )
        progress = Progress("reading", None, sys.stderr)

        def tell(done: int, total: int) -> None:
            progress.what, progress.total = "importing", total
            progress.reach(done)

        encoder = msgspec.json.Encoder()
        try:
            async for outcomes in run.run(read_lines(source, progress, ending), tell):
                totals |= run.totals
                shown = [
                    _placed(outcome, source)
                    for outcome in outcomes
                    if asked.verbose or outcome.outcome not in WELL
                ]
                sys.stdout.buffer.write(encoder.encode_lines(shown))
                sys.stdout.buffer.flush()
        except Problem as problem:
            raise ImportRefusal(
                f"The import stopped: {problem.detail}",
                f"So far {_counted(totals)}. {STOPPED}",
            ) from problem
        finally:
            progress.close()
        sys.stdout.buffer.write(encoder.encode({"totals": run.totals}) + b"\n")
        sys.stdout.buffer.flush()


def _named(source: Source, number: int) -> str:
    """Say what a person calls a line."""
    file, line = source.place(number)
    return f"line {line}" if file is None else f"line {line} of {file}"


def _placed(reported: Reported, source: Source) -> Reported:
    file, line = source.place(reported.line)
    if file is None or not reported.line:
        return reported
    return Placed(**(msgspec.structs.asdict(reported) | {"line": line, "file": file}))


async def _context(app: Repository, asked: _Asked) -> Context:
    """Find who imports, and who certifies.

    Raises: KeyRefusal, ImportRefusal.
    """
    writer = await identity(app, asked.key, "--key", "write")
    context = context_of(writer, "plant import")
    if asked.certifier_key is None:
        return context
    certifier = await identity(app, asked.certifier_key, "--certifier-key", "certify")
    if certifier.tenant_id != writer.tenant_id:
        raise ImportRefusal("The two keys belong to different tenants.", "Use keys of one tenant.")
    if certifier.governance_agent_id == writer.governance_agent_id:
        raise ImportRefusal(
            "Both keys belong to the same governance agent.",
            "Nobody certifies their own work: use a key of another one.",
        )
    return msgspec.structs.replace(context, certifier_key_id=str(certifier.key_id))
