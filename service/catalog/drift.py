"""Owns the comparison of the functions in the database with the statement files of this release."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec

from service.catalog.function import body, context
from service.catalog.load import Catalog
from service.catalog.statement import CONTEXT, Statement

LISTING: Final = "q_functions"
"""The statement that lists the functions of schema q."""

OWNER: Final = "plant_owner"
PUBLIC: Final = "public"
NATURE: Final = "sql f v u f f t"
"""Language, kind, volatility, parallel, strict, leakproof, set: what every CREATE FUNCTION says."""


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """One function of schema q as the server has it: the columns of `q_functions`."""

    name: str
    arity: int
    source: str
    settings: list[str]
    owner: str
    definer: bool
    nature: str
    executors: list[str]


class Drift(msgspec.Struct, frozen=True):
    """One difference between database and files: which function, and what is wrong with it."""

    function: str
    fault: str
    missing: bool = False


class Fetches(Protocol):
    """What asyncpg's pool and connection have in common here."""

    async def fetch(self, query: str, /) -> list[Any]:
        """Run a query and return its rows."""
        ...


def compare(catalog: Catalog, rows: Iterable[Mapping[str, Any]]) -> tuple[Drift, ...]:
    """Compare every generated function with its file.

    Functions of another release are no drift: two releases run side by side.
    """
    installed: dict[str, list[Installed]] = {}
    for row in rows:
        function = msgspec.convert(dict(row), Installed)
        installed.setdefault(function.name, []).append(function)
    drifts: list[Drift] = []
    for statement in catalog.functions():
        found = installed.pop(statement.function, [])
        drifts += [
            Drift(statement.function, fault, not found) for fault in _faults(statement, found)
        ]
    for function in (one for group in installed.values() for one in group):
        if not function.source.startswith(context(function.arity - len(CONTEXT))):
            drifts.append(Drift(function.name, "was not generated: it does not set the context"))
        else:
            drifts += [Drift(function.name, fault) for fault in _made_otherwise(function)]
    return tuple(drifts)


async def drift(connection: Fetches, catalog: Catalog) -> tuple[Drift, ...]:
    """Compare the functions of a running database with the files, in one query."""
    return compare(catalog, await connection.fetch(catalog[LISTING].query))


def _faults(statement: Statement, found: list[Installed]) -> Iterable[str]:
    if not found:
        yield f"is missing: sql/{statement.path} was never installed here"
        return
    if len(found) > 1:
        yield "stands there more than once, with other arguments"
    function = found[0]
    if function.source != body(statement):
        yield f"was edited: its text is not that of sql/{statement.path}"
    if function.arity != len(statement.params) + len(CONTEXT):
        yield "has other arguments than its file"
    if function.settings != [f"{name}={value}" for name, value in statement.settings]:
        yield f"has other settings than its file: {', '.join(function.settings) or 'none'}"
    yield from _made_otherwise(function)
    if statement.database_role not in function.executors:
        yield f"may not be executed by {statement.database_role}"
    if others := sorted({*function.executors} - {OWNER, PUBLIC, statement.database_role}):
        yield f"may be executed by {', '.join(others)}, too"


def _made_otherwise(function: Installed) -> Iterable[str]:
    """Say what no release makes so."""
    if function.owner != OWNER:
        yield f"is owned by {function.owner}, not {OWNER}"
    if function.definer:
        yield "runs with its owner's rights"
    if function.nature != NATURE:
        yield f"is of another nature than its file's ({NATURE}): {function.nature}"
    if PUBLIC in function.executors:
        yield "may be executed by everybody"
