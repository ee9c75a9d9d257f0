"""Places for work that takes long: few in a process, fewer for one tenant, given back always."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import Unavailable


@contextmanager
def place(taken: Counter[str], tenant: str, what: str, *, most: int, each: int) -> Iterator[None]:
    """Take one of `most` places, of which one tenant has at most `each`.

    Raises: Unavailable.
    """
    if taken.total() >= most:
        running = f"{most} {what} are" if most > 1 else f"One {what.removesuffix('s')} is"
        raise Unavailable(
            f"{running} running, which is as many as may. Nothing was done: try again."
        )
    if taken[tenant] >= each:
        raise Unavailable(
            f"Of your tenant as many {what} are running as may: {each}. "
            "Nothing was done: try again."
        )
    taken[tenant] += 1
    try:
        yield
    finally:
        taken[tenant] -= 1
        if not taken[tenant]:
            del taken[tenant]
