"""A comparison of many vectors in a process of its own: what waits for it serves others meanwhile.

A thread would do for the processor, but each of its steps would wait for the interpreter, which a
busy service hardly ever leaves free. The process ends with whoever waits for it, gives its memory
back, and lets everything else go before it.
"""

import os
import struct
import sys
from asyncio import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import Final

import msgspec

from service.embedding.pairs import COUNT, Near
from service.errors import Unavailable

COMMAND: Final = (sys.executable, "-m", "service.embedding.pairs")

ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1"}
"""numpy would take all processors, and its threads would wait for each other in loops."""

ENDED: Final = "What compares the entities has ended too soon. Nothing was done: try again."


def available() -> bool:
    """Say whether what this takes is installed: numpy, with the extra `minilm`."""
    return find_spec("numpy") is not None


class Comparison:
    """Vectors that are compared with each other; each has an owner, and own ones do not count.

    Shapes: vectors are 384 singles, big-endian; owners count upwards.
    """

    def __init__(self, process: subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def begun(cls, least: float, count: int) -> AsyncIterator["Comparison"]:
        """Begin to compare; whatever happens the process ends.

        Raises: Unavailable.
        """
        try:
            process = await subprocess.create_subprocess_exec(
                *COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | ONE_THREAD,
            )
        except OSError as exc:
            raise Unavailable(ENDED) from exc
        try:
            comparison = cls(process)
            await comparison._send(msgspec.json.encode((least, count)) + b"\n")
            yield comparison
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def add(self, owners: Sequence[int], vectors: Sequence[bytes]) -> None:
        """Take some more vectors.

        Raises: Unavailable.
        """
        head = COUNT.pack(len(owners)) + struct.pack(f"<{len(owners)}I", *owners)
        await self._send(head + b"".join(vectors))

    async def nearest(self) -> list[Near]:
        """Compare all, and give some more of the nearest than asked for: scores are rounded.

        Raises: Unavailable.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError(self._process)
        self._process.stdin.close()
        found = await self._process.stdout.read()
        if await self._process.wait() or not found:
            raise Unavailable(ENDED)
        return msgspec.json.decode(found, type=list[Near])

    async def _send(self, data: bytes) -> None:
        if self._process.stdin is None:
            raise TypeError(self._process)
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except ConnectionError as exc:
            raise Unavailable(ENDED) from exc
