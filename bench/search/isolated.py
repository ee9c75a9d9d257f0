"""What tenants gain that have many of all labels: a table of their own."""

import time
from typing import Final

from msgspec import structs

from bench.pgbench import BenchError
from bench.result import Outcome, Row
from bench.search.crowd import Crowd, Tenant
from bench.search.tenants import ask, rows
from service.settings import Settings

LARGE: Final = slice(1, None)
"""Of the tenants of the crowd: those with a hundredth and a tenth of the labels, and the rest."""


def measure(crowd: Crowd) -> Outcome:
    """Move the labels of tenants that have many, and ask them again what they were asked before."""
    least = Settings().search_exact_max
    large = [one for one in crowd.tenants[LARGE] if one.labels > least]
    outcomes = [_moved(crowd, tenant) for tenant in large or crowd.tenants[LARGE][-1:]]
    lines = [row for outcome in outcomes for row in outcome.rows]
    return Outcome(lines, {"isolated": [outcome.raw for outcome in outcomes]})


def _moved(crowd: Crowd, tenant: Tenant) -> Outcome:
    begun = time.perf_counter()
    with crowd.ground.plant("tenant", "isolate", tenant.name).running() as command:
        code, answer = command.end()
    took = time.perf_counter() - begun
    if code != 0:
        raise BenchError(f"plant tenant isolate ended with {code}: {answer}{command.said()}")
    what = f"a tenant of {tenant.share:.1%} with a table of its own"
    asked = [structs.replace(one, apart=True) for one in ask(crowd, [(tenant, what, None)])]
    moved = Row(
        what=f"{crowd.rows:,} labels: `plant tenant isolate` of {tenant.share:.1%}",
        value=took,
        unit="s",
        how=f"The command, of {tenant.labels:,} labels, with the start of its process.",
    )
    return Outcome([*rows(crowd.rows, asked), moved], {"took_s": took, "asked": asked})
