"""One connection that a task keeps for itself, for locks that live as long as its session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from service.database.connection import Connection
from service.database.plans import PLANS
from service.database.pool import STATEMENT_CACHE
from service.database.vanished import VANISHED
from service.database.vectors import as_bytes
from service.errors import Unavailable
from service.settings import Settings

STATEMENT_S: Final = 30
SILENT_S: Final = 15
"""A session that says nothing for so long is ended by the server, and its locks with it."""

PATIENT: Final = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "client_connection_check_interval": "1s",
}


class Lone:
    """A connection of one role; what fails over it is raised as the driver raises it.

    `vectors`: the server's vectors go over it as bytes. `patient`: what it does may take hours, and
    nothing ends it but its own end, for which the server looks every second.
    Whoever has it speaks at least every few seconds: `SILENT_S` says why.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        *,
        name: str,
        read_only: bool = False,
        vectors: bool = False,
        patient: bool = False,
    ) -> None:
        self._url = url
        self._read_only = read_only
        self._vectors = vectors
        self._patient = patient
        self._settings = settings
        self._name = name
        self._connection: asyncpg.Connection[Any] | None = None

    async def open(self) -> None:
        """Connect anew."""
        await self.close()
        self._connection = await asyncpg.connect(
            self._url,
            connection_class=Connection,
            timeout=self._settings.connect_timeout_ms / 1000,
            command_timeout=None if self._patient else STATEMENT_S + 5,
            statement_cache_size=STATEMENT_CACHE,
            max_cached_statement_lifetime=0,
            server_settings=self._server_settings(),
        )
        if self._vectors:
            await as_bytes(self._connection)

    def _server_settings(self) -> dict[str, str]:
        return {
            "application_name": f"plant {self._name}",
            **(PATIENT if self._patient else _brisk()),
            "lock_timeout": str(self._settings.lock_timeout_ms),
            "default_transaction_isolation": "read committed",
            "default_transaction_read_only": "on" if self._read_only else "off",
            **PLANS,
            **VANISHED,
        }

    async def close(self) -> None:
        """End the session, and with it its locks; one that does not answer is dropped."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=self._settings.connect_timeout_ms / 1000)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()

    @property
    def connection(self) -> asyncpg.Connection[Any]:
        """Give the connection.

        Raises: Unavailable when there is none.
        """
        if self._connection is None or self._connection.is_closed():
            raise Unavailable(
                "There is no connection to the database just now. Nothing was done: try again."
            )
        return self._connection

    @property
    def is_open(self) -> bool:
        """Say whether there is a connection."""
        return self._connection is not None and not self._connection.is_closed()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        """Be in a transaction, which commits at the end."""
        connection = self.connection
        async with connection.transaction(isolation="read_committed"):
            yield connection


def _brisk() -> dict[str, str]:
    return {
        "statement_timeout": f"{STATEMENT_S}s",
        "idle_in_transaction_session_timeout": f"{SILENT_S}s",
        "idle_session_timeout": f"{SILENT_S}s",
        "transaction_timeout": f"{2 * STATEMENT_S}s",
    }
