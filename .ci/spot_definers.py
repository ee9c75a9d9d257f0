"""Run pgspot over the migrations: what a function or a statement finds of somebody else's making.

pgspot is asked statement by statement, as a library: on its command line the first function that
it cannot read ends the file. A function whose body is SQL (RETURN, BEGIN ATOMIC) is parsed when it
is made and finds nothing later; what else it cannot read is named here with the reason, and
tests/database/test_schema.py asks the catalogue for the search path of every function.
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from pglast import parse_sql
from pglast.ast import CreateFunctionStmt
from pgspot.state import Counter, State
from pgspot.visitors import visit_sql

ROOT: Final = Path(__file__).parents[1]
# Which `plant migrate` sets for its session; public holds what extensions made, and nobody else's.
SEARCH_PATH: Final = "SET search_path = pg_catalog, pg_temp"
OPTIONS: Final = {
    "append": True,
    "ignore": [],
    "ignore_lang": [],
    "plpgsql": True,
    "proc_without_search_path": [],
    "sql_fn": [],
    "summary_only": False,
}
_COMPOSITE: Final = "a variable of one of our row types is an unknown one to libpg_query"
_ASSIGNED: Final = "the right side of an assignment is parsed as a statement of its own"
UNREADABLE: Final = {
    "app.import_try": _ASSIGNED,
    "app.import_pair": _ASSIGNED,
    "app.import_tell": _ASSIGNED,
    "app.amendment_take_step": _COMPOSITE,
    "app.amendment_step_once": _COMPOSITE,
    "app.batch_once": _COMPOSITE,
}


def name_of(function: CreateFunctionStmt) -> str:
    """Give the name of a function with its schema."""
    return ".".join(part.sval for part in function.funcname)


def statements(text: str) -> list[tuple[str, Any]]:
    """Split a file into the text and the tree of each statement."""
    return [
        (
            text[raw.stmt_location : raw.stmt_location + raw.stmt_len]
            if raw.stmt_len
            else text[raw.stmt_location :],
            raw.stmt,
        )
        for raw in parse_sql(text)
    ]


def main() -> int:
    """Say what was found; 1 when there is something."""
    counter = Counter(Namespace(**OPTIONS))
    state = State(counter)
    visit_sql(state, SEARCH_PATH, toplevel=True)
    unreadable: dict[str, str] = {}
    read = 0
    paths = sorted(ROOT.glob("migrations/*.sql"))
    for path in [one for one in paths if not one.name.endswith(".rollback.sql")]:
        for text, statement in statements(path.read_text(encoding="utf-8")):
            function = isinstance(statement, CreateFunctionStmt)
            if function and statement.sql_body is not None:
                continue
            before = counter.errors + counter.warnings + counter.unknowns
            try:
                visit_sql(state, text, toplevel=True)
                read += 1
            except Exception as error:  # noqa: BLE001 - pgspot has no class of its own
                unreadable[name_of(statement) if function else text] = str(error)
            if counter.errors + counter.warnings + counter.unknowns > before:
                print(f"  in {path.name}")
    for name, error in unreadable.items():
        if name not in UNREADABLE:
            print(f"{name} cannot be read: {error}")
    for name in UNREADABLE.keys() - unreadable.keys():
        print(f"{name} can be read now: remove it from UNREADABLE.")
    print(f"pgspot: {read} statements, {counter}, unreadable: {len(unreadable)}")
    return int(not counter.is_clean() or unreadable.keys() != UNREADABLE.keys())


if __name__ == "__main__":
    sys.exit(main())
