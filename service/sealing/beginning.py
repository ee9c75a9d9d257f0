"""Begins a log, and takes one up again that is not what was signed, under a name of its own."""

import secrets
from typing import Final

from service.proof.checkpoint import Checkpoint, origin_of, sign_checkpoint
from service.proof.tiles import Frontier
from service.repository.sealing import LogBegin, LogFacts, LogHead, LogSeal, LogTurn
from service.sealing.desk import Desk
from service.sealing.examination import Tip
from service.sealing.keys import Keyring
from service.sealing.sequencer import Changed

FIRST: Final = "The log began."


async def begin(desk: Desk, keyring: Keyring, base: str | None) -> Tip:
    """Begin the log of a database that has none, with a signed checkpoint of nothing.

    The first key is drawn here, where there is none: before anything is signed, and never after.

    Raises: Changed when somebody else was faster; LogRefused.
    """
    keyring.make()
    name = base or f"plant.local/{secrets.token_hex(8)}"
    async with desk.transaction():
        await desk.one(LogTurn())
        if await desk.maybe(LogHead()) is not None:
            raise Changed
        return await open_incarnation(desk, keyring, name, 1, Frontier(), FIRST, None)


async def open_incarnation(
    desk: Desk,
    keyring: Keyring,
    base: str,
    number: int,
    edge: Frontier,
    reason: str,
    given_up: str | None,
) -> Tip:
    """Write an incarnation with its first checkpoint, in the caller's transaction and turn.

    Raises: LogRefused.
    """
    origin = origin_of(base, number)
    cluster = (await desk.one(LogFacts())).system_identifier
    checkpoint = Checkpoint(origin, edge.size, edge.root())
    note = sign_checkpoint(checkpoint, keyring.signers(origin))
    await desk.one(
        LogBegin(number, origin, cluster, checkpoint.size, checkpoint.root, reason, given_up)
    )
    await desk.one(LogSeal(number, checkpoint.size, origin, checkpoint.root, note))
    return Tip(checkpoint, number, cluster, note, edge)
