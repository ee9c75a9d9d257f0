"""The routes that are to go.

Apart from the operations: a service needs these for every answer, and what is said of all routes
only when someone asks for it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from msgspec import Struct


class Deprecation(Struct, frozen=True, kw_only=True):
    """That a route is to go: since when that is known, when it goes, and where it says why."""

    since: date
    sunset: date
    link: str


DEPRECATIONS: Final[Mapping[tuple[str, str], Deprecation]] = {}
"""By method and path, spelled as in the operation."""
