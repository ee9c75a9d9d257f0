"""`plant audit rebase`: the log goes on after a restore or a fail-over."""

import argparse

from msgspec import structs

from service.cli.at_desk import at_desk
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_json
from service.sealing.examination import Tip
from service.sealing.keys import Keyring
from service.sealing.rebase import Proposal, propose, rebase
from service.sealing.state import StateFile, state_path
from service.settings import load

REBASE = """\
Take up the log again after a restore, a fail-over that lost its end, or a move to another cluster.

The sealer refuses a database that is not what was signed. This begins a new incarnation of the log
with what is there: under a name of its own (…/inc2), with the same tree, and with a record of what
was found and of the signed checkpoint that was given up. Whoever holds an older checkpoint can see
that the log was taken up again, and from where. Where the log is as it was signed nothing is done.

It asks before, or takes --yes for the answer.

  plant audit rebase

Exit code: 0 it goes on, or nothing was wrong; 1 no, or damage that has to be mended; 2 could not
tell."""


def register(commands: Subparsers) -> None:
    """Add `rebase`."""
    parser = add_command(commands, "rebase", _rebase, REBASE)
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    add_json(parser)


def _rebase(arguments: argparse.Namespace) -> int:
    settings = load()
    output = Output(as_json=arguments.json)
    keyring, file = Keyring(settings), StateFile(state_path(settings))
    proposal = at_desk(
        settings, output, lambda desk: propose(desk, keyring, file, settings.log_origin)
    )
    if proposal is None:
        output.answer({"rebased": False}, ["The log is as it was signed: nothing is to be done."])
        return 0
    _tell(output, proposal)
    if not _agreed(arguments, output):
        return 1
    found = proposal
    tip = at_desk(settings, output, lambda desk: rebase(desk, keyring, file, found))
    output.answer(_document(found, tip), _lines(found, tip))
    return 0


def _tell(output: Output, proposal: Proposal) -> None:
    output.say(f"The log is not continued ({proposal.reason}): {proposal.wrong}")
    output.say(f"There are {proposal.size} entries with the root {proposal.root}.")
    output.say(f"The log would go on from there as {proposal.origin}.")


def _agreed(arguments: argparse.Namespace, output: Output) -> bool:
    """Ask, unless --yes has said it."""
    if arguments.yes:
        return True
    return output.agreed(
        "plant: nothing was done. Repeat it with --yes.",
        "What was signed and is not there is given up for good. Type yes to go on:",
    )


def _document(proposal: Proposal, tip: Tip) -> dict[str, object]:
    state = structs.asdict(tip.state)
    return {
        "rebased": True,
        "reason": proposal.reason,
        "given_up": proposal.given_up,
        **{name: state[name] for name in ("origin", "incarnation", "size", "root", "note")},
    }


def _lines(proposal: Proposal, tip: Tip) -> list[str]:
    return [
        f"origin          {tip.checkpoint.origin}",
        f"incarnation     {tip.incarnation}",
        f"entries         {tip.checkpoint.size}",
        f"root            {tip.checkpoint.root.hex()}",
        f"given up        {_given_up(proposal)}",
        "Clients pin the log's new name: `plant audit key` prints it with its keys.",
    ]


def _given_up(proposal: Proposal) -> str:
    if proposal.given_up is None:
        return "nothing that is known here"
    origin, size, *_ = proposal.given_up.split("\n")
    return f"what was signed of {origin} at {size} entries"
