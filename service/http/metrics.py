"""Counters for Prometheus: requests by route, and the pool as it is when it is asked."""

import time
from collections.abc import Iterable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.repository.base import Repository

BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What one process counts; labels are bounded: routes, methods and status codes."""

    def __init__(self, repository: Repository) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "plant_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "plant_http_request_duration_seconds",
            "Time to answer.",
            ("route",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.registry.register(_PoolCollector(repository))


class _PoolCollector(Collector):
    """Reads the pool when Prometheus asks."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def collect(self) -> Iterable[Metric]:
        """Yield what the pool is doing and what it has refused."""
        pool = self._repository.pool.statistics
        connections = GaugeMetricFamily(
            "plant_pool_connections", "Connections of the pool.", labels=("state",)
        )
        connections.add_metric(("idle",), pool.idle)
        connections.add_metric(("in_use",), pool.in_use)
        yield connections
        yield GaugeMetricFamily(
            "plant_pool_waiting", "Requests that wait for a connection.", value=pool.waiting
        )
        yield CounterMetricFamily(
            "plant_pool_refused", "Requests refused because too many wait.", value=pool.refused
        )
        yield CounterMetricFamily(
            "plant_pool_timeouts", "Requests that waited in vain.", value=pool.timeouts
        )
        yield CounterMetricFamily(
            "plant_transaction_retries",
            "Statements repeated after a serialization failure or deadlock.",
            value=self._repository.retries,
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
        counted = request.app[METRICS]
        counted.requests.labels(_method(request), route, str(status)).inc()
        counted.seconds.labels(route).observe(time.perf_counter() - begun)


def _method(request: web.Request) -> str:
    known = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
    return request.method if request.method in known else "other"
