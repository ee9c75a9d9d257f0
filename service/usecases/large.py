"""Large texts are read in a thread, tenant by tenant, while others are served.

To check a megabyte takes some tens of milliseconds, during which nothing else would happen: small
ones are read at once, as to hand them over would take as long.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from service.database.turns import Turns

T = TypeVar("T")

SMALL_BYTES: Final = 16 * 1024
"""Of a text that is read at once: some milliseconds, were all of it wrong."""

AT_ONCE: Final = 1
"""Threads of Python take turns by themselves: two would only keep the loop waiting longer."""

PLACES: Final = 256
"""Texts that are there and wait for their turn, that which has it included."""


class Large:
    """Reads texts of clients, large ones in turns."""

    def __init__(self) -> None:
        self._turns = Turns(AT_ONCE)

    @property
    def waiting(self) -> int:
        """Count the texts that wait for their turn."""
        return self._turns.waiting

    async def read(self, size: int, work: Callable[[], T], whose: str) -> T:
        """Do the work of reading a text of so many bytes.

        Raises: Unavailable where too many wait, and what the work raises.
        """
        if size <= SMALL_BYTES:
            return work()
        async with self._turns.turn(PLACES, whose):
            return await in_thread(work)


async def in_thread(work: Callable[[], T]) -> T:
    """Do work in a thread; whoever gives up waits all the same until it has ended.

    So they have their turn for as long as it is used.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
