"""How far labels are embedded, for Prometheus."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.labelling.standing import LabelStanding


class LabelCollector(Collector):
    """Reads what this process knows of labels when Prometheus asks."""

    def __init__(self, standing: LabelStanding) -> None:
        self._standing = standing

    def collect(self) -> Iterable[Metric]:
        """Yield how many entries wait to be embedded, and what this process has written."""
        found = self._standing
        yield GaugeMetricFamily(
            "plant_labels_behind",
            "Entries of the log whose entities were not embedded when it was last counted.",
            value=float(found.behind or 0),
        )
        yield GaugeMetricFamily(
            "plant_labels_failing",
            "1 while something keeps this process from embedding.",
            value=float(found.failing is not None),
        )
        yield CounterMetricFamily(
            "plant_labels_written", "Labels that this process has embedded.", value=found.written
        )
