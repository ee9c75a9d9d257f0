"""Mutants of the statement files, and of lines of SQL that are drawn by a seed."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.sabotage.mutant import Edit, Group, Mutant, Remade
from tests.sabotage.sql_text import Change, changes, masked

LINES = 100
SEED = 20260101
"""Of the lines that are drawn and of the order in which a line is broken."""


def mutants(tree: Path) -> Iterator[Mutant]:
    """Give every mutant of every statement file."""
    for path in sorted((tree / "sql").rglob("*.sql")):
        text = path.read_text(encoding="utf-8")
        for number, change in enumerate(changes(text)):
            yield _mutant("statement", path.relative_to(tree), text, change, f"-{number}")


def drawn(tree: Path) -> Iterator[list[Mutant]]:
    """Give the lines of sql/ and migrations/ in the order they are drawn.

    A line is a list of the ways to break it, in the order to try them: the first that the server
    takes and that changes what the database does is the mutant. Rollbacks are no lines here: each
    is broken by the list. Whoever draws stops after `LINES` lines.
    """
    lines: list[tuple[Path, int]] = []
    texts: dict[Path, str] = {}
    places: dict[tuple[Path, int], list[Change]] = defaultdict(list)
    for folder in ("migrations", "sql"):
        for path in sorted((tree / folder).rglob("*.sql")):
            if path.name.endswith(".rollback.sql"):
                continue
            text = texts[path] = path.read_text(encoding="utf-8")
            code = enumerate(masked(text).splitlines(), 1)
            lines += [(path, number) for number, line in code if _says(line)]
            for change in changes(text, whole_lines=True):
                places[path, change.line].append(change)
    chance = random.Random(SEED)
    chance.shuffle(lines)
    for path, line in lines:
        ways = places[path, line]
        chance.shuffle(ways)
        # Losing a whole line is what remains when nothing finer does.
        ways.sort(key=lambda change: change.kind == "line dropped")
        name = path.relative_to(tree)
        yield [_mutant("line", name, texts[path], change, "") for change in ways]


def _says(line: str) -> bool:
    return bool(re.search(r"\w", line)) and line.strip() not in {"BEGIN", "END", "END;", "DECLARE"}


def _mutant(group: Group, path: Path, text: str, change: Change, mark: str) -> Mutant:
    was = " ".join(text[change.start : change.end].split())
    remade: Remade = "migrations" if path.parts[0] == "migrations" else "functions"
    names = named(text, change.start)
    if remade == "functions":
        names = (path.stem, *names)
    kind = change.kind.replace(" ", "-")
    return Mutant(
        id=f"{group}/{path}:{change.line}/{kind}{mark}",
        group=group,
        what=f"{path}, line {change.line}: {change.kind}: {was[:60]!r} → {change.after.strip()!r}",
        edits=(Edit(str(path), change.start, change.end, change.after, change.line),),
        remade=remade,
        names=names,
    )


def named(text: str, at: int) -> tuple[str, ...]:
    """Name what the statement of a migration around this place makes or changes."""
    found = list(
        re.finditer(
            r"^(?:CREATE|ALTER|GRANT|COMMENT|DROP|INSERT|UPDATE)\b[^;$]*?\b((?:app|audit)\.\w+)",
            text[: at + 200],
            re.MULTILINE,
        )
    )
    before = [place for place in found if place.start() <= at]
    if not before:
        return ()
    name = before[-1].group(1)
    return (name.rpartition(".")[2], name)
