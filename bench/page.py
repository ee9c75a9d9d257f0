"""The page of a run: docs/benchmark.md."""

from collections.abc import Sequence

from bench.machine import QUIET, Machine
from bench.result import Row
from bench.scale import Scale

HEAD = """\
# Benchmark

Written by `tox -e bench`, which measures what is promised of the speed of [the log](audit.md).
[bench.json](bench.json) has every single number.
{quick}{busy}
| what | measured | goal | met? | beside |
|---|---|---|---|---|
{rows}

## Machine

| | |
|---|---|
| when | {made_at}, in {minutes:.1f} minutes |
| commit | `{commit}` |
| processor | {processor}, {cores} cores, shared by server, service and clients |
| memory | {memory_gib} GiB |
| system | {system} |
| Python | {python} |
| PostgreSQL | {postgres}, embedded, as `plant serve` sets it up, fsync on |
| load before | {load} |
| sha256 of 600 bytes, from Python | {hashes_s:,.0f} a second |

Ratios are within this run, and hold elsewhere; rates are this machine's.
"research" is what a prototype reached, by which the goals were set.

## How it was measured

{how}
"""
BUSY = "\n**The machine was at other work too (load {load}): rates are too low, times too long.**\n"
QUICK = "\n**A quick run: smaller sizes and shorter rounds, which say nothing about the goals.**\n"


def page(rows: Sequence[Row], machine: Machine, scale: Scale, took_s: float) -> str:
    """Write the page. Units: seconds."""
    return HEAD.format(
        quick=QUICK if scale.quick else "",
        busy=BUSY.format(load=machine.load) if machine.load > QUIET else "",
        rows="\n".join(
            f"| {row.what} | {row.measured} | {row.goal} | {row.verdict} | {row.beside} |"
            for row in rows
        ),
        how="\n".join(f"- **{row.what}.** {row.how}" for row in rows),
        minutes=took_s / 60,
        **{name: getattr(machine, name) for name in machine.__struct_fields__},
    )
