"""The two vectors of labels, as the server takes them."""

from collections.abc import Sequence

from service.labelling.vectors import Vectors
from service.model.vector import each, wire


async def both(
    texts: Sequence[str], embedders: Sequence[str | None], vectors: Vectors
) -> tuple[list[bytes], list[bytes]]:
    """Compute of each text the vector of the embedder named beside it, and that of its words.

    Where it is not the model's, the vector of words stands for both.
    """
    if not texts:
        return [], []
    words = [wire(one) for one in each(await vectors.of_words(texts))]
    meanings = list(words)
    meant = [nth for nth, embedder in enumerate(embedders) if embedder == vectors.model]
    if meant and vectors.model != vectors.words:
        computed = await vectors.of_model([texts[nth] for nth in meant])
        for nth, vector in zip(meant, each(computed), strict=True):
            meanings[nth] = wire(vector)
    return meanings, words
