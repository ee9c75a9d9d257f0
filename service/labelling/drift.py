"""Whether stored vectors still are what the embedder computes: a sample, computed again."""

from collections import Counter
from typing import Final
from uuid import UUID

from msgspec import Struct

from service.labelling.vectors import Vectors
from service.model.vector import cosine, each, unwired
from service.repository.labels import Sampled

COSINE_MIN: Final = 0.85
"""Below it a vector does not stand for its text any more."""


class Drifted(Struct, frozen=True):
    """A label whose vector is not what is computed now."""

    entity_id: UUID
    source: str
    label: str
    vector: str
    cosine: float


class Drift(Struct, frozen=True):
    """What a sample came to.

    `brought`: labels of entities that mean what a caller's vector says; of these the spelling alone
    is computed. `others`: labels by other embedders, which are not ours to compute.
    """

    labels: int
    compared: int
    least: float | None
    drifted: list[Drifted]
    brought: int
    others: dict[str, int]


async def compared(sample: list[Sampled], vectors: Vectors) -> Drift:
    """Compute the vectors of a sample again and compare."""
    ours = [one for one in sample if one.embedder == vectors.model]
    pairs: list[tuple[Sampled, str, float]] = []
    if sample:
        words = each(await vectors.of_words([one.label for one in sample]))
        pairs += [
            (one, "lexical_384", cosine(unwired(one.lexical), now))
            for one, now in zip(sample, words, strict=True)
        ]
    if ours and vectors.model != vectors.words:
        meant = each(await vectors.of_model([one.label for one in ours]))
        pairs += [
            (one, "embedding_384", cosine(unwired(one.embedding), now))
            for one, now in zip(ours, meant, strict=True)
        ]
    return Drift(
        labels=len(sample),
        compared=len(pairs),
        least=min((found for _, _, found in pairs), default=None),
        drifted=[
            Drifted(one.entity_id, one.source, one.label, name, found)
            for one, name, found in pairs
            if found < COSINE_MIN
        ],
        brought=sum(one.brought for one in sample),
        others=dict(
            Counter(
                one.embedder
                for one in sample
                if one.embedder != vectors.model and not _by_design(one, vectors)
            )
        ),
    )


def _by_design(one: Sampled, vectors: Vectors) -> bool:
    """Say whether a label is where its entity's vector is a caller's, and has no other meaning."""
    return one.brought and one.embedder in {"caller", vectors.words}
