"""What a verification is asked to look at."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from msgspec import Struct

from service.proof.keys import VerifierKey
from service.verify.held import Held
from service.verify.pinned import Pinned

NO_ID: Final = "00000000-0000-0000-0000-000000000000"
LAST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class Counting(Protocol):
    """What hears how far a long piece of work has come."""

    def advance(self, steps: int = 1) -> None:
        """Count steps as done."""


Show = Callable[[str, int | None], AbstractContextManager[Counting]]
"""Begins to show a piece of work: what it is, and of how many steps."""


class Question(Struct, frozen=True):
    """Which log, by which keys, against what.

    `witnesses`: keys of those whose cosignatures count.
    `tenant`: only this one's part, None for all. `cluster`: the system identifier that the sealer's
    state names, None where there is no state.
    """

    pinned: Pinned
    held: list[Held] = []
    witnesses: list[VerifierKey] = []
    tenant: str | None = None
    cluster: int | None = None

    @property
    def first_tenant(self) -> str:
        """Give the first id that is asked for."""
        return self.tenant or NO_ID

    @property
    def last_tenant(self) -> str:
        """Give the last id that is asked for."""
        return self.tenant or LAST_ID
