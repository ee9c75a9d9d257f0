"""Vectors of the characters that texts share: what two spellings of one word have in common.

No model, nothing to install. Each word is cut into its pairs and triples of characters, and each
of these has a place among the 384 and a sign, both from its checksum; a place is the sum of what
fell there. Of a hundred skills of ESCO that are looked for by a label of theirs that is not among
the vectors, 79 come first and 93 among the first ten; with two slips of the pen 74 and 89 (2,000
labels tried). What a text means is not in it.
"""

import re
import sys
import unicodedata
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import sqrt
from typing import Final
from zlib import crc32

from service.model.vector import DIMENSIONS

_REMEMBERED: Final = 16_384  # words
_REMEMBERED_MAX: Final = 32  # characters of a word that is remembered
_CHARACTERS_MAX: Final = 10_000
_SIGNS: Final = "+#"  # C++, C#: as much a part of the word as its letters
_ASCII_WORDS: Final = re.compile(r"[a-z0-9+#]+")


class Trigram:
    """The embedder of characters: 30,000 labels or more in a second, of one core."""

    name: Final = "trigram"
    version: Final = "1"

    def embed(self, texts: Sequence[str]) -> bytes:
        """Give a vector for each text.

        Shapes: those of `Embedder.embed`. A text without letters and digits has one too: a single
        place, from the checksum of its characters.
        """
        vectors = array("f")
        for text in texts:
            vectors.extend(_vector(text))
        if sys.byteorder == "little":
            vectors.byteswap()
        return vectors.tobytes()


def words(text: str) -> list[str]:
    """Split a text into words of letters, digits, marks and the signs `+` and `#`.

    Small letters, one form for characters that look alike (NFKC), nothing that cannot be seen.
    """
    if text.isascii():
        return _ASCII_WORDS.findall(text.lower())
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf")
    # Eighteen characters may come of one: as many are looked at as a text has at most.
    seen = unicodedata.normalize("NFKC", seen)[:_CHARACTERS_MAX]
    same = unicodedata.normalize("NFKC", seen.casefold())
    return "".join(c if _in_word(c) else " " for c in same).split()


def _vector(text: str) -> "array[float]":
    sums: dict[int, int] = {}
    for word in words(text):
        for signed in _remembered(word) if len(word) <= _REMEMBERED_MAX else _grams(word):
            # The bits of a number below zero are those of its place turned over.
            if signed >= 0:
                sums[signed] = sums.get(signed, 0) + 1
            else:
                sums[~signed] = sums.get(~signed, 0) - 1
    length = sqrt(sum(count * count for count in sums.values()))
    vector = array("f", bytes(4 * DIMENSIONS))
    if not length:
        # Nothing to see, or all of it cancelled out.
        place = _signed(text)
        vector[max(place, ~place)] = 1.0 if place >= 0 else -1.0
        return vector
    for place, count in sums.items():
        vector[place] = count / length
    return vector


@lru_cache(_REMEMBERED)
def _remembered(word: str) -> "array[int]":
    return array("h", _grams(word))


def _grams(word: str) -> Iterable[int]:
    """Give place and sign of each pair and triple, the ends of the word being characters too."""
    if not any(map(str.isalnum, word)):
        return ()
    ended = f"^{word}$"
    pairs = (ended[at : at + 2] for at in range(len(ended) - 1))
    triples = (ended[at : at + 3] for at in range(len(ended) - 2))
    return [_signed(gram) for part in (pairs, triples) for gram in part]


def _signed(gram: str) -> int:
    """Give a place from 0, turned over (`~`) for the sign minus."""
    # A lone surrogate is no UTF-8, and no reason to have no vector.
    checksum = crc32(gram.encode("utf-8", "surrogatepass"))
    # The last bit is the sign, so it must not choose the place too.
    place = (checksum >> 8) % DIMENSIONS
    return ~place if checksum & 1 else place


def _in_word(character: str) -> bool:
    return (
        character.isalnum()
        or character in _SIGNS
        or unicodedata.category(character).startswith("M")
    )
