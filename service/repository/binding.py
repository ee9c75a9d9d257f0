"""What a query struct says by its names: its statement file, and the struct of its rows."""

import re
from typing import Any, get_args

from msgspec import Struct

from service.catalog.load import Catalog
from service.catalog.statement import Statement
from service.refusal import Refusal


class StatementMismatch(Refusal):
    """A struct and its statement file do not fit."""


def stem(query: type[Struct]) -> str:
    """Name the statement file of a query struct."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", query.__name__).lower()


def row_type(query: type[Struct]) -> type[Struct]:
    """Find the struct of a query's rows."""
    for base in getattr(query, "__orig_bases__", ()):
        for argument in get_args(base):
            return argument  # type: ignore[no-any-return]
    raise StatementMismatch(f"{query.__name__} names no row.", "Write Maybe[Row] and the like.")


class Bindings:
    """Statements as they are sent, each made once, with what it writes of itself for the server."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._statements: dict[tuple[str, int], Statement] = {}
        self._bound: dict[type[Struct], tuple[Statement, type[Any]]] = {}

    def statement(self, name: str, bytes_max: int) -> Statement:
        """Have a statement for so many bytes of documents, 0 any amount."""
        found = self._statements.get((name, bytes_max))
        if found is None:
            found = self._statements[name, bytes_max] = self._catalog[name].capped(bytes_max)
        return found

    def of(self, query: type[Struct], bytes_max: int) -> tuple[Statement, type[Any]]:
        """Have the statement of a query, and the struct of its rows."""
        bound = self._bound.get(query)
        if bound is None:
            statement = self.statement(stem(query), bytes_max)
            bound = self._bound[query] = (statement, row_type(query))
        return bound
