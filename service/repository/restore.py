"""Restoring what was exported: the structs of sql/restore."""

from msgspec import Struct

from service.repository.base import One


class Begun(Struct, frozen=True):
    """The ids of the tenant's governance agents, as a JSON array."""

    agents: str


class Written(Struct, frozen=True):
    """How many documents were written."""

    written: int


class Whole(Struct, frozen=True):
    """How many entities the tenant has."""

    entities: int


class RestoreBegin(One[Begun], frozen=True):
    """Begin to restore an empty tenant; `agents` is a JSON object of id and name."""

    effect = "write"

    agents: str


class RestoreWrite(One[Written], frozen=True):
    """Write documents of a kind."""

    effect = "write"

    kind: str
    lines: str


class RestoreEnd(One[Whole], frozen=True):
    """Ask what only the whole can tell."""

    effect = "write"
