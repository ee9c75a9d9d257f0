"""Tests run in forked processes: everything is imported and collected once, in the parent."""

import json
import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

Message = dict[str, Any]
Say = Callable[[Message], None]


def forked(work: Callable[[Say], None], *, log: Path, seconds: float) -> Iterator[Message]:
    """Do work in a process of its own and give what it says; it is ended when time is up.

    The last message is `{"ended": "late"}` when it was, `{"ended": "done"}` when it said all, and
    `{"ended": "died"}` when it went without a word.
    """
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(read)
        _work(work, write, log)
    os.close(write)
    try:
        yield from _heard(read, time.monotonic() + seconds)
    finally:
        os.close(read)
        # Its own session: what it started goes with it.
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _work(work: Callable[[Say], None], write: int, log: Path) -> None:
    os.setsid()
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
