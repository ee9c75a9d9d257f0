"""Waiting until more is sealed: one task of a process asks for all who wait, while any do."""

import asyncio
from contextlib import suppress
from typing import Final

from service.errors import Problem
from service.repository.base import Repository
from service.usecases.tree import latest

POLL_S: Final = 0.05
"""How often the latest checkpoint is asked for."""

WAITING_MAX: Final = 1_000
"""Who wait at a time; one more is not let wait."""


class WaitingRoom:
    """Those who wait for a checkpoint; none of them keeps a connection."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Count those who wait."""
        return len(self._waiting)

    async def beyond(self, size: int, within_s: float) -> bool:
        """Wait until more entries than so many are sealed; say whether that came about in time."""
        if self._closed or within_s <= 0 or len(self._waiting) >= WAITING_MAX:
            return False
        come = asyncio.get_running_loop().create_future()
        self._waiting[come] = size
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(within_s):
                await come
        except TimeoutError:
            return False
        else:
            return not self._closed
        finally:
            del self._waiting[come]

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closed = True
        self._wake(None)

    async def _watch(self) -> None:
        try:
            while self._waiting and not self._closed:
                await asyncio.sleep(POLL_S)
                # Busy or away: whoever waits is told when their time is up.
                with suppress(Problem):
                    sealed = await latest(self._repository)
                    self._wake(sealed.size if sealed else 0)
        finally:
            self._task = None

    def _wake(self, sealed: int | None) -> None:
        """Wake those whose size is exceeded; None: all."""
        for come, size in self._waiting.items():
            if not come.done() and (sealed is None or sealed > size):
                come.set_result(None)
