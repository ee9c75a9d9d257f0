"""What may be meant by a name that is not known."""

from collections.abc import Iterable
from typing import Final

ALIKE: Final = 0.7
"""How like a name another one has to be to be what was meant; `sort` is not like `cursor`."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that is most like this one, if any is like it."""
    # Only who misspells something needs it: it is 0.2 MB of every process otherwise.
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, known, n=1, cutoff=ALIKE)), None)
