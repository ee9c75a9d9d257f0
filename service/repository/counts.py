"""Counts: how many entities there are of each kind in each state."""

from collections.abc import Sequence

from msgspec import Struct

from service.repository.base import Many


class Counted(Struct, frozen=True):
    """How many entities of a kind are in a state."""

    entity_type: str
    status: str
    count: int


class EntitiesCount(Many[Counted], frozen=True):
    """Count what the caller may see, by kind and state."""

    kinds: Sequence[str]
    statuses: Sequence[str]
