"""Batches: every text once, with those of its length, and not too many."""

import random

import pytest

from service.embedding.batching import alike

COUNT_MAX, VOLUME_MAX = 16, 256


def test_short_texts_travel_together_and_long_ones_alone() -> None:
    """Both bounds are kept, and reached."""
    draw = random.Random(1)
    lengths = [draw.randrange(2, 300) for _ in range(200)] + [3] * 40
    found = list(alike(lengths, count_max=COUNT_MAX, volume_max=VOLUME_MAX))
    sizes = [(len(batch), max(lengths[place] for place in batch)) for batch in found]

    assert list(range(240)) == sorted(place for batch in found for place in batch)
    assert all(count <= COUNT_MAX for count, _ in sizes)
    assert all(count == 1 or count * length <= VOLUME_MAX for count, length in sizes)
    assert (COUNT_MAX, 3) in sizes


@pytest.mark.parametrize(
    "lengths,batches",
    [
        ([], []),
        ([999], [[0]]),
        ([0, 0], [[0, 1]]),
        ([4, 2, 3], [[1, 2], [0]]),
        ([4, 4, 4], [[0, 1], [2]]),
        ([1, 1, 1, 1], [[0, 1, 2], [3]]),
        ([9, 1], [[1], [0]]),
    ],
)
def test_batches(lengths: list[int], batches: list[list[int]]) -> None:
    """The shortest come first; what does not fit begins the next."""
    assert batches == list(alike(lengths, count_max=3, volume_max=8))
