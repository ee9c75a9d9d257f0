"""Exports: the struct of sql/export."""

from service.repository.base import Many
from service.repository.entities import ListedById


class ExportPage(Many[ListedById], frozen=True):
    """Read the next entities of a kind."""

    kind: str
    after: str
    count: int
