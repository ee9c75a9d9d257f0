"""How signals end a command that works in an event loop: in order, and at once where it waits."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final, TypeVar

T = TypeVar("T")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Cancels a coroutine when a signal comes.

    A signal that raised wherever it came would break the database driver half-way through an
    answer. asyncio's own handler asks the task to stop, which a blocking read does not hear.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._reading = False
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: asyncio.Handle | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Mark a blocking read: it is broken off at once."""
        self._reading = True
        try:
            if self._number is not None:
                # It came before, and no await since has seen it. Once is enough.
                if self._asked is not None:
                    self._asked.cancel()
                raise asyncio.CancelledError
            yield
        finally:
            self._reading = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine as asyncio.run does.

        Raises: KeyboardInterrupt or SystemExit after it was ended by a signal.
        """
        before = {number: signal.signal(number, self._end) for number in SIGNALS}
        try:
            return asyncio.run(self._noted(work))
        except asyncio.CancelledError:
            if self._number is None:
                raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + self._number)

    async def _noted(self, work: Coroutine[Any, Any, T]) -> T:
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        return await work

    def _end(self, number: int, _: FrameType | None) -> None:
        if self._number is not None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt  # who asks twice does not want to wait
            return
        self._number = number
        if self._reading or self._task is None or self._loop is None:
            raise asyncio.CancelledError
        with suppress(RuntimeError):  # the loop has closed: it is over anyway
            self._asked = self._loop.call_soon_threadsafe(self._task.cancel)
