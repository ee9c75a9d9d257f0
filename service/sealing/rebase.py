"""Takes up a log that is not what was signed, as a new incarnation that says what was found."""

from typing import Final

from msgspec import Struct

from service.proof.checkpoint import incarnation_of, origin_of
from service.proof.tiles import Frontier
from service.repository.sealing import Head, LogFacts, LogHead, LogTurn
from service.sealing.beginning import open_incarnation
from service.sealing.desk import Desk
from service.sealing.examination import Tip, edge_of, examine, unsealed
from service.sealing.keys import Keyring
from service.sealing.refused import RESTORE, LogRefused
from service.sealing.sequencer import Changed
from service.sealing.state import State, StateFile

TURN_S: Final = 5.0
SETTLED: Final = frozenset({"rollback", "fork", "origin", "system-identifier", "state", "key"})
"""Refusals after which the log may go on under a new name; the others are damage to be mended."""


class Proposal(Struct, frozen=True):
    """What is wrong, what is there, and how the log would go on.

    `given_up` is the signed note that does not agree with what is there; None: none is known.
    """

    reason: str
    wrong: str
    base: str
    incarnation: int
    size: int
    root: str
    edge: Frontier
    head: Head | None
    given_up: str | None

    @property
    def origin(self) -> str:
        """Name the new incarnation."""
        return origin_of(self.base, self.incarnation)


async def propose(
    desk: Desk, keyring: Keyring, file: StateFile, base: str | None
) -> Proposal | None:
    """Find out how the log could go on; None when nothing is wrong with it.

    Raises: LogRefused for what a new incarnation does not settle; Held.
    """
    with file.turn(TURN_S):
        state, refusal = _read(file)
        if refusal is None:
            try:
                await examine(desk, keyring, state, base)
            except LogRefused as found:
                refusal = found
        if refusal is None:
            return None
        if refusal.reason not in SETTLED:
            raise refusal
        return await _proposal(desk, refusal, state, base)


async def rebase(desk: Desk, keyring: Keyring, file: StateFile, proposal: Proposal) -> Tip:
    """Begin the incarnation that was proposed, sign what is there, and keep that outside.

    Raises: Changed when it is not as it was; Held, LogRefused.
    """
    with file.turn(TURN_S):
        async with desk.transaction():
            await desk.one(LogTurn())
            if await desk.maybe(LogHead()) != proposal.head:
                raise Changed
            tip = await open_incarnation(
                desk,
                keyring,
                proposal.base,
                proposal.incarnation,
                proposal.edge,
                proposal.wrong,
                proposal.given_up,
            )
        file.write(tip.state)
    return tip


def _read(file: StateFile) -> tuple[State | None, LogRefused | None]:
    try:
        return file.read(), None
    except LogRefused as refusal:
        return None, refusal


async def _proposal(
    desk: Desk, refusal: LogRefused, state: State | None, base: str | None
) -> Proposal:
    """Take what is there: the tree stays as it is, and goes on from there.

    Raises: LogRefused for a tree that is damaged.
    """
    head = await desk.maybe(LogHead())
    edge = Frontier()
    if head is not None:
        edge = await edge_of(desk, head)
        facts = await desk.one(LogFacts())
        if facts.positions < edge.size:
            raise LogRefused(
                "positions",
                f"{edge.size} entries are sealed, and only {facts.positions} have a place.",
                RESTORE,
            )
        await unsealed(desk, edge.size)
    known = [(one.origin, one.incarnation) for one in (head, state) if one is not None]
    return Proposal(
        reason=refusal.reason,
        wrong=refusal.wrong,
        base=base or incarnation_of(known[0][0])[0],
        incarnation=1 + max(number for _, number in known),
        size=edge.size,
        root=edge.root().hex(),
        edge=edge,
        head=head,
        given_up=state.note if state is not None else None,
    )
