"""Sends a statement over a connection that is lent for it alone."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import asyncpg

from service.catalog.statement import Statement
from service.database.batcher import Sending

T = TypeVar("T")
Send = Callable[[], Awaitable[T]]
Lend = Callable[[], AbstractAsyncContextManager["asyncpg.Connection[Any]"]]


def sender(
    lend: Lend, statement: Statement, arguments: tuple[object, ...], sending: Sending | None = None
) -> Send[list[Any]]:
    """Make what sends it, as often as it is called; `sending` is called when it goes out."""

    async def send() -> list[Any]:
        async with lend() as connection:
            if sending is not None:
                sending()
            return await connection.fetch(statement.query, *arguments)

    return send
