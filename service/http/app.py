"""The composition root: an application from settings, resources opened top-down."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from service.catalog.drift import drift
from service.catalog.load import Catalog, load
from service.database.pool import Pool
from service.http import (
    amendments,
    compliance,
    entities,
    exports,
    health,
    history,
    imports,
    metrics,
    middleware,
    reference,
)
from service.http.caller import AUTHENTICATOR, Authenticator
from service.http.clock import CLOCK, Clock
from service.model.cursor import CursorCodec
from service.refusal import Refusal
from service.repository.base import Repository
from service.repository.keys import SecretByName
from service.repository.registry import check_all
from service.settings import Settings

log = logging.getLogger(__name__)

SETTINGS: Final = web.AppKey("settings", Settings)
UNBOUNDED: Final = frozenset({"/v1/exports", "/v1/imports"})
"""Routes that take as long as there is data: no deadline for the whole request."""


class SchemaBehind(Refusal):
    """The database lacks what this release needs."""


def build_app(settings: Settings, app_url: str, clock: Clock | None = None) -> web.Application:
    """Make the application; it connects when it starts."""
    app = web.Application(middlewares=[_deadline])
    catalog = load()
    check_all(catalog)
    app[SETTINGS] = settings
    app[health.METRICS_TOKEN] = settings.metrics_token or ""
    repository = Repository(catalog, Pool(app_url, settings))
    app[entities.REPOSITORY] = repository
    app[metrics.METRICS] = metrics.Metrics(repository)
    app[CLOCK] = clock or Clock()
    app[AUTHENTICATOR] = Authenticator(repository, app[CLOCK])
    app.cleanup_ctx.append(_database)
    middleware.install(app)
    # Outermost: it counts the answer that leaves, problems too.
    app.middlewares.insert(0, metrics.count)
    parts = (health, entities, history, amendments, imports, exports, compliance, reference)
    for part in parts:
        app.add_routes(part.routes())
    return app


@web.middleware
async def _deadline(request: web.Request, handler: Handler) -> web.StreamResponse:
    """End a request that takes longer than the settings allow."""
    if request.path in UNBOUNDED:
        return await handler(request)
    async with asyncio.timeout(request.app[SETTINGS].request_timeout_ms / 1000):
        return await handler(request)


@asynccontextmanager
async def _opened(app: web.Application) -> AsyncIterator[None]:
    repository = app[entities.REPOSITORY]
    await repository.pool.open()
    try:
        await check_schema(repository.pool, repository.catalog)
        secret = await repository.maybe(SecretByName("cursor"))
        if secret is None:
            raise SchemaBehind("The database has no cursor secret.", "Run `plant migrate apply`.")
        app[entities.CURSORS] = CursorCodec(secret.value)
        yield
    finally:
        await repository.pool.close()


async def _database(app: web.Application) -> AsyncIterator[None]:
    async with _opened(app):
        yield


async def check_schema(pool: Pool, catalog: Catalog) -> None:
    """Refuse to serve statements that the database does not have as they are in the files.

    Raises: SchemaBehind.
    """
    async with pool.connection() as connection:
        found = await drift(connection, catalog)
    if found:
        names = ", ".join(sorted(str(one) for one in found)[:3])
        raise SchemaBehind(
            f"The database does not fit this release: {names}.", "Run `plant migrate apply`."
        )
