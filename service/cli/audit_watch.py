"""`plant audit watch`: keep an eye on a log from outside."""

import argparse
import time
from pathlib import Path
from typing import Final

from service.cli.audit_verify import add_keys
from service.cli.identity import KEY_HELP, key_given
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_json
from service.refusal import Refusal
from service.settings import load
from service.verify.evidence import pinned_of
from service.verify.plain import plain
from service.verify.remote import Service, ServiceSilent
from service.verify.watch import Look, Monitor, state_of

WATCH: Final = """\
Watch a log as a client: keep its last checkpoint, and let it prove each time that it only grew.

Run it on another machine than the log's, with the key that was pinned there. It ends at the first
contradiction and prints both notes: keep them, they are the evidence.

  plant audit watch https://plant.example.org --key example.org/log+1a2b3c4d+AbCd…
  plant audit watch https://plant.example.org --once --state seen.checkpoint

Exit code: 0 with --once, when the log only grew; 1 it was forked, rolled back or is signed by
somebody else; 2 could not tell, with --once: no answer; 130 after Ctrl-C, 143 after SIGTERM."""

INTERVAL_S: Final = 60.0
INTERVAL_S_MAX: Final = 86_400.0


class NothingPinned(Refusal):
    """Without a key nothing can be told."""


def register(subparsers: Subparsers) -> None:
    """Add `audit watch`."""
    parser = add_command(subparsers, "watch", _watch, WATCH)
    parser.add_argument("url", metavar="URL", help="the address of the service")
    add_keys(parser)
    parser.add_argument(
        "--api-key", help=f"a key with scope audit, where the log is not open{KEY_HELP}"
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="where the last checkpoint is kept (default: HOST-PORT.checkpoint in this directory)",
    )
    parser.add_argument(
        "--interval", type=_seconds, default=INTERVAL_S, metavar="SECONDS", help="default: 60"
    )
    parser.add_argument("--once", action="store_true", help="look once")
    add_json(parser)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= INTERVAL_S_MAX:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of seconds above 0 and up to {INTERVAL_S_MAX:,.0f}"
        )
    return seconds


def _watch(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    pinned = pinned_of(load(), arguments.vkeys)
    if not pinned:
        raise NothingPinned(
            "No key is pinned: whoever answers could have signed it.",
            "Give the log's key with --key, as `plant audit key` prints it there.",
        )
    key = key_given(arguments.api_key, "--api-key") if arguments.api_key else None
    service = Service(arguments.url, key)
    monitor = Monitor(service, pinned, arguments.state or state_of(service))
    while True:
        try:
            look = monitor.look()
        except ServiceSilent as silent:
            if arguments.once:
                raise
            output.say(f"plant: {silent}")
        else:
            if arguments.once or look.word == "damaged":
                _answer(output, look)
                return 1 if look.word == "damaged" else 0
            if look.word != "same":
                output.say(plain(look.message))
        time.sleep(arguments.interval)


def _answer(output: Output, look: Look) -> None:
    lines = [look.message]
    for note in look.notes:
        lines += ["", *note.splitlines()]
    output.answer(look, [plain(line) for line in lines])
