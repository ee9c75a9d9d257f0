"""Which tables and functions a statement file reaches, through functions and triggers."""

import re
from collections import defaultdict
from pathlib import Path

from tests.sabotage.catalogue_queries import FUNCTIONS, TRIGGERS
from tests.sabotage.ground import Ground
from tests.sabotage.sql_text import masked

NAME = re.compile(r"\b(?:app|audit)\.\w+")
WRITTEN = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM) ((?:app|audit)\.\w+)")


def reach(ground: Ground, tree: Path) -> dict[str, frozenset[str]]:
    """Give for each statement file, by its stem, the names that it reaches."""
    calls: dict[str, set[str]] = defaultdict(set)
    fires: dict[str, set[str]] = defaultdict(set)
    for table, _, _, function in ground.run(ground.template, TRIGGERS):
        fires[str(table)].add(str(function))
    for _, name, _, definition in ground.run(ground.template, FUNCTIONS):
        calls[str(name)] |= _named(str(definition), fires)
    found = {}
    for path in (tree / "sql").rglob("*.sql"):
        seen: set[str] = set()
        ahead = _named(path.read_text(encoding="utf-8"), fires)
        while ahead:
            seen |= ahead
            ahead = set().union(*(calls[name] for name in ahead)) - seen
        found[path.stem] = frozenset(seen)
    return found


def _named(text: str, fires: dict[str, set[str]]) -> set[str]:
    code = masked(text)
    written = set(WRITTEN.findall(code))
    return set(NAME.findall(code)).union(*(fires[table] for table in written if table in fires))
