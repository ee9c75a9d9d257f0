"""A deployer that dies on demand: told by lines on standard input, it answers each with a line.

Forked for every order, so that a death costs no start. It counts the exchanges with the server and
dies at the n-th: before anything of it is sent, after it is sent and before the answer is read, or
because the server ends the session. Run as a script; `Deployers` is how a test talks to it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Literal

import msgspec
import psycopg

from service.catalog.load import Catalog
from service.migrate.release import Release, release
from service.migrate.runner import apply
from service.refusal import Refusal

How = Literal["unsent", "sent", "terminated"]
HOWS: Final[tuple[How, ...]] = ("unsent", "sent", "terminated")
LISTING: Final = "q_functions"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: bring a database to its first `count` migrations; and where to die, 0 nowhere."""

    url: str
    superuser: str
    count: int
    at: int = 0
    how: How = "unsent"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended: killed by a signal, or with a code and how many exchanges there were."""

    signal: int = 0
    code: int = 0
    exchanges: int = 0
    said: str = ""


def steps() -> list[Release]:
    """Cut the history of this release: the n-th has its first n migrations, from none to all.

    Only the last has the functions, which need all of the schema, and rules to compare it with.
    """
    whole = release()
    few = Catalog({LISTING: whole.catalog[LISTING]})
    cut = [
        Release(whole.migrations[:count], few, whole.name) for count in range(len(whole.migrations))
    ]
    return [*cut, whole]


class Deployers:
    """Deployers at a pipe."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @classmethod
    @contextmanager
    def ready(cls) -> Iterator["Deployers"]:
        """Start the process that forks them."""
        command = [sys.executable, str(Path(__file__))]
        environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, env=environment, stdin=pipe, stdout=pipe, text=True
        ) as process:
            yield cls(process)
            process.communicate()

    def send(self, order: Order) -> Outcome:
        """Have one deployer carry out an order, and tell how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order).decode() + "\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Outcome)


def main(orders: IO[str], answers: IO[str]) -> None:
    """Carry out orders until there are no more."""
    brings = steps()
    for line in orders:
        order = msgspec.json.decode(line, type=Order)
        answers.write(msgspec.json.encode(_forked(order, brings[order.count])).decode() + "\n")
        answers.flush()


def _forked(order: Order, brings: Release) -> Outcome:
    reading, writing = os.pipe()
    if not (child := os.fork()):
        outcome = _carried_out(order, brings)
        os.write(writing, msgspec.json.encode(outcome))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        said = told.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return Outcome(signal=os.WTERMSIG(status))
    return msgspec.json.decode(said, type=Outcome)


def _carried_out(order: Order, brings: Release) -> Outcome:
    counted = _Counted(order)
    psycopg.Connection.wait = counted.wait  # type: ignore[method-assign]
    try:
        apply(order.url, brings=brings)
    except Refusal as refusal:
        return Outcome(code=refusal.exit_code, exchanges=counted.count, said=str(refusal))
    except Exception as error:  # noqa: BLE001 - a test reads it
        return Outcome(code=70, exchanges=counted.count, said=repr(error))
    return Outcome(exchanges=counted.count)


class _Counted:
    """psycopg's exchanges with the server, one of which is the last."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._wait: Callable[..., Any] = psycopg.Connection.wait
        self.count = 0

    @property
    def wait(self) -> Callable[..., Any]:
        """Stand in the place of psycopg's method."""

        def counted(connection: Any, exchange: Any, *more: Any, **named: Any) -> Any:
            self.count += 1
            if self.count == self._order.at:
                self._die(connection, exchange)
            return self._wait(connection, exchange, *more, **named)

        return counted

    def _die(self, connection: Any, exchange: Any) -> None:
        if self._order.how == "terminated":
            pid = connection.info.backend_pid
            psycopg.Connection.wait = self._wait  # type: ignore[method-assign]
            with psycopg.connect(self._order.superuser, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
            psycopg.Connection.wait = self.wait  # type: ignore[method-assign]
            return
        if self._order.how == "sent":
            # The first step of an exchange sends; the next would wait for the answer.
            next(exchange, None)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
