"""Leads the log over one session: places what is pending, seals it, refuses what is not right."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from service.database.locks import Held
from service.repository.sealing import LogReport
from service.sealing.beginning import begin
from service.sealing.desk import Desk
from service.sealing.examination import examine, unsealed
from service.sealing.keys import Keyring
from service.sealing.refused import LogRefused
from service.sealing.sealer import BATCH, Sealer
from service.sealing.sequencer import BATCH as PLACED_AT_ONCE
from service.sealing.sequencer import Changed, Sequencer
from service.sealing.standing import Standing
from service.sealing.state import StateFile
from service.sealing.witness import Witness
from service.sealing.witnessing import Witnessing

log = logging.getLogger(__name__)

BUSY_S: Final = 0.02
IDLE_S: Final = 0.1
SEAL_S: Final = 0.2
REPORT_S: Final = 1.0
BACKOFF_S: Final = (0.5, 5.0)
"""Before the first repetition of what was refused, and at most."""


class Leader:
    """What a session knows that has the lock of the leader; a lost session begins another one."""

    def __init__(
        self,
        desk: Desk,
        keyring: Keyring,
        file: StateFile,
        base: str | None,
        standing: Standing,
        witnesses: Sequence[Witness] = (),
    ) -> None:
        self._desk = desk
        self._keyring = keyring
        self._file = file
        self._base = base
        self._standing = standing
        self._found: tuple[Sequencer, Sealer] | None = None
        self._witnessing = [
            Witnessing(desk, witness, standing.witness(witness.key.name)) for witness in witnesses
        ]
        self._sealed_at = self._reported_at = float("-inf")
        self._pause_s = BUSY_S
        self._backoff_s = BACKOFF_S[0]

    async def turn(self) -> float:
        """Do what is to be done now; says after how many seconds to come again.

        Raises: what the driver raises.
        """
        try:
            done = await self._work()
        except (Changed, Held) as error:
            # Somebody has taken the log up again, or is at it: look at all of it anew.
            log.info("the log is looked at anew: %s", type(error).__name__)
            self._found = None
            self._pause_s = IDLE_S
        except LogRefused as refusal:
            self._standing.refuse(refusal)
            self._pause_s, self._backoff_s = (
                self._backoff_s,
                min(2 * self._backoff_s, BACKOFF_S[1]),
            )
        else:
            self._standing.go_on()
            self._backoff_s = BACKOFF_S[0]
            self._pause_s = self._next_pause_s(done)
        await self._report()
        return self._pause_s

    def _next_pause_s(self, done: int) -> float:
        """Come again at once after a full batch, soon after a part of one, else ever later."""
        if done >= PLACED_AT_ONCE:
            return 0.0
        if done:
            return BUSY_S
        return min(IDLE_S, max(self._pause_s * 1.5, BUSY_S))

    async def finish(self) -> None:
        """Place and seal what is there, once more, unless something is in the way."""
        for each in self._witnessing:
            each.stop()
        if self._found is not None and self._standing.refused is None:
            self._sealed_at = float("-inf")
            await self.turn()

    async def _work(self) -> int:
        """Place a batch, and seal when it is time to; what is wrong with entries stops no seal."""
        sequencer, sealer = self._found = self._found or await self._begun()
        refused = None
        done = 0
        try:
            done = await sequencer.place(time.monotonic())
        except LogRefused as refusal:
            refused = refusal
        if sequencer.unsealed and time.monotonic() - self._sealed_at >= SEAL_S:
            await self._seal(sequencer, sealer)
        if refused is not None:
            raise refused
        for each in self._witnessing:
            await each.step(sealer.tip, time.monotonic())
        return done

    async def _seal(self, sequencer: Sequencer, sealer: Sealer) -> None:
        """Seal what has a place.

        Raises: LogRefused, Changed, Held: all is to be looked up again.
        """
        begun = self._sealed_at = time.monotonic()
        leaves = sequencer.unsealed[:BATCH]
        try:
            await sealer.seal(leaves)
        except LogRefused:
            self._found = None
            raise
        del sequencer.unsealed[: len(leaves)]
        size = sealer.tip.checkpoint.size
        self._standing.sealed(size, size + len(sequencer.unsealed), time.monotonic() - begun)

    async def _begun(self) -> tuple[Sequencer, Sealer]:
        """Find the log as it was left, or begin it.

        Raises: LogRefused, Changed, Held.
        """
        with self._file.turn():
            state = self._file.read()
            tip = await examine(self._desk, self._keyring, state, self._base)
            if tip is None:
                tip = await begin(self._desk, self._keyring, self._base)
                log.info(
                    "the log begins as %s; `plant audit key` prints the key to pin",
                    tip.checkpoint.origin,
                )
            elif state is None:
                log.warning(
                    "there is no state of the sealer: the database is believed that %d entries are "
                    "all that was signed (%s)",
                    tip.checkpoint.size,
                    tip.checkpoint.origin,
                )
            if tip.state != state:
                self._file.write(tip.state)
        size = tip.checkpoint.size
        leaves = await unsealed(self._desk, size)
        sealer = Sealer(self._desk, self._keyring, self._file, tip)
        return Sequencer(self._desk, size + len(leaves), leaves), sealer

    async def _report(self) -> None:
        """Note how far the log is, every second."""
        now = time.monotonic()
        if now - self._reported_at >= REPORT_S:
            self._reported_at = now
            low = self._found[0].low if self._found else 0
            self._standing.note(await self._desk.one(LogReport(low)))


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, or until it is time to stop; others get their turn in any case."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
