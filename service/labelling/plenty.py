"""Vectors of very many texts, for commands that do nothing else: as many threads as cores."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from service.embedding.batching import alike
from service.embedding.choose import choose
from service.embedding.embedder import Embedder, model_of, vector_at
from service.embedding.trigram import Trigram
from service.settings import Settings

SLICE_TEXTS: Final = 64
SLICE_CHARACTERS: Final = 4_096
"""Of the texts that a thread computes in one go, a tenth of a second of work."""


class Plenty:
    """An embedder behind several threads; without one, words stand for meaning."""

    def __init__(self, embedder: Embedder | None, threads: int) -> None:
        self._embedder = embedder
        self._spelling = Trigram()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="embedder")
        self.words = model_of(self._spelling)
        self.model = model_of(embedder) if embedder else self.words

    async def of_model(self, texts: Sequence[str]) -> bytes:
        """Compute vectors of meaning; texts of like lengths together."""
        return await self._spread(self._embedder or self._spelling, texts)

    async def of_words(self, texts: Sequence[str]) -> bytes:
        """Compute vectors of spelling."""
        return await asyncio.to_thread(self._spelling.embed, texts)

    async def close(self) -> None:
        """End the threads; what is being computed is finished, the rest is given up."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def _spread(self, embedder: Embedder, texts: Sequence[str]) -> bytes:
        loop = asyncio.get_running_loop()
        lengths = [len(text) for text in texts]
        slices = list(alike(lengths, count_max=SLICE_TEXTS, volume_max=SLICE_CHARACTERS))
        found = [
            loop.run_in_executor(self._threads, embedder.embed, [texts[place] for place in places])
            for places in slices
        ]
        vectors = [b""] * len(texts)
        for places, made in zip(slices, await asyncio.gather(*found), strict=True):
            for nth, place in enumerate(places):
                vectors[place] = vector_at(made, nth)
        return b"".join(vectors)


@asynccontextmanager
async def plenty(settings: Settings) -> AsyncIterator[Plenty]:
    """Have the embedder of the settings with all cores, whose threads end with the block."""
    found = Plenty(choose(settings), cores())
    try:
        yield found
    finally:
        await found.close()


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
