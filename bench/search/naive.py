"""The naive way to search: one index, ten labels, and row security for the rest."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from bench.search.crowd import Crowd, Probe, Tenant
from service.database.vectors import as_bytes
from service.model.vector import unit, wire

WARM: Final = 10
NAIVE: Final = """
SELECT entity_id, label_no
FROM app.entity_label
ORDER BY
    embedding_384::public.halfvec(384)
    OPERATOR (public.<=>) $1::public.vector::public.halfvec(384)
LIMIT 10
"""
TRULY: Final = """
SELECT entity_id, label_no
FROM app.entity_label
ORDER BY (embedding_384 OPERATOR (public.<=>) $1::public.vector) + 0
LIMIT 10
"""
NAIVELY: Final = ("off", "relaxed_order")
NAIVE_HOW: Final = (
    "Naive is `ORDER BY embedding_384::halfvec(384) <=> … LIMIT 10` under row security, with "
    "`hnsw.iterative_scan` as named: labels by meaning alone, in the order of the index."
)

Each = dict[str, list[float]]
"""A number for each probe, by how the index is scanned."""


async def ask_naively(crowd: Crowd, tenant: Tenant) -> tuple[Each, Each]:
    """Ask for what is near to half of the probes; gives milliseconds and recalls."""
    times: Each = {}
    recalls: Each = {}
    async with _session(crowd, tenant) as session:
        for how in NAIVELY:
            times[how], recalls[how] = await _asked(session, crowd.probes, how)
    return times, recalls


@asynccontextmanager
async def _session(crowd: Crowd, tenant: Tenant) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Have a session of plant_app that works for a tenant."""
    session = await asyncpg.connect(crowd.ground.url("app"))
    try:
        await as_bytes(session)
        await session.execute("SELECT '[1]'::public.vector")
        for name in ("tenant_id", "governance_agent_id", "key_id"):
            value = getattr(tenant.context, name)
            await session.execute("SELECT set_config($1, $2, FALSE)", f"app.{name}", value)
        yield session
    finally:
        await session.close()


async def _asked(
    session: "asyncpg.Connection[Any]", probes: Sequence[Probe], how: str
) -> tuple[list[float], list[float]]:
    """Ask the index of meaning for ten labels, and leave the rest to row security."""
    times, recalls = [], []
    await session.execute("SET enable_seqscan = off; SET jit = off")
    await session.execute(f"SET hnsw.iterative_scan = {how}")
    vectors = [wire(unit(probe.vector)) for probe in probes[: len(probes) // 2]]
    for vector in vectors[:WARM]:
        await session.fetch(NAIVE, vector)
    answers = []
    for vector in vectors:
        begun = time.perf_counter()
        answers.append(await session.fetch(NAIVE, vector))
        times.append(1000 * (time.perf_counter() - begun))
    for vector, got in zip(vectors, answers, strict=True):
        truly = await session.fetch(TRULY, vector)
        recalls.append(len({*map(tuple, got)} & {*map(tuple, truly)}) / max(1, len(truly)))
    return times, recalls
