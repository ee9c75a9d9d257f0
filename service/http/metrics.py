"""Counters for Prometheus: requests by route, pools and replica as they are when it asks."""

import time
from collections.abc import Iterable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.http import request_log
from service.http.answer_metrics import Answers
from service.repository.base import Repository
from service.sqlstate import RETRY_KINDS
from service.usecases.replica import Replica


class Metrics:
    """What one process counts; labels are bounded: routes, methods and status codes."""

    def __init__(self, repository: Repository, replica: Replica | None = None) -> None:
        self.registry = CollectorRegistry()
        self.answers = Answers()
        self.registry.register(self.answers)
        self.registry.register(_DatabaseCollector(repository, replica))
        ProcessCollector(registry=self.registry)


class _DatabaseCollector(Collector):
    """Reads pools and replica when Prometheus asks."""

    def __init__(self, repository: Repository, replica: Replica | None) -> None:
        self._repository = repository
        self._replica = replica
        self._pools = {"write": repository.pool, "read": repository.reads}
        if replica is not None:
            self._pools["replica"] = replica.pool

    def collect(self) -> Iterable[Metric]:
        """Yield what each pool is doing and has refused, and how the replica stands."""
        yield from self._of_pools()
        yield from self._of_retries()
        yield self._of_creations()
        yield self._of_searches()
        if self._replica is not None:
            yield from _of_replica(self._replica)

    def _of_pools(self) -> Iterable[Metric]:
        connections = GaugeMetricFamily(
            "plant_pool_connections", "Connections of a pool.", labels=("pool", "state")
        )
        waiting = GaugeMetricFamily(
            "plant_pool_waiting", "Requests that wait for a connection.", labels=("pool",)
        )
        refused = CounterMetricFamily(
            "plant_pool_refused", "Requests refused because too many wait.", labels=("pool",)
        )
        timeouts = CounterMetricFamily(
            "plant_pool_timeouts", "Requests that waited in vain.", labels=("pool",)
        )
        for name, pool in self._pools.items():
            found = pool.statistics
            connections.add_metric((name, "idle"), found.idle)
            connections.add_metric((name, "in_use"), found.in_use)
            waiting.add_metric((name,), found.waiting)
            refused.add_metric((name,), found.refused)
            timeouts.add_metric((name,), found.timeouts)
        return connections, waiting, refused, timeouts

    def _of_retries(self) -> Iterable[Metric]:
        retries = CounterMetricFamily(
            "plant_transaction_retries",
            "Whole transactions tried again, by what made it necessary.",
            labels=("kind",),
        )
        for kind in RETRY_KINDS:
            retries.add_metric((kind,), self._repository.retries[kind])
        return (retries,)

    def _of_searches(self) -> Metric:
        return GaugeMetricFamily(
            "plant_searches_waiting",
            "Searches, and requests for compliance, that wait for their turn.",
            value=self._repository.searches.waiting,
        )

    def _of_creations(self) -> Metric:
        return GaugeMetricFamily(
            "plant_creations_waiting",
            "Creations that wait for what another transaction has taken, or behind such.",
            value=self._repository.creations.outside,
        )


def _of_replica(replica: Replica) -> Iterable[Metric]:
    answers = CounterMetricFamily(
        "plant_replica_answers",
        "Requests that asked for the replica, by who served them.",
        labels=("by",),
    )
    for by in ("replica", "primary"):
        answers.add_metric((by,), replica.answers[by])
    return (
        GaugeMetricFamily(
            "plant_replica_usable", "1 while the replica is used.", value=float(replica.usable)
        ),
        GaugeMetricFamily(
            "plant_replica_lag_seconds",
            "Age of the moment up to which the replica surely has everything.",
            value=replica.lag_s,
        ),
        answers,
    )


METRICS: Final = web.AppKey("metrics", Metrics)


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every answer by its route, never by its path."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    begun = time.perf_counter()
    status = 499  # the client went away before there was an answer
    try:
        answer = await handler(request)
        status = answer.status
    except web.HTTPException as exc:
        status = exc.status
        raise
    else:
        return answer
    finally:
        seconds = time.perf_counter() - begun
        request.app[METRICS].answers.answered(request.method, route, status, seconds)
        request_log.tell(request, route, status, seconds)
