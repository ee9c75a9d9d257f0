"""What a log line says of the driver's troubles."""

import json
import logging
from collections.abc import Iterator

import pytest

from service.cli.logs import configure
from service.http.log_lines import LOGGER


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the loggers as they were."""
    logs = [logging.getLogger(), logging.getLogger(LOGGER)]
    before = [(log.handlers[:], log.level, log.propagate) for log in logs]
    yield
    for log, (handlers, level, propagate) in zip(logs, before, strict=True):
        log.handlers[:] = handlers
        log.setLevel(level)
        log.propagate = propagate


def failed(logger: str) -> None:
    """Log as the driver does when it cannot connect."""
    logging.getLogger(logger).warning(
        "Failed to restore the %s", "floor",
        exc_info=ConnectionRefusedError(111, "Connection refused"),
    )  # fmt: skip


def test_a_pool_without_a_database_says_so_in_our_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line that an operator understands, and no stack."""
    configure("text")
    failed("asyncpg.pool")
    (line,) = capsys.readouterr().err.splitlines()

    assert line.endswith(
        "WARNING service.database.pool: no connection to the database, trying again: "
        "[Errno 111] Connection refused"
    )


def test_what_else_the_driver_says_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """Its own words with the reason, also as JSON, and no stack."""
    configure("json")
    failed("asyncpg")
    line = json.loads(capsys.readouterr().err)

    assert "Failed to restore the floor: [Errno 111] Connection refused" == line["message"]
    assert {"at", "level", "logger", "message"} == set(line)


def test_our_own_faults_keep_their_stack(capsys: pytest.CaptureFixture[str]) -> None:
    """What is not the driver's is not cut."""
    configure("text")
    failed("service.http")

    assert 1 < len(capsys.readouterr().err.splitlines())


@pytest.mark.parametrize("requests", [True, False])
def test_requests_are_told_when_that_is_wanted(
    capsys: pytest.CaptureFixture[str], *, requests: bool
) -> None:
    """As members of their own in JSON, beside when and what."""
    configure("json", requests=requests)
    log = logging.getLogger(LOGGER)
    log.info("words", extra={"members": {"status": 200}})
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert [(200, "info", False)] * requests == [
        (one["status"], one["level"], "message" in one) for one in said
    ]
