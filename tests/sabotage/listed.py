"""The sabotage list of the property catalogue, each of its lines made concrete in listed.toml."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.sabotage.ground import Ground
from tests.sabotage.mutant import Edit, Mutant
from tests.sabotage.python_code import words

LIST = Path(__file__).with_name("listed.toml")
FUNCTION = """
SELECT nspname || '.' || proname, pg_get_functiondef(pg_proc.oid)
FROM pg_proc INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname IN ('app', 'audit') AND prokind = 'f'
"""


class MisfitError(Exception):
    """A line of listed.toml that no longer fits what it is to break."""


def mutants(ground: Ground, tree: Path, catalogue: list[Mutant]) -> list[Mutant]:
    """Give the mutants of the list, those of the catalogue that belong to it included.

    Raises: MisfitError.
    """
    given = tomllib.loads(LIST.read_text(encoding="utf-8"))
    found = [*_taken(given["from_catalogue"], catalogue), *map(_stated, given["sql"])]
    texts: dict[str, str] = dict(ground.run(ground.template, FUNCTION))  # type: ignore[arg-type]
    found += [_rewritten(entry, texts) for entry in given["function"]]
    found += of_files(tree)
    return sorted(found, key=lambda mutant: mutant.id)


def of_files(tree: Path) -> list[Mutant]:
    """Give the mutants of the list that edit a file.

    Raises: MisfitError.
    """
    given = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return [*(_edited(entry, tree) for entry in given["file"]), *_rollbacks(tree)]


def _taken(rules: list[dict[str, Any]], catalogue: list[Mutant]) -> Iterator[Mutant]:
    for rule in rules:
        fits = [
            mutant
            for mutant in catalogue
            if re.fullmatch(rule["id"], mutant.id.removeprefix("catalogue/"))
        ]
        if not fits:
            raise MisfitError(f"listed.toml: no mutant of the catalogue is named {rule['id']}")
        for mutant in fits:
            name = mutant.id.removeprefix("catalogue/")
            yield msgspec.structs.replace(mutant, id=_id(rule["item"], name), group="listed")


def _id(item: int, name: str) -> str:
    return f"listed/{item:02}/{name}"


def _stated(entry: dict[str, Any]) -> Mutant:
    return Mutant(
        id=_id(entry["item"], entry["id"]),
        group="listed",
        what=entry["what"],
        sql=tuple(entry["sql"]),
        undo=tuple(entry.get("undo", ())),
        names=tuple(entry["names"]),
    )


def _rewritten(entry: dict[str, Any], texts: dict[str, str]) -> Mutant:
    parts = [entry, entry["also"]] if "also" in entry else [entry]
    names = [part["name"] for part in parts]
    return Mutant(
        id=_id(entry["item"], entry["id"]),
        group="listed",
        what=entry["what"],
        sql=tuple(_replaced(entry["id"], part, texts) for part in parts),
        names=(*(name.rpartition(".")[2] for name in names), *names),
    )


def _replaced(mutant_id: str, part: dict[str, Any], texts: dict[str, str]) -> str:
    name, before = part["name"], part["before"]
    text = texts.get(name, "")
    if text.count(before) != 1 and not (part.get("all") and before in text):
        raise MisfitError(f"listed.toml, {mutant_id}: {name} does not hold once: {before}")
    return text.replace(before, part["after"])


def _edited(entry: dict[str, Any], tree: Path) -> Mutant:
    name, before = entry["name"], entry["before"].lstrip("\n")
    text = (tree / name).read_text(encoding="utf-8")
    if text.count(before) != 1:
        raise MisfitError(f"listed.toml, {entry['id']}: {name} does not hold once: {before}")
    start = text.index(before)
    line = text.count("\n", 0, start) + 1
    edit = Edit(name, start, start + len(before), entry["after"].lstrip("\n"), line)
    return Mutant(
        id=_id(entry["item"], entry["id"]),
        group="listed",
        what=entry["what"],
        edits=(edit,),
        remade=entry.get("remade", "nothing"),
        names=(*entry.get("names", ()), *words(before)),
    )


def _rollbacks(tree: Path) -> Iterator[Mutant]:
    for path in sorted((tree / "migrations").glob("*.rollback.sql")):
        name = path.name.removesuffix(".rollback.sql")
        text = path.read_text(encoding="utf-8")
        yield Mutant(
            id=_id(12, f"rollback-of-{name}-does-nothing"),
            group="listed",
            what=f"the rollback of {name} does nothing",
            edits=(Edit(f"migrations/{path.name}", 0, len(text), "SELECT 1;\n", 1),),
            names=("rollback", "roll_back", name),
        )
