"""What is removed when its time is over: remembered answers, a batch at a time."""

from typing import Any, Final

from service.repository.base import Repository
from service.repository.idempotency import IdempotencyExpire

BATCH: Final = 1_000


async def tidy(worker: Repository) -> int:
    """Remove what is forgotten, batch by batch until one is not full; says how many went.

    Raises: Problem.
    """
    total = 0
    while True:
        removed = (await worker.one(IdempotencyExpire(BATCH))).removed
        total += removed
        if removed < BATCH:
            return total


async def tidy_batch(worker: Repository, connection: Any) -> bool:
    """Remove one batch over a connection that the caller holds; says whether there may be more.

    Any number of processes may do so: the statement lets one work at a time.

    Raises: what the driver raises.
    """
    found = await worker.one(IdempotencyExpire(BATCH), connection=connection)
    return found.removed == BATCH
