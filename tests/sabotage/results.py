"""What became of each mutant: kept line by line, so that a run goes on where one stopped."""

from pathlib import Path
from typing import Literal

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
    """Every result so far, the last of an id counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found: dict[str, Result] = {}
        if path.is_file():
            for line in path.read_bytes().splitlines():
                result = msgspec.json.decode(line, type=Result)
                # Whoever caught it may count no longer.
                if all(map(counts, result.caught_by)):
                    self.found[result.id] = result

    def of(self, mutant: Mutant) -> Result | None:
        """Give the result of this very mutant."""
        result = self.found.get(mutant.id)
        return result if result and result.digest == mutant.digest else None

    def add(self, result: Result) -> None:
        """Keep a result at once."""
        self.found[result.id] = result
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(result) + b"\n")
