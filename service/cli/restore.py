"""`plant import --restore`: what was exported goes back, into an empty tenant."""

import argparse
import sys
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import Struct

from service.cli.connected import database, repository
from service.cli.ending import Ending
from service.cli.identity import context_of, identity, key_given
from service.cli.output import Output, Progress
from service.cli.sources import Files, WrongImport, read_lines
from service.database.target import Target
from service.settings import Settings, load
from service.usecases.keys import NAME
from service.usecases.outcomes import Reported
from service.usecases.restore_lines import LineRefused
from service.usecases.restoring import Restore

OTHERS = ("certifier_key", "state", "source", "absent", "verbose")
"""Arguments that import, and do not restore."""


class _Asked(Struct, frozen=True):
    """What the command line asks for."""

    key: str
    file: Path
    agents: dict[UUID, str]


def add_restore(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a restoration."""
    parser.add_argument(
        "--restore",
        action="store_true",
        help="take back an export of entities, by a key with scope admin of an empty tenant",
    )
    parser.add_argument(
        "--agent",
        dest="agents",
        action="append",
        default=[],
        type=_agent,
        metavar="ID=NAME",
        help="with --restore: make a governance agent that documents name; repeatable",
    )


def restore(arguments: argparse.Namespace) -> int:
    """Restore one export; 1 when it was refused."""
    if not arguments.restore:
        raise WrongImport("--agent goes with --restore only.", "Leave it out.")
    if any(getattr(arguments, name) for name in OTHERS) or len(arguments.files) != 1:
        raise WrongImport(
            "--restore takes one file, and of the other arguments only --key and --agent.",
            "What was exported goes back as it was: leave the others out.",
        )
    agents = dict(arguments.agents)
    if len(agents) < len(arguments.agents):
        raise WrongImport("--agent names an id twice.", "Give each id one name.")
    asked = _Asked(key_given(arguments.key, "--key"), arguments.files[0], agents)
    # Opened first, so that a missing file is said before anything is started.
    source = Files([asked.file])
    output = Output()
    settings = load()
    with database(settings, output.say) as target:
        ending = Ending()
        try:
            return ending.run(_restored(settings, target, asked, source, ending))
        except (KeyboardInterrupt, SystemExit):
            output.say("stopped. Nothing was restored.")
            raise


async def _restored(
    settings: Settings, target: Target, asked: _Asked, source: Files, ending: Ending
) -> int:
    """Restore, and print the totals or the line that was refused."""
    async with repository(settings, target, "app") as app:
        found = await identity(app, asked.key, "--key", "admin")
        run = Restore(app, context_of(found, "plant import"), asked.agents)
        progress = Progress("restoring", None, sys.stderr)
        try:
            restored = await run.run(read_lines(source, progress, ending))
            # The last line of an export is none of an entity.
            progress.done = restored
        except LineRefused as refused:
            _print(
                Reported(
                    line=refused.line,
                    outcome="rejected",
                    id=None,
                    problem=dict(refused.problem.members()),
                )
            )
            _print({"totals": {"restored": 0, "rejected": 1}})
            Output().say("plant: a line was refused, and nothing was restored.")
            return 1
        finally:
            progress.close()
        _print({"totals": {"restored": restored, "rejected": 0}})
    return 0


def _print(answer: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


def _agent(text: str) -> tuple[UUID, str]:
    """Read the id and the name of a governance agent.

    Raises: ArgumentTypeError.
    """
    identity, _, name = text.partition("=")
    try:
        if NAME.fullmatch(name):
            return UUID(identity), name
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"{text!r} is no ID=NAME: a UUID, and a name that begins and ends with no blank"
    )
