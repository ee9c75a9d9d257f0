"""Which texts travel together: those of like lengths, as all are filled up to the longest."""

from collections.abc import Iterator, Sequence


def alike(lengths: Sequence[int], *, count_max: int, volume_max: int) -> Iterator[list[int]]:
    """Put texts of like lengths together, each by its place; short ones first.

    A batch has at most `count_max` texts, and at most `volume_max` in all when each is counted as
    the longest of them; a text that is longer than that goes alone.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        # It is the longest so far.
        volume = (len(batch) + 1) * lengths[place]
        if batch and (len(batch) == count_max or volume > volume_max):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
