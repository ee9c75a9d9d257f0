"""The vectors that labels get here: of the embedder that was chosen, and of their words."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from service.embedding.choose import choose
from service.embedding.embedder import EmbedderRefusal, model_of
from service.embedding.queries import Vectors as Meant
from service.embedding.trigram import Trigram
from service.errors import Unavailable
from service.settings import Settings

log = logging.getLogger(__name__)

MISSING: Final = "The model is not there just now. Nothing was done: try again."


class Computed:
    """An embedder's vectors beside those of words; without an embedder the words stand for both."""

    def __init__(self, meant: Meant | None) -> None:
        self.meant = meant
        self._words = Trigram()
        self.words = model_of(self._words)
        self.model = model_of(meant.embedder) if meant else self.words

    async def vector(self, text: str, whose: str = "") -> bytes:
        """Compute the vector of what somebody looks for, and remember it for them.

        Raises: Unavailable when too many wait, or the model does not load.
        """
        if self.meant is None:
            return await self.of_words([text])
        try:
            return await self.meant.vector(text, whose)
        except EmbedderRefusal as refusal:
            log.warning("no vectors of texts: %s", refusal)
            raise Unavailable(MISSING) from refusal

    async def of_model(self, texts: Sequence[str]) -> bytes:
        """Compute vectors of meaning, letting queries in between."""
        if self.meant is None:
            return await self.of_words(texts)
        return await self.meant.vectors(texts)

    async def of_words(self, texts: Sequence[str]) -> bytes:
        """Compute vectors of words, in a thread: some microseconds for each text."""
        return await asyncio.to_thread(self._words.embed, texts)


@asynccontextmanager
async def computing(settings: Settings) -> AsyncIterator[Computed]:
    """Have the embedder of the settings, whose thread ends with the block."""
    embedder = choose(settings)
    meant = Meant(embedder) if embedder else None
    try:
        yield Computed(meant)
    finally:
        if meant:
            await meant.close()
