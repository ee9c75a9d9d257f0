"""Cut texts into the word pieces that the model was trained on: uncased BERT, written out here.

A library that does this is 10 MB of machine code; this is a table of 30,522 pieces (vocab.txt) and
a search for the longest that fits. Both cut any text alike (tests/oracle), but for two things:
`[SEP]` in a text is three pieces here and a command there, and of characters that are younger than
the library's tables this goes by Python's.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Final

TOKENS_MAX: Final = 256
"""Of a text, [CLS] and [SEP] included: the model was trained on no more; the rest is cut off."""

CHARACTERS_MAX: Final = 16_384
"""Of a text: what comes behind them is not looked at. They are 64 for each piece, where those of
written language have 3 to 6; so the time that a text takes has an end."""

_WORD_MAX: Final = 100  # characters; a longer word is [UNK], as it was in training
_REMEMBERED: Final = 32_768  # words
_REMEMBERED_MAX: Final = 32  # characters of a word that is remembered
_WORDS: Final = re.compile(r"[^\s\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]+|[^\s]")

# The blocks that BERT calls Chinese: each of their characters is a word of its own.
_CHINESE: Final = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),  # 0x2B820 was meant; the tokenizer of the published model has this
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """A vocabulary, as what turns a text into the numbers of its pieces."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._cls = vocabulary["[CLS]"]
        self._sep = vocabulary["[SEP]"]
        self._pieces = _searcher(vocabulary)
        self._remembered = lru_cache(_REMEMBERED)(self._pieces)

    def encode(self, text: str, tokens_max: int = TOKENS_MAX) -> list[int]:
        """Give the numbers of a text's pieces, [CLS] in front and [SEP] behind them.

        Shapes: 2 to `tokens_max` whole numbers, each below the length of the vocabulary.
        """
        ids = [self._cls]
        for word in words(text[:CHARACTERS_MAX]):
            find = self._remembered if len(word) <= _REMEMBERED_MAX else self._pieces
            ids += find(word)
            if len(ids) >= tokens_max:
                break
        return [*ids[: tokens_max - 1], self._sep]


@cache
def packaged() -> WordPiece:
    """Read the vocabulary of all-MiniLM-L6-v2, which comes with the package."""
    text = (resources.files("service.embedding") / "vocab.txt").read_text(encoding="utf-8")
    return WordPiece({piece: number for number, piece in enumerate(text.split("\n")[:-1])})


def words(text: str) -> list[str]:
    """Split a text at spaces and punctuation; a sign of punctuation is a word.

    Invisible characters and accents are gone, letters are small, Chinese characters stand alone.
    """
    if text.isascii():
        return _WORDS.findall(text.translate(_ASCII).lower())
    spread = "".join(map(_spread, text))
    bare = (c for c in unicodedata.normalize("NFD", spread) if unicodedata.category(c) != "Mn")
    # One by one: `lower` of a whole text makes another sigma at the end of a word.
    return "".join(map(_lowered, bare)).split()


def _searcher(vocabulary: Mapping[str, int]) -> Callable[[str], Sequence[int]]:
    unknown = (vocabulary["[UNK]"],)
    longest = max(map(len, vocabulary))

    def pieces(word: str) -> Sequence[int]:
        """Take the longest piece that fits, again and again."""
        if len(word) > _WORD_MAX:
            return unknown
        found: list[int] = []
        begin, mark = 0, ""
        while begin < len(word):
            for end in range(min(len(word), begin + longest), begin, -1):
                number = vocabulary.get(mark + word[begin:end])
                if number is not None:
                    break
            else:
                return unknown
            found.append(number)
            begin, mark = end, "##"
        return tuple(found)

    return pieces


def _controls() -> dict[int, str | None]:
    """Say what becomes of the characters of ASCII: controls go, but for those that are spaces."""
    return {code: " " if chr(code) in "\t\n\r" else None for code in (*range(0x20), 0x7F)}


_ASCII: Final = _controls()


@lru_cache(4_096)
def _spread(character: str) -> str:
    """Leave out what is not seen, set Chinese apart, make every space the same one."""
    code = ord(character)
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return " "
    # What is not assigned stays: the next Python may know it, and shall make the same pieces.
    if character == "\ufffd" or unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs"}:
        return ""
    if any(low <= code <= high for low, high in _CHINESE):
        return f" {character} "
    return character


@lru_cache(4_096)
def _lowered(character: str) -> str:
    """Make a letter small, and set a sign of punctuation apart."""
    ascii_sign = character.isascii() and character.isprintable() and not character.isalnum()
    if ascii_sign or unicodedata.category(character)[0] == "P":
        return f" {character} "
    return character.lower()
