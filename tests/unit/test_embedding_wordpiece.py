"""The pieces of texts: those of the published model, of any text, and how many.

Against the tokenizer that it is published with they are held by tests/oracle.
"""

import hashlib
from importlib import resources

import pytest

from service.embedding.wordpiece import CHARACTERS_MAX, WordPiece, packaged, words
from tests.vectors import PUBLISHED

CLS, SEP = 101, 102


def pieces(text: str) -> list[str]:
    """Give the pieces of a text as words, those at both ends left out."""
    lines = (resources.files("service.embedding") / "vocab.txt").read_text("utf-8").split("\n")
    ids = packaged().encode(text)
    assert (CLS, SEP) == (ids[0], ids[-1])
    return [lines[number] for number in ids[1:-1]]


def test_the_vocabulary_is_the_published_one() -> None:
    """Byte for byte: a piece that moved would be another one."""
    vocabulary = (resources.files("service.embedding") / "vocab.txt").read_bytes()

    expected = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
    assert expected == hashlib.sha256(vocabulary).hexdigest()


def test_pieces_are_those_of_the_published_model() -> None:
    """Its own tokenizer made those of the file."""
    expected = {each.text: each.pieces for each in PUBLISHED}

    assert expected == {text: packaged().encode(text) for text in expected}


@pytest.mark.parametrize(
    "text,expected",
    [
        ("unaffable", ["una", "##ffa", "##ble"]),
        ("Señor MÜLLER", ["sen", "##or", "muller"]),
        ("C++/C#", ["c", "+", "+", "/", "c", "#"]),
        ("中文x", ["中", "文", "x"]),
        ("“quoted”—dash", ["“", "quoted", "”", "—", "dash"]),
        ("a\u200bb\u00ad\x00\ufffdc\td", ["abc", "d"]),
        ("no\u00a0break\u3000wide", ["no", "break", "wide"]),
        ("\u03a3\u0391\u03a3", ["\u03c3", "##\u03b1", "##\u03c3"]),
        ("", []),
        ("\n\t ", []),
        ("\U0001f469", ["[UNK]"]),
        ("y" * 101, ["[UNK]"]),
        ("[SEP] [CLS]", ["[", "sep", "]", "[", "cl", "##s", "]"]),
    ],
)
def test_pieces(text: str, expected: list[str]) -> None:
    """Small letters without accents, signs and Chinese alone, the longest piece that fits."""
    assert expected == pieces(text)


def test_a_long_word_is_cut_or_unknown() -> None:
    """A hundred characters are looked at, one more is not."""
    assert len(pieces("ab" * 50)) > 1
    assert ["[UNK]"] == pieces("ab" * 50 + "a")


@pytest.mark.parametrize("count", [253, 254, 255, 5_000])
def test_a_text_has_so_many_pieces_at_most(count: int) -> None:
    """256 with both ends, of which [SEP] is the last whatever was cut off."""
    ids = packaged().encode("word " * count)

    assert min(count + 2, 256) == len(ids)
    assert (CLS, SEP) == (ids[0], ids[-1])


def test_a_word_is_cut_in_the_middle_where_the_text_ends() -> None:
    """The last of 256 is [SEP] where a word has several pieces."""
    ids = packaged().encode("unaffable " * 100)

    assert (256, SEP) == (len(ids), ids[-1])
    assert packaged().encode("unaffable " * 85)[:255] == ids[:255]


def test_a_text_without_end_is_not_read_to_its_end() -> None:
    """What lies behind the bound changes nothing."""
    filled = "\u200b" * CHARACTERS_MAX

    assert [CLS, SEP] == packaged().encode(filled + "word")
    assert [CLS, packaged().encode("word")[1], SEP] == packaged().encode(filled[4:] + "word")


def test_plain_text_is_split_like_any_other() -> None:
    """The short way for ASCII gives the words of the long one, for every character of it."""
    text = "".join(f"a{chr(code)}B {chr(code)}" for code in range(128))

    assert words(text) == words(text + "\u3000")


def test_a_vocabulary_of_ones_own() -> None:
    """Numbers are places in the vocabulary that was given."""
    vocabulary = {"[CLS]": 0, "[SEP]": 1, "[UNK]": 2, "plant": 3, "##s": 4}

    assert [0, 3, 4, 2, 1] == WordPiece(vocabulary).encode("Plants grow")
