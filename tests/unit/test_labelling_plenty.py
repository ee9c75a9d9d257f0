"""Vectors of very many texts: in the order of the texts, by several threads at once."""

import threading
from collections.abc import Sequence
from typing import Final

from service.embedding.trigram import Trigram
from service.labelling.plenty import SLICE_TEXTS, Plenty, cores

TEXTS: Final = [f"{'word ' * (number % 7)}{number}" for number in range(5 * SLICE_TEXTS)]


class Together:
    """An embedder that goes on only when two threads are in it."""

    name: Final = "together"
    version: Final = "1"

    def __init__(self) -> None:
        self.given: list[int] = []
        self._both = threading.Barrier(2, timeout=20)

    def embed(self, texts: Sequence[str]) -> bytes:
        """Wait for the other one, and give the vectors of characters."""
        self.given.append(len(texts))
        self._both.wait()
        return Trigram().embed(texts)


async def test_texts_keep_their_order_and_go_by_two_threads() -> None:
    """In slices of like lengths; each vector is that of its text."""
    together = Together()
    plenty = Plenty(together, 2)
    try:
        found = await plenty.of_model(TEXTS[: 4 * SLICE_TEXTS])
    finally:
        await plenty.close()

    assert Trigram().embed(TEXTS[: 4 * SLICE_TEXTS]) == found
    assert [SLICE_TEXTS] * 4 == together.given
    assert "together/1" == plenty.model


async def test_without_an_embedder_words_stand_for_meaning() -> None:
    """Both are the same then, by name too."""
    plenty = Plenty(None, 1)
    try:
        meanings, words = await plenty.of_model(TEXTS), await plenty.of_words(TEXTS)
    finally:
        await plenty.close()

    assert Trigram().embed(TEXTS) == meanings == words
    assert "trigram/1" == plenty.model == plenty.words


def test_there_is_a_core() -> None:
    """At least the one that this runs on."""
    assert 1 <= cores()
