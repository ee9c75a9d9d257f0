"""Why goals are missed, as far as that was measured: what the rest of the time goes to.

A cause stands here after a profile has shown it, never as a guess; the page says so of a miss that
has none.
"""

from typing import Final

from bench.serving.bulk import BULK, SET_BASED
from bench.serving.servers import CONSTANT, FASTAPI, UNLOGGED

Key = tuple[str, str, str] | tuple[str, str, str, int]
"""Operation, number and the other server of a goal; for some number of tenants alone."""

SMALLEST: Final = "the smallest table"
"""Stands for the other server where sizes of a table are compared."""

CAPACITY: Final = "the capacity"
"""Stands for the other server where more is asked for than Plant can do."""

CAUSES: Final[dict[Key, str]] = {
    ("get", "cpu_us", CONSTANT): (
        "By a profile of the service at 64 connections a quarter of the processor time of a get is "
        "the write to the client and a sixth the loop, which a constant pays too; an eighth is "
        "asyncpg with its write to PostgreSQL; the rest is Python in pieces of 1 to 3 %: reading "
        "the head, the queue at the door, the batch, counters, the line of the log, writing the "
        "head. Without batches, the short way, or remembered keys it is two to four times as much "
        "(below)."
    ),
    ("get", "pss_mb", FASTAPI): (
        "Imports alone are nine tenths of what the process holds that is not shared, two fifths "
        "of them aiohttp, asyncio, asyncpg and what they import; certificates of authorities, for "
        "a client that is not used, are 1.2 MB of it and docstrings 2 MB. Giving memory back to "
        "the system (malloc_trim) changes nothing, nor do other limits of malloc. With 1,000 keys "
        "it is 2.5 MB more than with 20: what is remembered of each key and of the heads that it "
        "sends (0.8 MB of it)."
    ),
    ("create", "server_us", UNLOGGED, 20): (
        "In the same rounds the service's own time, of which the log is little, was 1.27 to 1.38 "
        "times as long, too: more than the log differed. With creates alone over 64 connections, "
        "in seven rounds of a run of their own, it was 540 against 472 µs, 1.15 times, and the "
        "service's own time 218 against 210."
    ),
    ("create", "kept", CAPACITY): (
        "Of two processors, which were at work by 91 % at the capacity and by 96 % here, the "
        "service had 0.60 instead of 0.49, PostgreSQL 0.98 instead of 1.22, and whoever sends 0.33 "
        "instead of 0.11: to refuse takes the service 34 µs and to be refused the sender 36 µs, "
        "6,800 times a second. Of the service's time a fifth goes to refusals, most of that to the "
        "write to the client."
    ),
    ("create", "recovered", CAPACITY): (
        "In six of nine turns of four seconds, each just after an overload, it was 0.94 to 1.15 of "
        "the capacity measured before, and 0.82 to 0.88 in the three in which PostgreSQL vacuumed "
        "tables that the creates before had grown, while it wrote a checkpoint: it took 6 to 11 % "
        "more time there. Nothing waited to be sealed at the end of any of them."
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
