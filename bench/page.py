"""The page of a run, in Markdown."""

from collections.abc import Sequence

from msgspec import Struct

from bench.machine import QUIET, Machine
from bench.result import Row

HEAD = """\
{mark} {title}

{intro}
{quick}{busy}{missed}
| what | measured | goal | met? | beside |
|---|---|---|---|---|
{rows}

{mark}# Machine

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

{mark}# How it was measured

{how}
"""
BUSY = "\n**The machine was at other work too (load {load}): rates are too low, times too long.**\n"
QUICK = "\n**A quick run: smaller sizes and shorter rounds, which say nothing about the goals.**\n"


NO_CAUSE = "What it goes to has not been measured."


class Title(Struct, frozen=True):
    """What a page is called, and what it says before its numbers."""

    title: str
    intro: str


def page(
    title: Title,
    rows: Sequence[Row],
    machine: Machine,
    took_s: float,
    *,
    quick: bool = False,
    depth: int = 1,
) -> str:
    """Write the page, or a part of one whose heading has a depth of more than 1. Units: seconds."""
    return HEAD.format(
        mark="#" * depth,
        title=title.title,
        intro=title.intro,
        quick=QUICK if quick else "",
        busy=BUSY.format(load=machine.load) if machine.load > QUIET else "",
        missed=_missed(rows, "#" * depth),
        rows="\n".join(
            f"| {row.what} | {row.measured} | {row.goal} | {row.verdict} | {row.beside} |"
            for row in sorted(rows, key=lambda row: row.met is not False)
        ),
        how=_how(rows),
        minutes=took_s / 60,
        **{name: getattr(machine, name) for name in machine.__struct_fields__},
    )


def _missed(rows: Sequence[Row], mark: str) -> str:
    """Say of each goal that was missed why, before everything else."""
    missed = [row for row in rows if row.met is False]
    if not missed:
        return ""
    lines = [
        f"- **{row.what}**: {row.measured}, goal {row.goal}. {row.cause or NO_CAUSE}"
        for row in missed
    ]
    return "\n".join(["", f"{mark}# Missed", "", *lines, "", f"{mark}# All numbers", ""])


def _how(rows: Sequence[Row]) -> str:
    """Say how each was measured, and once what several have in common."""
    ways: dict[str, list[str]] = {}
    for row in rows:
        ways.setdefault(row.how, []).append(row.what)
    return "\n".join(f"- **{_together(names)}.** {how}" for how, names in ways.items())


def _together(names: Sequence[str]) -> str:
    """Name the first of several, and how many more there are."""
    more = len(names) - 1
    return f"{names[0]} (and {more} more)" if more else names[0]
