"""What has to be missed and what has to be caught before a run can be trusted.

One for each way in which something broken reaches the tests: a database, the text of a statement,
a function that is made of one. Code has to be found in the process, and a migration to make another
database, or there is no mutant.
"""

from pathlib import Path

from tests.sabotage.mutant import Edit, Mutant

NOTHING = Mutant(id="control/nothing", group="control", what="nothing", sql=("SELECT 1",))
EVERYTHING = Mutant(
    id="control/everything",
    group="control",
    what="every write is refused",
    sql=("DROP TABLE audit.entry CASCADE",),
    names=("audit.entry",),
)


def to_be_caught(tree: Path) -> tuple[Mutant, ...]:
    """Give what somebody has to notice."""
    return (
        EVERYTHING,
        _without_rows(tree, "key/key_authenticate", "no key is known"),
        _without_rows(tree, "entity/entity_by_id", "no entity is found"),
    )


def _without_rows(tree: Path, name: str, what: str) -> Mutant:
    path = f"sql/{name}.sql"
    text = (tree / path).read_text(encoding="utf-8")
    at = text.rindex(";")
    return Mutant(
        id=f"control/{name}",
        group="control",
        what=what,
        edits=(Edit(path, at, at + 1, " LIMIT 0;", text.count("\n")),),
        remade="functions",
        names=(name.rpartition("/")[2],),
    )
