"""Grows the tree by the leaves that are new, and signs its size and root."""

import asyncio
from typing import Final

from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.tiles import Tile, extend
from service.repository.sealing import LogGrow, LogHead, LogSeal, LogTurn
from service.sealing.desk import Desk
from service.sealing.examination import Tip, require_signed
from service.sealing.keys import Keyring
from service.sealing.refused import RESTORE, LogRefused
from service.sealing.sequencer import Changed
from service.sealing.state import StateFile

BATCH: Final = 10_000
"""Leaves that are sealed at once at most."""

GROWS_ONLY: Final = "PL013"
"""What a tile is refused with that would not be what it was, and more."""


class Sealer:
    """Signs what follows on the tip."""

    def __init__(self, desk: Desk, keyring: Keyring, file: StateFile, tip: Tip) -> None:
        self._desk = desk
        self._keyring = keyring
        self._file = file
        self.tip = tip

    async def seal(self, leaves: list[bytes]) -> None:
        """Append leaves, sign the tree, and keep both in the database; then write the state.

        A crash between the two leaves a state that is behind, and never one that is ahead.

        Raises: Held, Changed, LogRefused.
        """
        with self._file.turn():
            if self._file.read() != self.tip.state:
                raise Changed
            async with self._desk.transaction():
                await self._desk.one(LogTurn())
                if not self.tip.is_head(await self._desk.maybe(LogHead())):
                    raise Changed
                tip = await self._grown(leaves)
            await asyncio.to_thread(self._file.write, tip.state)
            self.tip = tip

    async def _grown(self, leaves: list[bytes]) -> Tip:
        old = self.tip
        frontier, changed = extend(old.frontier, leaves)
        origin = old.checkpoint.origin
        checkpoint = Checkpoint(origin, frontier.size, frontier.root())
        require_signed(old.note, self._keyring.verifiers(origin))
        note = sign_checkpoint(checkpoint, self._keyring.signers(origin))
        await self._write(changed)
        await self._desk.one(
            LogSeal(old.incarnation, checkpoint.size, origin, checkpoint.root, note)
        )
        return Tip(checkpoint, old.incarnation, old.system_identifier, note, frontier)

    async def _write(self, changed: dict[Tile, bytes]) -> None:
        """Write the tiles that have changed.

        Raises: LogRefused.
        """
        levels, indexes = zip(*changed, strict=True)
        try:
            await self._desk.one(LogGrow(list(levels), list(indexes), list(changed.values())))
        except Exception as error:
            if getattr(error, "sqlstate", None) != GROWS_ONLY:
                raise
            raise LogRefused(
                "tiles", "A tile of the tree is not what it was when it was sealed.", RESTORE
            ) from error
