"""Every statement the service runs, checked against the catalogue before it serves."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from service.catalog.load import Catalog
from service.repository import entities, imports, keys
from service.repository.base import Query, StatementMismatch, check
from service.repository.lists import list_statements

MODULES: Final[tuple[ModuleType, ...]] = (entities, imports, keys)


def queries() -> Iterator[type[Query[Any]]]:
    """Yield every query struct."""
    for module in MODULES:
        for member in vars(module).values():
            if (
                isinstance(member, type)
                and issubclass(member, Query)
                and member.__module__ == module.__name__
            ):
                yield member


def check_all(catalog: Catalog) -> None:
    """Refuse to start when a struct and its file differ or a list has no statement.

    Raises: StatementMismatch.
    """
    check(catalog, queries())
    if missing := list_statements() - set(catalog):
        raise StatementMismatch(f"Lists need {', '.join(sorted(missing))}.", "Add the files.")
