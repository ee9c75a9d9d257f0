"""What is removed when its time is over: remembered answers, a batch at a time."""

import asyncio
import logging
from typing import Final

from service.errors import Problem
from service.repository.base import Repository
from service.repository.idempotency import IdempotencyExpire

log = logging.getLogger(__name__)

BATCH: Final = 1_000
EVERY_S: Final = 300.0


async def tidy(worker: Repository) -> int:
    """Remove what is forgotten, batch by batch until one is not full; says how many went.

    Raises: Problem.
    """
    total = 0
    while True:
        found = await worker.one(IdempotencyExpire(BATCH))
        total += found.removed
        if found.removed < BATCH:
            return total


async def keep_tidy(worker: Repository, every_s: float = EVERY_S) -> None:
    """Tidy now and every few minutes until it is cancelled; what fails is left for the next turn.

    Any number of processes may do so: the statement lets one work at a time.
    """
    while True:
        try:
            await tidy(worker)
        except Problem as problem:
            cause = type(problem.__cause__ or problem).__name__
            log.warning("expired rows are not removed: %s (%s)", problem.slug, cause)
        await asyncio.sleep(every_s)
