"""The composition root: an application from settings, resources opened top-down."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from aiohttp import web

from service.catalog.drift import drift
from service.catalog.load import Catalog, load
from service.database.pool import Pool
from service.database.shares import shares
from service.database.turns import Turns
from service.embedding.embedder import model_of
from service.embedding.trigram import Trigram
from service.http import (
    amendments,
    batch,
    bodies,
    compliance,
    console,
    counts,
    dependents,
    deprecation,
    duplicates,
    entities,
    exports,
    external_ids,
    governance_agents,
    health,
    history,
    imports,
    links,
    log,
    match,
    metrics,
    middleware,
    rates,
    reading,
    receipts,
    reference,
    search,
    tokens,
)
from service.http.caller import AUTHENTICATOR, Authenticator, recall
from service.http.clock import CLOCK, Clock
from service.http.cursors import CURSORS, Cursors
from service.http.deadline import REQUEST_S, deadline
from service.http.label_metrics import LabelCollector
from service.http.log_metrics import LogCollector
from service.http.room import Room
from service.http.short_answers import ShortAnswers
from service.http.short_reads import ShortReads
from service.http.short_way import SHORT, Short
from service.labelling.standing import LabelStanding
from service.openapi.deprecations import DEPRECATIONS
from service.refusal import Refusal
from service.repository.base import Repository
from service.repository.keys import SecretByName
from service.repository.registry import check_all
from service.sealing.standing import Standing
from service.settings import Settings
from service.usecases.duplicates import Duplicates
from service.usecases.large import Large
from service.usecases.near_skills import NearSkills
from service.usecases.pairs import Pairs
from service.usecases.probes import Meaning
from service.usecases.receipts import Receipts
from service.usecases.replica import Replica
from service.usecases.search import Search
from service.usecases.tree import Tree
from service.usecases.waiting import WaitingRoom

PARTS: Final = (
    health,
    external_ids,
    entities,
    counts,
    governance_agents,
    history,
    receipts,
    amendments,
    imports,
    exports,
    compliance,
    dependents,
    links,
    batch,
    search,
    duplicates,
    match,
    log,
    reference,
    console,
)
"""The modules that have routes."""


class Finders(NamedTuple):
    """What finds entities by vectors."""

    search: Search
    near: NearSkills


class SchemaBehind(Refusal):
    """The database lacks what this release needs."""


def build_app(
    settings: Settings,
    app_url: str,
    clock: Clock | None = None,
    replica_url: str | None = None,
    standing: Standing | None = None,
    labels: LabelStanding | None = None,
    finders: Finders | None = None,
) -> web.Application:
    """Make the application; it connects when it starts."""
    app = web.Application(middlewares=[deadline, reading.choose])
    catalog = load()
    check_all(catalog)
    app[REQUEST_S] = settings.request_timeout_ms / 1000
    app[health.METRICS_TOKEN] = settings.metrics_token or ""
    app[health.STANDING] = standing or Standing()
    app[health.LABELS] = labels or LabelStanding()
    app[CLOCK] = clock or Clock()
    sizes = shares(settings)
    repository = Repository(
        catalog,
        Pool(app_url, sizes.write, name="app write"),
        Pool(app_url, sizes.read, name="app read", read_only=True),
    )
    app[reading.REPOSITORY] = repository
    app.cleanup_ctx.append(_database)
    if replica_url is not None:
        pool = Pool(replica_url, sizes.replica, name="app replica", read_only=True)
        lag_max_s = settings.replica_lag_max_ms / 1000
        app[reading.REPLICA] = Replica(repository, pool, lag_max_s, app[CLOCK].monotonic)
        app[reading.PATIENCE_S] = settings.request_timeout_ms / 1000 / 2
        app.cleanup_ctx.append(_replica)
    counted = metrics.Metrics(repository, app.get(reading.REPLICA))
    counted.registry.register(LogCollector(app[health.STANDING]))
    counted.registry.register(LabelCollector(app[health.LABELS]))
    app[metrics.METRICS] = counted
    issued = tokens.by_settings(settings, repository, app[CLOCK])
    if issued is not None:
        app[tokens.TOKENS] = issued
        app.cleanup_ctx.append(tokens.begun)
    app[AUTHENTICATOR] = Authenticator(repository, app[CLOCK], issued)
    limits = settings.rate_limit, settings.address_rate_limit
    app[rates.RATES] = rates.limited(*limits, app[CLOCK])
    app[deprecation.DEPRECATED] = deprecation.fields(DEPRECATIONS)
    app.on_response_prepare.extend([recall, rates.tell, deprecation.tell])
    app[search.SEARCH], app[match.NEAR_SKILLS] = finders or finders_by(settings)
    app[duplicates.DUPLICATES] = Duplicates(app[search.SEARCH])
    app[duplicates.PAIRS] = Pairs(app[duplicates.DUPLICATES])
    app[SHORT] = Short(ShortReads(app), ShortAnswers(app))
    _prove(app, repository, public=settings.audit_public == "on")
    app[bodies.LARGE] = Large()
    app[batch.TURNS] = Turns(batch.AT_ONCE)
    app[batch.ROOM] = Room(batch.ROOM_BYTES)
    middleware.install(app)
    app.on_response_prepare.append(reading.applied)
    # Outermost: it counts the answer that leaves, problems too.
    app.middlewares.insert(0, metrics.count)
    for part in PARTS:
        app.add_routes(part.routes())
    return app


def finders_by(settings: Settings, meaning: Meaning | None = None, model: str = "") -> Finders:
    """Make what finds: by words, and by meaning where there is a model."""
    words = Trigram()
    model = model or model_of(words)
    return Finders(
        Search(
            words,
            meaning,
            model,
            exact_max=settings.search_exact_max,
            similar_min=settings.similar_min,
            monotonic=time.monotonic,
        ),
        NearSkills(words, meaning, model),
    )


def _prove(app: web.Application, repository: Repository, *, public: bool) -> None:
    """Let the application show the log and prove it; at its end nobody waits any longer."""
    tree, room = Tree(), WaitingRoom(repository)
    app[log.PUBLIC], app[log.TREE] = public, tree
    app[log.STRANGERS] = Turns(max(1, repository.reads.size_max // 2))
    app[receipts.RECEIPTS] = Receipts(tree, room)

    async def stop(_: web.Application) -> None:
        room.close()

    app.on_shutdown.append(stop)


@asynccontextmanager
async def _opened(app: web.Application) -> AsyncIterator[None]:
    repository = app[reading.REPOSITORY]
    await repository.pool.open()
    try:
        await repository.reads.open()
        await check_schema(repository.pool, repository.catalog)
        secret = await repository.maybe(SecretByName("cursor"))
        if secret is None:
            raise SchemaBehind("The database has no cursor secret.", "Run `plant migrate apply`.")
        app[CURSORS] = Cursors(secret.value, app[CLOCK])
        yield
    finally:
        await repository.reads.close()
        await repository.pool.close()


async def _database(app: web.Application) -> AsyncIterator[None]:
    async with _opened(app):
        yield


async def _replica(app: web.Application) -> AsyncIterator[None]:
    """Watch the replica, which may be away: the service starts and goes on without it."""
    replica = app[reading.REPLICA]
    await replica.pool.open()
    watching = asyncio.create_task(replica.watch())
    yield
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await replica.pool.close()


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
