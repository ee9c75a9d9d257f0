"""Shapes of what `/readyz` tells: the database, the log, the keys of the issuer."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType


class LogStanding(Struct):
    """How the log stands, as this process knows it: it never makes the service unready."""

    role: Literal["leader", "follower", "off"]
    size: Annotated[int, Meta(ge=0, description="Entries that are sealed.")]
    positions: Annotated[int, Meta(ge=0, description="Entries that have a place.")]
    waiting_s: Annotated[
        float | None, Meta(description="Age of the oldest entry that has no place yet.")
    ]
    refused: Annotated[
        str | None, Meta(description="Why the log is not continued; docs/audit.md has each reason.")
    ]


class IssuerStanding(Struct):
    """How many keys of the issuer are known; it never makes the service unready."""

    keys: Annotated[int, Meta(ge=0)]
    failing: Annotated[
        str | None, Meta(description="What kept this process from reading them last.")
    ]


class Ready(Struct):
    """Whether the database answers too, and how the log stands."""

    status: Literal["ok", "not ready"]
    database: str
    log: LogStanding
    tokens: IssuerStanding | UnsetType = UNSET
