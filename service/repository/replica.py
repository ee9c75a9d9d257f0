"""How far a primary and its replica are: the structs of sql/replica."""

from msgspec import Struct

from service.repository.base import One


class Written(Struct, frozen=True):
    """A primary: its cluster's number, and bytes of the log of changes that are written."""

    cluster: int
    written: int


class Replayed(Struct, frozen=True):
    """A standby: its cluster's number, and bytes of the log that it has replayed; None: none."""

    cluster: int
    replayed: int | None


class PrimaryPosition(One[Written], frozen=True):
    """Ask how far the primary has written."""


class ReplicaPosition(One[Replayed], frozen=True):
    """Ask how far the replica has replayed."""
