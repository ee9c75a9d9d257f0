"""What became of each mutant: kept line by line, so that a run goes on where one stopped."""

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from tests.sabotage.choice import counts
from tests.sabotage.mutant import Mutant

Outcome = Literal["caught", "survived", "stillborn"]


class Result(Struct):
    """One mutant's end; `seconds` on the wall, `tests` how many were run for it."""

    id: str
    digest: str
    what: str
    outcome: Outcome
    caught_by: list[str] = field(default_factory=list)
    why: str = ""
    tests: int = 0
    seconds: float = 0.0


class Results:
    """Every result so far, the last of an id counts.

    `path`: what runs in this tree found, a line each. `committed`: docs/sabotage.json, on which a
    tree that has no results of its own goes on; None begins anew.
    """

    def __init__(self, path: Path, committed: Path | None) -> None:
        self._path = path
        self._committed = committed
        self.found: dict[str, Result] = {}
        self.read()

    def read(self) -> None:
        """Read what there is, also from other runs in this tree."""
        known = _committed(self._committed) if self._committed else []
        lines = self._path.read_bytes().splitlines() if self._path.is_file() else []
        known += (msgspec.json.decode(line, type=Result) for line in lines)
        # Whoever caught it may count no longer.
        self.found = {one.id: one for one in known if all(map(counts, one.caught_by))}

    def of(self, mutant: Mutant) -> Result | None:
        """Give the result of this very mutant."""
        result = self.found.get(mutant.id)
        return result if result and result.digest == mutant.digest else None

    def add(self, result: Result) -> None:
        """Keep a result at once."""
        self.found[result.id] = result
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(result) + b"\n")


def catchers(committed: Path) -> dict[str, list[str]]:
    """Give for each mutant that is committed, by its id, the tests that caught it."""
    return {one.id: one.caught_by for one in _committed(committed)}


def _committed(path: Path) -> list[Result]:
    """Read what write() of tests/sabotage/report.py has written."""
    rows = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
    return [
        Result(
            row["id"],
            row["digest"],
            row["what"],
            "caught" if row["caught_by"] else "survived",
            row["caught_by"],
        )
        for row in rows
    ]
