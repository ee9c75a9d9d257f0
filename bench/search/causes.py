"""Why a goal of search is missed, as far as that was measured.

All of it on 100,000 labels of this benchmark, by statements that do a part of the work each.
"""

from typing import Final

from bench.search.asked import Asked

SHARED: Final = (
    "The index is one of all tenants. To 50 labels of its own in each of two lists it leads past "
    "450 of others, some 6 µs for each of the thousand. In a table of its own it meets none: "
    "`plant tenant isolate`, below."
)
FILTERED: Final = (
    "The index knows nothing of filters: for 50 labels that meet one 550 are looked at in each of "
    "two lists, at 13 µs each with their entities. To compare all 8,700 that meet it takes 18 to "
    "20 ms. Both are memory: with huge pages for PostgreSQL's it was 11 ms instead of 15 and 17 "
    "instead of 19."
)
COMPARED: Final = (
    "All its labels are compared, by which none is missed. Of 1.7 to 2 µs for each, 0.6 to 1 fetch "
    "a row of 4 kB, since 10,000 of them are more than the processor's caches hold; two cosines "
    "are 0.5. In a table of its own the index is the sooner way, and is taken: "
    "`plant tenant isolate`, below."
)


def cause(asked: Asked, count: int) -> str:
    """Give why it takes so long in a table of so many; empty where that has not been measured."""
    mostly_own = not asked.filtered and asked.labels * 2 > count
    if asked.apart or mostly_own:
        return ""
    if asked.exact * 2 > len(asked.recalls):
        return COMPARED
    return FILTERED if asked.filtered else SHARED
