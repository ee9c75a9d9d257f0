"""Why a goal of search is missed, as far as that was measured.

By statements that do a part of the work each, on 100,000 labels of this benchmark.
"""

from typing import Final

from bench.search.asked import Asked
from service.usecases.search import NEAR_AMONG

SHARED: Final = (
    "The index is one of all tenants. To the nearest labels of its own in each of two lists (50 of "
    "100,000, 163 of 1,000,000) it leads past nine times as many of others, at 6 to 9 µs each. In "
    "a table of its own it meets none: `plant tenant isolate`, below."
)
MOSTLY_OWN: Final = (
    "The index is one of all tenants, and is asked for as many labels as where it leads past most "
    "of them. In a table of its own fewer find as much: `plant tenant isolate`, below."
)
FILTERED: Final = (
    "The index knows nothing of filters: for each label that meets one eleven are looked at in "
    "each of two lists, at 13 µs each with their entities, and 50 of 100,000 have to meet it, 163 "
    "of 1,000,000. To compare all 8,700 that meet it of 100,000 takes 18 to 20 ms. Both are "
    "memory: with huge pages for PostgreSQL's it was 11 ms instead of 15 and 17 instead of 19."
)
COMPARED: Final = (
    "All its labels are compared, by which none is missed. Of 1.7 to 2 µs for each, 0.6 to 1 fetch "
    "a row of 4 kB, since 10,000 of them are more than the processor's caches hold; two cosines "
    "are 0.5."
)
APART: Final = (
    " In a table of its own the index is the sooner way, and is taken: `plant tenant isolate`, "
    "below."
)


def cause(asked: Asked, count: int) -> str:
    """Give why it takes so long in a table of so many; empty where that has not been measured."""
    if asked.apart:
        return ""
    if asked.exact * 2 > len(asked.recalls):
        return COMPARED if asked.filtered else COMPARED + APART
    if asked.filtered:
        return FILTERED
    if asked.labels * 2 < count:
        return SHARED
    return MOSTLY_OWN if count > NEAR_AMONG else ""
