"""`plant worker`: the work behind the service, without the service."""

import argparse
import asyncio
import signal

from service.cli.background import background
from service.cli.connected import database
from service.cli.logs import configure
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command
from service.cli.running import loop_factory, watching
from service.database.roles import require_login
from service.database.target import Target
from service.labelling.computed import computing
from service.labelling.standing import LabelStanding
from service.sealing.standing import Standing
from service.settings import Settings, load

WORKER = """\
Place and seal the entries of the log, embed what was written, and remove what has expired, until
SIGTERM or Ctrl-C.

`plant serve` does so itself. Any number may run beside each other on one database: one of them
leads, the others take its place when it ends. They share the keys and the sealer's state
(PLANT_SIGNING_KEY, PLANT_SEALER_STATE)."""


def register(subparsers: Subparsers) -> None:
    """Add `worker`."""
    add_command(subparsers, "worker", _worker, WORKER)


def _worker(_: argparse.Namespace) -> int:
    settings = load()
    output = Output()
    configure(settings.log_format)
    with database(settings, output.say) as target:
        require_login(settings, target, "worker")
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_run(settings, target, output))
    return 0


async def _run(settings: Settings, target: Target, output: Output) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    async with (
        computing(settings) as vectors,
        background(settings, target, vectors, Standing(), LabelStanding()) as begin,
        watching(target),
    ):
        begin()
        output.say("Plant works on the log (Ctrl-C stops it).")
        await stop.wait()
        output.say("stopping")
