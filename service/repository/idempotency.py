"""Remembered answers: the structs of sql/idempotency."""

from msgspec import Struct

from service.repository.base import One


class Removed(Struct, frozen=True):
    """How many rows were removed."""

    removed: int


class IdempotencyExpire(One[Removed], frozen=True):
    """Remove remembered answers that are forgotten, at most so many."""

    count: int
