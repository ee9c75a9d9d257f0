"""Texts are cut into the same pieces as by `tokenizers`, with which the model is published."""

import gzip
import json
import random
import unicodedata
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.embedding.wordpiece import packaged
from service.sample.packaged import load_sample

if TYPE_CHECKING:
    from tokenizers import Tokenizer

pytestmark = pytest.mark.oracle

DATA = Path(__file__).parents[1] / "data"
PRINTED = "".join(map(chr, range(0x20, 0x7F)))
ODD = "\0\t\n\r\x1f\x7f\x85\xa0\xad\u0130\u03a3\u200b\u200d\u2028\u3000\u4e2d\ufeff\ufffd\U0001f469"


@pytest.fixture(scope="module")
def theirs() -> "Tokenizer":
    """Make theirs of our vocabulary, with the settings that the model is published with."""
    # Only where requirements/oracle.lock is installed.
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    lines = (resources.files("service.embedding") / "vocab.txt").read_text("utf-8").split("\n")
    vocabulary = {piece: number for number, piece in enumerate(lines[:-1])}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    made.enable_truncation(256)
    return made


def odd(theirs: "Tokenizer", texts: list[str]) -> list[str]:
    """Give the texts that the two cut otherwise."""
    encode = packaged().encode
    return [
        text
        for text, one in zip(texts, theirs.encode_batch(texts), strict=True)
        if one.ids != encode(text)
    ]


def test_real_texts(theirs: "Tokenizer") -> None:
    """Names, aliases and descriptions of the sample and of the test data."""
    sample = load_sample()
    packed = [path.read_bytes() for path in sorted(DATA.glob("esco-*/*.ndjson.gz"))]
    files = [sample.active, sample.drafts, *map(gzip.decompress, packed)]
    texts = {
        text
        for file in files
        for line in file.splitlines()
        for value in json.loads(line).values()
        for text in (value if isinstance(value, list) else [value])
        if isinstance(text, str)
    }

    assert len(texts) > 2_000
    assert [] == odd(theirs, sorted(texts))


def test_every_character(theirs: "Tokenizer") -> None:
    """In a word, alone and in front of one, wherever Unicode has not changed its mind since 3.2."""
    then = unicodedata.ucd_3_2_0
    settled = [
        character
        for character in map(chr, range(0x110000))
        if (category := unicodedata.category(character)) not in {"Cn", "Cs"}
        and category == then.category(character)
    ]

    assert len(settled) > 200_000
    assert [] == odd(theirs, [f"a{one}b {one} A{one}" for one in settled])


@pytest.mark.parametrize("seed", range(4))
def test_nasty_texts(theirs: "Tokenizer", seed: int) -> None:
    """Heaps of characters: signs, controls, accents, scripts, words of any length."""
    draw = random.Random(seed)
    scripts = [PRINTED, ODD, "ÀÉîõüßŁø\u0301\u0308", "数据机械あア한", "Σσς Привет", "هعبर्मน้ำ"]
    texts = [
        "".join(draw.choice(draw.choice(scripts)) for _ in range(draw.randrange(120)))
        for _ in range(3_000)
    ]
    texts += [draw.choice(PRINTED[1:]) * draw.randrange(90, 110) for _ in range(200)]
    texts += [" ".join(["word", "naïve"] * draw.randrange(60, 140)) for _ in range(20)]

    assert [] == odd(theirs, texts)
