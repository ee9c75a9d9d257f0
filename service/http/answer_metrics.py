"""Counts of answers for Prometheus, kept as plain numbers until it asks.

prometheus_client takes a lock and looks its labels up for each, several times a request.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REFUSED: Final = "refused"
"""The route of what is refused at the door, where no route is known."""


class Answers(Collector):
    """How many answers there were, and how long they took; labels are bounded."""

    def __init__(self) -> None:
        self._answers = Counter[tuple[str, str, int]]()
        self._buckets: defaultdict[str, list[int]] = defaultdict(_buckets)
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; a method that nobody knows counts as `other`."""
        self._answers[_known(method), route, status] += 1
        self._buckets[route][bisect_left(BUCKETS_S, seconds)] += 1
        self._seconds[route] += seconds

    def refused(self, method: str) -> None:
        """Count a request that was refused at the door."""
        self._answers[_known(method), REFUSED, 503] += 1

    def collect(self) -> Iterable[Metric]:
        """Yield the counts so far."""
        answers = CounterMetricFamily(
            "plant_http_requests", "Requests answered.", labels=("method", "route", "status")
        )
        for (method, route, status), count in self._answers.items():
            answers.add_metric((method, route, str(status)), count)
        times = HistogramMetricFamily(
            "plant_http_request_duration_seconds", "Time to answer.", labels=("route",)
        )
        bounds = [*map(str, BUCKETS_S), "+Inf"]
        for route, counts in self._buckets.items():
            sums = list(zip(bounds, map(float, accumulate(counts)), strict=True))
            times.add_metric((route,), sums, self._seconds[route])
        return answers, times


def _known(method: str) -> str:
    return method if method in METHODS else "other"


def _buckets() -> list[int]:
    return [0] * (len(BUCKETS_S) + 1)
