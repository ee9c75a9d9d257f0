"""The matrix of privileges as a page: `python -m tests.rls.matrix > docs/privileges.md`.

It starts a server of its own, tries everything and writes what the server answered; where that is
not what privileges.toml says it writes nothing and names the cells.
"""

import asyncio
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import asyncpg

from service.catalog.load import load
from service.database.pool import Pool
from service.migrate.runner import apply
from service.repository.base import Repository
from service.settings import Settings
from tests.postgres import Server, server
from tests.rls import rules
from tests.rls.attempts import COMMANDS, ROLES, Key, Observed, observe
from tests.rls.granted import HOW, READ
from tests.rls.planted import full_tenant
from tests.rls.rules import Rules
from tests.rls.situations import look

SCHEMAS: Final = ["app", "audit", "q", "plant_migrate", "public"]
# Everything that can be granted in these schemas: statements are counted as one.
OBJECTS: Final = """
SELECT DISTINCT name FROM (
    SELECT unnest($1::text[] || 'the database'::text) AS name
    UNION ALL
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace::regnamespace::text = ANY($1) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT CASE WHEN EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
            THEN 'functions of extensions'
        WHEN nspname = 'q' THEN 'q.*' ELSE nspname || '.' || proname END
    FROM pg_proc INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname = ANY($1)
) AS found
"""
_HEAD: Final = """\
# Privileges

Who may do what, cell by cell, as a server answered it.
Written by `python -m tests.rls.matrix > docs/privileges.md`; a test compares this page, the
server's answers and the rules below, which are kept by hand in `tests/rls/privileges.toml`.

## How to read it

Each cell has a sign for each situation, in this order:

1. rows in force of the tenant that is set
2. rows of another tenant
3. any row, while no tenant is set
4. a draft of the governance agent that is set
5. a draft of another agent of the same tenant
6. with `UPDATE` only: giving a row of its own to another tenant

| sign | means |
|---|---|
| `Y` | let through: all such rows are seen or written |
| `.` | no such row is seen, so none is changed |
| `P` | refused by a policy |
| `T` | refused by a trigger, whoever asks |
| `x` | refused for want of the privilege |
| `-` | there is no such row |

A cell that is a single `x` is refused in every situation.
`c` after the signs: some columns only, [listed below](#columns).
`TRUNCATE`, `REFERENCES`, `TRIGGER`, `MAINTAIN`, the database, schemas, sequences and functions
know no rows: one sign. `REFERENCES`, `TRIGGER`, `MAINTAIN` and `CONNECT` are read from the
catalogue; all else was tried.
Rows of `app.idempotency` and `app.import_line` are an agent's: they stand in the places of drafts.
An entry of the log (`audit.entry`, `audit.pending`, `audit.position`) stands where the version
stands that it is of.

"""
_BECOMING: Final = """\
`SET`: it may `SET ROLE` to it. `INHERIT`: it has its rights without that. `ADMIN`: it may grant
it, to itself as well, and alter it. Whoever may become a role can do what that role can, whatever
stands in its own column below. Who is not named here may become nobody.
"""


def differences(observed: Observed, expected: Rules) -> dict[Key, str]:
    """Give the cells that are not as the rules say."""
    wrong: dict[Key, str] = {}
    for key, signs in observed.cells.items():
        role, command, name = key
        wanted = expected.cells.get((role, command, "q.*" if name.startswith("q.") else name))
        if signs != wanted and (wanted or set(signs) - set("x-")):
            wrong[key] = f"the rules say {wanted or 'x'}, the server {signs}"
    for pair in observed.memberships.keys() | expected.memberships.keys():
        told = (expected.memberships.get(pair, "xxx"), observed.memberships.get(pair, "xxx"))
        if told[0] != told[1]:
            key = (pair[0], "become", pair[1])
            wrong[key] = f"the rules say {told[0]}, the server {told[1]}"
    return wrong


def page(observed: Observed, expected: Rules) -> str:
    """Write the page."""
    tables = sorted({name for _, command, name in observed.cells if command == "TRUNCATE"})
    file = tomllib.loads(rules.PATH.read_text(encoding="utf-8"))
    parts = [_HEAD, "## Roles\n\n| role | is |\n|---|---|\n"]
    parts += [f"| `{role}` | {words} |\n" for role, words in file["roles"].items()]
    parts.append("\n## May become\n\n" + _memberships(observed, expected))
    for command in (*COMMANDS, *READ):
        rows = [[f"`{name}`", *_cells(observed, command, name)] for name in tables]
        parts.append(f"\n## {command}\n\n" + _table(command, rows))
    parts.append("\n## The database, schemas and sequences\n\n")
    others = sorted({(name, command) for _, command, name in observed.cells} - _rows_of(observed))
    parts.append(
        _table(
            "object", [[f"`{name}` {one}", *_cells(observed, one, name)] for name, one in others]
        )
    )
    parts.append("\n## Functions\n\n" + _functions(observed, expected))
    parts.append("\n## Columns\n\nWhere not the whole table is granted, these columns are.\n\n")
    parts.append("| role | command | table | columns |\n|---|---|---|---|\n")
    parts += [
        f"| `{role}` | {command} | `{name}` | {columns} |\n"
        for (role, command, name), columns in sorted(observed.columns.items())
    ]
    return "".join([*parts, "\n## The rules\n\nWhat no line gives is refused.\n", *_rules(file)])


def _memberships(observed: Observed, expected: Rules) -> str:
    """Write who may act as whom, and what that comes to."""
    lines = [["who", "may become", *HOW], ["---"] * (2 + len(HOW))]
    lines += [
        [f"`{who}`", f"`{role}`", *(f"`{sign}`" for sign in signs)]
        for (who, role), signs in sorted(observed.memberships.items())
    ]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    words = "".join(f"- {line}\n" for line in expected.becoming)
    return f"{_BECOMING}\n{table}\n{words}"


def _rows_of(observed: Observed) -> set[tuple[str, str]]:
    """Give what stands in other tables of the page: commands on tables, and functions."""
    tables = {name for _, command, name in observed.cells if command == "TRUNCATE"}
    return {
        (name, command)
        for _, command, name in observed.cells
        if name in tables or command == "EXECUTE"
    }


def _cells(observed: Observed, command: str, name: str) -> list[str]:
    """Give a row of cells, a cell for each role."""
    found = []
    for role in ROLES:
        signs = observed.cells[role, command, name]
        signs = signs if set(signs) - set("x-") or "x" not in signs else "x"
        mark = " c" if (role, command, name) in observed.columns else ""
        found.append(f"`{signs}`{mark}")
    return found


def _table(first: str, rows: Iterable[list[str]]) -> str:
    head = [first, *(role.removeprefix("plant_") for role in ROLES)]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _functions(observed: Observed, expected: Rules) -> str:
    """Write the functions, a line for each group."""
    rows = []
    lists = []
    for group, names in expected.groups.items():
        first = "q.*" if names == ["q.*"] else names[0]
        asked = next((key[2] for key in observed.cells if key[2].startswith("q.")), "")
        asked = asked if first == "q.*" else first
        if ("plant_app", "EXECUTE", asked) in observed.cells:
            rows.append([group, *_cells(observed, "EXECUTE", asked)])
            lists.append(f"- {group}: {', '.join(f'`{name}`' for name in names)}\n")
    return _table("functions", rows) + "\n" + "".join(lists)


def _rules(file: dict[str, dict[str, list[str]]]) -> Iterable[str]:
    for role, lines in file["rules"].items():
        yield f"\n### {role}\n\n"
        yield from (f"- {line}\n" for line in lines)
    yield "\n### Triggers, whoever asks\n\n"
    yield from (f"- {line}: refused\n" for line in file["refused_by_triggers"]["commands"])


async def _observed(cluster: Server, database: str) -> Observed:
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(data_dir=Path(directory), pool_min=1, pool_max=2)
        pools = [Pool(cluster.url(role, database), settings) for role in ("app", "owner")]
        for pool in pools:
            await pool.open()
        superuser = await asyncpg.connect(cluster.url("superuser", database))
        try:
            app, owner = (Repository(load(), pool) for pool in pools)
            tenant, other = [await full_tenant(app, owner, superuser) for _ in range(2)]
            planted = await look(superuser, tenant, other, SCHEMAS)
            return await observe(superuser, planted, SCHEMAS)
        finally:
            await superuser.close()
            for pool in pools:
                await pool.close()


def main() -> int:
    """Write the page to standard output."""
    with server() as cluster:
        database = cluster.create("matrix")
        apply(cluster.url("owner", database))
        cluster.let_in(database)
        observed = asyncio.run(_observed(cluster, database))
    expected = rules.read()
    wrong = differences(observed, expected)
    for key, words in wrong.items():
        sys.stderr.write(f"{' '.join(key)}: {words}\n")
    if not wrong:
        sys.stdout.write(page(observed, expected))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
