"""Vectors for whoever waits for them: one thread computes, the event loop never does.

Texts of queries and texts of the background share the thread. The background hands over a few
texts at a time; tenants and the background come in turn, so a query waits for one text of each
other tenant that asks, for those few, and for the queries of its own tenant before it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from service.embedding.batching import alike
from service.embedding.embedder import Embedder, vector_at
from service.embedding.in_turn import InTurn
from service.errors import Unavailable

REMEMBERED: Final = 1_024
"""Texts of queries whose vectors are kept, 1.5 KB each; the one longest unasked for goes first."""

WAITING_MAX: Final = 256
"""Different texts of queries that wait at once: a second of work, of the longest texts 15."""

SHARES: Final = 4
"""One tenant has no more than one in so many of the places to wait, but two."""

BACKGROUND: Final = " "
"""Whose texts those of the background are: no tenant is named so."""

SLICE_CHARACTERS: Final = 512
"""Of the background's texts in one go, some 30 ms of work; a longer text goes alone."""

SLICE_TEXTS: Final = 16

BUSY: Final = "Too many searches wait for their vector. Nothing was done: try again."
CLOSED: Final = "The service is ending. Nothing was done: try again."


class Vectors:
    """An embedder behind a thread; belongs to one event loop, whose tasks may share it.

    What the embedder raises reaches everybody who waits for the text, and is not remembered.
    """

    def __init__(
        self, embedder: Embedder, *, waiting_max: int = WAITING_MAX, remembered: int = REMEMBERED
    ) -> None:
        self.embedder = embedder
        self._waiting_max = waiting_max
        self._remembered_max = remembered
        self._remembered: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._computed: dict[tuple[str, str], asyncio.Future[bytes]] = {}
        self._thread = InTurn(embedder.embed, "embedder")
        self._closed = False

    @property
    def waiting(self) -> int:
        """Count the different texts of queries that wait."""
        return len(self._computed)

    def warm(self) -> None:
        """Load the model without waiting for it, so that the first query need not."""
        if not self._closed:
            self._thread.warm([""])

    async def vector(self, text: str, whose: str = "") -> bytes:
        """Give the vector of a query's text; who asks for the same at once shares it.

        What one has asked for is not remembered for another (`whose`): how long an answer takes
        would tell them. Its first word names the tenant, whose share of the places it is.

        Shapes: one vector as `Embedder.embed` gives it.

        Raises: Unavailable when too many wait or the service ends; EmbedderRefusal.
        """
        key = (whose, text)
        known = self._remembered.get(key)
        if known is not None:
            self._remembered.move_to_end(key)
            return known
        computed = self._computed.get(key) or self._begin(key)
        # Who gives up leaves it to the others, and to those who ask again.
        return await self._outcome(asyncio.shield(computed))

    async def vectors(self, texts: Sequence[str]) -> bytes:
        """Give the vectors of many texts, letting queries in between.

        Shapes: those of `Embedder.embed`, in the order of the texts.

        Raises: Unavailable when the service ends; EmbedderRefusal.
        """
        found: dict[int, bytes] = {}
        lengths = [len(text) for text in texts]
        for places in alike(lengths, count_max=SLICE_TEXTS, volume_max=SLICE_CHARACTERS):
            made = await self._outcome(self._submit([texts[place] for place in places], BACKGROUND))
            found |= {place: vector_at(made, at) for at, place in enumerate(places)}
        return b"".join(found[place] for place in range(len(texts)))

    async def close(self) -> None:
        """End the thread; whoever waits still is refused, what is being computed is finished."""
        self._closed = True
        await self._thread.close()

    def _begin(self, key: tuple[str, str]) -> asyncio.Future[bytes]:
        whose, text = key
        own = sum(_tenant(one) == _tenant(whose) for one, _ in self._computed)
        if len(self._computed) >= self._waiting_max or own >= max(2, self._waiting_max // SHARES):
            raise Unavailable(BUSY)
        computed = self._computed[key] = self._submit([text], _tenant(whose))
        computed.add_done_callback(lambda done: self._end(key, done))
        return computed

    def _end(self, key: tuple[str, str], done: asyncio.Future[bytes]) -> None:
        del self._computed[key]
        # Asking for the exception also says that somebody has seen it: all may have given up.
        if done.cancelled() or done.exception() is not None:
            return
        self._remembered[key] = done.result()
        if len(self._remembered) > self._remembered_max:
            self._remembered.popitem(last=False)

    def _submit(self, texts: Sequence[str], whose: str) -> asyncio.Future[bytes]:
        if self._closed:
            raise Unavailable(CLOSED)
        return self._thread.submit(texts, whose)

    async def _outcome(self, computed: asyncio.Future[bytes]) -> bytes:
        try:
            return await computed
        except asyncio.CancelledError:
            # Either the caller gave up, or `close` gave up what had not begun.
            task = asyncio.current_task()
            if self._closed and computed.cancelled() and not (task and task.cancelling()):
                raise Unavailable(CLOSED) from None
            raise


def _tenant(whose: str) -> str:
    return whose.partition(" ")[0]
