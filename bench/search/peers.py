"""Other engines beside pgvector: the same vectors, one question at a time, at equal recall.

Runs in the environment `peers`, which has them. Each is built with what it comes with, and asked
with the first of some settings that finds 95 of the hundred nearest. None of them knows tenants,
rights or transactions with the rest of the data.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg
from msgspec import Struct

from bench.ground import Ground, embedded
from bench.machine import machine
from bench.page import Title, page
from bench.result import Row, percentile, table
from bench.running import room, tell, timed, written
from bench.search.material import SEED, Material, Vectors, material, noisy

ROWS: Final = 100_000
QUESTIONS: Final = 200
COUNT: Final = 10
RECALL: Final = 0.95
BREADTHS: Final = (20, 40, 60, 80, 120, 200, 400)
TITLE: Final = Title(
    "Beside other engines",
    """\
Written by `tox -e peers`: pgvector, which Plant's search stands on, and engines that one might run
instead, on the same vectors. An engine inside the process of its caller answers without a socket,
a session, tenants, rights or a transaction. Plant's own search ([benchmarks.md](benchmarks.md))
does more for each question than any of these: two vectors, row security, filters, documents.
[peers.json](peers.json) has every number.""",
)

Ask = Callable[[Any, int], list[int]]
"""Gives the places of the ten nearest to a vector, with a breadth."""


class Engine(Struct, frozen=True):
    """An engine that holds the vectors, and the seconds that took; breadths to try, if any."""

    name: str
    build_s: float
    ask: Ask
    breadths: tuple[int, ...] = BREADTHS


class Asked(Struct, frozen=True):
    """What came of asking: the breadth that was enough, what it found, and how fast."""

    name: str
    build_s: float
    breadth: int
    recall: float
    took_ms: list[float]

    @property
    def p50_ms(self) -> float:
        """Give the middle of the times."""
        return percentile(self.took_ms, 0.5)


def vectors_of(real: Material, count: int) -> tuple[Vectors, Vectors]:
    """Give so many vectors, real ones and then noisy copies, and what is asked for."""
    chance = np.random.default_rng(SEED)
    parts = [real.vectors]
    while sum(len(part) for part in parts) < count:
        parts.append(noisy(real.vectors, chance))
    every: Vectors = np.concatenate(parts)[:count]
    asked = noisy(every[chance.choice(count, QUESTIONS, replace=False)], chance)
    return every, asked


def pgvector(ground: Ground, every: Vectors) -> Engine:
    """Have a table of vectors with an index of halves, as Plant's labels have."""
    session = psycopg.connect(ground.url("superuser"), autocommit=True)
    session.execute("CREATE TABLE public.peer (id integer, embedding public.vector(384))")
    begun = time.perf_counter()
    with session.cursor().copy("COPY public.peer FROM STDIN") as copy:
        for place, vector in enumerate(every):
            copy.write_row((place, _text(vector)))
    session.execute("SET maintenance_work_mem = '1GB'")
    session.execute(
        "CREATE INDEX ON public.peer USING hnsw"
        " ((embedding::public.halfvec(384)) public.halfvec_cosine_ops)"
    )
    built = time.perf_counter() - begun
    session.execute("SET enable_seqscan = off")

    def ask(vector: Any, breadth: int) -> list[int]:
        if breadth != ask_with[0]:
            session.execute(f"SET hnsw.ef_search = {breadth}".encode())
            ask_with[0] = breadth
        rows = session.execute(
            "SELECT id FROM public.peer ORDER BY embedding::public.halfvec(384)"
            " OPERATOR (public.<=>) %s::text::public.halfvec(384) LIMIT 10",
            (_text(vector),),
            prepare=True,
        )
        return [row[0] for row in rows]

    ask_with = [0]
    return Engine("pgvector, one session", built, ask)


def usearch(every: Vectors) -> Engine:
    """Have an index in this process."""
    from usearch.index import Index

    begun = time.perf_counter()
    index = Index(ndim=every.shape[1], metric="cos", dtype="f16")
    index.add(np.arange(len(every)), every)
    built = time.perf_counter() - begun

    def ask(vector: Any, breadth: int) -> list[int]:
        index.expansion_search = breadth
        return [int(key) for key in index.search(vector, COUNT).keys]

    return Engine("usearch, in process, halves", built, ask)


def lancedb(every: Vectors, directory: Path) -> Engine:
    """Have a table of files in this process."""
    import lancedb as lance
    import pyarrow as pa

    begun = time.perf_counter()
    column = pa.FixedSizeListArray.from_arrays(pa.array(every.ravel()), every.shape[1])
    data = pa.table({"id": pa.array(range(len(every))), "vector": column})
    held = lance.connect(str(directory / "lance")).create_table("peer", data)
    held.create_index(metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1)
    built = time.perf_counter() - begun

    def ask(vector: Any, breadth: int) -> list[int]:
        query = held.search(vector).distance_type("cosine").ef(breadth).refine_factor(2)
        return list(query.limit(COUNT).select(["id", "_distance"]).to_arrow()["id"].to_pylist())

    return Engine("lancedb, IVF_HNSW_SQ, in process", built, ask)


def _text(vector: Any) -> str:
    return "[" + ",".join(f"{number:.7g}" for number in vector) + "]"


def asked_of(engine: Engine, asked: Vectors, truly: list[set[int]]) -> Asked:
    """Ask with growing breadth until enough is found."""
    outcome = None
    for breadth in engine.breadths:
        times, same = [], 0
        for vector, best in zip(asked, truly, strict=True):
            begun = time.perf_counter()
            found = engine.ask(vector, breadth)
            times.append(1000 * (time.perf_counter() - begun))
            same += len(best & {*found})
        recall = same / (COUNT * len(truly))
        outcome = Asked(engine.name, engine.build_s, breadth, recall, times)
        if recall >= RECALL:
            break
    assert outcome is not None  # noqa: S101 - every engine has a breadth
    return outcome


def _engines(ground: Ground, every: Vectors, directory: Path) -> Iterator[Engine]:
    yield pgvector(ground, every)
    yield usearch(every)
    yield lancedb(every, directory)


def main(arguments: list[str]) -> int:
    """Ask each engine, tell, and write what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.search.peers", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, metavar="N", help=f"vectors ({ROWS:,})")
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--page", type=Path, metavar="FILE")
    given = parser.parse_args(arguments)
    load, begun = os.getloadavg()[0], time.perf_counter()
    say = timed(begun)
    found: list[Asked] = []
    with room() as directory, embedded(directory) as ground:
        on = machine(str(ground.run("SHOW server_version")[0][0]), load)
        every, asked = vectors_of(material(given.data, given.cache, say), given.rows)
        truly = [{*np.argsort(-(every @ one))[:COUNT].tolist()} for one in asked]
        for engine in _engines(ground, every, directory):
            found.append(asked_of(engine, asked, truly))
            say(f"{engine.name}: {found[-1].recall:.3f} in {found[-1].p50_ms:.2f} ms")
    rows = _rows(given.rows, found)
    took = time.perf_counter() - begun
    tell("\n".join(["", *table(rows), "", f"{took:.0f} s"]))
    if given.json:
        given.json.write_bytes(written({"machine": on, "rows": given.rows, "asked": found}))
    if given.page:
        given.page.write_text(page(TITLE, rows, on, took), encoding="utf-8")
    return 0


def _rows(count: int, found: list[Asked]) -> list[Row]:
    first = found[0].p50_ms
    return [
        Row(
            what=f"{one.name}, {count:,} vectors: p50",
            value=one.p50_ms,
            unit="ms",
            how=f"{QUESTIONS} questions one after the other from Python, ten nearest by cosine.",
            beside=f"recall@10 {one.recall:.3f} with a breadth of {one.breadth}"
            f"; {first / one.p50_ms:.2g} times as fast as pgvector; built in {one.build_s:.0f} s",
        )
        for one in found
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
