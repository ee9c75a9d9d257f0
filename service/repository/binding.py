"""What a query struct says by its names: its statement file, and the struct of its rows."""

import re
from typing import get_args

from msgspec import Struct

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
