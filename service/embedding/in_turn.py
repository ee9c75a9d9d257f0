"""One thread that works for several, each in turn: nobody waits for all that another has asked."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Work = Callable[[Sequence[str]], bytes]
Wanted = tuple[asyncio.Future[bytes], Sequence[str]]


class InTurn:
    """A thread that computes for lines of those who wait; belongs to one event loop.

    The lines come round; whose text was computed last waits for all others.
    """

    def __init__(self, work: Work, name: str) -> None:
        self._work = work
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._lines: OrderedDict[str, deque[Wanted]] = OrderedDict()
        self._at_work = False
        self._last = ""

    def submit(self, texts: Sequence[str], whose: str) -> asyncio.Future[bytes]:
        """Stand in somebody's line; what is cancelled before it has begun is left out."""
        found: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(whose, deque()).append((found, texts))
        self._next()
        return found

    def warm(self, texts: Sequence[str]) -> None:
        """Compute something that nobody waits for."""
        self._thread.submit(self._work, texts)

    async def close(self) -> None:
        """End the thread: what has not begun is cancelled, what is being computed finished."""
        while (wanted := self._taken()) is not None:
            wanted[0].cancel()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    def _next(self) -> None:
        if self._at_work or (wanted := self._taken()) is None:
            return
        found, texts = wanted
        self._at_work = True
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._work, texts)
        done.add_done_callback(lambda done: self._end(found, done))

    def _taken(self) -> Wanted | None:
        """Take whoever comes next out of the lines, past those who have given up."""
        while self._lines:
            whose = next((one for one in self._lines if one != self._last), self._last)
            line = self._lines.pop(whose)
            wanted = line.popleft()
            if line:
                self._lines[whose] = line
            if not wanted[0].done():
                self._last = whose
                return wanted
        return None

    def _end(self, found: asyncio.Future[bytes], done: asyncio.Future[bytes]) -> None:
        self._at_work = False
        failure = None if done.cancelled() else done.exception()
        if not found.done():
            if done.cancelled():
                found.cancel()
            elif failure is not None:
                found.set_exception(failure)
            else:
                found.set_result(done.result())
        self._next()
