"""Small tenants and narrow filters in a large table: what is found, how fast, and the naive way."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from msgspec import UNSET

from bench.pgbench import BenchError
from bench.relevance.vectors import MODEL
from bench.result import Outcome, Row, percentile
from bench.search.asked import Asked
from bench.search.causes import cause
from bench.search.crowd import Crowd, Probe, Tenant
from bench.search.naive import NAIVE_HOW, NAIVELY, WARM, Each, ask_naively
from service.catalog.load import load as load_catalog
from service.database.pool import Pool
from service.embedding.trigram import Trigram
from service.model.search import IN_FORCE, KINDS, SearchBody
from service.model.vector import unit, wire
from service.repository.base import Repository
from service.repository.search import SOURCES, SearchExact
from service.settings import Settings
from service.usecases.probes import AROUND, CALLER, WORDS
from service.usecases.search import Search

COUNT: Final = 10
ALIKE: Final = 1e-9
"""What scores may differ by and still be the same."""
GOALS_MS: Final = {100_000: 3.0, 1_000_000: 8.0}
"""On the machine of the research."""
PATIENT: Final = Settings(
    pool_min=1,
    pool_max=1,
    statement_timeout_ms=60_000,
    command_timeout_ms=70_000,
    request_timeout_ms=80_000,
)
"""To compare all labels of a large table takes longer than a client is let wait."""
NAIVE_ROWS: Final = 1_000_000
NAIVE_RATIO: Final = 12.0


Question = tuple[Tenant, str, str | None]
"""Who asks, what that is called, and the tag that what is found has to have."""


class _Brought:
    """Stands where the model is: every question brings its vector."""

    async def vector(self, text: str, whose: str = "") -> bytes:
        """Refuse: nothing is computed here."""
        raise BenchError(f"{whose} has brought no vector of {text!r}.")


def measure(crowd: Crowd) -> Outcome:
    """Ask each tenant, and the largest by tags."""
    largest = crowd.tenants[-1]
    questions: list[Question] = [
        *((tenant, f"a tenant of {tenant.share:.1%}", None) for tenant in crowd.tenants),
        (crowd.few, f"a tenant of {crowd.few.labels} labels", None),
        (largest, "a filter of 10 % of the largest", "tenth"),
        (largest, "a filter of 1 % of the largest", "hundredth"),
    ]
    asked = ask(crowd, questions)
    found = [*rows(crowd.rows, asked), beside_naive(crowd.rows, asked[0])]
    return Outcome(found, {"rows": crowd.rows, "asked": asked})


def ask(crowd: Crowd, questions: Sequence[Question]) -> list[Asked]:
    """Ask tenants, over one connection, for what is near to each probe."""
    return asyncio.run(_all_asked(crowd, questions))


async def _all_asked(crowd: Crowd, questions: Sequence[Question]) -> list[Asked]:
    pool = Pool(crowd.ground.url("app"), PATIENT, name="bench")
    await pool.open()
    try:
        repository = Repository(load_catalog(), pool)
        return [await _asked(repository, crowd, *question) for question in questions]
    finally:
        await pool.close()


async def _asked(
    repository: Repository, crowd: Crowd, tenant: Tenant, what: str, tag: str | None
) -> Asked:
    search = Search(
        Trigram(),
        _Brought(),
        MODEL,
        exact_max=Settings().search_exact_max,
        similar_min=None,
        monotonic=time.monotonic,
    )
    bodies = [
        SearchBody(
            text=probe.text,
            embedding_384=probe.vector,
            limit=COUNT,
            tag=UNSET if tag is None else tag,
        )
        for probe in crowd.probes
    ]
    for body in bodies[:WARM]:
        await search.search(repository, tenant.context, body)
    times, answers = [], []
    for body in bodies:
        begun = time.perf_counter()
        answers.append(await search.search(repository, tenant.context, body))
        times.append(1000 * (time.perf_counter() - begun))
    recalls, short = [], 0
    # Behind all that is timed: what compares everything leaves nothing else in the caches.
    for probe, answer in zip(crowd.probes, answers, strict=True):
        best = await repository.many(_exact(probe, tag), tenant.context)
        least = best[-1].score - ALIKE
        recalls.append(sum(hit.score >= least for hit in answer.hits) / len(best))
        short += len(answer.hits) < len(best)
    exact = sum(answer.exact for answer in answers)
    naive: Each = {}
    naively: Each = {}
    if tag is None:
        naive, naively = await ask_naively(crowd, tenant)
    return Asked(
        *(what, tenant.labels, times, recalls, short, exact, naive, naively),
        filtered=tag is not None,
    )


def _exact(probe: Probe, tag: str | None) -> SearchExact:
    vector, lexical = wire(unit(probe.vector)), wire(Trigram().embed([probe.text]))
    tags = [] if tag is None else [tag]
    return SearchExact(
        *(KINDS, IN_FORCE, (), tags, (), [vector], [lexical], (MODEL, CALLER), SOURCES),
        *(None, WORDS, AROUND, COUNT),
    )


def rows(count: int, asked: Sequence[Asked]) -> list[Row]:
    """Make rows of what was asked of a table with so many labels."""
    found: list[Row] = []
    for one in asked:
        where = f"{count:,} labels, {one.what}"
        ways = f"{one.exact} of {len(one.recalls)} compared whole"
        naive = {
            how: f"{percentile(times, 0.5):.1f} ms, recall {sum(shares) / len(shares):.3f}"
            for (how, times), shares in zip(
                one.naive_ms.items(), one.naive_recalls.values(), strict=True
            )
        }
        beside = "; ".join([ways, *(f"naive ({how}) {said}" for how, said in naive.items())])
        found += [
            Row(what=f"{where}: recall@10", value=one.recall, least=0.95, how=RECALL),
            Row(what=f"{where}: short pages", value=one.short, most=0, how=SHORT),
            Row(
                what=f"{where}: p50",
                value=one.p50_ms,
                unit="ms",
                most=GOALS_MS.get(count),
                how=TIMES,
                beside=beside,
                cause=cause(one, count),
            ),
        ]
    return found


def beside_naive(count: int, smallest: Asked) -> Row:
    """Compare how the smallest tenant is answered with the naive way."""
    slow = percentile(smallest.naive_ms[NAIVELY[-1]], 0.5)
    return Row(
        what=f"{count:,} labels, {smallest.what}: naive iterative scan / ours",
        value=slow / smallest.p50_ms,
        least=NAIVE_RATIO if count == NAIVE_ROWS else None,
        how=NAIVE_HOW,
        beside=f"{slow:.1f} against {smallest.p50_ms:.1f} ms",
    )


RECALL: Final = (
    "Of the ten entities that score best when everything is compared, the share that search gives, "
    "over texts with two typos and vectors with noise that are in no table."
)
SHORT: Final = "Answers with fewer entities than there are, of ten that were asked for."
TIMES: Final = (
    "`service.usecases.search` over one connection, one after the other, warm: the statement with "
    "its documents, the round trip and the Python around it, without the model."
)
