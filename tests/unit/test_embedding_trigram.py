"""The embedder of characters: what is near, what is the same, and that nothing is zero."""

import itertools
import math
import random
import struct
import time
from zlib import crc32

import pytest

from service.embedding import trigram
from service.embedding.embedder import VECTOR_BYTES, model_of, vector_at
from service.embedding.trigram import Trigram, words
from tests.vectors import Vector, cosine, vectors_of


def vector(text: str) -> Vector:
    """Embed one text."""
    return vectors_of(Trigram(), [text])[0]


def near(one: str, other: str) -> float:
    """Give the cosine of two texts."""
    return cosine(vector(one), vector(other))


def test_a_vector_is_the_sum_of_pairs_and_triples() -> None:
    """Computed again from the words of the module: place and sign of each from its checksum."""
    sums = [0] * 384
    for gram in ("^g", "go", "o$", "^go", "go$", "^g", "go", "o$", "^go", "go$", "^c", "c#", "#$"):
        checksum = crc32(gram.encode())
        sums[(checksum >> 8) % 384] += -1 if checksum & 1 else 1
    for gram in ("^c#", "c#$"):
        checksum = crc32(gram.encode())
        sums[(checksum >> 8) % 384] += -1 if checksum & 1 else 1
    length = math.sqrt(sum(each * each for each in sums))

    expected = struct.pack(">384f", *(each / length for each in sums))
    assert expected == Trigram().embed(["Go, C# go!"])


def test_the_same_characters_give_the_same_vector_for_ever() -> None:
    """Another vector of the same text would have to be another version: they are stored."""
    checksum = crc32(Trigram().embed(["write SQL queries", "naïve Bayes", "C++", "..."]))

    assert ("trigram/1", 0xE8E7EA09) == (model_of(Trigram()), checksum)


def test_vectors_come_in_the_order_of_the_texts() -> None:
    """Each is the one that its text has alone."""
    texts = ["b", "a", "", "write SQL queries", "a"]
    made = Trigram().embed(texts)

    assert [Trigram().embed([text]) for text in texts] == [vector_at(made, at) for at in range(5)]
    assert b"" == Trigram().embed([])


@pytest.mark.parametrize(
    "text,found",
    [
        ("Write SQL-queries!", ["write", "sql", "queries"]),
        ("C++, C# (and F#)", ["c++", "c#", "and", "f#"]),
        ("snake_case", ["snake", "case"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]),
        ("\uff33\uff31\uff2c ﬁne Straße ①", ["sql", "fine", "strasse", "1"]),
        ("e\u0301te\u0301", ["été"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("数据 分析", ["数据", "分析"]),
        ("\u0130", ["i\u0307"]),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    """Small letters in one form, nothing unseen; marks and the signs of C++ and C# belong."""
    assert found == words(text)


def test_plain_text_is_read_like_any_other() -> None:
    """The short way for ASCII gives the words of the long one."""
    draw = random.Random(1)
    ascii_texts = ["".join(chr(draw.randrange(128)) for _ in range(60)) for _ in range(500)]

    for text in ascii_texts:
        # U+2003 is no ASCII and stands for a space.
        assert words(text) == words(text + "\u2003")


@pytest.mark.parametrize(
    "text",
    ["", " ", "...", "!?", "+", "#+", "\u200b", "\ud800", "👩\u200d💻", "\u0301", "x" * 9_999],
)
def test_nothing_is_zero(text: str) -> None:
    """Whatever a text says, or does not, its vector has the length 1 and is always the same."""
    assert vector(text) == vector(text)


def test_what_cancels_out_has_a_vector_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two grams in one place with two signs leave nothing: then the text's checksum decides."""
    plain = vector("anything")
    monkeypatch.setattr(trigram, "_grams", lambda _: [7, ~7])
    trigram._remembered.cache_clear()  # noqa: SLF001 - what it knows is of other grams
    made = vector("anything")
    trigram._remembered.cache_clear()  # noqa: SLF001

    assert 1 == sum(map(abs, made))
    assert made != plain


def test_texts_without_letters_differ() -> None:
    """Signs alone are told apart, mostly."""
    texts = ["...", "!?", "&", "- -", "/", "+"]
    made = [vector(text) for text in texts]

    assert len(set(made)) == len(texts)


def test_slips_of_the_pen_stay_near() -> None:
    """Nearer than any other of a few skills."""
    skills = ["write SQL queries", "wrestle", "repair boats", "manage queues", "query languages"]
    scores = {skill: near("wriet sql queris", skill) for skill in skills}

    assert "write SQL queries" == max(scores, key=scores.__getitem__)
    assert scores["write SQL queries"] > 0.6


def test_case_and_signs_do_not_count() -> None:
    """The same words are the same vector."""
    assert vector("SQL, queries") == vector("sql   QUERIES!")


def test_languages_named_by_a_sign_are_told_apart() -> None:
    """C, C++ and C# are three."""
    for one, other in itertools.combinations(["C", "C++", "C#"], 2):
        assert near(one, other) < 0.8


def test_what_shares_nothing_is_far() -> None:
    """Chance collisions of places leave little."""
    assert abs(near("operate relational databases", "zymurgy fjord")) < 0.25


def test_long_words_are_not_kept() -> None:
    """A stranger's words of any length do not fill the memory."""
    before = trigram._remembered.cache_info().currsize  # noqa: SLF001
    made = vector("y" * 33)

    assert before == trigram._remembered.cache_info().currsize  # noqa: SLF001
    assert made == vector("Y" * 33)


def test_it_is_quick() -> None:
    """A thousand labels take less than a quarter of a second, ten times what they should."""
    labels = [f"manage the workshop for team {number}" for number in range(1_000)]
    begun = time.perf_counter()
    made = Trigram().embed(labels)

    assert len(made) == 1_000 * VECTOR_BYTES
    assert time.perf_counter() - begun < 0.25
