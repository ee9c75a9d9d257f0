"""Vectors on their way in: bytes by COPY, and text by executemany."""

import asyncio
import time
from typing import Final

import asyncpg

from bench.result import Outcome, Row
from bench.search.crowd import Crowd
from service.database.vectors import as_bytes
from service.model.vector import unit, wire

VECTORS: Final = 20_000
TEXTS: Final = 4_000
TABLE: Final = "CREATE TEMPORARY TABLE intake (id integer, embedding public.vector(384))"


def measure(crowd: Crowd) -> Outcome:
    """Bring vectors into a table without an index, both ways."""
    return asyncio.run(_measured(crowd))


async def _measured(crowd: Crowd) -> Outcome:
    given = [probe.vector for probe in crowd.probes]
    rates: dict[str, float] = {}
    session = await asyncpg.connect(crowd.ground.url("superuser"))
    try:
        texts = [
            (number, "[" + ",".join(map(repr, given[number % len(given)])) + "]")
            for number in range(TEXTS)
        ]
        await session.execute(TABLE)
        begun = time.perf_counter()
        await session.executemany("INSERT INTO intake VALUES ($1, $2)", texts)
        rates["executemany"] = TEXTS / (time.perf_counter() - begun)
        await session.execute("TRUNCATE intake")
        await as_bytes(session)
        made = [wire(unit(one)) for one in given]
        records = [(number, made[number % len(made)]) for number in range(VECTORS)]
        begun = time.perf_counter()
        await session.copy_records_to_table("intake", records=records)
        rates["copy"] = VECTORS / (time.perf_counter() - begun)
    finally:
        await session.close()
    row = Row(
        what="vectors in: bytes by COPY / text by executemany",
        value=rates["copy"] / rates["executemany"],
        least=8,
        how=f"{VECTORS:,} and {TEXTS:,} vectors from asyncpg into a temporary table without an "
        "index; texts and bytes were made before the clock ran.",
        beside=f"{rates['copy']:,.0f} against {rates['executemany']:,.0f} vectors/s",
    )
    return Outcome([row], {"rates": rates})
