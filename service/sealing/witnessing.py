"""Shows checkpoints to witnesses, beside the leader's work, and keeps what they sign."""

import asyncio
import logging
from typing import Final

from service.proof.fault import ProofError
from service.proof.tiles import consistency_tiles, prove_consistency
from service.repository.sealing import LogCosign, LogCosigned
from service.sealing.desk import Desk
from service.sealing.examination import Tip
from service.sealing.standing import Witnessed
from service.sealing.witness import Answer, Witness, ask

log = logging.getLogger(__name__)

EVERY_S: Final = 2.0
"""How often a witness is asked while there is something new."""

AFTER_S: Final = 30.0
"""How long one is left alone that could not be reached, or refused."""


class Witnessing:
    """What is known of one witness; asked in a thread, so that it holds nobody up."""

    def __init__(self, desk: Desk, witness: Witness, known: Witnessed) -> None:
        self._desk = desk
        self._witness = witness
        self._known = known
        self._asked: tuple[Tip, asyncio.Task[Answer]] | None = None
        # What the witness has signed last, as far as is known; what we have its signature for.
        self._size: int | None = None
        self._kept = 0
        self._incarnation = 0
        self._next_at = float("-inf")
        self._said = ""

    async def step(self, tip: Tip, now: float) -> None:
        """Take an answer that has come, or ask anew when it is time; waits for nobody.

        Units: `now` in seconds, of any clock that only rises.
        """
        if self._asked is not None:
            if self._asked[1].done():
                asked, task = self._asked
                self._asked = None
                await self._heard(asked, task.result(), now)
            return
        if now < self._next_at or tip.checkpoint.size == 0:
            return
        if tip.incarnation != self._incarnation:
            self._incarnation, self._size = tip.incarnation, None
        if self._size is None:
            name = self._witness.key.name
            before = await self._desk.maybe(LogCosigned(tip.incarnation, name))
            self._size = self._kept = self._known.size = before.size if before else 0
        if self._kept < tip.checkpoint.size:
            self._next_at = now + EVERY_S
            await self._ask(tip, self._size)

    async def _ask(self, tip: Tip, old: int) -> None:
        """Begin to ask, with a proof that the tree grew out of what was signed last."""
        size = tip.checkpoint.size
        try:
            proof = prove_consistency(
                old, size, await self._desk.tiles(consistency_tiles(old, size))
            )
        except ProofError as error:
            self._say(f"nothing can be shown to the witness {self._witness.key.name}: {error}")
            return
        self._known.asked += 1
        work = asyncio.to_thread(ask, self._witness, old, proof, tip.note)
        self._asked = (tip, asyncio.create_task(work))

    async def _heard(self, tip: Tip, answer: Answer, now: float) -> None:
        """Keep what was signed; or note what the witness knows, or what is wrong."""
        name = self._witness.key.name
        self._known.answers[_kind(answer, tip.checkpoint.size, self._size)] += 1
        if answer.lines:
            self._size = self._kept = tip.checkpoint.size
            await self._desk.one(
                LogCosign(tip.incarnation, tip.checkpoint.size, name, answer.lines)
            )
            self._known.size = tip.checkpoint.size
            self._say("")
        elif answer.size is None:
            self._next_at = now + AFTER_S
            level = logging.CRITICAL if answer.unproven else logging.WARNING
            self._say(f"the witness {name} signs nothing: {answer.wrong}", level)
        elif answer.size > tip.checkpoint.size:
            self._next_at = now + AFTER_S
            self._say(
                f"the witness {name} has seen {answer.size} entries of {tip.checkpoint.origin}, "
                f"and there are {tip.checkpoint.size}: entries that were sealed are gone",
                logging.CRITICAL,
            )
        elif answer.size == self._size:
            self._next_at = now + AFTER_S
            self._say(
                f"the witness {name} has seen {answer.size} entries of {tip.checkpoint.origin} "
                "with another root: there are two histories",
                logging.CRITICAL,
            )
        else:
            # It was asked by another leader, or has lost what it knew.
            self._size, self._next_at = answer.size, now

    def _say(self, words: str, level: int = logging.WARNING) -> None:
        """Log what has changed."""
        if words and words != self._said:
            log.log(level, "%s", words)
        elif self._said and not words:
            log.warning("the witness %s signs again", self._witness.key.name)
        self._said = words

    def stop(self) -> None:
        """Wait for no answer any more."""
        if self._asked is not None:
            self._asked[1].cancel()


def _kind(answer: Answer, shown: int, thought: int | None) -> str:
    """Name what an answer is, as metrics count it; who has seen more or other ones refuses."""
    if answer.lines:
        return "signed"
    if answer.size is None:
        return "refused" if answer.refused else "failed"
    return "refused" if answer.size > shown or answer.size == thought else "behind"
