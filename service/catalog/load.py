"""Owns finding and loading the statement files: read once at start, kept as structs."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

from service.catalog.header import BadStatement, parse
from service.catalog.place import place
from service.catalog.statement import Statement
from service.errors import BY_SLUG
from service.refusal import Refusal

_FAULTS_SHOWN_MAX: Final = 20


class BadCatalog(Refusal):
    """Statement files break the rules; the message has a line for each fault."""

    exit_code = 1

    def __init__(self, faults: list[str]) -> None:
        shown = faults[:_FAULTS_SHOWN_MAX]
        if len(faults) > len(shown):
            shown.append(f"… and {len(faults) - len(shown)} more")
        super().__init__("\n".join(shown) + "\n", "Correct the files under sql/.")
        self.faults = tuple(faults)


class Catalog(Mapping[str, Statement]):
    """All statements of this release, by name."""

    def __init__(self, statements: Mapping[str, Statement]) -> None:
        self._statements = dict(sorted(statements.items()))

    def __getitem__(self, name: str) -> Statement:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)

    def functions(self) -> tuple[Statement, ...]:
        """List the statements that are called as functions."""
        return tuple(item for item in self._statements.values() if item.call == "function")


def load(root: Path | None = None, *, problems: Collection[str] | None = None) -> Catalog:
    """Read and check every statement file; those of this release are read once.

    Raises: BadCatalog with every fault found, not only the first.
    """
    if root is None and problems is None:
        return _own()
    return _read(root or place("sql"), BY_SLUG.keys() if problems is None else problems)


@cache
def _own() -> Catalog:
    return _read(place("sql"), BY_SLUG.keys())


def _read(root: Path, problems: Collection[str]) -> Catalog:
    found: dict[str, Statement] = {}
    faults: list[str] = []
    for path in sorted(root.rglob("*.sql")):
        name = PurePosixPath(path.relative_to(root).as_posix())
        try:
            statement = parse(name, path.read_text(encoding="utf-8"), problems=problems)
        except BadStatement as bad:
            faults.append(str(bad))
        except UnicodeDecodeError as bad:
            faults.append(f"{name}:1: not UTF-8 at byte {bad.start}")
        else:
            twin = found.setdefault(statement.name, statement)
            if twin is not statement:
                faults.append(f"{name}:1: the name is taken by {twin.path}")
    if faults:
        raise BadCatalog(faults)
    return Catalog(found)
