"""Every statement the service runs, checked against the catalogue before it serves."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from service.catalog.load import Catalog
from service.repository import (
    amendments,
    batch,
    compliance,
    counts,
    dependents,
    doctor,
    entities,
    erasure,
    exports,
    history,
    idempotency,
    imports,
    keys,
    labels,
    match,
    partitions,
    proof,
    pruning,
    replica,
    restore,
    sealing,
    search,
    verify,
)
from service.repository.base import Query
from service.repository.binding import StatementMismatch
from service.repository.check import check
from service.repository.compliance import check_statements
from service.repository.lists import list_statements

MODULES: Final[tuple[ModuleType, ...]] = (
    amendments,
    batch,
    compliance,
    counts,
    dependents,
    doctor,
    entities,
    erasure,
    exports,
    history,
    idempotency,
    imports,
    keys,
    labels,
    match,
    partitions,
    proof,
    pruning,
    replica,
    restore,
    sealing,
    search,
    verify,
)


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


def families() -> frozenset[str]:
    """Name the statements that have no struct of their own: lists, and checks of compliance."""
    return list_statements() | check_statements()


def check_all(catalog: Catalog) -> None:
    """Refuse to start when a struct and its file differ or a family lacks a statement.

    Raises: StatementMismatch.
    """
    check(catalog, queries())
    if missing := families() - set(catalog):
        raise StatementMismatch(f"There is no {', '.join(sorted(missing))}.", "Add the files.")
