"""Which embedder the setting means here."""

from service.embedding.embedder import Embedder, EmbedderRefusal
from service.embedding.minilm import WAY_OUT, MiniLM, installed
from service.settings import Settings


def choose(settings: Settings, *, threads: int = 1) -> Embedder | None:
    """Give the embedder of meaning, or None where texts are compared by their characters alone.

    Nothing is loaded: the first text does that. `threads` is how many it computes with.

    Raises: EmbedderRefusal when `PLANT_EMBEDDER` is `minilm` and the extra is not installed.
    """
    if settings.embedder == "trigram":
        return None
    if installed():
        return MiniLM(threads)
    if settings.embedder == "minilm":
        raise EmbedderRefusal("PLANT_EMBEDDER is minilm, which is not installed.", WAY_OUT)
    return None
