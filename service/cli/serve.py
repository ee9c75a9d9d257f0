"""`plant serve`: the service in the foreground, with its database made ready first."""

import argparse
import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable

from service.cli.background import background
from service.cli.connected import migrate, repository
from service.cli.listening import bound, serving
from service.cli.logs import configure
from service.cli.output import Output, Progress
from service.cli.parser import Subparsers, add_command
from service.cli.running import loop_factory, watching
from service.database.data_dir import hold
from service.database.roles import ensure_login_roles, require_login
from service.database.target import Target, resolve
from service.embedding.choose import choose
from service.http.app import build_app, finders_by
from service.http.runner import Runner
from service.labelling.computed import Computed, computing
from service.labelling.standing import LabelStanding
from service.sealing.standing import Standing
from service.settings import Settings, load
from service.usecases.issuer_keys import is_address, keys_of
from service.usecases.sample import SampleKeys, ensure_sample

log = logging.getLogger(__name__)

SERVE = """\
Serve the JSON API in the foreground until SIGTERM or Ctrl-C.

With the embedded database, pending migrations are applied first. On a server of your own
(PLANT_DATABASE_URL) run `plant migrate apply` before, or add --migrate."""

COLLECTED = (10_000, 10, 50)
"""Objects until the youngest are looked through, and how often each age before the next."""


def register(subparsers: Subparsers) -> None:
    """Add `serve`."""
    parser = add_command(subparsers, "serve", _serve, SERVE)
    parser.add_argument(
        "--sample",
        action="store_true",
        help="migrate, load the sample into tenant `sample`, print its keys and first requests",
    )
    parser.add_argument("--migrate", action="store_true", help="apply pending migrations first")


def _serve(arguments: argparse.Namespace) -> int:
    settings = load()
    if settings.jwks is not None and not is_address(settings.jwks):
        keys_of(settings.jwks)
    choose(settings)  # what it refuses is said before a database is made
    output = Output()
    configure(settings.log_format, requests=settings.request_log == "on")
    with (
        hold(settings, "plant serve"),
        bound(settings) as listener,
        resolve(settings, output.say) as target,
    ):
        if target.embedded or arguments.sample or arguments.migrate:
            migrate(target, output.say)
        ensure_login_roles(settings, target)
        require_login(settings, target, "app")
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_run(settings, target, listener, output, sample=arguments.sample))
    return 0


async def _run(
    settings: Settings, target: Target, listener: socket.socket, output: Output, *, sample: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    keys = await _sample(settings, target, stop) if sample else None
    if stop.is_set():
        return
    async with computing(settings) as vectors:
        await _served(settings, target, listener, output, stop, keys, vectors)


async def _served(
    settings: Settings,
    target: Target,
    listener: socket.socket,
    output: Output,
    stop: asyncio.Event,
    keys: SampleKeys | None,
    vectors: Computed,
) -> None:
    standing, labels = Standing(), LabelStanding()
    app = build_app(
        settings,
        target.url("app"),
        replica_url=target.replica(),
        standing=standing,
        labels=labels,
        finders=finders_by(settings, vectors if vectors.meant else None, vectors.model),
    )
    runner = Runner(app, access_log=None, shutdown_timeout=settings.request_timeout_ms / 1000)
    # The log's leader ends last: what was written until then is sealed.
    async with (
        background(settings, target, vectors, standing, labels) as begin,
        serving(settings, runner, listener),
        watching(target),
    ):
        begin()
        _spare_the_collector()
        output.say(_welcome(listener, keys))
        await stop.wait()
        output.say("stopping")


def _spare_the_collector() -> None:
    """Let what is there for good not be looked through again, and the rest less often.

    As it is set by default, a busy service stands still for 50 ms several times a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)


async def _sample(settings: Settings, target: Target, stop: asyncio.Event) -> SampleKeys | None:
    """Load the sample, or give up when a signal asks to stop."""
    async with (
        repository(settings, target, "app") as app,
        repository(settings, target, "owner") as owner,
    ):
        path = settings.data_dir / "sample-keys.json"
        work = asyncio.create_task(ensure_sample(app, owner, path, _shown()))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return None
        return work.result()


def _shown() -> Callable[[str, int, int], None]:
    """Make what tells how far the sample has come."""
    begun: list[Progress] = []

    def tell(what: str, done: int, total: int) -> None:
        if not begun:
            begun.append(Progress(what, total, sys.stderr))
        begun[0].total = total
        begun[0].reach(done)
        if done == total:
            begun.pop().close()

    return tell


def _welcome(listener: socket.socket, keys: SampleKeys | None) -> str:
    host, port = listener.getsockname()[:2]
    # What listens everywhere is reached on this machine by its own address.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    lines = [f"Plant serves on {url} (Ctrl-C stops it).", ""]
    if keys is None:
        return "\n".join(
            [
                *lines,
                "A key, in another terminal:",
                "  plant key create --tenant acme --agent alice --scopes read,write",
            ]
        )
    return "\n".join(
        [
            *lines,
            "Keys of tenant sample, one for each of its governance agents:",
            f"  author     {keys.author}",
            f"  certifier  {keys.certifier}",
            "",
            f"A page to look at it with one of them: {url}/console",
            "",
            "Requests to copy:",
            f"  export KEY={keys.author}",
            f'  curl -s -H "Authorization: Bearer $KEY" {url}/v1/me',
            f'  curl -s -H "Authorization: Bearer $KEY" "{url}/v1/skills?name=sql&limit=3"',
            f'  curl -s -H "Authorization: Bearer $KEY" "{url}/v1/agents?status=active&limit=1"',
        ]
    )
