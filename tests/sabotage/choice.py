"""Which tests to run for a mutant, most telling and quickest first."""

import fnmatch
import math
import re
import tomllib
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.sabotage.mutant import Mutant
from tests.sabotage.record import Record, Seen, functions, source

UNCOUNTED = Path(__file__).with_name("uncounted.toml")
HINTS = Path(__file__).with_name("hints.toml")
TEST_S_MAX = 60.0
WORD = re.compile(r"\w+")
FILE_S = 1.0
"""What the database and the service of a file of tests take to come and go."""

HINTED = 30.0
FURTHER_CASE = 0.85
"""What a case of a test counts for, of what the case before it does."""

# Seconds that the tests of a batch took on the sound database, and from how many files they come.
BATCHES = ((4.0, 2), (12.0, 6))


@cache
def uncounted() -> list[str]:
    """Give the patterns of tests that observe no behaviour."""
    given = tomllib.loads(UNCOUNTED.read_text(encoding="utf-8"))
    return [entry["tests"] for entry in given["uncounted"]]


def counts(test: str) -> bool:
    """Say whether a test observes behaviour."""
    return not any(fnmatch.fnmatchcase(test, pattern) for pattern in uncounted())


@cache
def hints() -> list[dict[str, Any]]:
    """Give the rules of hints.toml."""
    found: list[dict[str, Any]] = tomllib.loads(HINTS.read_text(encoding="utf-8"))["hint"]
    return found


def hinted(mutant: Mutant) -> list[str]:
    """Give patterns of the tests that rules put first for a mutant, by its kind or by its id."""
    return [
        str(hint["tests"])
        for hint in hints()
        if any(fnmatch.fnmatchcase(mutant.kind, one) for one in hint.get("kinds", ()))
        or any(fnmatch.fnmatchcase(mutant.id, one) for one in hint.get("mutants", ()))
    ]


def fits(test: str, patterns: list[str]) -> bool:
    """Say whether a test is one of those that patterns name."""
    return any(fnmatch.fnmatchcase(test, pattern) for pattern in patterns)


class Choice:
    """Knows what each test touches, and learns which tests catch what."""

    def __init__(
        self,
        session: pytest.Session,
        record: Record,
        tree: Path,
        reached: dict[str, frozenset[str]],
    ) -> None:
        self._tree = tree
        self._items: list[tuple[pytest.Item, Seen]] = []
        for item in session.items:
            seen = record.seen(item)
            if seen and seen.passed and seen.seconds <= TEST_S_MAX and counts(item.nodeid):
                self._items.append((item, seen))
        self._words = {
            item.nodeid: frozenset(WORD.findall(f"{item.nodeid}\n{source(item)}"))
            for item, _ in self._items
        }
        self._reached = {
            item.nodeid: frozenset[str]().union(*(reached.get(one, ()) for one in seen.statements))
            for item, seen in self._items
        }
        self._touches = {file: frozenset(module.touched) for file, module in record.modules.items()}
        self._rarities: dict[tuple[str, int], float] = {}
        self._caught: dict[str, Counter[str]] = defaultdict(Counter)
        self._families: dict[str, Counter[str]] = defaultdict(Counter)
        self._catchers: dict[str, frozenset[str]] = {}

    def learn(self, mutant: Mutant, tests: list[str]) -> None:
        """Remember who caught a mutant: it comes first again, and for its neighbours early."""
        self._catchers[mutant.id] = frozenset(tests)
        for name in (f"kind {mutant.kind}", *mutant.names, *(edit.path for edit in mutant.edits)):
            self._caught[name].update(tests)
            self._families[name].update(test.partition("[")[0] for test in tests)

    def batches(self, mutant: Mutant, patience: float) -> list[list[pytest.Item]]:
        """Give the tests in the order to run them; the last batch may take `patience` seconds."""
        rules = hinted(mutant)
        ranked = sorted(
            (
                (self._score(mutant, item) + HINTED * fits(item.nodeid, rules), item, seen)
                for item, seen in self._fit(mutant, rules)
            ),
            key=lambda one: (-one[0], one[2].seconds),
        )
        rest = _varied(ranked)
        batches = []
        for seconds, files in (*BATCHES, (patience, len(ranked))):
            batch, rest = _filled(rest, seconds, files)
            batches.append(_by_file(batch))
        return [batch for batch in batches if batch]

    def _fit(self, mutant: Mutant, rules: list[str]) -> list[tuple[pytest.Item, Seen]]:
        """Leave out tests that cannot notice."""
        ran = {name for edit in mutant.code for name in self._owners(edit.path, edit.line)}
        if ran and mutant.remade == "nothing":
            return [(item, seen) for item, seen in self._items if not ran.isdisjoint(seen.code)]
        if mutant.edits and mutant.remade == "nothing":
            return [one for one in self._items if one[0].nodeid.startswith("tests/migrations/")]
        cloned = [one for one in self._items if "template" in getattr(one[0], "fixturenames", ())]
        callers = [one for one in cloned if mutant.called in self._touched(one[0])]
        if callers:
            return callers
        stems = {Path(edit.path).stem for edit in mutant.edits if edit.path.startswith("sql/")}
        sent = [one for one in cloned if not stems.isdisjoint(one[1].statements)]
        # Who runs the text of a file in a session of its own was not seen to send it.
        rest = [one for one in cloned if fits(one[0].nodeid, rules) and one not in sent]
        return [*sent, *rest] if sent else cloned

    def _owners(self, path: str, line: int) -> list[str]:
        owner = functions(self._tree / path).get(line)
        return [f"{Path(path).name}:{owner}"] if owner else []

    def _score(self, mutant: Mutant, item: pytest.Item) -> float:
        words = self._words[item.nodeid]
        touched = self._touched(item)
        score = 1000.0 * (item.nodeid in self._catchers.get(mutant.id, ()))
        for name in mutant.names:
            score += 4.0 * self._rarity(name, self._words) * (name in words)
            score += 2.0 * self._rarity(name, self._reached) * (name in self._reached[item.nodeid])
            score += 2.0 * self._rarity(name, self._touches) * (name in touched)
        for name in (*mutant.names, *(edit.path for edit in mutant.edits)):
            score += 6.0 * min(self._caught[name][item.nodeid], 3)
            score += 2.0 * min(self._families[name][_test(item)], 3)
        return score + 5.0 * min(self._caught[f"kind {mutant.kind}"][item.nodeid], 4)

    def _touched(self, item: pytest.Item) -> frozenset[str]:
        return self._touches[item.nodeid.partition("::")[0]]

    def _rarity(self, name: str, where: dict[str, frozenset[str]]) -> float:
        """Say how telling it is that a test has a name: the fewer have it, the more."""
        known = self._rarities.get((name, id(where)))
        if known is None:
            many = sum(name in names for names in where.values())
            known = self._rarities[name, id(where)] = math.log((1 + len(where)) / (1 + many))
        return known


def _varied(
    ranked: list[tuple[float, pytest.Item, Seen]],
) -> list[tuple[pytest.Item, Seen]]:
    """Let each further case of a test count for less, so that other tests have a turn."""
    cases: Counter[str] = Counter()
    weighed = []
    for score, item, seen in ranked:
        weighed.append((score * FURTHER_CASE ** cases[_test(item)], item, seen))
        cases[_test(item)] += 1
    weighed.sort(key=lambda one: -one[0])
    return [(item, seen) for _, item, seen in weighed]


def _test(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def _filled(
    ranked: list[tuple[pytest.Item, Seen]], seconds: float, files_max: int
) -> tuple[list[pytest.Item], list[tuple[pytest.Item, Seen]]]:
    batch: list[pytest.Item] = []
    rest = []
    files: set[str] = set()
    left = seconds
    for item, seen in ranked:
        file = item.nodeid.partition("::")[0]
        if (left > 0 or not batch) and (file in files or len(files) < files_max):
            batch.append(item)
            left -= seen.seconds + (0.0 if file in files else FILE_S)
            files.add(file)
        else:
            rest.append((item, seen))
    return batch, rest


def _by_file(items: list[pytest.Item]) -> list[pytest.Item]:
    """Keep the tests of a file together, so that its database is cloned once."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    return [item for group in files.values() for item in group]
