"""What is told of the log: its page, /readyz, /metrics."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from service.http.log_metrics import LogCollector
from service.repository.sealing import Report
from service.sealing.refused import REASONS, LogRefused
from service.sealing.standing import Standing

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"


def test_every_reason_has_its_heading() -> None:
    """docs/audit.md says of each refusal what it means and the way out, and of no other."""
    refused = PAGE.read_text(encoding="utf-8").partition("## What is refused")[2]
    section = refused.partition("\n## ")[0]

    assert list(REASONS) == re.findall(r"^### (\S+)$", section, re.MULTILINE)


def test_metrics_are_what_the_process_knows() -> None:
    """Sizes, lag, refusals by reason, who leads, how long sealing takes."""
    standing = Standing()
    standing.role = "leader"
    standing.note(Report(12, 10, 3.5))
    standing.sealed(11, 12, 0.25)
    standing.refuse(LogRefused("fork", "It forked.", "Look."))
    known = standing.witness("w.example")
    known.asked, known.size = 3, 10
    known.answers.update(signed=2, failed=1)
    registry = CollectorRegistry()
    registry.register(LogCollector(standing))
    lines = generate_latest(registry).decode().splitlines()

    assert {
        "plant_log_leader 1.0",
        "plant_log_size 11.0",
        "plant_log_positions 12.0",
        "plant_log_pending_lag_seconds 3.5",
        'plant_log_refusals_total{reason="fork"} 1.0',
        'plant_log_refusals_total{reason="rollback"} 0.0',
        'plant_log_witness_asked_total{witness="w.example"} 3.0',
        'plant_log_witness_answers_total{answer="signed",witness="w.example"} 2.0',
        'plant_log_witness_answers_total{answer="behind",witness="w.example"} 0.0',
        'plant_log_witness_answers_total{answer="refused",witness="w.example"} 0.0',
        'plant_log_witness_answers_total{answer="failed",witness="w.example"} 1.0',
        'plant_log_witness_size{witness="w.example"} 10.0',
        "plant_log_seal_seconds_count 1.0",
        "plant_log_seal_seconds_sum 0.25",
    } <= set(lines)


def test_who_begins_to_lead_is_patient_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited for a leader is no alarm, unless it waits on, however often one begins."""
    now = 100.0
    monkeypatch.setattr("service.sealing.standing.time.monotonic", lambda: now)
    standing = Standing()
    standing.begin()
    standing.note(Report(0, 0, 60.0))
    assert [] == caplog.messages
    assert 60.0 == standing.shown()["waiting_s"]

    now += 4
    standing.begin()
    standing.note(Report(0, 0, 64.0))
    now += 2
    standing.begin()
    standing.note(Report(0, 0, 66.0))
    assert ["an entry has waited 66 s for its place in the log"] == caplog.messages


def test_ready_shows_it() -> None:
    """What is refused is named; who takes no part says so."""
    standing = Standing()
    nobody = standing.shown()
    standing.note(Report(3, 2, 1.23456))
    standing.refuse(LogRefused("key", "No key.", "Look."))

    assert ("off", None) == (nobody["role"], nobody["refused"])
    assert {
        "role": "off",
        "size": 2,
        "positions": 3,
        "waiting_s": 1.235,
        "refused": "key",
    } == standing.shown()
