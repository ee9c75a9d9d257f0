"""The leak fuzz: `python -m tests.leaks` looks for rows of others and for what connections keep."""

import argparse
import asyncio
import logging
import secrets
import sys

from service.http import problems
from tests.chaos.faults import session_killed
from tests.chaos.ground import staged
from tests.leaks.run import FAULTS, TENANTS, Plan, Result, run


def main(arguments: list[str]) -> int:
    """Ask for as long as it is told; 1 when something leaked, or nothing was hit in flight."""
    parser = argparse.ArgumentParser(prog="tests.leaks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="go on so long (default 60)")
    parser.add_argument("--operations", type=int, default=0, help="and until there were so many")
    parser.add_argument("--seed", type=int, help="repeat the drawing of a run")
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    _tell(f"--seed {seed}")
    _say_defects_only()
    plan = Plan(
        seed=seed,
        seconds=given.seconds,
        operations=given.operations,
        faults=(*FAULTS, session_killed),
    )
    result = asyncio.run(_run(plan))
    for line in told(result):
        _tell(line)
    return 1 if result.broken or result.nothing else 0


def _say_defects_only() -> None:
    """Let nothing of a database that is broken on purpose be said, but every defect whole."""
    logging.disable(logging.WARNING)
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger(problems.__name__).addHandler(logging.StreamHandler())


async def _run(plan: Plan) -> Result:
    """Run on a server of one's own, of which a back end may be killed, too."""
    async with staged(TENANTS) as found:
        return await run(found.stage, found.tenants, plan, tell=_tell)


def told(result: Result) -> list[str]:
    """Say what was done, what was met and what was found."""
    done = sum(result.operations.values())
    return [
        f"{done} operations in {result.seconds:.0f} s, {result.answered} of them answered",
        f"{result.together} reads travelled in the round trip of another, {result.born} creations",
        f"{result.hung_up} clients hung up, {result.cancelled} reads were cancelled",
        f"{sum(result.faults.values())} faults, which cut {result.cut_short} requests short: "
        + _counted(result.faults),
        f"{result.asked} times a connection was looked at, in {result.rounds} rests and between",
        f"errors: {_counted(result.errors)}",
        f"operations: {_counted(result.operations)}",
        *(f"NOTHING SHOWN: {one}" for one in result.nothing),
        *(f"LEAK: {one}" for one in result.broken),
        f"seed {result.seed}: {len(result.broken)} leaks",
    ]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
