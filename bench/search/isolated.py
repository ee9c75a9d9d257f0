"""What a tenant gains that has a large part of all labels: a table of its own."""

import time
from typing import Final

from bench.pgbench import BenchError
from bench.result import Outcome, Row
from bench.search.crowd import Crowd
from bench.search.tenants import ask, rows

WHICH: Final = 2
"""Of the tenants of the crowd: the one with a tenth of the labels."""


def measure(crowd: Crowd) -> Outcome:
    """Move the labels of a tenant, and ask it again what it was asked among all others."""
    tenant = crowd.tenants[WHICH]
    begun = time.perf_counter()
    with crowd.ground.plant("tenant", "isolate", tenant.name).running() as command:
        code, answer = command.end()
    took = time.perf_counter() - begun
    if code != 0:
        raise BenchError(f"plant tenant isolate ended with {code}: {answer}{command.said()}")
    what = f"a tenant of {tenant.share:.1%} with a table of its own"
    asked = ask(crowd, [(tenant, what, None)])
    moved = Row(
        what=f"{crowd.rows:,} labels: `plant tenant isolate` of {tenant.share:.1%}",
        value=took,
        unit="s",
        how=f"The command, of {tenant.labels:,} labels, with the start of its process.",
    )
    return Outcome([*rows(crowd.rows, asked), moved], {"took_s": took, "isolated": asked})
