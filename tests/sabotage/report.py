"""The reports that are committed: docs/sabotage.json for machines, .md for readers."""

import fnmatch
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.sabotage.results import Result, Results

HARMLESS = Path(__file__).with_name("harmless.toml")
WORDS = {
    "control": "what shows that the run can be trusted",
    "listed": "the sabotage list",
    "catalogue": "made from the catalogue of a migrated database",
    "statement": "places of the statement files",
    "line": "lines of `sql/` and `migrations/`, drawn by a seed",
    "service": "places of functions of `service/`, drawn by a seed",
}


@cache
def reasons() -> list[dict[str, Any]]:
    """Give the entries of harmless.toml."""
    found: list[dict[str, Any]] = tomllib.loads(HARMLESS.read_text(encoding="utf-8"))["harmless"]
    return found


def harmless(result: Result) -> str | None:
    """Say why it does no harm that a mutant survived."""
    for entry in reasons():
        if (
            _fits(result.id, entry["mutants"])
            and _fits(result.what, entry.get("what", "*"))
            and _fits(result.digest, entry.get("digest", "*"))
        ):
            return str(entry["reason"])
    return None


def _fits(text: str, patterns: str | list[str]) -> bool:
    """Say whether a text fits a pattern, or one of several."""
    every = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(text, one) for one in every)


class Made(NamedTuple):
    """A class of mutants: how many it has at most, and the digest of each by its id."""

    many: int
    digests: dict[str, str]


def write(home: Path, results: Results, made: dict[str, Made]) -> bool:
    """Write both reports from every result so far; true when all is tried and there is no gap.

    Results of mutants that are no longer made are left out, where `made` has their class.
    """
    found = [one for one in results.found.values() if one.outcome != "stillborn"]
    found = [one for one in found if _is_made(one, made)]
    found.sort(key=lambda one: one.id)
    rows = [
        {"id": one.id, "what": one.what, "caught_by": one.caught_by, "digest": one.digest}
        for one in found
    ]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (home / "docs/sabotage.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    (home / "docs/sabotage.md").write_text("\n".join(page(found, made)) + "\n", encoding="utf-8")
    gaps = any(one.outcome == "survived" and not harmless(one) for one in found)
    return not gaps and len(found) >= sum(one.many for one in made.values())


def _is_made(result: Result, made: dict[str, Made]) -> bool:
    one = made.get(result.id.split("/")[0])
    return one is None or one.digests.get(result.id) == result.digest


def page(found: list[Result], made: dict[str, Made]) -> list[str]:
    """Write the page for readers, line by line."""
    return [
        "# Sabotage",
        "",
        "What the suite notices when something is broken on purpose: `tox -e sabotage` breaks one",
        "thing at a time and runs the tests that may notice. A catch counts only by a test that",
        "observes behaviour and fails twice; those that do not count are in",
        "[tests/sabotage/uncounted.toml](../tests/sabotage/uncounted.toml).",
        "Which test caught which mutant is in [sabotage.json](sabotage.json).",
        "",
        "## Scores",
        "",
        "`tried`: how many of the mutants that can be made have a result. Some break nothing, as",
        "the server says when they are made; so the second number is the most there can be.",
        "",
        *_scores(found, _counts(made)),
        "",
        "## Survivors that do no harm",
        "",
        *_survivors(one for one in found if harmless(one)),
        "",
        "## Gaps",
        "",
        "Survivors that no test notices and that no reason excuses:",
        "",
        *_survivors(one for one in found if not harmless(one)),
    ]


def _counts(made: dict[str, Made]) -> Counter[str]:
    """Count the mutants of each class that can be made."""
    counts: Counter[str] = Counter()
    for group, (many, digests) in made.items():
        counts.update({group: many} if group == "line" else Counter(map(kind, digests)))
    return counts


def _scores(found: list[Result], made: Counter[str]) -> list[str]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for name in made:
        groups[name] = []
    for one in found:
        groups[kind(one.id)].append(one)
    lines = ["| class | of | tried | caught | harmless | gaps | score |", "|" + "---|" * 7]
    for name in sorted(groups, key=lambda name: (list(WORDS).index(name.split(" ")[0]), name)):
        ones = groups[name]
        caught = sum(one.outcome == "caught" for one in ones)
        excused = sum(one.outcome == "survived" and bool(harmless(one)) for one in ones)
        gaps = len(ones) - caught - excused
        share = f"{100 * caught / (caught + gaps):.1f} %" if caught + gaps else "-"
        tried = f"{len(ones)} of {max(made[name], len(ones))}"
        words = WORDS[name.split(" ")[0]]
        lines.append(f"| {name} | {words} | {tried} | {caught} | {excused} | {gaps} | {share} |")
    return lines


def kind(mutant_id: str) -> str:
    """Name the class of a mutant, of the list with its line."""
    group, second = mutant_id.split("/")[:2]
    return f"{group} {second}" if group in {"listed", "catalogue"} else group


def _survivors(ones: Iterable[Result]) -> list[str]:
    survivors = [one for one in ones if one.outcome == "survived"]
    if not survivors:
        return ["None."]
    lines = ["| mutant | what | why |", "|---|---|---|"]
    for one in survivors:
        what = one.what.replace("|", "\\|")
        lines.append(f"| `{one.id}` | {what} | {harmless(one) or 'no test notices'} |")
    return lines
