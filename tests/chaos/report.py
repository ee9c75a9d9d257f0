"""What a run says of itself."""

import platform
import subprocess
from collections import defaultdict
from datetime import UTC, datetime
from statistics import median

from tests.chaos.faults import KINDS
from tests.chaos.overload import Overload
from tests.chaos.run import Broken, Result

OUTCOMES = {0: "no answer: the connection ended", 503: "nothing was done", 504: "outcome unknown"}


def summary(result: Result) -> str:
    """Say in a few lines what happened, and what was broken."""
    lines = [
        (
            f"{len(result.faults)} faults of {len({one.kind for one in result.faults})} kinds, "
            f"{sum(result.operations.values())} operations of {result.tenants} tenants "
            f"in {result.seconds:.0f} s"
        ),
        (
            f"{sum(one.cut_short for one in result.faults)} requests cut short at the moment of a "
            f"fault, {result.repeated} repeated, {result.replayed} answered from what was kept"
        ),
        (
            f"{result.entities} entities with {result.changes} changes, each there once; the pools "
            f"restored {result.restored_s:.2f} s after the end"
        ),
    ]
    lines += [f"BROKEN: {one}" for one in result.broken[:50]]
    lines.append(f"seed {result.seed}: {len(result.broken)} promises broken")
    return "\n".join(lines)


def under_load(load: Overload) -> str:
    """Say in a few lines what became of twice as much as the service can do."""
    lines = [
        f"{load.capacity:.0f} requests a second is what it can do, {load.connections} at once",
        (
            f"{load.offered:.0f} a second were offered: {load.served:.0f} served, {load.share:.0%} "
            f"of what it can do, {load.refused:.0f} refused"
        ),
        (
            f"a refusal took {_ms(load.refused_p50_s)} in the middle and "
            f"{_ms(load.refused_p99_s)} at the 99th percentile, what was served "
            f"{_ms(load.served_p50_s)} and {_ms(load.served_p99_s)}"
        ),
    ]
    return "\n".join([*lines, *(f"BROKEN: {one}" for one in load.broken)])


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def made() -> str:
    """Say what ran, when and on what: the commit, and whether the tree had other changes."""
    git = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    commit = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return f"Commit `{commit}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}."


def page(result: Result, load: Overload | None, command: str, head: str) -> str:
    """Write the page docs/chaos.md; `head` is what `made` said when the run began."""
    kinds: dict[str, list[Broken]] = defaultdict(list)
    for one in result.faults:
        kinds[one.kind].append(one)
    rows = "\n".join(
        f"| `{name}` | {_words(name)} | {len(found)} | {sum(one.under_way for one in found)} | "
        f"{sum(one.cut_short for one in found)} | {median(one.back_s for one in found):.2f} | "
        f"{max(one.back_s for one in found):.2f} |"
        for name, found in sorted(kinds.items())
    )
    outcomes = "\n".join(
        f"| {status or '-'} | {count:,} | {OUTCOMES.get(status, 'as it should be')} |"
        for status, count in sorted(result.outcomes.items())
    )
    broken = "\n".join(f"- {one}" for one in result.broken) or "None."
    return PAGE.format(
        seed=result.seed,
        head=head,
        command=command,
        summary=_listed("\n".join(summary(result).splitlines()[:3])),
        rows=rows,
        outcomes=outcomes,
        load="Not measured." if load is None else _listed(under_load(load)),
        broken=broken,
    )


def _listed(lines: str) -> str:
    return "\n".join(f"- {line}" for line in lines.splitlines())


def _words(name: str) -> str:
    return (KINDS[name].__doc__ or "").strip().replace("\n", " ")


PAGE = """<!-- Written by `tox -e chaos -- --page docs/chaos.md`; do not edit. -->
# The chaos run

`tox -e chaos` starts a server, a proxy and `plant serve`, lets two clients of each of twenty
tenants work without a pause, and breaks one thing after the other. A client repeats each request
under its `Idempotency-Key` until the outcome is known, so at the end it knows every row that has
to be there, and how many changes it has had.

{head}
`{command}`, where seconds, faults and operations are what a run has at least:

{summary}

Its drawing is repeated with `--seed {seed}`; what is under way when something breaks is not the
same twice.

## Faults

"Under way" are requests that were not answered when something was broken, "cut short" those of
them that ended with 503, 504 or without an answer. "Back" are the seconds from the healing until
twenty answers after each other were good again.

| Kind | What happens | Times | Under way | Cut short | Back, median | Back, at most |
|---|---|--:|--:|--:|--:|--:|
{rows}

## Answers

| Status | How often | |
|--:|--:|---|
{outcomes}

## Twice as much as it can do

{load}

Clients that wait for answers find what the service can do; then requests come at twice that rate,
whether they are answered or not: three reads to each write, over all tenants, with
`PLANT_POOL_MAX=8`, which suits two processors that server, service and load share. Promised are
85 % of what it can do, and refusals within 50 ms at the 99th percentile.

## Promises broken

{broken}

What would stand here: an acknowledged change that is not there or not in the log; a change that is
there twice; a row without its log entry, its document or its kind; a chain with a gap; a row of
another tenant in an answer, or a change of one; an answer that is neither the one that the clients'
knowledge demands, nor 503, nor 504; a fault that hit nothing; more than 5 s until everybody is
served again or until the pools are what the server sees, with nothing lent.
"""
