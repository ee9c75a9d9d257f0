"""Why goals are missed, as far as that was measured: what the rest of the time goes to.

A cause stands here after a profile has shown it, never as a guess; the page says so of a miss that
has none.
"""

from typing import Final

from bench.serving.servers import CONSTANT, FASTAPI

Key = tuple[str, str, str]
"""Operation, number and the other server of a goal."""

CAUSES: Final[dict[Key, str]] = {
    ("get", "cpu_us", CONSTANT): (
        "Of the processor time of a get, by a profile of the service at 64 connections, 20 % is "
        "the write to the client and 10 % the loop, which a constant pays too; 13 % are the pool "
        "and asyncpg. The rest is in pieces of 2 to 5 %."
    ),
    ("create", "cpu_us", FASTAPI): (
        "By a profile of the service nearly half of the processor time of a create are writes to "
        "sockets, to PostgreSQL and to the client."
    ),
}
