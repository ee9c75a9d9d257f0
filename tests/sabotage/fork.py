"""Tests run in forked processes: everything is imported and collected once, in the parent.

Each has a directory for temporary files, and what it leaves there goes with it: the files, and the
servers that its tests started, which are in sessions of their own and outlive it.
"""

import json
import os
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from tests.servers import room

Message = dict[str, Any]
Say = Callable[[Message], None]
SERVER_S_MAX = 10.0
"""How long a server has to be gone that was told to be at once."""


def forked(work: Callable[[Say], None], *, log: Path, seconds: float) -> Iterator[Message]:
    """Do work in a process of its own and give what it says; it is ended when time is up.

    The last message is `{"ended": "late"}` when it was, `{"ended": "done"}` when it said all, and
    `{"ended": "died"}` when it went without a word.
    """
    with _place() as place:
        read, write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            os.close(read)
            _work(work, write, log, place)
        os.close(write)
        try:
            yield from _heard(read, time.monotonic() + seconds)
        finally:
            os.close(read)
            # Its own session: what it started goes with it.
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)


@contextmanager
def _place() -> Iterator[Path]:
    """Give a directory for temporary files; servers whose data is in it end before it does."""
    with room() as directory:
        try:
            yield directory
        finally:
            for pid_file in directory.rglob("postmaster.pid"):
                with suppress(FileNotFoundError, ProcessLookupError, ValueError):
                    _end_server(int(pid_file.read_text().split()[0]), pid_file.parent)


def _end_server(pid: int, data: Path) -> None:
    """End the server of a directory at once, and wait until it is gone.

    Raises: FileNotFoundError and ProcessLookupError when it is, or is not that server.
    """
    # A copied or invented file may name anybody.
    command = Path(f"/proc/{pid}/cmdline")
    deadline = time.monotonic() + SERVER_S_MAX
    while str(data) in command.read_text():
        os.kill(pid, signal.SIGQUIT if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.02)


def _work(work: Callable[[Say], None], write: int, log: Path, place: Path) -> None:
    os.setsid()
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)

    def say(message: Message) -> None:
        os.write(write, json.dumps(message).encode() + b"\n")

    try:
        work(say)
        say({"ended": "done"})
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _heard(read: int, deadline: float) -> Iterator[Message]:
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(read, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                yield {"ended": "late"}
                return
            piece = os.read(read, 65536)
            if not piece:
                yield {"ended": "died"}
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                message = json.loads(line)
                yield message
                if "ended" in message:
                    return


class Watch:
    """Tells what becomes of each test; a plugin of pytest in the forked process."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell one phase of one test."""
        self.failed = self.failed or report.failed
        self._say(
            {
                "test": report.nodeid,
                "phase": report.when,
                "outcome": report.outcome,
                "seconds": report.duration,
            }
        )


def run(session: pytest.Session, items: list[pytest.Item], say: Say, *, on: bool = False) -> None:
    """Run tests in this order, up to the first that fails, or on after it; fixtures are ended."""
    watch = Watch(say)
    session.config.pluginmanager.register(watch)
    for item, following in zip_longest(items, items[1:]):
        say({"started": item.nodeid})
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if watch.failed and not on:
            break
    session._setupstate.teardown_exact(None)  # noqa: SLF001 - as pytest's own session does
