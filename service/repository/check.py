"""Compares the structs of queries with their statement files."""

from collections.abc import Iterator
from typing import Any

from service.catalog.load import Catalog
from service.repository.base import Query
from service.repository.binding import StatementMismatch, row_type, stem


def check(catalog: Catalog, queries: Iterator[type[Query[Any]]]) -> None:
    """Compare structs with their files, position by position.

    Raises: StatementMismatch.
    """
    for query in queries:
        name = stem(query)
        statement = catalog.get(name)
        if statement is None:
            raise StatementMismatch(f"{query.__name__} has no file {name}.sql.", "Add it.")
        for what, mine, theirs in (
            ("parameters", query.__struct_fields__, statement.params),
            ("columns", row_type(query).__struct_fields__, statement.returns),
        ):
            if list(mine) != [column.name for column in theirs]:
                raise StatementMismatch(
                    f"{query.__name__} and {name}.sql differ in their {what}.",
                    f"{list(mine)} should equal {[column.name for column in theirs]}.",
                )
        if query.cardinality != statement.cardinality:
            raise StatementMismatch(
                f"{query.__name__} is :{query.cardinality}, {name}.sql :{statement.cardinality}.",
                "Make them equal.",
            )
