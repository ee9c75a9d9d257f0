"""The run itself, in the copied tree: record, make mutants, hunt them, write the report.

Started by `python -m tests.sabotage`, which hands over the arguments.
"""

import argparse
import gc
import os
import random
import signal
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from service.catalog.load import Catalog
from tests.sabotage import catalogue, controls, listed, python_code, statements
from tests.sabotage.choice import Choice
from tests.sabotage.forget import forget
from tests.sabotage.ground import Ground, ground
from tests.sabotage.hunt import Hunt
from tests.sabotage.mutant import Mutant
from tests.sabotage.reach import reach
from tests.sabotage.record import Record
from tests.sabotage.report import Made, harmless, write
from tests.sabotage.results import Result, Results, catchers

GROUPS = ("listed", "catalogue", "statement", "line", "service")
TESTS = (
    "tests/rls",
    "tests/security",
    "tests/properties",
    "tests/faults",
    "tests/isolation",
    "tests/database",
    "tests/http",
    "tests/usecases",
    "tests/unit",
    "tests/cli",
    "tests/migrations",
    "tests/sealing",
    "tests/labelling",
    "tests/attacks",
)
PYTEST = (
    *("-q", "-s", "-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider"),
    *("--no-cov", "--timeout", "60", "--tb=line", "--no-showlocals"),
)
CONTROL_S = 2.0
EXCUSED_S = 2.0
"""Patience with a mutant that has a reason to survive."""

DRAWS_MAX = 20 * statements.LINES
"""Lines that are looked at, most of which say what a later migration says anew."""


class UncontrolledError(Exception):
    """The run cannot be trusted: nothing was caught, or everything was missed."""


class Campaign:
    """A plugin of pytest whose loop runs tests once for each mutant."""

    def __init__(self, home: Path, options: argparse.Namespace) -> None:
        self._home = home
        # What a few tests do not notice is no result: it goes with the copied tree.
        self._state = (Path.cwd() if options.tests else home) / ".sabotage"
        self._state.mkdir(exist_ok=True)
        self._options = options
        committed = home / "docs/sabotage.json"
        anew = options.anew or options.tests
        self._results = Results(self._state / "results.jsonl", None if anew else committed)
        self._catchers = catchers(committed)
        self._made: dict[str, Made] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run everything that is asked for and has no result yet."""
        tree, log = Path.cwd(), self._state / "log.txt"
        _nobody_knows_statements()
        with ground() as found:
            os.environ["PLANT_TEST_DATABASE_URL"] = found.url
            record = Record(self._state / "record.json")
            if not self._options.as_recorded:
                record.complete(session, found.template, tree, log)
            hunt = Hunt(
                session, found, Choice(session, record, tree, reach(found, tree)), tree, log
            )
            # Whoever collects garbage in a fork would copy every page of what is kept here.
            gc.collect()
            gc.freeze()
            if not self._options.tests:
                self._controlled(hunt, tree)
            every = {group: list(every_of(group, found, tree)) for group in GROUPS}
            self._made = {
                group: Made(
                    statements.LINES if group == "line" else len(mutants),
                    {one.id: one.digest for ways in mutants for one in ways},
                )
                for group, mutants in every.items()
            }
            for group in self._options.group or GROUPS:
                self._hunted(hunt, group, every[group])
        self._results.read()
        if self._options.tests:
            good = all(one.outcome == "caught" for one in self._results.found.values())
        else:
            good = write(self._home, self._results, self._made)
        session.testsfailed = 0 if good else 1
        return True

    def _controlled(self, hunt: Hunt, tree: Path) -> None:
        wanted = {controls.NOTHING: "survived"}
        wanted |= dict.fromkeys(controls.to_be_caught(tree), "caught")
        for mutant, outcome in wanted.items():
            result = hunt.end_of(mutant, CONTROL_S)
            self._results.add(result)
            _say(result)
            if result.outcome != outcome:
                raise UncontrolledError(str(result))

    def _settled(self, hunt: Hunt, ways: list[Mutant]) -> bool:
        """Have a result for the first of these mutants that is one."""
        for mutant in ways:
            result = self._results.of(mutant)
            excused = _is_excused(mutant)
            again = self._options.again and not excused
            if result is None or (again and result.outcome == "survived"):
                result = hunt.end_of(mutant, EXCUSED_S if excused else self._options.patience)
                self._results.add(result)
                _say(result)
            if result.outcome != "stillborn":
                return True
        return False

    def _hunted(self, hunt: Hunt, group: str, every: list[list[Mutant]]) -> None:
        """Hunt the mutants of a group that are asked for."""
        options = self._options
        if options.only:
            every = [ways for ways in every if any(options.only in one.id for one in ways)]
        if group != "line":
            # A part of a run is a fair sample of the whole; lines are drawn already.
            random.Random(statements.SEED).shuffle(every)
        for mutant in (one for ways in every for one in ways):
            known = self._results.of(mutant)
            before = self._catchers.get(mutant.id, [])
            hunt.choice.learn(mutant, known.caught_by if known else before)
        wanted = options.sample or (statements.LINES if group == "line" else len(every))
        part, parts = options.part
        if group != "line":
            every = every[part - 1 :: parts]
        elif part > 1:
            # As many as are wanted: where that ends is known to one run only.
            return
        for ways in every:
            if wanted == 0:
                return
            wanted -= self._settled(hunt, ways)


def _nobody_knows_statements() -> None:
    """See that no module keeps statements: it would send them as they were, whatever is edited.

    Raises: UncontrolledError.
    """
    forget()
    gc.collect()
    if any(isinstance(one, Catalog) for one in gc.get_objects()):
        raise UncontrolledError("A module of the tests or the service keeps a catalogue.")


def every_of(group: str, found: Ground, tree: Path) -> Iterator[list[Mutant]]:
    """Give the mutants of a group, each as the ways to make it."""
    if group == "line":
        yield from islice(statements.drawn(tree), DRAWS_MAX)
    elif group == "statement":
        yield from ([mutant] for mutant in statements.mutants(tree))
    elif group == "service":
        yield from ([mutant] for mutant in python_code.mutants(tree))
    else:
        made = list(catalogue.mutants(found))
        mine = listed.mutants(found, tree, made)
        if group == "listed":
            yield from ([mutant] for mutant in mine)
        else:
            taken = {mutant.digest for mutant in mine}
            yield from ([mutant] for mutant in made if mutant.digest not in taken)


def _is_excused(mutant: Mutant) -> bool:
    return bool(harmless(Result(mutant.id, mutant.digest, mutant.what, "survived")))


def _say(result: Result) -> None:
    by = result.caught_by[0] if result.caught_by else result.why
    sys.stdout.write(f"{result.seconds:6.1f} s  {result.outcome:9}  {result.id}  {by}\n")
    sys.stdout.flush()


def _part(text: str) -> tuple[int, int]:
    part, parts = map(int, text.split("/"))
    if not 1 <= part <= parts:
        raise ValueError(text)
    return part, parts


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tox -e sabotage --", description=__doc__)
    parser.add_argument("--class", dest="group", action="append", choices=GROUPS)
    parser.add_argument("--only", metavar="ID", help="mutants whose id holds this")
    parser.add_argument(
        "--tests",
        action="append",
        metavar="PATH",
        help="try these alone and keep no result: what would they catch?",
    )
    parser.add_argument("--sample", type=int, metavar="N", help="so many of each class")
    parser.add_argument(
        "--again", action="store_true", help="hunt survivors without a reason once more"
    )
    parser.add_argument(
        "--part", type=_part, default=(1, 1), metavar="K/N", help="a part, beside N - 1 other runs"
    )
    parser.add_argument("--anew", action="store_true", help="do not go on from docs/sabotage.json")
    parser.add_argument(
        "--as-recorded", action="store_true", help="leave out tests that were not recorded yet"
    )
    parser.add_argument(
        "--patience", type=float, default=90.0, metavar="S", help="seconds of tests for a survivor"
    )
    return parser.parse_args(arguments)


def main(home: Path, arguments: list[str]) -> int:
    """Collect every test once and run the campaign over them; SIGTERM ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = options(arguments)
    tests = given.tests or [folder for folder in TESTS if Path(folder).is_dir()]
    return int(pytest.main([*PYTEST, *tests], plugins=[Campaign(home, given)]))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
