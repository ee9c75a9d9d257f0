"""How the log stands, for Prometheus."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from service.sealing.refused import REASONS
from service.sealing.standing import ANSWERS, Standing


class LogCollector(Collector):
    """Reads what this process knows of the log when Prometheus asks."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def collect(self) -> Iterable[Metric]:
        """Yield how far the log is, who leads, and what was refused."""
        found = self._standing
        for name, words, value in (
            ("leader", "1 in the process that places and seals entries.", found.role == "leader"),
            ("size", "Entries that are sealed: the last signed size.", found.size),
            ("positions", "Entries that have a place in the log.", found.positions),
            (
                "pending_lag_seconds",
                "Age of the oldest entry that has no place yet; 0 where each has one.",
                found.waiting_s or 0.0,
            ),
        ):
            yield GaugeMetricFamily(f"plant_log_{name}", words, value=float(value))
        refusals = CounterMetricFamily(
            "plant_log_refusals",
            "Times that the log was not continued, by reason.",
            labels=("reason",),
        )
        for reason in REASONS:
            refusals.add_metric((reason,), found.refusals[reason])
        yield refusals
        yield from self._witnesses()
        yield SummaryMetricFamily(
            "plant_log_seal_seconds",
            "Time to grow the tree, sign and keep a checkpoint.",
            count_value=found.seals,
            sum_value=found.seal_s,
        )

    def _witnesses(self) -> Iterable[Metric]:
        """Yield what came of asking witnesses, of those that this process has led with."""
        labels = ("witness",)
        asked = CounterMetricFamily(
            "plant_log_witness_asked", "Times that a witness was asked to sign.", labels=labels
        )
        answers = CounterMetricFamily(
            "plant_log_witness_answers",
            "What came of it.",
            labels=(*labels, "answer"),
        )
        size = GaugeMetricFamily(
            "plant_log_witness_size", "Entries that a witness has signed last.", labels=labels
        )
        for name, known in self._standing.witnesses.items():
            asked.add_metric((name,), known.asked)
            size.add_metric((name,), known.size)
            for answer in ANSWERS:
                answers.add_metric((name, answer), known.answers[answer])
        yield from (asked, answers, size)
