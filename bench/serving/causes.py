"""Why goals are missed, as far as that was measured: what the rest of the time goes to.

A cause stands here after a profile has shown it, never as a guess; the page says so of a miss that
has none.
"""

from typing import Final

from bench.serving.bulk import BULK, SET_BASED
from bench.serving.servers import CONSTANT, FASTAPI, LITESTAR

Key = tuple[str, str, str] | tuple[str, str, str, int]
"""Operation, number and the other server of a goal; for some number of tenants alone."""

SMALLEST: Final = "the smallest table"
"""Stands for the other server where sizes of a table are compared."""

CAUSES: Final[dict[Key, str]] = {
    ("get", "cpu_us", CONSTANT): (
        "By a profile of the service at 64 connections a quarter of the processor time of a get is "
        "the write to the client and a sixth the loop, which a constant pays too; an eighth is "
        "asyncpg with its write to PostgreSQL; the rest is Python in pieces of 1 to 3 %: reading "
        "the head, the queue at the door, the batch, counters, the line of the log, writing the "
        "head. Without batches, the short way, or remembered keys it is two to four times as much "
        "(below)."
    ),
    ("get", "rate", LITESTAR): (
        "With 1,000 tenants. Plant alone over 1,000 and over 20 tenants, in turns (five rounds of "
        "six seconds), gave as many answers, 22,063 and 22,346 a second, and took 40 + 17 µs "
        "instead of 35 + 16: each of 1,000 keys is asked for again every two seconds. Beside all "
        "other servers, where it stands still for a minute between its turns, it took 48 + 20 µs, "
        "and FastAPI + SQLAlchemy 1.4 times as long as with 20 tenants."
    ),
    ("get", "pss_mb", FASTAPI): (
        "Imports alone are nine tenths of what the process holds that is not shared, two fifths "
        "of them aiohttp, asyncio, asyncpg and what they import (certificates of authorities among "
        "it, for a client that is not used); giving memory back to the system (malloc_trim) "
        "changes nothing. What is compiled as a server starts stays in its memory: with modules "
        "that were compiled before, Plant held 40 MB as before when nothing was asked of it, "
        "FastAPI + SQLAlchemy 64 MB instead of 67. With 1,000 keys Plant holds 2.5 MB more than "
        "with 20: what is remembered of each key and of the heads that it sends (0.8 MB of it)."
    ),
    ("step", "p50_ms", SMALLEST): (
        "The processor time of the service beside it, which the size of a table does not change, "
        "rose nearly as much in the same rounds, and round by round a step took 1.0 to 1.1 times "
        "what service and PostgreSQL worked for it over either table: in those rounds the machine "
        "was slower. In another run with tables in turns it was 1.14 times."
    ),
    ("import", "cpu_us", BULK): (
        "By a profile a line costs the import 8 to 12 µs (5.5 of them the check of what it says, "
        "which nobody does on the other side), and 12 to 22 µs what else the process does "
        "meanwhile: it leads the log, a turn and a signature every 0.2 s for as long as it lasts."
    ),
    ("import", "seconds", SET_BASED): (
        "PostgreSQL works 1.4 times as long as for the plain INSERT: every line is looked up by "
        "its external id, and what is unique is asked of all at once. The rest are the turns "
        "between client and server, and the sealing of the log beside them."
    ),
}


def cause(operation: str, number: str, other: str, tenants: int = 0) -> str:
    """Give why a goal is missed over so many tenants; empty where that has not been measured."""
    key = (operation, number, other)
    return CAUSES.get((*key, tenants), CAUSES.get(key, ""))
